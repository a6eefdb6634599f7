"""StyleGAN2 with ADA, narrow, on all of OpenMoji in color: at the scale of two CPU cores.

Paper: Karras 2020 (1912.04958); augmentations Karras 2020 (2006.06676).
Command: python launch.py --config=experiments/stylegan2_openmoji32.py
  then --mode=sample: also sheets of truncation, and of styles mixed by layers
Hardware and cost: not measured.
Expected: not run.
Deviations: other data.
"""

from ml_collections import ConfigDict

from experiments import common


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.system = 'stylegan2'
    config.stylegan2 = ConfigDict({'mapping': 4, 'mixing': 0.9, 'path_length': 2.0, 'path_every': 4})
    config.data.name = 'openmoji'
    config.data.size = 32
    config.data.style = 'color'
    config.data.flip = True
    config.latents.size = 64
    config.generator = ConfigDict({'net': 'stylegan2', 'width': 64})
    config.critic = ConfigDict({'net': 'stylegan2', 'width': 64, 'group': 4})
    config.terms.r1 = ConfigDict({'weight': 0.1, 'every': 16})
    config.augment.names = 'blit,geometric,lighting'
    config.augment.probability = 0.0
    config.augment.target = 0.6
    config.augment.kimg = 100.0
    for role in ('generator', 'critic'):
        config.optimizer[role] = common.adam(2e-3, 0.0, 0.99)
    config.ema.decay = 0.998
    config.train.steps = 10_000
    config.train.batch_size = 16
    common.every(config, 1_000)
    config.eval.samples = 1_600
    smoke = {'eval.features': 'pixels', 'stylegan2.mapping': 2, 'stylegan2.path_every': 2}
    return common.finish(config, variant, __file__, smoke)
