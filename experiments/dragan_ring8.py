"""DRAGAN on a ring of 8 Gaussians: a gradient penalty around the real data alone.

Paper: Kodali 2017 (1705.07215).
Command: python launch.py --config=experiments/dragan_ring8.py
Hardware and cost: TODO
Expected: TODO
Deviations: the nets, rates and fading noise of gan_ring8 in place of the paper's images; weight 1 in place of 10.
"""

from ml_collections import ConfigDict

from experiments import common, gan_ring8


def get_config(variant: str = '') -> ConfigDict:
    config = gan_ring8.get_config()
    config.penalty.name = 'dragan'
    config.penalty.weight = 1.0
    return common.finish(config, variant, __file__)
