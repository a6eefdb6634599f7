"""WGAN-GP on MNIST, with DCGAN's nets (4, 7, 14, 28 pixels; transposed kernels 3, 4, 4).

Paper: Gulrajani 2017 (1704.00028), algorithm 1: lambda 10, 5 critic steps, no batch norm in the critic.
Command: python launch.py --config=experiments/wgan_gp_mnist.py
  Fashion-MNIST instead: --config.data.name=fashion_mnist
Hardware and cost: on two CPU cores 0.48 s per step, so 2.7 hours; meant for an accelerator, or
  --config.train.steps=2000.
Expected: untested at full size. Lucic 2018 (1711.10337) report FID 20.3+-5.0 on MNIST and 24.5+-2.1 on Fashion-MNIST
  for the best of 100 settings, with other nets.
Deviations: latents U(-1, 1), batch 128 and Adam 2e-4 (0.5, 0.9), as in DCGAN; the paper uses Adam 1e-4 (0, 0.9) for
  images.
"""

from ml_collections import ConfigDict

from experiments import common


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.data.name = 'mnist'
    config.data.size = 28
    config.latents.size = 100
    config.latents.distribution = 'uniform'
    config.generator = ConfigDict({'net': 'dcgan', 'width': 32, 'base': 4})  # 4, 7, 14, 28
    config.critic = ConfigDict({'net': 'dcgan', 'width': 32, 'base': 4, 'norm': 'none'})
    config.game = 'wasserstein'
    config.terms.wgan_gp = {'weight': 10.0}
    config.optimizer.generator = common.adam(2e-4, b2=0.9)
    config.optimizer.critic = common.adam(2e-4, b2=0.9)
    config.train.steps = 20_000
    config.train.batch_size = 128
    config.train.n_critic = 5
    return common.finish(config, variant, __file__, {'data.name': 'digits'})
