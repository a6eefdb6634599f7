"""StyleGAN2 on a folder of faces at 256 x 256, such as FFHQ.

Paper: Karras 2020 (1912.04958); at 256 pixels in the settings of StyleGAN2-ADA (Karras 2020, 2006.06676, 'paper256').
Command: python launch.py --config=experiments/stylegan2_ffhq256.py --config.data.name=folder:PATH
  Config F of the paper at 1,024 pixels (30.4 and 29.0 million parameters): --config.data.size=1024
  --config.generator.base=16384 --config.critic.base=16384 --config.critic.group=4 --config.terms.r1.weight=10.0
  --config.train.batch_size=32 and rates of 0.002
  With ADA: --config.augment.names=blit,geometric,lighting --config.augment.probability=0.0 --config.augment.target=0.6
Hardware and cost: 24.8 million parameters of the generator, 24.0 of the critic; for accelerators. Not run.
Expected: not run. With mirrored images the ADA paper has FID 3.66 +- 0.10 (50,000 fakes, all 70,000 images), and 3.88
  with ADA, which such a set does not need.
Deviations: float32 in place of float16 at the four largest sizes (--config.train.precision=bfloat16 is for all of
  them); each example has a cut of its own for style mixing, where the authors draw one for a batch; the critic is
  updated before the generator, the mean of w once per step, and averages of weights include it.
"""

from ml_collections import ConfigDict

from experiments import common


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.system = 'stylegan2'
    config.stylegan2 = ConfigDict({'mapping': 8, 'mixing': 0.9, 'path_length': 2.0, 'path_every': 4})
    config.data.name = 'folder:PATH'
    config.data.size = 256
    config.data.flip = True
    config.latents.size = 512
    config.generator = ConfigDict({'net': 'stylegan2', 'base': 8192, 'width': 512})
    config.critic = ConfigDict({'net': 'stylegan2', 'base': 8192, 'width': 512, 'group': 8})
    config.terms.r1 = ConfigDict({'weight': 1.0, 'every': 16})
    for role in ('generator', 'critic'):
        config.optimizer[role] = common.adam(2.5e-3, 0.0, 0.99)
    config.ema.decay = 0.5 ** (64 / 20_000)  # a half-life of 20,000 images, from the start
    config.ema.warmup = 1.0
    config.train.steps = 390_625  # 25 million images
    config.train.batch_size = 64
    common.every(config, 5_000)
    config.eval.samples = 50_000
    smoke = {'data.name': common.FOLDER, 'train.batch_size': 4}
    smoke |= {'stylegan2.mapping': 1, 'stylegan2.path_every': 1, 'terms.r1.every': 1}
    return common.finish(config, variant, __file__, smoke)
