"""AC-GAN on Fashion-MNIST: the critic classifies the garment, and the generator is conditioned on it.

Paper: Odena 2017 (1610.09585), with the nets of Radford 2016 (1511.06434).
Command: python launch.py --config=experiments/acgan_fashion_mnist.py
  then --mode=evaluate: 'accuracy' is the fraction of samples that a classifier assigns to the requested class
Hardware and cost: two shared CPU cores, 15 steps per second: 8 minutes.
Expected: seed 0, 10,000 samples: accuracy 95.1 %, above that on real test images (90.8 %), and FD (classifier) 9.5 (two
  halves of the real data: 0.32); precision 0.57, recall 0.44, CAS 0.72 (real images: 0.88). So classes are purer than
  those of cdcgan_fashion_mnist, but less diverse. The columns of the pictures are the ten classes.
Deviations: half the width of DCGAN and two halvings in place of the paper's nets for 32 and 128 pixels (dropout in the
  critic, noise in its input); fake images have the classes of the real ones in the batch.
"""

from ml_collections import ConfigDict

from experiments import common


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.system = 'acgan'
    config.acgan = ConfigDict({'weight': 1.0})  # of the classification loss
    config.data.name = 'fashion_mnist'
    config.data.size = 28
    config.latents.size = 100
    config.generator = ConfigDict({'net': 'dcgan', 'width': 32, 'base': 7, 'condition': 'concat'})  # 7, 14, 28
    config.critic = ConfigDict({'net': 'dcgan', 'width': 32, 'base': 7})
    config.train.steps = 6_000
    config.train.batch_size = 64
    config.eval.features = 'classifier'
    return common.finish(config, variant, __file__, {'data.name': 'digits', 'eval.features': 'pixels'})
