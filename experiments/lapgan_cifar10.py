"""Class-conditional LAPGAN on CIFAR-10: 8, 16 and 32 pixels.

Paper: Denton 2015 (1506.05751), section 4.1, class-conditional; widths and kernels from its authors' code.
Command: python launch.py --config=experiments/lapgan_cifar10.py
Hardware and cost: for an accelerator: at 32 pixels the generator alone takes 1.7 GFLOP per image in the forward pass.
Expected: untested at full size. In the paper's human evaluation, 40 % of its samples were taken for real, and 10 % of a
  plain GAN's.
Deviations: whole images, so levels are 8, 16 and 32 pixels; the paper has crops of 8, 14 and 28. Adam with constant
  rates in place of SGD with growing momentum and decaying rate. No dropout in the critics. The coarsest generator ends
  in a tanh. Convolutions of critics are padded. All levels are trained in one run, with fakes conditioned on the real
  images' own smaller versions and classes.
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
