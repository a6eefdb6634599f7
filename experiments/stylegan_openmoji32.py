"""A small StyleGAN on all of OpenMoji in color: 4, 8, 16 and 32 pixels, on two CPU cores.

Paper: Karras 2019 (1812.04948); DiffAugment: Zhao 2020 (2006.10738).
Command: python launch.py --config=experiments/stylegan_openmoji32.py
  then --mode=sample: also a sheet of truncation, and one of pairs of styles mixed by layers
  Without growing: --config.data.size=32, and --config.stages.NAME=None of each stage
Hardware and cost: two CPU cores; 12,500 steps, half of them at 32 pixels.
Expected: not run.
Deviations: other data; images grow from 4 pixels, not 8; channels 64, 64, 64, 32 from 4 to 32 pixels, w of 64 numbers,
  a mapping of 4 layers; batch 16; 20,000 images in a stage but for the last; DiffAugment, because there are only 1,618
  images; R1's gamma of 0.1 is ten times the heuristic of StyleGAN2-ADA
  (2006.06676), which is for many more images.
"""

from ml_collections import ConfigDict

from experiments import common, stylegan_ffhq256

SCHEDULE = {'batches': {4: 16, 8: 16, 16: 16, 32: 16}, 'train': 20_000, 'fade': 20_000, 'total': 200_000}


def get_config(variant: str = '') -> ConfigDict:
    config = stylegan_ffhq256.of_authors()
    config.stylegan.mapping = 4
    config.data.name = 'openmoji'
    config.data.style = 'color'
    config.latents.size = 64
    for net in (config.generator, config.critic):
        net.update(fmap_base=512, fmap_max=64)
    config.terms.r1.weight = 0.1
    config.augment.names = 'color,translation,cutout'
    common.every(config, 1_250)
    config.eval.samples = 1_600
    smoke = {'eval.features': 'pixels', 'augment.names': 'cutout', 'train.conv': 'lax'}
    return stylegan_ffhq256.finish(config, variant, __file__, SCHEDULE, smoke)
