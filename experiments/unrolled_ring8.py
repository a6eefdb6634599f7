"""An unrolled GAN on a ring of 8 Gaussians: tanh nets and no penalty.

Paper: Metz 2017 (1611.02163), section 3.1, with the settings of its authors' notebook: 256 latents, tanh nets of 128 x
  2, Adam 1e-3 for the generator and 1e-4 for the critic, batch 512, 25,000 steps, k = 5 unrolled updates.
Command: python launch.py --config=experiments/unrolled_ring8.py
  (--config.unrolled.steps=0 is the plain GAN; sweeps/unrolled_ring8.py compares k = 0, 1, 5, 10)
Hardware and cost: two busy CPU cores, 54 to 95 ms per step (k = 0: 5 to 15), so 23 to 40 minutes.
Expected: untested at full size. After 3,000 steps, seed 0: 8 of 8 modes, 11.8 % high quality, reverse KL 0.066. k = 0,
  the plain GAN, after the same number: 8, 4.3 %, 0.156; after 10,000: 8, 57.1 %, 0.033. So unlike in the paper, the
  plain GAN does not collapse here; after equal steps the unrolled one is better, for a single seed.
Deviations: weights are initialized from N(0, 0.124^2) in place of orthogonal matrices of gain 1.4, whose entries have
  that deviation in layers of 128. The ring, of radius 2 and sigma 0.02, is twice the size of the notebook's, whose
  eight centers are only seven, because the first equals the last. The critic is updated before the generator.
"""

from ml_collections import ConfigDict

from experiments import common


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.system = 'unrolled'
    config.unrolled = {'steps': 5}
    config.data.name = 'ring'
    config.latents.size = 256
    for role in ('generator', 'critic'):
        config[role] = ConfigDict({'net': 'mlp', 'widths': (128, 128), 'activation': 'tanh', 'init_std': 0.124})
    config.game = 'minimax'
    config.optimizer.generator = common.adam(1e-3)
    config.optimizer.critic = common.adam(1e-4)
    config.train.steps = 25_000
    config.train.batch_size = 512
    config.train.steps_per_call = 50
    common.every(config, 2_500)
    return common.finish(config, variant, __file__, {'unrolled.steps': 2})
