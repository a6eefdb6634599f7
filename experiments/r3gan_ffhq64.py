"""R3GAN on a folder of faces of 64 pixels: a relativistic game, R1 and R2, and modern nets without tricks.

Paper: Huang 2025 (2501.05441), configuration E; settings of the authors' published code.
Command: python launch.py --config=experiments/r3gan_ffhq64.py --config.data.name=folder:PATH
  256 pixels: --config.data.size=256 --config.generator.widths='(768, 768, 768, 768, 384, 192, 96)', the critic alike,
  --config.terms.r1_r2.weight=150 --config.schedules.gamma.to=15: gamma grows with the images
Hardware and cost: batches of 256 through 22 M parameters a net: for accelerators; never run here.
Expected: not run. The paper reports FID 1.95 for FFHQ at 64 pixels, 2.75 at 256.
Deviations: those of experiments/r3gan_cifar10.py.
"""

from ml_collections import ConfigDict

from experiments import common, r3gan_cifar10

NET = {'net': 'r3gan', 'widths': (768, 768, 768, 768, 384), 'blocks': 2}
BATCH = 256


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.data.name = 'folder:PATH'
    config.data.size = 64
    config.data.flip = True
    config.latents.size = 64
    config.generator = ConfigDict(NET)
    config.critic = ConfigDict(NET)
    r3gan_cifar10.regularize(config, 2.0, 0.2, half_life=500_000, augment=0.3, batch=BATCH, images=r3gan_cifar10.IMAGES)
    config.train.steps = 10 * r3gan_cifar10.IMAGES // BATCH
    common.every(config, 10_000)
    config.eval.samples = 10_000
    return common.finish(config, variant, __file__, r3gan_cifar10.SMOKE | {'data.name': common.FOLDER})
