"""How many critic steps and which penalty weight does WGAN-GP need? On a grid of 25 Gaussians.

Paper: Gulrajani 2017 (1704.00028): 5 and 10 for images, the toys of its code 5 and 0.1.
Command: python launch.py --sweep=experiments/sweeps/wgan_gp_ncritic_lambda.py --seeds=5
Hardware and cost: two CPU cores, 0.004 to 0.018 s per run and step for 1 to 5 critic updates on shared cores, so at
  most 50 minutes for the 60 runs in 3 programs.
Expected: untested. wgan_gp_grid25, which is n5+lambda0.1 with batch 256 and 8,000 steps, has 25 of 25 modes, 85 to 90 %
  high quality and a reverse KL of 0.007 to 0.016.
Deviations: batch 128 and 5,000 steps for time. All rows have the same number of generator updates, so n5 sees 5 times
  the data.
"""

from ml_collections import ConfigDict

from experiments import common, wgan_gp_grid25


def get_config(variant: str = '') -> ConfigDict:
    config = wgan_gp_grid25.get_config()
    config.train.steps = 5_000
    config.train.batch_size = 128
    common.every(config, 1_250)
    config.train.sample_every = 5_000
    return common.finish(config, variant, __file__)


def sweep(add) -> None:
    for n_critic in (1, 2, 5):
        for weight in (0.1, 1.0, 10.0, 100.0):
            add(f'n{n_critic}+lambda{weight:g}', **{'train.n_critic': n_critic, 'terms.wgan_gp.weight': weight})
