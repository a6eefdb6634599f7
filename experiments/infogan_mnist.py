"""InfoGAN on MNIST: ten categories and two continuous codes, without supervision.

Paper: Chen 2016 (1606.03657), appendix C.1, with what its authors' code (openai/InfoGAN) adds: 62 noise variables U(-1,
  1), one code of ten categories, two codes U(-1, 1); Adam 2e-4 for the critic and 1e-3 for the generator; batch 128,
  5,000 steps; weight 1 of the category's bound.
Command: python launch.py --config=experiments/infogan_mnist.py
  --mode=sample also draws each category, and the effect of each code.
Hardware and cost: two CPU cores, about 40 minutes, estimated from losses_fashion_mnist, which has the same nets.
Expected: untested at full size; infogan_digits is a small version. generator/category_information, at most log 10 =
  2.303 nats, should come close to that. In the paper the category classifies digits with 5 % error.
Deviations: the recognition net is trained with the generator (eq. 6 of the paper), in the code with the critic. Its
  Gaussians learn their deviations, as in the paper, where the code fixes them to 1; so the codes' bounds have no upper
  limit, and have weight 0.1. Leaky ReLU of slope 0.2 in place of 0.1; images in (-1, 1) by tanh in place of (0, 1) by
  sigmoid.
"""

from ml_collections import ConfigDict

from experiments import common


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.system = 'infogan'
    config.data.name = 'mnist'
    config.data.size = 28
    config.latents.size = 62
    config.latents.distribution = 'uniform'
    config.generator = ConfigDict({'net': 'infogan', 'width': 64, 'activation': 'relu'})
    config.critic = ConfigDict({'net': 'infogan', 'width': 64})
    config.infogan = ConfigDict({'categories': 10, 'codes': 2, 'category_weight': 1.0, 'code_weight': 0.1})
    config.infogan.widths, config.infogan.norm = (128,), 'batch'  # of the recognition net
    config.optimizer.generator = common.adam(1e-3)
    config.train.steps = 5_000
    config.train.batch_size = 128
    return common.finish(config, variant, __file__, {'data.name': 'digits', 'infogan.widths': (8,)})
