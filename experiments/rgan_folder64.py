"""Relativistic average least squares GAN (RaLSGAN) at 64 x 64 on a folder of images.

Paper: Jolicoeur-Martineau 2018 (1807.00734).
Command: python launch.py --config=experiments/rgan_folder64.py --config.data.name=folder:PATH
Hardware and cost: on two CPU cores 4.9 s per step, so six days; meant for an accelerator.
Expected: untested at full size. The paper's code reports FID 11.97, the lowest of a run, for RaLSGAN on its cats of 64
  x 64.
Deviations: DCGAN's nets of width 128 and Adam 1e-4 (0.5, 0.999); no published result applies to other folders.
"""

from ml_collections import ConfigDict

from experiments import common


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.data.name = 'folder:PATH'
    config.data.size = 64
    config.data.channels = 3
    config.latents.distribution = 'uniform'
    config.generator = ConfigDict({'net': 'dcgan', 'width': 128})
    config.critic = ConfigDict({'net': 'dcgan', 'width': 128})
    config.game = 'relativistic_average_least_squares'
    config.optimizer.generator = common.adam(1e-4)
    config.optimizer.critic = common.adam(1e-4)
    config.train.steps = 100_000
    config.train.batch_size = 32
    common.every(config, 5_000)
    return common.finish(config, variant, __file__, {'data.name': common.FOLDER})
