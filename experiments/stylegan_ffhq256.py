"""StyleGAN on a folder of faces at 256 x 256, such as FFHQ, by the authors' schedule for eight GPUs.

Paper: Karras 2019 (1812.04948), its setting for FFHQ: the non-saturating loss with R1.
Command: python launch.py --config=experiments/stylegan_ffhq256.py --config.data.name=folder:PATH
  As for CelebA-HQ: --config.game=wasserstein --config.terms.r1=None --config.terms.wgan_gp.weight=10.0
  --config.terms.drift.weight=0.001
  Samples as the authors show them: --mode=sample --truncation=0.7:8
Hardware and cost: 26.2 million parameters of the generator, 23.1 of the critic; for accelerators, 717,970 steps, 25
  million images. Not run.
Expected: not run. Of 1,024 pixels the authors have FID 4.40.
Deviations: each size is resampled from the images (Lanczos), not by means of 2 x 2 pixels of the largest; alpha changes
  with every step, theirs with every fourth; each example has a cut of its own for style mixing; the critic is updated
  before the generator, the mean of w once per step, and averages of weights include it.
"""

from typing import Any

from ml_collections import ConfigDict

from experiments import common

SCHEDULE = {
    'batches': {8: 256, 16: 128, 32: 64, 64: 32, 128: 32, 256: 32},
    'train': 600_000,  # images
    'fade': 600_000,
    'total': 25_000_000,
    'rates': {128: 1.5e-3, 256: 2e-3},
}


def get_config(variant: str = '') -> ConfigDict:
    config = of_authors()
    config.data.name = 'folder:PATH'
    config.data.channels = 3
    return finish(config, variant, __file__, SCHEDULE, {'data.name': common.FOLDER})


def of_authors() -> ConfigDict:
    """What does not depend on the data and their size."""
    config = common.get_config()
    config.system = 'stylegan'
    config.stylegan = ConfigDict({'mapping': 8, 'mixing': 0.9})
    config.data.flip = True
    config.latents.size = 512
    config.generator = ConfigDict({'net': 'stylegan', 'fmap_base': 8192, 'fmap_max': 512})
    config.critic = ConfigDict({'net': 'stylegan', 'fmap_base': 8192, 'fmap_max': 512, 'group': 4})
    config.terms.r1 = {'weight': 10.0}
    config.optimizer.generator = common.adam(1e-3, b1=0.0, b2=0.99)
    config.optimizer.critic = common.adam(1e-3, b1=0.0, b2=0.99)
    config.ema.warmup = 1.0
    common.every(config, 10_000)
    config.eval.samples = 50_000
    return config


def finish(config: ConfigDict, variant: str, file: str, schedule: dict, smoke: dict[str, Any]) -> ConfigDict:
    """The variant, whose images grow by the schedule, arguments of `common.grow`; of a smoke at its first two sizes."""
    smoke = {**smoke, 'generator.fmap_max': 4, 'critic.fmap_max': 4, 'stylegan.mapping': 1}
    config = common.finish(config, variant, file, smoke)
    half_life = 10_000  # of averages, in images
    if variant:
        first, second, *_ = schedule['batches']
        half_life *= 8 / schedule['batches'][first]  # in as many steps
        schedule = {'batches': {first: 8, second: 8}, 'train': 16, 'fade': 16}
    common.grow(config, **schedule, half_life=half_life)
    return config
