"""A small R3GAN on emoji in color: the paper's recipe at the scale of two CPU cores.

Paper: Huang 2025 (2501.05441).
Command: python launch.py --config=experiments/r3gan_openmoji32.py
  Other groups: --config.data.group=animals-nature (or food-drink, objects, ...); all 1,618 images: =None
Hardware and cost: two CPU cores; on one core beside another program 1.3 steps/s, 51 minutes, in six of which it stood
  still.
Expected: faces with several expressions, hearts, cats, others in clean outlines without meaning. FD
  (EfficientNet-Lite0) 520, 435, 422, 396, 364, 343, 297, 273, 265, 258 after 250, 500, 750, 1,000, 1,500, 2,000, 2,500,
  3,000, 3,500, 4,000 steps (real halves 195, untrained 750). 2,000 samples: FD 257, KID 0.144, precision 0.53, recall
  0.08, coverage 0.75, memorized 3 %. With images without bounds and rates of 4e-4 FD was 453 after 3,250 steps.
Deviations: other data; a block a stage in place of two, of 96 to 16 channels in place of 768, batch 32; schedules over
  the run; gamma 100 times as large and rates five times: with gammas of 0.5 the critic was far ahead (loss 0.06) and
  nothing was learned in 1,000 steps; images end in a tanh, which is exact where they are white; translations alone as
  augmentations, since these emoji are all upright and of a few colors. The others are those of
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
    config.data.group = 'smileys-emotion'
    config.data.flip = True
    config.latents.size = 64
    config.generator = ConfigDict({**NET, 'bounded': True})
    config.critic = ConfigDict(NET)
    steps, batch = 4_000, 32
    r3gan_cifar10.regularize(config, 5.0, 0.5, half_life=250 * batch, augment=0.3, batch=batch, images=steps * batch)
    for role in ('generator', 'critic'):
        config.optimizer[role].learning_rate = 1e-3
    config.augment.names = 'translation'
    config.train.steps = steps
    common.every(config, 500)
    config.eval.samples = 1_600
    return common.finish(config, variant, __file__, r3gan_cifar10.SMOKE | {'eval.features': 'pixels'})
