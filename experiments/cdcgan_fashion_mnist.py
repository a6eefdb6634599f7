"""The conditional DCGAN on Fashion-MNIST: the label is concatenated to the latents, and to the image as planes.

Paper: Mirza & Osindero 2014 (1411.1784), with the nets of Radford 2016 (1511.06434).
Command: python launch.py --config=experiments/cdcgan_fashion_mnist.py
  then --mode=evaluate: 'accuracy' is the fraction of samples that a classifier assigns to the requested class
Hardware and cost: two shared CPU cores, 4 to 6 steps per second: 23 minutes.
Expected: seed 0, 10,000 samples: accuracy 86.0 % (real test images: 90.8 %), FD (classifier) 4.46 (two halves of the
  real data: 0.32); precision 0.60, recall 0.69. The columns of the pictures are the ten classes; sandals are broken.
Deviations: half the width of DCGAN.
"""

from ml_collections import ConfigDict

from experiments import common


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.data.name = 'fashion_mnist'
    config.data.size = 28
    config.latents.size = 100
    config.generator = ConfigDict({'net': 'dcgan', 'width': 32, 'base': 7, 'condition': 'concat'})  # 7, 14, 28
    config.critic = ConfigDict({'net': 'dcgan', 'width': 32, 'base': 7, 'condition': 'planes'})
    config.train.steps = 6_000
    config.train.batch_size = 64
    config.eval.features = 'classifier'
    return common.finish(config, variant, __file__, {'data.name': 'digits', 'eval.features': 'pixels'})
