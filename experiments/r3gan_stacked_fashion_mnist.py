"""R3GAN's game and penalties on stacked Fashion-MNIST: does it find all of the 1,000 modes?

Paper: Huang 2025 (2501.05441), table 1, on stacked MNIST.
Command: python launch.py --config=experiments/r3gan_stacked_fashion_mnist.py
  Then --mode=evaluate --num=25600: 'modes' and 'reverse_kl'
Hardware and cost: TIME
Expected: not run. In the paper, on stacked MNIST, all 1,000 modes; without R2 the game diverges.
Deviations: clothes in place of digits, small nets, constant numbers, batch 32; no augmentation.
"""

from ml_collections import ConfigDict

from experiments import common

NET = {'net': 'r3gan', 'widths': (64, 32, 16), 'blocks': 1}  # at 7, 14 and 28 pixels


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.data.name = 'stacked'
    config.data.of = 'fashion_mnist'
    config.data.num = 128_000
    config.data.size = 28
    config.latents.size = 64
    config.generator = ConfigDict(NET)
    config.critic = ConfigDict(NET)
    config.game = 'relativistic_pairing'
    config.terms = {'r1_r2': {'weight': 1.0}}
    config.optimizer.generator = common.adam(2e-4, b1=0.0, b2=0.99)
    config.optimizer.critic = common.adam(2e-4, b1=0.0, b2=0.99)
    config.ema.decay = 0.999
    config.train.steps = 8_000
    config.train.batch_size = 32
    common.every(config, 2_000)
    config.eval.features = 'classifier'
    smoke = {"generator.widths": (8, 8), "critic.widths": (8, 8)}
    smoke |= {'data.of': 'digits', 'data.num': 100, 'eval.features': 'pixels'}
    return common.finish(config, variant, __file__, smoke)
