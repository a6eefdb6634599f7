"""A small StyleGAN on the smileys of OpenMoji: 4, 8, 16 and 32 pixels, on two CPU cores.

Paper: Karras 2019 (1812.04948); ADA: Karras 2020 (2006.06676).
Command: python launch.py --config=experiments/stylegan_openmoji32.py
  then --mode=sample: also a sheet of truncation, and one of pairs of styles mixed by layers
  All 1,618 emoji: --config.data.group=all
  Without growing: --config.data.size=32, and --config.stages.NAME=None of each stage
  With the paper's noise, style mixing and images without bounds: --config.generator.noise=True
  --config.stylegan.mixing=0.9 --config.generator.bounded=False
Hardware and cost: two CPU cores; 14,066 steps in 61 minutes of one core beside other programs, compilation included, of
  which 4 to 16 pixels take a quarter.
Expected: clean faces with many expressions, hearts, cats and devils; pale colors beside some, which come of
  augmentations. FD (EfficientNet-Lite0) at 32 pixels 441 when they have faded in, 377, 301, 281, 263, 257, 247, 241,
  229, 241 after 6,000, 7,000, ..., 14,000 steps. 2,000 samples: FD 239 (real halves 195, untrained 883), KID 0.101,
  precision 0.55, recall 0.02, coverage 0.91, IS 5.5, memorized 9 %.
Deviations: other data; images grow from 4 pixels, not 8; channels 64, 64, 32, 16 from 4 to 32 pixels, w of 64 numbers;
  batch 32; 30,000 images in a stage but for the last. What lets stylegan2_openmoji32 learn in an hour: a mapping of 2
  layers at the whole rate, no noise and no mixing, images behind a tanh, rates of 0.01 and 0.008 with the generator's
  b1 of 0.5, R1's gamma of 0.5 every 4 steps, and ADA of translations and colors.
"""

from ml_collections import ConfigDict

from experiments import stylegan2_openmoji32, stylegan_ffhq256

SCHEDULE = {'batches': {4: 32, 8: 32, 16: 32, 32: 32}, 'train': 30_000, 'fade': 30_000, 'total': 450_000}


def get_config(variant: str = '') -> ConfigDict:
    config = stylegan_ffhq256.of_authors()
    config.stylegan.update(mapping=2, mapping_rate=1.0, mixing=None)
    stylegan2_openmoji32.play_on_emoji(config)
    for net in (config.generator, config.critic):
        net.update(fmap_base=256, fmap_max=64)
    config.generator.update(noise=False, bounded=True)
    config.critic.group = 8
    smoke = {'eval.features': 'pixels', 'augment.names': 'cutout', 'train.conv': 'lax', 'terms.r1.every': 1}
    return stylegan_ffhq256.finish(config, variant, __file__, SCHEDULE, smoke)
