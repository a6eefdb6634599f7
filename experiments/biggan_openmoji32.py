"""A small BigGAN on all of OpenMoji in color, told the eight groups, with augmentations for so few images.

Paper: Brock 2019 (1809.11096); augmentations are DiffAugment's (Zhao 2020, 2006.10738), as its BigGAN has them.
Command: python launch.py --config=experiments/biggan_openmoji32.py
Hardware and cost: two CPU cores; not timed with its two critic steps.
Expected: not run.
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
