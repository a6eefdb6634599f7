"""EBGAN with the pulling-away term on the 8x8 digits of scikit-learn.

Paper: Zhao 2017 (1609.03126): an autoencoder as critic, the margin loss of eq. 1, and the term of eq. 4 with weight
  0.1.
Command: python launch.py --config=experiments/ebgan_digits.py
  (--config.ebgan.pull_away=0.0 turns that term off)
Hardware and cost: two CPU cores, a minute of CPU time (208 s on shared cores).
Expected: FD (pixels) 0.24 (seed 0; two halves of the real data: 0.08, untrained generator: 11); half of the samples are
  legible digits. The energy of real images ends near 0.1, that of fakes near 0.4, below the margin of 0.5, and the mean
  squared cosine of their codes near 0.06.
Deviations: small versions of InfoGAN's nets in place of the paper's, which are fully connected for digits; energies are
  mean squared errors of pixels in [-1, 1], so that margins differ from the paper's.
"""

from ml_collections import ConfigDict, config_dict

from experiments import common


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.system = 'ebgan'
    config.ebgan = ConfigDict({'margin': 0.5, 'pull_away': config_dict.placeholder(float)})
    config.ebgan.pull_away = 0.1
    config.data.name = 'digits'
    config.latents.size = 32
    config.generator = ConfigDict({'net': 'infogan', 'width': 32, 'activation': 'relu'})
    config.critic = ConfigDict({'net': 'infogan', 'width': 32})
    config.optimizer.generator = common.adam(1e-3)
    config.optimizer.critic = common.adam(1e-3)
    config.train.steps = 4_000
    config.eval.samples = 1_000
    config.eval.features = 'pixels'
    return common.finish(config, variant, __file__)
