"""A small BigGAN on all of OpenMoji in color, told the eight groups, with augmentations for so few images.

Paper: Brock 2019 (1809.11096); augmentations are DiffAugment's (Zhao 2020, 2006.10738), as its BigGAN has them.
Command: python launch.py --config=experiments/biggan_openmoji32.py
Hardware and cost: two CPU cores; on one of them beside another program 2.1 steps/s, 65 minutes.
Expected: outlines and yellow or white shapes, without meaning but for some cups and cakes, on pale blue stains. FD
  (EfficientNet-Lite0) 533, 434, 331, 311, 303, 295, 283, 276 every 1,000 steps (real halves 104, untrained 916). 2,000
  samples: FD 272, KID 0.240, precision 0.41, recall 0.02, coverage 0.34, IS 6.6 (real 13.4). stylegan2_openmoji32 of
  all emoji has FD 237, KID 0.167 after 25 minutes, quickstart's DCGAN 343, 0.365.
Deviations: those of experiments/biggan_fashion_mnist.py; batch 32.
"""

from ml_collections import ConfigDict

from experiments import biggan_fashion_mnist, common


def get_config(variant: str = '') -> ConfigDict:
    config = biggan_fashion_mnist.get_config()
    config.data.name = 'openmoji'
    config.data.style = 'color'
    config.data.flip = True
    config.terms.orthogonal = {'weight': 1e-4}
    config.augment.names = 'translation,cutout'
    config.train.steps = 8_000
    config.train.batch_size = 32
    common.every(config, 1_000)
    config.eval.samples = 1_600
    config.eval.features = 'auto'
    return common.finish(config, variant, __file__, {'eval.features': 'pixels'})
