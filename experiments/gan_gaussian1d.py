"""GAN on a 1-D Gaussian: two small nets learn N(4, 1.25^2) from four normal latents.

Paper: Goodfellow 2014 (1406.2661), with R1 (Mescheder 2018, 1801.04406).
Command: python launch.py --config=experiments/gan_gaussian1d.py
Hardware and cost: two CPU cores, 16 to 24 s with compilation (measured on shared cores).
Expected: mean within 0.15 of 4 and standard deviation within 0.2 of 1.25; measured 4.026, 4.041, 3.964 and 1.243,
  1.240, 1.263 (seeds 0, 1, 2). The critic's loss ends near 2 log 2 = 1.386, that of a random guess.
Deviations: the paper's figure has no numbers; R1 of weight 0.1 and averaged weights. With one latent, ReLU, Adam 2e-4
  and no R1 the standard deviation was 2.69 after 5,000 steps.
"""

from ml_collections import ConfigDict

from experiments import common


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.data.name = 'gaussian1d'
    config.latents.size = 4
    config.generator = ConfigDict({'net': 'mlp', 'widths': (32, 32), 'activation': 'swish'})
    config.critic = ConfigDict({'net': 'mlp', 'widths': (64, 64), 'activation': 'swish'})
    config.terms.r1 = {'weight': 0.1}
    config.optimizer.generator = common.adam(5e-4)
    config.optimizer.critic = common.adam(2e-3)
    config.ema.decay = 0.998
    config.train.steps = 3_000
    config.train.batch_size = 256
    config.train.steps_per_call = 100
    common.every(config, 1_000)
    return common.finish(config, variant, __file__)
