"""DF-GAN at the paper's size on a folder of pictures with captions, such as CUB-200: 256 pixels in one stage.

Paper: Tao 2022 (2008.05865), with the text encoder of AttnGAN, Xu 2018 (1711.10485); sizes and rates are those of the
  authors' code.
Command: python launch.py --config=experiments/dfgan_birds256.py --config.data.name=captions:PATH
  The other layouts of files: --config.data.images=FOLDER --config.data.captions=FILE
Hardware and cost: meant for an accelerator; not measured. Steps are the authors' 1,300 epochs of 8,855 birds.
Expected: not run. The paper's FID on birds is 14.81, of samples of test captions.
Deviations: the text encoder is taught here with a small image encoder, not Inception v3; its sentences have mean square
  1; mismatched pairs of equal captions do not count.
"""

from ml_collections import ConfigDict

from experiments import common
from experiments.stackgan_birds256 import match_birds

BATCH, EPOCHS, EPOCH = 32, 1_300, 277  # examples of a step; epochs, and steps of one
SMOKE = {
    'data.name': common.DOMAINS.replace('unpaired', 'captions', 1),
    'data.images': '.',
    'data.captions': 'captions.csv',
    'data.size': 8,
    'stages.words.begin': 2,
    'stages.words.train.batch_size': 2,
}


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    match_birds(config, 200)
    matching = config.train.steps
    config.latents.size = 100
    config.generator = ConfigDict({'net': 'dfgan', 'width': 32})
    config.critic = ConfigDict({'net': 'dfgan', 'width': 32})
    config.train.steps = matching + EPOCHS * EPOCH
    common.every(config, 20 * EPOCH)
    adam = lambda rate: common.adam(rate, b1=0.0, b2=0.9)
    config.stages.words = {
        'begin': matching,
        'system': 'dfgan',
        'optimizer': {'generator': adam(1e-4), 'critic': adam(4e-4)},
        'ema': {'decay': 0.999},
        'train': {'batch_size': BATCH, 'fresh_optimizers': True},
    }
    return common.finish(config, variant, __file__, SMOKE)
