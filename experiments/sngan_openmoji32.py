"""SN-GAN's standard CNN, narrow, on all of OpenMoji in color: spectral norm at the scale of two CPU cores.

Paper: Miyato 2018 (1802.05957), table 3, setting C of table 1.
Command: python launch.py --config=experiments/sngan_openmoji32.py
  One group of the emoji: --config.data.group=smileys-emotion (or animals-nature, food-drink, objects, ...)
Hardware and cost: two CPU cores, 0.13 s of CPU time a step (measured on busy cores), so about 22 minutes.
Expected: after 6,000 of 20,000 steps outlined, shaded shapes without meaning, Fréchet distance (EfficientNet-Lite0) 477
  (two halves of the data: 104, untrained: 721); the largest singular values of five of the eight normalized kernels
  within 1 % of 1, the others at 1.01, 1.03 and 1.06: flat spectra, which one power iteration per step tracks slowly.
Deviations: other data; a quarter of the paper's width, batch 32, averaged weights.
"""

from ml_collections import ConfigDict

from experiments import common


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.data.name = 'openmoji'
    config.data.size = 32
    config.data.style = 'color'
    config.data.flip = True
    config.generator = ConfigDict({'net': 'sngan', 'width': 16})
    config.critic = ConfigDict({'net': 'sngan', 'width': 16, 'norm': 'spectral'})
    config.game = 'hinge'
    config.ema.decay = 0.999
    config.train.steps = 20_000
    config.train.batch_size = 32
    common.every(config, 2_000)
    config.eval.samples = 1_600
    return common.finish(config, variant, __file__, {'eval.features': 'pixels'})
