"""DCGAN on Fashion-MNIST: 7, 14, 28 pixels.

Paper: Radford 2016 (1511.06434).
Command: python launch.py --config=experiments/dcgan_fashion_mnist.py
Hardware and cost: two CPU cores, 4 steps per second: 1.4 hours, or 26 minutes with --config.train.steps=6000.
Expected: after 6,000 steps, seed 0, 10,000 samples: FD (classifier) 10.4 (two halves of the real data: 0.32, untrained
  generator: 611); precision 0.49, recall 0.73; all ten classes in equal shares. After 20,000 steps, on an H100: FD of
  2,000 samples 7.65 (two halves of the real data: 1.51). Lucic 2018 (1711.10337) report FID 26.5+-1.6, a different
  metric, for a non-saturating GAN, the best of 100 settings, with similar nets (InfoGAN's).
Deviations: two halvings in place of four, because the images are small; otherwise the paper's settings.
"""

from ml_collections import ConfigDict

from experiments import common, dcgan_mnist


def get_config(variant: str = '') -> ConfigDict:
    config = dcgan_mnist.get_config()
    config.data.name = 'fashion_mnist'
    config.eval.features = 'classifier'
    return common.finish(config, variant, __file__, {'data.name': 'digits', 'eval.features': 'pixels'})
