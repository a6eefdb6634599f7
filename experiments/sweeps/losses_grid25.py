"""Nine games x six ways to regularize the critic on a grid of 25 Gaussians: modes, high quality, reverse KL.

Paper: the games of `gans/losses.py` (1406.2661, 1701.07875, 1611.04076, 1705.02894, 1807.00734) with the gradient
  penalty of 1704.00028, R1 and R2 of 1801.04406, spectral norm of 1802.05957 and the clipping of 1701.07875.
Command: python launch.py --sweep=experiments/sweeps/losses_grid25.py --seeds=5
Hardware and cost: two CPU cores, 270 runs of 5,000 steps in 6 programs: 31 minutes.
Expected: see experiments/RESULTS.md for the table. 2,000 true samples have 25 modes, 98.9 % high quality and a reverse
  KL of 0.006.
Deviations: one optimizer for all, Adam 1e-3 (0, 0.999) and one critic step, so that rows differ only in what is
  compared: the table shows what works at this setting, not what is best when each row is tuned. With wgan_gp_grid25's
  own (0.5, 0.9), made for 5 critic steps, Wasserstein games found 7 to 14 modes with one. R1's weight is a tenth of the
  ring's, because lengths are a third, and it scales with their square. Batch 128 in place of 256. With weights clipped
  to 0.1 the slope of the critic's four layers is at most 297.
"""

from ml_collections import ConfigDict

from experiments import common, wgan_gp_grid25
from experiments.sweeps import losses_ring8

PENALTIES = losses_ring8.PENALTIES | {
    'r1': {'terms.r1.weight': 0.1},
    'r1_r2': {'terms.r1.weight': 0.1, 'terms.r2.weight': 0.1},
}


def get_config(variant: str = '') -> ConfigDict:
    config = wgan_gp_grid25.get_config()  # with its averaging
    config.critic.norm = 'none'
    config.terms = {}
    config.optimizer.generator = common.adam(1e-3, b1=0.0)
    config.optimizer.critic = common.adam(1e-3, b1=0.0)
    config.train.steps = 5_000
    config.train.batch_size = 128
    config.train.n_critic = 1
    common.every(config, 1_250)
    config.train.sample_every = 5_000
    config.population.max_size = 256  # toys are small: more of them are fewer programs
    return common.finish(config, variant, __file__)


def sweep(add) -> None:
    losses_ring8.cross(add, PENALTIES)
