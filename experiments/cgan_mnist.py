"""The conditional GAN on MNIST: two fully connected nets, conditioned on the digit by an embedding.

Paper: Mirza & Osindero 2014 (1411.1784).
Command: python launch.py --config=experiments/cgan_mnist.py
  Fashion-MNIST instead: --config.data.name=fashion_mnist. Only one class: --mode=sample --label=7
Hardware and cost: on two CPU cores about 10 ms per step, so about 10 minutes.
Expected: untested on MNIST, which was not available; the columns of the pictures are the digits 0 to 9.
Deviations: 10-dimensional embeddings where the paper has hidden layers of 200 and 1,000 units for the label; leaky ReLU
  and Adam in place of its maxout, dropout and momentum.
"""

from ml_collections import ConfigDict

from experiments import common


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.data.name = 'mnist'
    config.data.size = 28
    config.latents.size = 100
    shared = {'condition': 'concat', 'embedding': 10, 'activation': 'leaky_relu'}
    config.generator = ConfigDict({'net': 'mlp', 'widths': (256, 512, 1024), 'norm': 'batch', **shared})
    config.critic = ConfigDict({'net': 'mlp', 'widths': (512, 512, 512), **shared})
    config.train.steps = 50_000
    config.train.steps_per_call = 20
    common.every(config, 5_000)
    config.eval.features = 'classifier'
    return common.finish(config, variant, __file__, {'data.name': 'digits', 'eval.features': 'pixels'})
