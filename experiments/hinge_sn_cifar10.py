"""Hinge loss and spectral normalization (SN-GAN) on CIFAR-10, with DCGAN's nets.

Paper: Miyato 2018 (1802.05957); the hinge loss is from Lim & Ye 2017 (1705.02894).
Command: python launch.py --config=experiments/hinge_sn_cifar10.py
Hardware and cost: on two CPU cores 0.26 s per step, so 7 hours; meant for an accelerator.
Expected: untested at full size. The paper reports inception score 7.58 and FID 25.5 (10k real, 5k fake) with the hinge
  loss and its seven-layer convolutional critic.
Deviations: DCGAN's critic of three strided convolutions in place of the paper's seven layers; its setting C: Adam 2e-4
  (0.5, 0.999), 1 critic step.
"""

from ml_collections import ConfigDict

from experiments import common, sngan_cifar10


def get_config(variant: str = '') -> ConfigDict:
    config = sngan_cifar10.get_config()
    config.generator.net = config.critic.net = 'dcgan'
    return common.finish(config, variant, __file__, {'data.name': 'openmoji'})
