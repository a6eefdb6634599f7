"""StackGAN at the paper's size on a folder of pictures with captions, such as CUB-200: 64 pixels, then 256.

Paper: Zhang 2017 (1612.03242), with the text encoder of AttnGAN, Xu 2018 (1711.10485).
Command: python launch.py --config=experiments/stackgan_birds256.py --config.data.name=captions:PATH
  The other layouts of files: --config.data.images=FOLDER --config.data.captions=FILE
Hardware and cost: meant for an accelerator; not measured. Steps are the authors' 600 epochs of a stage on 8,855 birds.
Expected: not run.
Deviations: the sentence is that of DAMSM's text encoder, of 256 numbers, taught here with a small image encoder,
  not 1,024 of a character-level net, means of four captions; rates fall as a cosine, where the authors halve them every
  50 or 100 epochs; mismatched pairs are those of the batch, where the paper takes images of other classes.
"""

from ml_collections import ConfigDict

from experiments import common

EPOCH = 138  # steps
STAGE = 600 * EPOCH
NETS = {'condition': 128, 'sketch_width': 128}
SMOKE = {
    'data.name': common.DOMAINS.replace('unpaired', 'captions', 1),
    'data.images': '.',
    'data.captions': 'captions.csv',
    'data.size': 32,
    'stages.I.data.size': 8,
    'stages.I.begin': 1,
    'stages.II.begin': 2,
    'stages.II.stackgan.sketch_width': 4,
    'stages.II.generator.blocks': 1,
}


def match_birds(config: ConfigDict, epochs: int) -> None:
    """Has words and pictures of 256 pixels learn to agree."""
    config.system = 'damsm'
    config.data.name = 'captions:PATH'
    config.data.size = 256
    config.data.words = 18
    config.data.vocabulary = 5_449
    config.data.images = 'images'
    config.data.captions = 'text'
    config.optimizer.generator = common.adam(2e-3, b1=0.5)
    config.train.batch_size = 64
    config.train.steps = epochs * EPOCH
    config.eval.samples = 2_000


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    match_birds(config, 200)
    matching = config.train.steps
    config.latents.size = 100
    config.generator = ConfigDict({'net': 'stackgan', 'width': 128})
    config.critic = ConfigDict({'net': 'stackgan', 'width': 64})
    config.train.steps = matching + 2 * STAGE
    common.every(config, 20 * EPOCH)

    def gan(begin: int) -> dict:
        falls = {'schedule': 'cosine', 'schedule_start': begin, 'schedule_end': begin + STAGE}
        optimizer = {role: {**common.adam(2e-4, b1=0.5), **falls} for role in ('generator', 'critic')}
        train = {'fresh_optimizers': True}
        return {'begin': begin, 'system': 'stackgan', 'stackgan': NETS, 'optimizer': optimizer, 'train': train}

    config.stages.I = {**gan(matching), 'data': {'size': 64}}
    config.stages.II = gan(matching + STAGE)
    config.stages.II.update(stackgan={**NETS, 'stage': 2}, generator={'halvings': 2, 'blocks': 4})
    return common.finish(config, variant, __file__, SMOKE)
