"""Conditional relativistic average least squares DCGAN at 64 x 64, on a folder with one sub-folder per class.

Paper: Jolicoeur-Martineau 2018 (1807.00734), conditional as in Mirza & Osindero 2014 (1411.1784).
Command: python launch.py --config=experiments/crgan_folder64.py --config.data.name=folder:PATH
  Only one class: --mode=sample --label=NAME
Hardware and cost: DCGAN at width 128: on two CPU cores about 5 s per step, for an accelerator.
Expected: untested at full size.
Deviations: neither paper has this combination; settings are those of experiments/rgan_folder64.py, labels as
  50-dimensional embeddings.
"""

from ml_collections import ConfigDict

from experiments import common


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.data.name = 'folder:PATH'
    config.data.size = 64
    config.latents.distribution = 'uniform'
    config.generator = ConfigDict({'net': 'dcgan', 'width': 128, 'condition': 'concat', 'embedding': 50})
    config.critic = ConfigDict({'net': 'dcgan', 'width': 128, 'condition': 'planes', 'embedding': 50})
    config.game = 'relativistic_average_least_squares'
    config.optimizer.generator = common.adam(1e-4)
    config.optimizer.critic = common.adam(1e-4)
    config.train.steps = 100_000
    config.train.batch_size = 32
    common.every(config, 5_000)
    return common.finish(config, variant, __file__, {'data.name': 'openmoji'})
