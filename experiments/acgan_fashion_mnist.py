"""AC-GAN on Fashion-MNIST: the critic names the garment, and the generator makes the one that is asked for.

Paper: Odena 2017 (1610.09585), with the nets of Radford 2016 (1511.06434).
Command: python launch.py --config=experiments/acgan_fashion_mnist.py
  then --mode=evaluate: 'accuracy' is the share of samples that a classifier gives the class that was asked for
Hardware and cost: two CPU cores, 0.05 s of CPU time a step (30 steps timed), so some 5 minutes.
Expected: untested at full size. The columns of the pictures are the ten classes; critic/real_accuracy and
  critic/fake_accuracy say how well the critic tells them.
Deviations: half the width of DCGAN and two halvings in place of the paper's nets for 32 and 128 pixels (dropout in the
  critic, noise in its input); the fake images have the classes of the real ones beside them, not drawn anew.
"""

from ml_collections import ConfigDict

from experiments import common


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.system = 'acgan'
    config.acgan = ConfigDict({'weight': 1.0})  # of the classification losses
    config.data.name = 'fashion_mnist'
    config.data.size = 28
    config.latents.size = 100
    config.generator = ConfigDict({'net': 'dcgan', 'width': 32, 'base': 7, 'condition': 'concat'})  # 7, 14, 28
    config.critic = ConfigDict({'net': 'dcgan', 'width': 32, 'base': 7})
    config.train.steps = 6_000
    config.train.batch_size = 64
    config.eval.features = 'classifier'
    return common.finish(config, variant, __file__, {'data.name': 'digits', 'eval.features': 'pixels'})
