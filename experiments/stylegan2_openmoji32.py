"""StyleGAN2 with augmentation, narrow, on all of OpenMoji in color: at the scale of two CPU cores.

Paper: Karras 2020 (1912.04958); DiffAugment: Zhao 2020 (2006.10738).
Command: python launch.py --config=experiments/stylegan2_openmoji32.py
  then --mode=sample: also sheets of truncation, of pairs of styles mixed by layers, and of noise
  With ADA (2006.06676) in place of DiffAugment: --config.augment.names=blit,geometric,lighting
  --config.augment.probability=0.0 --config.augment.target=0.6 --config.augment.kimg=50.0
  At 64 pixels: stylegan2_openmoji64
Hardware and cost: two CPU cores. On busy ones 0.33 s of CPU time for a step's two main updates, 0.09 more for path
  length, 0.12 for R1: an hour for all of them; and 64 s for compiling, of which two idle cores would take about 49.
Expected: not run.
Deviations: other data; 32 to 96 channels, w of 96 numbers, a mapping of 4 layers; batch 16; DiffAugment, because there
  are only 1,618 images. R1's gamma of 0.1 is ten times the heuristic of StyleGAN2-ADA, .0002 size^2 / batch = 0.013,
  which is for many more images. Averages have a half-life of 5,000 images.
"""

from ml_collections import ConfigDict

from experiments import common


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.system = 'stylegan2'
    config.stylegan2 = ConfigDict({'mapping': 4, 'mixing': 0.9, 'path_length': 2.0, 'path_every': 4})
    config.data.name = 'openmoji'
    config.data.size = 32
    config.data.style = 'color'
    config.data.flip = True
    config.latents.size = 96
    config.generator = ConfigDict({'net': 'stylegan2', 'base': 512, 'width': 96})
    config.critic = ConfigDict({'net': 'stylegan2', 'base': 512, 'width': 96, 'group': 4})
    config.terms.r1 = ConfigDict({'weight': 0.1, 'every': 16})
    config.augment.names = 'color,translation,cutout'
    for role in ('generator', 'critic'):
        config.optimizer[role] = common.adam(2e-3, 0.0, 0.99)
    config.ema.decay = 0.5 ** (16 / 5_000)
    config.train.steps = 10_000
    config.train.batch_size = 16
    common.every(config, 1_000)
    config.eval.samples = 1_600
    smoke = {'eval.features': 'pixels', 'augment.names': 'color', 'train.conv': 'lax'}
    smoke |= {'stylegan2.mapping': 1, 'stylegan2.path_every': 1, 'terms.r1.every': 1}
    return common.finish(config, variant, __file__, smoke)
