"""The conditional DCGAN on Fashion-MNIST: the label behind the latents, and as planes beside the image's channel.

Paper: Mirza & Osindero 2014 (1411.1784), with the nets of Radford 2016 (1511.06434).
Command: python launch.py --config=experiments/cdcgan_fashion_mnist.py
  then --mode=evaluate: 'accuracy' is the share of samples that a classifier gives the class that was asked for
Hardware and cost: two CPU cores that others used too, 4 to 6 steps a second: 23 minutes.
Expected: seed 0, 10,000 samples: accuracy 86.0 % (of real test images the classifier knows 90.8 %), FD (classifier)
  4.46, of two halves of the real data 0.32; precision 0.60, recall 0.69. The columns of the pictures are the ten
  classes; sandals come out broken.
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
