"""DCGAN on MNIST: 7, 14, 28 pixels.

Paper: Radford 2016 (1511.06434).
Command: python launch.py --config=experiments/dcgan_mnist.py
Hardware and cost: on two CPU cores 0.24 s per step, so 1.3 hours.
Expected: untested at full size. Lucic 2018 (1711.10337) report FID 6.8+-0.5 for a non-saturating GAN, the best of 100
  settings, with similar nets (InfoGAN's).
Deviations: two halvings in place of four, because the images are small; otherwise the paper's settings.
"""

from ml_collections import ConfigDict

from experiments import common


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.data.name = 'mnist'
    config.data.size = 28
    config.latents.size = 100
    config.latents.distribution = 'uniform'
    config.generator = ConfigDict({'net': 'dcgan', 'width': 64, 'base': 7})  # 7, 14, 28
    config.critic = ConfigDict({'net': 'dcgan', 'width': 64, 'base': 7})
    config.train.steps = 20_000
    config.train.batch_size = 128
    return common.finish(config, variant, __file__, {'data.name': 'digits'})
