"""SN-GAN's standard CNN, narrow, on all of OpenMoji in colour: spectral norm where two CPU cores can watch it work.

Paper: Miyato 2018 (1802.05957), table 3, setting C of table 1.
Command: python launch.py --config=experiments/sngan_openmoji32.py
  One group of the emoji: --config.data.group=smileys-emotion (or animals-nature, food-drink, objects, ...)
Hardware and cost: two CPU cores, 0.11 s of CPU time a step (measured while they were busy), so about 20 minutes.
Expected: untested at full length. After 487 steps the kernels' largest singular values were within 0.7 % of 1 and the
  samples a pale pattern: until then the critic wins, its hinge at 0. On all of OpenMoji quickstart's DCGAN gave blobs.
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
