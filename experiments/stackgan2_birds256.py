"""StackGAN v2 at the paper's size on a folder of pictures with captions, such as CUB-200: 64, 128 and 256 pixels.

Paper: Zhang 2018 (1710.10916), with the text encoder of AttnGAN, Xu 2018 (1711.10485).
Command: python launch.py --config=experiments/stackgan2_birds256.py --config.data.name=captions:PATH
Hardware and cost: meant for an accelerator; not measured. Steps are the authors' 600 epochs on 8,855 birds.
Expected: not run.
Deviations: the sentence is that of DAMSM's text encoder, of 256 numbers, taught here with a small image encoder,
  not 1,024 of a character-level net; mismatched pairs are those of the batch, where the paper takes images of other
  classes, so that critics see each real image twice without its sentence.
"""

from ml_collections import ConfigDict

from experiments import common, stackgan_birds256

SMOKE = {
    **{key: value for key, value in stackgan_birds256.SMOKE.items() if key.startswith('data.')},
    'data.size': 16,
    'stages.words.begin': 2,
    'stages.words.stackgan2.scales': 2,
    'stages.words.train.batch_size': 8,
}


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    stackgan_birds256.match_birds(config, 200)
    matching = config.train.steps
    config.latents.size = 100
    config.generator = ConfigDict({'net': 'stackgan2', 'width': 64})
    config.critic = ConfigDict({'net': 'stackgan2', 'width': 64})
    config.train.steps = matching + 600 * 8_855 // 24
    common.every(config, 20 * stackgan_birds256.EPOCH)
    config.stages.words = {
        'begin': matching,
        'system': 'stackgan2',
        'stackgan2': {'condition': 128},
        'optimizer': {role: common.adam(2e-4, b1=0.5) for role in ('generator', 'critic')},
        'ema': {'decay': 0.999},
        'train': {'fresh_optimizers': True, 'batch_size': 24},
    }
    return common.finish(config, variant, __file__, SMOKE)
