"""A small ProGAN on the smileys of OpenMoji: 4, 8, 16 and 32 pixels, on two CPU cores.

Paper: Karras 2018 (1710.10196).
Command: python launch.py --config=experiments/progan_openmoji32.py
  All 1,618 emoji: --config.data.group=all
Hardware and cost: two CPU cores; 12,500 steps. At 32 pixels, half of them, a step takes
  0.32 s of CPU time (measured on busy cores), at 16 some 0.13: about 25 minutes in all, compilation included.
Expected: not run.
Deviations: other data; channels 64, 64, 64, 32 from 4 to 32 pixels, 64 latents, batch 16, 20,000 images in a stage but
  for the last.
"""

from ml_collections import ConfigDict

from experiments import common

SCHEDULE = {4: 16, 8: 16, 16: 16, 32: 16}, 20_000, 20_000, 200_000  # batches by size; images to train, to fade, in all


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.system = 'progan'
    config.data.name = 'openmoji'
    config.data.style = 'color'
    config.data.group = 'smileys-emotion'
    config.data.flip = True
    config.latents.size = 64
    config.generator = ConfigDict({'net': 'progan', 'fmap_base': 512, 'fmap_max': 64})
    config.critic = ConfigDict({'net': 'progan', 'fmap_base': 512, 'fmap_max': 64, 'group': 4})
    config.game = 'wasserstein'
    config.terms.wgan_gp = {'weight': 10.0}
    config.terms.drift = {'weight': 0.001}
    config.optimizer.generator = common.adam(1e-3, b1=0.0, b2=0.99)
    config.optimizer.critic = common.adam(1e-3, b1=0.0, b2=0.99)
    config.ema.update(decay=0.999, warmup=1.0)
    common.every(config, 1_250)
    config.eval.samples = 1_000
    smoke = {'eval.features': 'pixels', 'generator.fmap_max': 4, 'critic.fmap_max': 4}
    config = common.finish(config, variant, __file__, smoke)
    common.grow(config, *(common.GROWTH if variant else SCHEDULE))
    return config
