"""SN-GAN's standard CNN on CIFAR-10: spectral norm in all layers of the critic, and the hinge loss.

Paper: Miyato 2018 (1802.05957), table 3; the hinge loss is from Lim & Ye 2017 (1705.02894).
Command: python launch.py --config=experiments/sngan_cifar10.py
Hardware and cost: on two CPU cores about 1.3 s per step (measured on busy cores), so 36 hours; meant for an
  accelerator.
Expected: untested at full size. The paper reports inception score 7.58 and FID 25.5 (10k real, 5k fake) with the hinge
  loss, at the best of its six optimizer settings; 7.42 and 29.3 without it.
Deviations: setting C of the optimizer, as in the paper's figure 9, since it does not say which of the six was best; the
  generator's dense layer is followed by batch norm and ReLU, as in the authors' library, but not in the table.
"""

from ml_collections import ConfigDict

from experiments import common


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.data.name = 'cifar10'
    config.data.size = 32
    config.generator = ConfigDict({'net': 'sngan', 'width': 64})
    config.critic = ConfigDict({'net': 'sngan', 'width': 64, 'norm': 'spectral'})
    config.game = 'hinge'
    config.train.steps = 100_000
    config.train.batch_size = 64
    common.every(config, 5_000)
    config.eval.samples = 10_000
    return common.finish(config, variant, __file__, {'data.name': 'openmoji'})
