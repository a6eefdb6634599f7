"""What StyleGAN2 is made of, one part at a time, on emoji: style mixing, path length, the constant input, images
without bounds, noise, demodulation, the nets' skips, R1's gamma, and ADA.

Paper: Karras 2020 (1912.04958), table 1 and section 4, and 1812.04948, table 2.
Command: python launch.py --sweep=experiments/sweeps/stylegan2_ablation.py --seeds=2
Hardware and cost: two CPU cores, for half of the time beside another run: 78 minutes, of which planning and compiling
  half, 13 rows in 8 programs; a second launch, on the other core, took what the first had not begun.
Expected: FD (EfficientNet-Lite0, untrained 761, real halves 194), two seeds: 334 +- 18 in full, with ADA 334 +- 5,
  images with bounds 280 +- 27, skip_critic 323 +- 3, no_mixing 327 +- 12, gamma_10 347 +- 24, no_noise 351 +- 2,
  residual_generator 351 +- 19, plain_nets 356 +- 2, no_constant 368 +- 26, gamma_0.1 372 +- 36, no_demodulation
  376 +- 8, no_path_length 380 +- 70: by the tests no difference is shown. In the papers, of FFHQ at 1,024 pixels, a
  skip generator and a residual critic give 3.31 in place of 4.34 (FID), noise and mixing little; without demodulation
  features grow without bounds.
Deviations: experiments/stylegan2_openmoji32.py at 16 pixels, with mixing and path length, for 1,000 steps; gammas are
  10 times and a tenth of its. Scored with 500 samples.
"""

from ml_collections import ConfigDict

from experiments import common, stylegan2_openmoji32

ROWS = {
    'full': {},
    'ada': {f'augment.{key}': value for key, value in stylegan2_openmoji32.ADA.items()},
    'gamma_10': {'terms.r1.weight': 5.0},
    'gamma_0.1': {'terms.r1.weight': 0.05},
    'no_mixing': {'stylegan2.mixing': 0.0},
    'no_path_length': {'stylegan2.path_length': 0.0},
    'no_constant': {'generator.constant': False},
    'bounded': {'generator.bounded': True},
    'no_noise': {'generator.noise': False},
    'no_demodulation': {'generator.demodulate': False},
    'residual_generator': {'generator.architecture': 'resnet'},
    'skip_critic': {'critic.architecture': 'skip'},
    'plain_nets': {'generator.architecture': 'orig', 'critic.architecture': 'orig'},
}


def get_config(variant: str = '') -> ConfigDict:
    config = stylegan2_openmoji32.get_config(variant)
    config.data.size = 16
    config.augment = common.get_config().augment  # none
    config.stylegan2.update(mixing=0.9, path_length=2.0, path_every=4)
    config.generator.update(architecture='skip', constant=True, noise=True, demodulate=True, bounded=False)
    config.critic.architecture = 'resnet'
    if not variant:
        config.train.steps = 1_000
        common.every(config, 500)
        config.eval.samples = 500
    return config


def sweep(add) -> None:
    for name, overrides in ROWS.items():
        add(name, **overrides)
