"""cGAN with projection discriminator, on Fashion-MNIST: conditional batch norm, spectral norm, hinge.

Paper: Miyato & Koyama 2018 (1802.05637), eq. 3.
Command: python launch.py --config=experiments/projection_fashion_mnist.py
Hardware and cost: two CPU cores, about 5 minutes (6 of CPU time).
Expected: accuracy of 10,000 samples 88 %, Fréchet distance (classifier) 6.8 (two halves of the data: 0.32), CAS 0.79
  (real images: 0.88); the columns of the pictures are the ten classes.
Deviations: DCGAN's nets at half their width in place of ResNets for 128 x 128 pixels; one critic step in place of five.
"""

from ml_collections import ConfigDict

from experiments import common


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.data.name = 'fashion_mnist'
    config.data.size = 28
    config.generator = ConfigDict({'net': 'dcgan', 'width': 32, 'base': 7, 'condition': 'norm'})
    config.critic = ConfigDict(
        {'net': 'dcgan', 'width': 32, 'base': 7, 'norm': 'spectral', 'init_std': None, 'condition': 'projection'}
    )
    config.game = 'hinge'
    config.optimizer.critic = common.adam(4e-4)  # two time scales, as there is one critic step
    config.ema.decay = 0.999
    config.train.steps = 6_000
    config.train.batch_size = 64
    config.eval.features = 'classifier'
    return common.finish(config, variant, __file__, {'data.name': 'digits', 'eval.features': 'pixels'})
