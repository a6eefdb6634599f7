"""SRGAN on emoji: from 16 pixels to 64, first by the error of pixels, then by a frozen net and a critic as well.

Paper: Ledig 2017 (1609.04802).
Command: python launch.py --config=experiments/srgan_openmoji64.py
  then --mode=evaluate --step=2500 for SRResNet and --mode=evaluate for SRGAN; beside each, bicubic enlarging
  ('psnr/source'). Over three seeds: sweeps/srgan_openmoji64.py
Hardware and cost: two CPU cores, made for some 12 minutes; not timed on idle ones.
Expected: not run.
Deviations: 4 blocks of 32 channels; a critic of 16 with a mean over pixels before its dense layers; features of
  EfficientNet-Lite0 after its third block (24 maps of 16 x 16) in place of VGG19's, beside pixels: at the weight that
  they have, their gradient is twice that of the pixels' error where images are enlarged by the bicubic filter. FD
  (EfficientNet-Lite0) sees all of the same net, so read FD (pixels) and the pictures beside it.
"""

from ml_collections import ConfigDict

from experiments import common

PRETRAINED = 2_500  # steps of the first stage


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.system = 'regression'
    config.data.name = 'openmoji'
    config.data.size = 64
    config.data.style = 'color'
    config.data.split = 'train'  # every eighth example is held out
    config.data.flip = True
    config.data.shrink = 4  # the field 'source', by Pillow's bicubic filter
    config.generator = ConfigDict({'net': 'srgan', 'width': 32, 'blocks': 4})
    decay = {'schedule': 'cosine', 'schedule_end': PRETRAINED, 'schedule_final': 0.1}
    config.optimizer.generator = ConfigDict({**common.adam(1e-3, b1=0.9), **decay})
    config.train.steps = PRETRAINED + 1_500
    config.train.batch_size = 16
    config.train.keep = 20
    common.every(config, 500)
    config.eval.samples = 200
    config.stages.adversarial = {
        'begin': PRETRAINED,
        'system': 'srgan',
        'train': {'fresh_optimizers': True},
        'srgan': {'perceptual': 'efficientnet_lite0:block_2', 'content': 4e-4, 'pixel': 1.0, 'adversarial': 5e-3},
        'critic': {'net': 'srgan', 'width': 16, 'dense': 128, 'pool': True},
        'optimizer': {'generator': common.adam(2e-4, b1=0.9), 'critic': common.adam(2e-4, b1=0.9)},
    }
    smoke = {
        'eval.features': 'pixels',
        'generator.blocks': 1,
        'stages.adversarial.begin': 2,
        'stages.adversarial.srgan.perceptual': 'efficientnet_lite0:block_0',
        'stages.adversarial.critic.width': 2,
    }
    return common.finish(config, variant, __file__, smoke)
