"""Class-conditional StyleGAN2 with adaptive augmentation on CIFAR-10.

Paper: Karras 2020 (2006.06676), the authors' configuration 'cifar'.
Command: python launch.py --config=experiments/stylegan2_ada_cifar10.py
  One class: --mode=sample --label=NAME
  Without labels: --config.critic.condition=None
Hardware and cost: 20.2 million parameters of the generator; 1.56 million steps of 64 images, for accelerators. Not run.
Expected: not run. The paper has FID 2.42 at best (conditional, 50,000 fakes against the training images).
Deviations: the strength of augmentation moves after every step, not every fourth, and is at most 1, which the authors'
  may exceed; float32; see also experiments/stylegan2_ffhq256.py.
"""

from ml_collections import ConfigDict

from experiments import common


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.system = 'stylegan2'
    config.stylegan2 = ConfigDict({'mapping': 2, 'mixing': None, 'path_length': None})
    config.data.name = 'cifar10'
    config.data.size = 32
    config.latents.size = 512
    config.generator = ConfigDict({'net': 'stylegan2', 'base': 16384, 'width': 512})
    config.critic = ConfigDict({'net': 'stylegan2', 'base': 16384, 'width': 512, 'group': 32})
    config.critic.architecture = 'orig'
    config.critic.condition = 'projection'
    config.terms.r1 = ConfigDict({'weight': 0.01, 'every': 16})
    config.augment.names = 'blit,geometric,lighting'
    config.augment.probability = 0.0
    config.augment.target = 0.6
    for role in ('generator', 'critic'):
        config.optimizer[role] = common.adam(2.5e-3, 0.0, 0.99)
    config.ema.decay = 0.5 ** (64 / 500_000)  # a half-life of 500,000 images,
    config.ema.warmup = 14.9  # at first of a twentieth of those so far: 1 + 20 log(2)
    config.train.steps = 1_562_500  # 100 million images
    config.train.batch_size = 64
    common.every(config, 5_000)
    config.eval.samples = 10_000
    smoke = {'data.name': 'openmoji', 'augment.names': 'color', 'train.conv': 'lax'}
    smoke |= {'stylegan2.mapping': 1, 'terms.r1.every': 1}
    return common.finish(config, variant, __file__, smoke)
