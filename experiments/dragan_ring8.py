"""DRAGAN on a ring of 8 Gaussians: a gradient penalty around the real data alone.

Paper: Kodali 2017 (1705.07215).
Command: python launch.py --config=experiments/dragan_ring8.py
Hardware and cost: two CPU cores, 26 s.
Expected: seed 0: 8 of 8 modes, 81.9 % high quality, reverse KL 0.0040 (2,000 samples; true samples: 0.0018).
Deviations: the nets, rates and annealed noise of gan_ring8 in place of the paper's images; weight 1 in place of 10.
"""

from ml_collections import ConfigDict

from experiments import common, gan_ring8


def get_config(variant: str = '') -> ConfigDict:
    config = gan_ring8.get_config()
    config.terms = {'dragan': {'weight': 1.0}}
    return common.finish(config, variant, __file__)
