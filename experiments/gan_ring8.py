"""A GAN with R1 and annealed instance noise on a ring of 8 Gaussians, the classic toy of mode collapse.

Paper: Mescheder 2018 (1801.04406) for R1, Sonderby 2017 (1610.04490) for instance noise, Metz 2017 (1611.02163) for the
  ring.
Command: python launch.py --config=experiments/gan_ring8.py
Hardware and cost: two CPU cores, 27 to 31 s with compilation.
Expected: 8 of 8 modes; measured 90.7, 87.1, 90.2 % high quality and reverse KL 0.0026, 0.0034, 0.0017 (seeds 0, 1, 2;
  2,000 samples; true samples: 0.0018). The GAN of PacGAN (1712.04086) has 6.3+-0.5 modes on its ring of radius 1.
Deviations: ReLU nets of 128 x 2 and 8 latents in place of Metz's tanh nets and 256; R1 of weight 0.02. Without noise,
  at lower rates, 6,000 steps found the modes in unequal proportions: reverse KL 0.3 to 0.6.
"""

from ml_collections import ConfigDict

from experiments import common


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.data.name = 'ring'
    config.latents.size = 8
    config.generator = ConfigDict({'net': 'mlp', 'widths': (128, 128), 'activation': 'relu'})
    config.critic = ConfigDict({'net': 'mlp', 'widths': (128, 128), 'activation': 'leaky_relu'})
    config.terms.r1 = {'weight': 0.02}
    config.instance_noise.sigma = 0.5
    config.instance_noise.until = 4_000
    config.optimizer.generator = common.adam(1e-3, b1=0.0)
    config.optimizer.critic = common.adam(1e-3, b1=0.0)
    config.ema.decay = 0.998
    config.train.steps = 8_000
    config.train.batch_size = 256
    config.train.steps_per_call = 100
    common.every(config, 1_000)
    return common.finish(config, variant, __file__)
