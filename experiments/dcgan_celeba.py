"""DCGAN on CelebA at 64 x 64, with the paper's settings.

Paper: Radford 2016 (1511.06434): latents U(-1, 1)^100, Adam 2e-4 with beta1 0.5, batch 128, weights N(0, 0.02^2), slope
  0.2.
Command: python launch.py --config=experiments/dcgan_celeba.py
Hardware and cost: on two CPU cores 3.8 s per step, so two days; meant for an accelerator.
Expected: untested at full size. Lucic 2018 (1711.10337) report FID 55.0+-3.3 for a non-saturating GAN on CelebA, with
  smaller nets.
Deviations: CelebA, aligned and cropped to 140 x 140, in place of the paper's own collection of faces; kernels of 4 in
  place of 5, width 64 in place of 128, both as in PyTorch's DCGAN example.
"""

from ml_collections import ConfigDict

from experiments import common


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.data.name = 'celeb_a'
    config.data.size = 64
    config.latents.size = 100
    config.latents.distribution = 'uniform'
    config.generator = ConfigDict({'net': 'dcgan', 'width': 64, 'init_std': 0.02})  # 4, 8, 16, 32, 64
    config.critic = ConfigDict({'net': 'dcgan', 'width': 64, 'init_std': 0.02})
    config.train.steps = 40_000
    config.train.batch_size = 128
    common.every(config, 2_000)
    return common.finish(config, variant, __file__, {'data.name': 'openmoji'})
