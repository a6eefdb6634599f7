"""Packs of 1, 2, 3 and 4 on the grid of 25 Gaussians: the first table of PacGAN.

Paper: Lin 2018 (1712.04086), table 1.
Command: python launch.py --sweep=experiments/sweeps/pacgan_grid25.py --seeds=10
Hardware and cost: 40 runs of 400,000 steps in 4 programs, one per pack size: for an accelerator; shorter on a CPU with
  --config.train.steps=20000.
Expected: untested at full size; the paper's numbers are in experiments/pacgan_grid25.py. A shortened run, in
  experiments/RESULTS.md, was too short to show an effect.
Deviations: those of experiments/pacgan_grid25.py.
"""

from experiments.pacgan_grid25 import get_config

__all__ = ['get_config', 'sweep']


def sweep(add) -> None:
    for pack in (1, 2, 3, 4):
        add(f'pack{pack}', **{'pack': pack, 'train.batch_size': 100 * pack})
