"""LSGAN on CelebA at 64 x 64, with DCGAN's nets.

Paper: Mao 2017 (1611.04076): targets 1 for real, 0 for fake, 1 for the generator (its eq. 9).
Command: python launch.py --config=experiments/lsgan_celeba.py
Hardware and cost: on two CPU cores 3.8 s per step, so two days; meant for an accelerator.
Expected: untested at full size. Lucic 2018 (1711.10337) report FID 53.9+-2.8 on CelebA, the best of 100 settings, with
  smaller nets.
Deviations: nets and optimizer are those of dcgan_celeba, so that the two differ only in the game.
"""

from ml_collections import ConfigDict

from experiments import common


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.data.name = 'celeb_a'
    config.data.size = 64
    config.latents.size = 100
    config.latents.distribution = 'uniform'
    config.generator = ConfigDict({'net': 'dcgan', 'width': 64})
    config.critic = ConfigDict({'net': 'dcgan', 'width': 64})
    config.game = 'least_squares'  # targets: real 1, fake 0, the generator's 1
    config.train.steps = 40_000
    config.train.batch_size = 128
    common.every(config, 2_000)
    return common.finish(config, variant, __file__, {'data.name': 'openmoji'})
