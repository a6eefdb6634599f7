"""Pix2Pix on emoji: line drawings are colored.

Paper: Isola 2017 (1611.07004).
Command: python launch.py --config=experiments/pix2pix_openmoji64.py
  then --mode=sample: rows of source, what is made of it, and what it should look like, of held-out examples
Hardware and cost: two CPU cores, 2.7 to 3.1 steps per second, so about 25 minutes.
Expected: seed 0, 202 held-out emoji: l1 13.6 of 255 (copying the drawing 18.5, the mean emoji 46.2), PSNR 19.4 dB, FD
  (EfficientNet-Lite0) 286 (untrained 840). Faces are yellow, hair and clothes have colors of their own; what could have
  any color (vases, tools, a letter's ground) is mottled. The same U-Net by the absolute error alone is ahead of it, l1
  13.1, PSNR 19.8 dB, FD 267 (at 32 pixels the critic is ahead in FD: sweeps/pix2pix_losses.py).
Deviations: 64 pixels, nets of half the width, batch 16 with the norm of single images (what the paper's batches of 1
  make of batch norm), patches of 34 pixels, which at 64 are to the image what 70 are to 128; the critic's loss is not
  halved, which Adam hardly notices.
"""

from ml_collections import ConfigDict

from experiments import common


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.system = 'pix2pix'
    config.pix2pix = ConfigDict({'l1': 100.0})  # weight of the absolute error
    config.data.name = 'openmoji'
    config.data.size = 64
    config.data.style = 'color'
    config.data.source = 'line'
    config.data.split = 'train'  # every eighth example is held out
    config.data.flip = True
    config.generator = ConfigDict({'net': 'unet', 'width': 32, 'norm': 'instance', 'init_std': 0.02})
    config.critic = ConfigDict({'net': 'patchgan', 'width': 32, 'patch': 34, 'norm': 'instance', 'init_std': 0.02})
    config.train.steps = 4_000
    config.train.batch_size = 16
    common.every(config, 500)
    config.eval.samples = 200
    smoke = {'eval.features': 'pixels', 'generator.init_std': 0.1, 'critic.init_std': 0.1}
    return common.finish(config, variant, __file__, smoke)
