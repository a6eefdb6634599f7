"""What StyleGAN2 is made of, one part at a time, on all of OpenMoji: style mixing, path length, noise, demodulation,
three generators and three critics, and R1's gamma.

Paper: Karras 2020 (1912.04958), table 1 and section 4, and 1812.04948, table 2.
Command: python launch.py --sweep=experiments/sweeps/stylegan2_ablation.py --seeds=2
Hardware and cost: not measured; a step is that of experiments/stylegan2_openmoji32.py.
Expected: not run. In the papers, of FFHQ at 1,024 pixels, a skip generator and a residual critic give 3.31 in place of
  4.34 (FID), noise and mixing little; without demodulation features grow without bounds.
Deviations: 32 pixels, few images, a third of the experiment's steps; gammas are multiples of the experiment's.
"""

from ml_collections import ConfigDict

from experiments import common, stylegan2_openmoji32

ROWS = {
    'full': {},
    'gamma x 10': {'terms.r1.weight': 1.0},
    'gamma / 10': {'terms.r1.weight': 0.01},
    'no mixing': {'stylegan2.mixing': None},
    'no path length': {'stylegan2.path_length': None},
    'no noise': {'generator.noise': False},
    'no demodulation': {'generator.demodulate': False},
    'residual generator': {'generator.architecture': 'resnet'},
    'plain generator': {'generator.architecture': 'orig'},
    'skip critic': {'critic.architecture': 'skip'},
    'plain nets': {'generator.architecture': 'orig', 'critic.architecture': 'orig'},
}


def get_config(variant: str = '') -> ConfigDict:
    config = stylegan2_openmoji32.get_config(variant)
    if not variant:
        config.train.steps = 3_000
        common.every(config, 1_000)
    return config


def sweep(add) -> None:
    for name, overrides in ROWS.items():
        add(name, **overrides)
