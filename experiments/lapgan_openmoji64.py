"""LAPGAN on emoji at 64 x 64: 16, 32 and 64 pixels, on two CPU cores.

Paper: Denton 2015 (1506.05751).
Command: python launch.py --config=experiments/lapgan_openmoji64.py
Hardware and cost: two CPU cores, 3.2 steps per second: some 40 minutes; measured on shared cores. At 32 pixels, two
  levels, three times as fast: --config.data.size=32
Expected: seed 0, 8,000 steps: two of three samples are outlined faces of many expressions, the rest hearts, devils and
  smears; the coarsest level determines the content, and the finer two sharpen it (`--mode=sample` also draws
  levels_seed0.png, one row per sample). FD (EfficientNet-Lite0) of 1,000 samples 565 (two halves of the 171 images:
  176, untrained: 638): it is sensitive to pale specks in the background. It was 910 after 1,000 steps, with stripes
  everywhere, and lowest, 539, after 3,000; sliced Wasserstein 0.70, 0.155, 0.076, and 0.069 from 5,000 on.
Deviations: other data; the coarsest level is a DCGAN of 16 pixels; 16 channels, small kernels; Adam, R1 and averaged
  weights, in place of SGD and dropout; leaky ReLU in the critics. All levels are trained in one run, and a critic's
  fakes are conditioned on smaller versions of the real images.
"""

from ml_collections import ConfigDict

from experiments import common


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.system = 'lapgan'
    config.data.name = 'openmoji'
    config.data.size = 64
    config.data.style = 'color'
    config.data.group = 'smileys-emotion'
    config.data.flip = True
    config.latents.distribution = 'uniform'
    config.lapgan = ConfigDict({'coarsest': 16, 'conditional': False})  # 16, 32, 64
    config.lapgan.generator = ConfigDict({'net': 'dcgan', 'width': 64})
    config.lapgan.critic = ConfigDict({'net': 'dcgan', 'width': 48, 'norm': 'none'})
    config.generator = ConfigDict({'net': 'lapgan', 'width': 16, 'kernels': (3, 5, 3)})
    config.critic = ConfigDict({'net': 'lapgan', 'width': 16, 'kernel': 3, 'activation': 'leaky_relu'})
    config.terms.r1 = {'weight': 1.0, 'every': 4}
    config.optimizer.generator = common.adam(3e-4, b2=0.99)
    config.optimizer.critic = common.adam(4e-4, b2=0.99)
    config.ema.decay = 0.999
    config.train.steps = 8_000
    config.train.batch_size = 16
    common.every(config, 1_000)
    config.eval.samples = 1_000
    smoke = {'lapgan.coarsest': 32, 'lapgan.generator.width': 4, 'lapgan.critic.width': 4, 'eval.features': 'pixels'}
    return common.finish(config, variant, __file__, smoke)
