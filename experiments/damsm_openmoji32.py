"""Encoders of words and of emoji that agree, by themselves: with another seed than a GAN's they judge what it makes.

Paper: Xu 2018 (AttnGAN, 1711.10485, section 3.2).
Command: python launch.py --config=experiments/damsm_openmoji32.py --config.seed=1
  python launch.py --workdir=runs/dfgan_openmoji32 --mode=evaluate --encoder=runs/damsm_openmoji32-seed1
Hardware and cost: two CPU cores, 76 s.
Expected: R-precision of 200 held-out emoji in pools of 100: 0.28 (seed 1); 0.25 after 700 steps.
Deviations: those of dfgan_openmoji32's first stage, which has the same settings: a small image encoder that is trained
  along; --config.encoders.image=efficientnet_lite0 takes regions of a net of ImageNet.
"""

from ml_collections import ConfigDict

from experiments import common


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    common.match_words(config)
    config.generator = ConfigDict({'net': 'dfgan', 'width': 16})  # of GANs that begin here; nothing is made yet
    config.critic = ConfigDict({'net': 'dfgan', 'width': 16})
    common.every(config, 500)
    return common.finish(config, variant, __file__)
