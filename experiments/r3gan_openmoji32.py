"""A small R3GAN on all of OpenMoji in color: the paper's recipe at the scale of two CPU cores.

Paper: Huang 2025 (2501.05441).
Command: python launch.py --config=experiments/r3gan_openmoji32.py
  One group of the emoji: --config.data.group=smileys-emotion (or animals-nature, food-drink, objects, ...)
Hardware and cost: two CPU cores, TIME.
Expected: not run.
Deviations: other data; a block a stage in place of two, of 96 to 16 channels in place of 768, batch 32; schedules over
  the run; DiffAugment's augmentations (2006.10738), which are cheaper. The others are those of
  experiments/r3gan_cifar10.py.
"""

from ml_collections import ConfigDict

from experiments import common, r3gan_cifar10

NET = {'net': 'r3gan', 'widths': (96, 64, 32, 16), 'blocks': 1}


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.data.name = 'openmoji'
    config.data.size = 32
    config.data.style = 'color'
    config.data.flip = True
    config.latents.size = 64
    config.generator = ConfigDict(NET)
    config.critic = ConfigDict(NET)
    steps, batch = 5_000, 32
    r3gan_cifar10.regularize(config, 0.5, 0.05, half_life=500 * batch, augment=0.3, batch=batch, images=steps * batch)
    config.augment.names = 'color,translation,cutout'
    config.train.steps = steps
    common.every(config, 1_000)
    config.eval.samples = 1_600
    return common.finish(config, variant, __file__, r3gan_cifar10.SMOKE | {'eval.features': 'pixels'})
