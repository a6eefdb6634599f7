"""GAN on a 1-D Gaussian.

A generator of one hidden layer learns N(4, 1.25^2) from N(0, 1).

Command: python launch.py --config=experiments/gan_gaussian1d.py
"""

from ml_collections import ConfigDict

from experiments import common


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.data.name = 'gaussian1d'
    config.latents.size = 1
    config.generator = ConfigDict({'net': 'mlp', 'widths': (32, 32), 'activation': 'relu'})
    config.critic = ConfigDict({'net': 'mlp', 'widths': (64, 64), 'activation': 'leaky_relu'})
    config.train.steps = 5_000
    config.train.batch_size = 256
    config.train.steps_per_call = 100
    config.train.log_every = 100
    config.train.sample_every = config.train.checkpoint_every = config.eval.every = 1_000
    config.ema.decay = 0.999
    return config
