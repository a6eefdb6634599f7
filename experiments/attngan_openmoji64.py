"""AttnGAN on emoji: pictures of words at 16, 32 and 64 pixels, each word of which is seen where it is drawn.

Paper: Xu 2018 (1711.10485).
Command: python launch.py --config=experiments/attngan_openmoji64.py
Hardware and cost: two CPU cores; not measured yet.
Expected: not run.
Deviations: other data, 64 pixels in place of 256, widths of 16 in place of 32 and 64, sentences of 64 numbers; the
  image encoder of DAMSM is a small net that is trained along, not Inception v3.
"""

from ml_collections import ConfigDict

from experiments import common

MATCHING = 2_000  # steps of the stage in which words and images learn to agree
ENCODERS = {'features': 64, 'embedding': 64, 'width': 16}


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.system = 'damsm'
    config.damsm = ConfigDict(ENCODERS)
    config.data.name = 'openmoji'
    config.data.size = 64
    config.data.style = 'color'
    config.data.split = 'train'
    config.data.words = 8
    config.latents.size = 32
    config.generator = ConfigDict({'net': 'attngan', 'width': 16})
    config.critic = ConfigDict({'net': 'attngan', 'width': 16})
    config.optimizer.generator = common.adam(1e-3, b1=0.5)
    config.train.steps = MATCHING + 4_000
    config.train.batch_size = 32
    common.every(config, 1_000)
    config.eval.samples = 200
    config.stages.draw = {
        'begin': MATCHING,
        'system': 'attngan',
        'attngan': {**ENCODERS, 'condition': 32},
        'optimizer': {'generator': common.adam(2e-4), 'critic': common.adam(2e-4)},
        'ema': {'decay': 0.999},
        'train': {'fresh_optimizers': True},
    }
    smoke = {'eval.features': 'pixels', 'stages.draw.begin': 2}
    return common.finish(config, variant, __file__, smoke)
