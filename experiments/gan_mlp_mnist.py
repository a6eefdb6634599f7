"""The first GAN on MNIST: two fully connected nets.

Paper: Goodfellow 2014 (1406.2661).
Command: python launch.py --config=experiments/gan_mlp_mnist.py
  Fashion-MNIST instead: --config.data.name=fashion_mnist
Hardware and cost: on two CPU cores 13 ms per step, so about 11 minutes.
Expected: untested at full size; digits (or clothes) with pixel noise, since the nets know nothing of neighboring
  pixels.
Deviations: leaky ReLU, Adam 5e-5 with beta1 0.5 and no dropout in place of the paper's maxout, momentum and dropout.
"""

from ml_collections import ConfigDict

from experiments import common


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.data.name = 'mnist'
    config.data.size = 28
    config.latents.size = 100
    config.generator = ConfigDict({'net': 'mlp', 'widths': (256, 512, 1024), 'activation': 'leaky_relu'})
    config.critic = ConfigDict({'net': 'mlp', 'widths': (512, 256), 'activation': 'leaky_relu'})
    config.optimizer.generator = common.adam(5e-5)
    config.optimizer.critic = common.adam(5e-5)
    config.train.steps = 50_000
    config.train.steps_per_call = 20
    common.every(config, 5_000)
    return common.finish(config, variant, __file__, {'data.name': 'digits'})
