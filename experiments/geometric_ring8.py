"""The geometric GAN on a ring of 8 Gaussians: hinge losses, the margin of a support vector machine.

Paper: Lim & Ye 2017 (1705.02894).
Command: python launch.py --config=experiments/geometric_ring8.py
Hardware and cost: two CPU cores, 21 s.
Expected: seed 0: 8 of 8 modes, 92.3 % high quality, reverse KL 0.0023 (2,000 samples; true samples: 0.0018).
Deviations: the nets, rates, R1 and annealed noise of gan_ring8; the paper has no penalty on its mixtures of Gaussians.
"""

from ml_collections import ConfigDict

from experiments import common, gan_ring8


def get_config(variant: str = '') -> ConfigDict:
    config = gan_ring8.get_config()
    config.game = 'hinge'
    return common.finish(config, variant, __file__)
