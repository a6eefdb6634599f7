"""LAPGAN on CIFAR-10, told the class: 8, 16 and 32 pixels.

Paper: Denton 2015 (1506.05751), section 4.1, class-conditional; widths and kernels from its authors' code.
Command: python launch.py --config=experiments/lapgan_cifar10.py
Hardware and cost: for an accelerator: at 32 pixels the generator alone takes 1.7 GFLOP an image, forwards.
Expected: untested at full size. In the paper's test people took 40 % of its samples for real, 10 % of a plain GAN's.
Deviations: images are whole, so levels are 8, 16 and 32 pixels; the paper has crops, of 8, 14 and 28. Adam and fixed
  rates; there SGD, whose momentum grows and whose rate falls. No dropout in the critics. The coarsest generator ends in
  a tanh. Convolutions of critics are padded. All levels learn in one run, and fakes come with the real images'
  own smaller versions and classes.
"""

from ml_collections import ConfigDict

from experiments import common


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.system = 'lapgan'
    config.data.name = 'cifar10'
    config.data.size = 32
    config.latents.size = 100
    config.latents.distribution = 'uniform'
    config.lapgan = ConfigDict({'coarsest': 8, 'conditional': True})  # 8, 16, 32
    config.lapgan.generator = ConfigDict({'net': 'mlp', 'widths': (1200, 1200)})
    config.lapgan.critic = ConfigDict({'net': 'mlp', 'widths': (600, 600), 'activation': 'relu'})
    config.generator = ConfigDict({'net': 'lapgan', 'width': 128})
    config.critic = ConfigDict({'net': 'lapgan', 'width': 128})
    config.train.steps = 100_000
    config.train.batch_size = 128
    common.every(config, 5_000)
    config.eval.samples = 10_000
    smoke = {'data.name': 'openmoji', 'lapgan.coarsest': 16}
    smoke |= {f'lapgan.{role}.widths': (8, 8) for role in ('generator', 'critic')}
    return common.finish(config, variant, __file__, smoke)
