"""DCGAN at 128 x 128 on a folder of images, with one-sided label smoothing.

Paper: Radford 2016 (1511.06434); smoothing is from Salimans 2016 (1606.03498).
Command: python launch.py --config=experiments/dcgan_folder128.py --config.data.name=folder:PATH
Hardware and cost: on two CPU cores 10 s per step, so six days; meant for an accelerator.
Expected: untested at full size.
Deviations: one halving more than the paper's 64 pixels (channels 64, 128, 256, 512, 1024), 128 normal latents,
  smoothing 0.9.
"""

from ml_collections import ConfigDict

from experiments import common


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.data.name = 'folder:PATH'
    config.data.size = 128
    config.data.channels = 3
    config.generator = ConfigDict({'net': 'dcgan', 'width': 64})  # 4, 8, 16, 32, 64, 128
    config.critic = ConfigDict({'net': 'dcgan', 'width': 64})
    config.targets.real = 0.9
    config.train.steps = 50_000
    config.train.batch_size = 64
    common.every(config, 2_000)
    return common.finish(config, variant, __file__, {'data.name': common.FOLDER})
