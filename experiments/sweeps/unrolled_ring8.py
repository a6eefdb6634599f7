"""How far does a generator have to look ahead? Unrolled GANs of k = 0 (the plain GAN), 1, 5 and 10 on a ring of 8
Gaussians.

Paper: Metz 2017 (1611.02163), section 3.1.
Command: python launch.py --sweep=experiments/sweeps/unrolled_ring8.py --seeds=5
Hardware and cost: two busy CPU cores, 5, 20, 55 and 170 ms per step for k = 0, 1, 5, 10: 100 minutes per seed.
Expected: untested at full size. After 2,000 of 25,000 steps, 3 seeds: k = 0, 1, 5, 10 have sliced Wasserstein distances
  of 0.196, 0.186, 0.170, 0.170 (+- 0.01) and 7.3, 7.3, 7.7, 7.7 modes of 8.
Deviations: those of unrolled_ring8. The paper shows pictures, no numbers.
"""

from ml_collections import ConfigDict

from experiments import unrolled_ring8


def get_config(variant: str = '') -> ConfigDict:
    return unrolled_ring8.get_config(variant)


def sweep(add) -> None:
    for steps in (0, 1, 5, 10):
        add(f'k-{steps}', **{'unrolled.steps': steps})
