"""A small ProGAN on the smileys of OpenMoji: 4, 8, 16 and 32 pixels, on two CPU cores.

Paper: Karras 2018 (1710.10196).
Command: python launch.py --config=experiments/progan_openmoji32.py
  All 1,618 emoji: --config.data.group=all
Hardware and cost: two CPU cores; 9,375 steps in 31 minutes of one core beside other programs, compilation included. At
  32 pixels, a third of them, a step takes 0.32 s of CPU time (measured on busy cores), at 16 some 0.13.
Expected: FD (EfficientNet-Lite0) 527 (of seed 0; 658 625 steps earlier, so it is not at its end), sliced Wasserstein
  0.105: yellow faces with eyes and mouths, hearts and other heads in their outlines, with grain inside of them.
Deviations: other data; channels 64, 64, 64, 32 from 4 to 32 pixels, 64 latents, batch 16, 20,000 images in a stage but
  for the last.
"""

from ml_collections import ConfigDict

from experiments import common, progan_celeba128

SCHEDULE = {4: 16, 8: 16, 16: 16, 32: 16}, 20_000, 20_000, 150_000  # batches by size; images to train, to fade, in all


def get_config(variant: str = '') -> ConfigDict:
    config = progan_celeba128.of_authors()
    config.data.name = 'openmoji'
    config.data.style = 'color'
    config.data.group = 'smileys-emotion'
    config.latents.size = 64
    for net in (config.generator, config.critic):
        net.update(fmap_base=512, fmap_max=64)
    common.every(config, 1_250)
    config.eval.samples = 1_000
    return progan_celeba128.finish(config, variant, __file__, SCHEDULE, {'eval.features': 'pixels'})
