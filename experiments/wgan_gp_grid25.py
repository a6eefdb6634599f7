"""WGAN-GP on a grid of 25 Gaussians (spacing 2 and sigma 0.05, both divided by 2.828 as in the paper's code).

Paper: Gulrajani 2017 (1704.00028), section 5 and the toys of its code: lambda 0.1, 5 critic steps, batch 256.
Command: python launch.py --config=experiments/wgan_gp_grid25.py
Hardware and cost: two CPU cores, 112 to 152 s with compilation.
Expected: 25 of 25 modes; measured 90.0, 90.0, 85.5 % high quality and reverse KL 0.016, 0.007, 0.012 (seeds 0, 1, 2;
  2,000 samples; true samples: 0.006).
Deviations: nets of 128 x 3 in place of 512 x 3, Adam 1e-3 in place of 1e-4 and averaged weights, so that 8,000 steps
  suffice in place of 100,000.
"""

from ml_collections import ConfigDict

from experiments import common


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.data.name = 'grid'
    config.data.spacing, config.data.sigma = 2 / 2.828, 0.05 / 2.828
    config.latents.size = 2
    config.generator = ConfigDict({'net': 'mlp', 'widths': (128, 128, 128), 'activation': 'relu'})
    config.critic = ConfigDict({'net': 'mlp', 'widths': (128, 128, 128), 'activation': 'relu'})
    config.game = 'wasserstein'
    config.terms.wgan_gp = {'weight': 0.1}
    config.optimizer.generator = common.adam(1e-3, b2=0.9)
    config.optimizer.critic = common.adam(1e-3, b2=0.9)
    config.ema.decay = 0.998
    config.train.steps = 8_000
    config.train.batch_size = 256
    config.train.n_critic = 5
    config.train.steps_per_call = 50
    common.every(config, 2_000)
    return common.finish(config, variant, __file__)
