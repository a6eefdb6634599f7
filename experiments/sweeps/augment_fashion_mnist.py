"""A DCGAN on a tenth of Fashion-MNIST: what helps if the critic can memorize all 6,000 images?

Paper: DiffAugment: Zhao 2020 (2006.10738), which trains on 10 % of CIFAR-10; ADA: Karras 2020 (2006.06676); balanced
  consistency: Zhao 2021 (2002.04724); LeCam: Tseng 2021 (2104.03310).
Command: python launch.py --sweep=experiments/sweeps/augment_fashion_mnist.py --seeds=3
Hardware and cost: untested; a plain step is like that of sweeps/dcgan_tricks.py at twice the width.
Expected: untested. In the papers each of these improves on the plain GAN, the more the fewer images there are, and
  LeCam improves DiffAugment further. Scores compare with the 6,000 training images.
Deviations: DCGAN's nets with 32 channels in place of StyleGAN2 or BigGAN, and 10,000 steps of 64 images, so that the
  critic sees each image 107 times. Images are grayscale, so ADA's colors are brightness and contrast; its p can reach 1
  in 100,000 images in place of 500,000, because the run is short.
"""

from ml_collections import ConfigDict

from experiments import common, dcgan_fashion_mnist

DIFFAUGMENT = {'augment.names': 'color,translation,cutout'}
LECAM = {'terms.lecam.weight': 0.1}
ROWS = {
    'plain': {},
    'diffaugment': DIFFAUGMENT,
    'ada': {
        'augment.names': 'blit,geometric,lighting', 'augment.probability': 0.0, 'augment.target': 0.6,
        'augment.kimg': 100.0,
    },
    'consistency': {'terms.consistency.weight': 10.0},
    'lecam': LECAM,
    'diffaugment+lecam': {**DIFFAUGMENT, **LECAM},
}  # fmt: skip


def get_config(variant: str = '') -> ConfigDict:
    config = dcgan_fashion_mnist.get_config()
    config.data.num = 6_000
    config.generator.width = config.critic.width = 32
    config.train.steps = 10_000
    config.train.batch_size = 64
    config.train.steps_per_call = 10
    common.every(config, 1_000)
    return common.finish(config, variant, __file__, {'data.name': 'digits', 'data.num': 1_000})


def sweep(add) -> None:
    for name, overrides in ROWS.items():
        add(name, **overrides)
