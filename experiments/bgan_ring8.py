"""A boundary-seeking GAN on a ring of 8 Gaussians.

Paper: Hjelm 2018 (1702.08431), the loss for continuous data; R1 (Mescheder 2018, 1801.04406) and annealed noise as in
  gan_ring8.
Command: python launch.py --config=experiments/bgan_ring8.py
Hardware and cost: two CPU cores, 30 s of CPU time (57 to 96 s on shared cores).
Expected: 6, 7, 8 of 8 modes; 34.6, 30.0, 18.0 % high quality and reverse KL 0.45, 0.39, 0.64 (seeds 0, 1, 2; 2,000
  samples): far from gan_ring8, the same nets with the non-saturating loss.
Deviations: the paper has no such toy. R1 of weight 0.3 in place of gan_ring8's 0.02, with which seed 0 has 4 of 8 modes
  and 82.9 % high quality: once samples are at the decision boundary, nothing moves them to missing modes.
"""

from ml_collections import ConfigDict

from experiments import common, gan_ring8


def get_config(variant: str = '') -> ConfigDict:
    config = gan_ring8.get_config()
    config.game = 'boundary_seeking'
    config.terms.r1.weight = 0.3
    return common.finish(config, variant, __file__)
