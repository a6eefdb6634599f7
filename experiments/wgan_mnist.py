"""WGAN with clipped weights on MNIST, with fully connected nets.

Paper: Arjovsky 2017 (1701.07875), algorithm 1: RMSProp 5e-5, weights clipped to 0.01, 5 critic steps, batch 64.
Command: python launch.py --config=experiments/wgan_mnist.py
  Fashion-MNIST instead: --config.data.name=fashion_mnist
Hardware and cost: on two CPU cores 35 ms per step, so about 12 minutes.
Expected: untested at full size. The estimated distance, minus critic/loss, decreases as the samples get better; Lucic
  2018 (1711.10337) report FID 6.7+-0.4 on MNIST and 21.5+-1.6 on Fashion-MNIST for the best of 100 settings, with other
  nets (convolutional ones).
Deviations: MNIST and fully connected nets in place of the paper's bedrooms and DCGAN.
"""

from ml_collections import ConfigDict

from experiments import common


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.data.name = 'mnist'
    config.data.size = 28
    config.latents.size = 100
    config.generator = ConfigDict({'net': 'mlp', 'widths': (512,) * 4, 'activation': 'relu'})
    config.critic = ConfigDict({'net': 'mlp', 'widths': (512,) * 3, 'activation': 'leaky_relu'})
    config.game = 'wasserstein'
    config.optimizer.generator = common.rmsprop(5e-5)
    config.optimizer.critic = common.rmsprop(5e-5)
    config.optimizer.critic.clip_weights = 0.01
    config.train.steps = 20_000
    config.train.n_critic = 5
    config.train.steps_per_call = 10
    common.every(config, 2_000)
    return common.finish(config, variant, __file__, {'data.name': 'digits'})
