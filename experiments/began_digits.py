"""BEGAN on the 8x8 digits of scikit-learn: an autoencoder as critic, whose errors are kept in balance.

Paper: Berthelot 2017 (1703.10717).
Command: python launch.py --config=experiments/began_digits.py
Hardware and cost: two CPU cores, 48 to 64 s.
Expected: seed 0: FD (pixels) 2.3 (two halves of the real data: 0.08, untrained generator: 11.5): legible digits, but
  little diversity, and less with smaller gamma (0.5: 3.3, nearly all of them 1, 3, 5, 7 and 9). ebgan_digits, with the
  same critic, reaches 0.24.
Deviations: small versions of InfoGAN's nets in place of the paper's, whose images are faces; Adam with beta1 0.5; the
  rate of k is ten times the paper's, since the run is short; gamma 0.9, where the paper has 0.3 to 0.7.
"""

from ml_collections import ConfigDict

from experiments import common


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.system = 'began'
    config.began = ConfigDict({'gamma': 0.9, 'rate': 0.01})
    config.data.name = 'digits'
    config.latents.size = 32
    config.latents.distribution = 'uniform'
    config.generator = ConfigDict({'net': 'infogan', 'width': 32, 'activation': 'relu'})
    config.critic = ConfigDict({'net': 'infogan', 'width': 32, 'norm': 'none'})
    config.optimizer.generator = common.adam(5e-4)
    config.optimizer.critic = common.adam(5e-4)
    config.train.steps = 4_000
    config.eval.samples = 1_000
    config.eval.features = 'pixels'
    return common.finish(config, variant, __file__)
