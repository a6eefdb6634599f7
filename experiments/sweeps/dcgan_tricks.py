"""The effect of common tricks on a plain DCGAN on Fashion-MNIST, one at a time and all at once.

Paper: DCGAN 1511.06434; one-sided label smoothing: Salimans 2016 (1606.03498), section 3.4; instance noise: Sonderby
  2017 (1610.04490); averaged weights: Yazici 2019 (1806.04498); two learning rates: Heusel 2017 (1706.08500), with
  SAGAN's 1e-4 and 4e-4 (1805.08318). Two-sided smoothing and label flipping are folklore ('GAN hacks').
Command: python launch.py --sweep=experiments/sweeps/dcgan_tricks.py --seeds=3
Hardware and cost: two CPU cores, 0.036 s per run and step on shared cores, so at most 45 minutes for the 24 runs in 5
  programs.
Expected: untested. The score is the sliced Wasserstein distance of pixels, lower is better; averaged weights are scored
  by their own samples.
Deviations: DCGAN's nets with 16 channels in place of 64 and 3,000 steps, to run on two CPU cores.
"""

from ml_collections import ConfigDict

from experiments import common, dcgan_fashion_mnist

TRICKS = {
    'smooth_one_sided': {'targets.real': 0.9},
    'smooth_two_sided': {'targets.real': 0.9, 'targets.fake': 0.1},
    'flip': {'flip_targets': 0.05},
    'noise': {'instance_noise.sigma': 0.1},
    'ema': {'ema.decay': 0.999},
    'ttur': {'optimizer.generator.learning_rate': 1e-4, 'optimizer.critic.learning_rate': 4e-4},
}
ALL = ('smooth_one_sided', 'flip', 'noise', 'ema', 'ttur')


def get_config(variant: str = '') -> ConfigDict:
    config = dcgan_fashion_mnist.get_config()
    config.generator.width = config.critic.width = 16
    config.instance_noise.until = 3_000
    config.train.steps = 3_000
    config.train.batch_size = 64
    config.train.steps_per_call = 10
    common.every(config, 1_000)
    return common.finish(config, variant, __file__, {'data.name': 'digits'})


def sweep(add) -> None:
    add('plain')
    for name, overrides in TRICKS.items():
        add(name, **overrides)
    add('all', **{key: value for name in ALL for key, value in TRICKS[name].items()})
