"""ProGAN on faces at 128 x 128, by the authors' schedule for one GPU.

Paper: Karras 2018 (1710.10196); nets, batches and rates are those of the authors' TensorFlow code.
Command: python launch.py --config=experiments/progan_celeba128.py
Hardware and cost: not run; one GPU, 492,190 steps, 12 million images.
Expected: not run. A port's nets (mmagic) have a mean sliced Wasserstein distance of 8.15 and MS-SSIM .3023 there.
Deviations: each size is resampled from squares of 140 pixels of the aligned faces, not by means of 2 x 2 pixels of the
  largest; alpha changes with every step, theirs with every fourth; averages follow the generator's steps.
"""

from typing import Any

from ml_collections import ConfigDict

from experiments import common

SCHEDULE = (
    {4: 128, 8: 128, 16: 128, 32: 64, 64: 32, 128: 16},
    600_000,
    600_000,
    12_000_000,
)  # batches by size; images to train, to fade, in all


def get_config(variant: str = '') -> ConfigDict:
    config = of_authors()
    config.data.name = 'celeb_a'
    return finish(config, variant, __file__, SCHEDULE, {'data.name': common.FOLDER})


def of_authors() -> ConfigDict:
    """What does not depend on the data and their size."""
    config = common.get_config()
    config.system = 'progan'
    config.data.flip = True
    config.latents.size = 512
    config.generator = ConfigDict({'net': 'progan', 'fmap_base': 8192, 'fmap_max': 512})
    config.critic = ConfigDict({'net': 'progan', 'fmap_base': 8192, 'fmap_max': 512, 'group': 4})
    config.game = 'wasserstein'
    config.terms.wgan_gp = {'weight': 10.0}
    config.terms.drift = {'weight': 0.001}
    config.optimizer.generator = common.adam(1e-3, b1=0.0, b2=0.99)
    config.optimizer.critic = common.adam(1e-3, b1=0.0, b2=0.99)
    config.ema.update(decay=0.999, warmup=1.0)
    common.every(config, 10_000)
    config.eval.samples = 10_000
    return config


def finish(config: ConfigDict, variant: str, file: str, schedule: tuple, smoke: dict[str, Any]) -> ConfigDict:
    """The variant, whose images grow by the schedule, arguments of `common.grow`; of a smoke by a tiny one."""
    smoke = {**smoke, 'generator.fmap_max': 4, 'critic.fmap_max': 4}
    config = common.finish(config, variant, file, smoke)
    common.grow(config, *(common.GROWTH if variant else schedule))
    return config
