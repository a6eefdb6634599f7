"""DCGAN on emoji: recognizable faces and hearts in 4 minutes on two CPU cores.

Paper: Radford 2016 (1511.06434), with lazy R1 (Mescheder 2018, 1801.04406; Karras 2020, 1912.04958).
Command: python launch.py --config=experiments/quickstart.py
  Another group of OpenMoji: --config.data.group=animals-nature (or food-drink, objects, ...)
Hardware and cost: two CPU cores, 15 steps per second; 240 s in total, compilation included. With the extra `features`,
  whose net then scores the samples, a minute more.
Expected: sliced Wasserstein distance 0.05 to 0.07 (seed 0 with four versions of the convolutions: 0.054, 0.055, 0.059,
  0.068; it depends on rounding), FD (EfficientNet-Lite0) 407 and 421 (two halves of the real data: 195, untrained
  generator: 680). In samples/ yellow faces on white from step 800 on, later with different eyes, brows and mouths, and
  a few hearts. About three in ten are smears: the rarer kinds. All of OpenMoji, with similar settings, gave colored
  blobs after 5,000 steps.
Deviations: 32 x 32 pixels, batch 32, no batch norm in the critic, R1 of weight 1 every 4 steps, faster optimizers, and
  averaged weights: all to save time. There are only 171 images in the group, but they are not memorized: of 2,000
  samples 0.6 % count as such (--mode=evaluate; 24 % of real images).
"""

from ml_collections import ConfigDict

from experiments import common


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.data.name = 'openmoji'
    config.data.size = 32
    config.data.style = 'color'
    config.data.group = 'smileys-emotion'
    config.data.flip = True
    config.generator = ConfigDict({'net': 'dcgan', 'width': 48})
    config.critic = ConfigDict({'net': 'dcgan', 'width': 32, 'norm': 'none'})
    config.terms.r1 = {'weight': 1.0, 'every': 4}
    config.optimizer.generator = common.adam(3e-4, b2=0.99)
    config.optimizer.critic = common.adam(4e-4, b2=0.99)
    config.ema.decay = 0.999
    config.train.steps = 3_200
    config.train.batch_size = 32
    common.every(config, 400)
    config.eval.samples = 1_000
    return common.finish(config, variant, __file__, {'eval.features': 'pixels'})
