"""SAGAN on ImageNet at 128 x 128: self-attention, spectral norm in both nets, a rate for each player.

Paper: Zhang 2019 (1805.08318), section 4.
Command: python launch.py --config=experiments/sagan_imagenet128.py
Hardware and cost: batches of 256 through 42.0 and 39.4 M parameters, a million steps: for accelerators; never run.
Expected: not run. The paper reports inception score 52.52 and FID 18.65.
Deviations: running statistics of batches move by 0.1 a step, in the authors' code by 0.001; Adam's second beta is
  0.999, as in that code.
"""

from ml_collections import ConfigDict

from experiments import biggan_imagenet128, common


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.data.name = 'tfds:imagenet2012'
    config.data.size = 128
    config.data.flip = True
    config.latents.size = 128
    net = {'net': 'biggan', 'width': 64, 'attention': (32,), 'kernel_init': 'xavier'}
    config.generator = ConfigDict(net | {'condition': 'norm'})
    config.critic = ConfigDict(net | {'condition': 'projection'})
    config.game = 'hinge'
    config.optimizer.generator = common.adam(1e-4, b1=0.0)
    config.optimizer.critic = common.adam(4e-4, b1=0.0)
    config.train.steps = 1_000_000
    config.train.batch_size = 256
    config.train.sync_batch_norm = True
    common.every(config, 10_000)
    config.eval.samples = 50_000
    return common.finish(config, variant, __file__, biggan_imagenet128.SMOKE)
