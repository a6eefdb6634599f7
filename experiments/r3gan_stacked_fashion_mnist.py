"""R3GAN's game and penalties on stacked Fashion-MNIST: does it find all of the 1,000 modes?

Paper: Huang 2025 (2501.05441), table 1, on stacked MNIST.
Command: python launch.py --config=experiments/r3gan_stacked_fashion_mnist.py
Hardware and cost: two CPU cores; on one of them 5 minutes.
Expected: over seeds 0, 1, 2, of 25,600 samples, 979, 1,000, 1,000 modes with a reverse KL of 0.34, 0.19, 0.14, of which
  the classifier is sure (0.5) in 27 % (seed 0 of another day, which differs by rounding: 974, 0.35, 26 %); FD
  (classifier) 154 (halves 0.96, untrained 1,890). Coats, trousers, and shoes in layers of color. In the paper, on
  stacked MNIST, all 1,000 modes.
Deviations: clothes in place of digits; small DCGANs, the critic without a norm, since R3GAN's own nets of as many
  channels take 18 times as long for an image on a CPU; constant numbers; no augmentation.
"""

from ml_collections import ConfigDict

from experiments import common


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.data.name = 'stacked'
    config.data.of = 'fashion_mnist'
    config.data.num = 128_000
    config.data.size = 28
    config.latents.size = 64
    config.generator = ConfigDict({'net': 'dcgan', 'width': 16, 'kernel': 3})  # 64, 32, 16 channels
    config.critic = ConfigDict({'net': 'dcgan', 'width': 16, 'kernel': 3, 'norm': 'none'})  # 16, 32, 64
    config.game = 'relativistic_pairing'
    config.terms = {'r1_r2': {'weight': 0.1}}
    config.optimizer.generator = common.adam(1e-3, b1=0.0, b2=0.99)
    config.optimizer.critic = common.adam(1e-3, b1=0.0, b2=0.99)
    config.ema.decay = 0.998
    config.train.steps = 5_000
    config.train.batch_size = 64
    common.every(config, 2_500)
    config.eval.features = 'classifier'
    config.eval.samples = 25_600
    return common.finish(config, variant, __file__, {'data.of': 'digits', 'data.num': 100, 'eval.features': 'pixels'})
