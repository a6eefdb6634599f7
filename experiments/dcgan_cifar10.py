"""DCGAN on CIFAR-10 at 32 x 32.

Paper: Radford 2016 (1511.06434).
Command: python launch.py --config=experiments/dcgan_cifar10.py
Hardware and cost: on two CPU cores 0.5 s per step, so 14 hours; meant for an accelerator.
Expected: untested at full size. Others' DCGANs reach FID 48.29 (PyTorch-StudioGAN, 50k/50k, best of a run) and 28.95
  (mimicry, 10k/10k, 5 critic steps): with different protocols, so neither is a target.
Deviations: the paper uses CIFAR-10 only to test features; three halvings in place of four.
"""

from ml_collections import ConfigDict

from experiments import common


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.data.name = 'cifar10'
    config.data.size = 32
    config.latents.size = 100
    config.latents.distribution = 'uniform'
    config.generator = ConfigDict({'net': 'dcgan', 'width': 64})  # 4, 8, 16, 32
    config.critic = ConfigDict({'net': 'dcgan', 'width': 64})
    config.train.steps = 100_000
    config.train.batch_size = 128
    common.every(config, 5_000)
    config.eval.samples = 10_000
    return common.finish(config, variant, __file__, {'data.name': 'openmoji'})
