"""A small R3GAN on emoji in color: the paper's recipe at the scale of two CPU cores.

Paper: Huang 2025 (2501.05441).
Command: python launch.py --config=experiments/r3gan_openmoji32.py
  Other groups: --config.data.group=animals-nature (or food-drink, objects, ...); all 1,618 images: =None
Hardware and cost: two CPU cores; on one core beside another program .8 steps/s, 83 minutes.
Expected: of a run that was stopped after 3,338 of 4,000 steps: round faces with one dot, hearts, loops, in clean
  outlines, on a white that is not yet clean. FD (EfficientNet-Lite0) 764, 803, 731, 574, 521, 471 after 500, 1,000,
  1,500, 2,000, 2,500, 3,000 steps, 453 after 3,250, still falling (real halves 195, untrained 738).
Deviations: other data; a block a stage in place of two, of 96 to 16 channels in place of 768, batch 32; schedules over
  the run; gamma 100 times as large and rates twice: with gammas of .5 the critic was far ahead (loss .06) and nothing
  was learned in 1,000 steps; translations alone as augmentations, since these emoji are all upright and of a few
  colors. The others are those of experiments/r3gan_cifar10.py.
"""

from ml_collections import ConfigDict

from experiments import common, r3gan_cifar10

NET = {'net': 'r3gan', 'widths': (96, 64, 32, 16), 'blocks': 1}


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.data.name = 'openmoji'
    config.data.size = 32
    config.data.style = 'color'
    config.data.group = 'smileys-emotion'
    config.data.flip = True
    config.latents.size = 64
    config.generator = ConfigDict(NET)
    config.critic = ConfigDict(NET)
    steps, batch = 4_000, 32
    r3gan_cifar10.regularize(config, 5.0, 0.5, half_life=250 * batch, augment=0.3, batch=batch, images=steps * batch)
    for role in ('generator', 'critic'):
        config.optimizer[role].learning_rate = 4e-4
    config.augment.names = 'translation'
    config.train.steps = steps
    common.every(config, 500)
    config.eval.samples = 1_600
    return common.finish(config, variant, __file__, r3gan_cifar10.SMOKE | {'eval.features': 'pixels'})
