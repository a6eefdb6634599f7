"""SRGAN on emoji: from 16 pixels to 64, first by the error of pixels, then by a frozen net and a critic as well.

Paper: Ledig 2017 (1609.04802).
Command: python launch.py --config=experiments/srgan_openmoji64.py
  then --mode=evaluate --step=2500 for SRResNet and --mode=evaluate for SRGAN; beside each, bicubic enlarging
  ('psnr/source'). Over three seeds: sweeps/srgan_openmoji64.py
Hardware and cost: two CPU cores; 31 to 33 minutes beside other programs.
Expected: held-out, 202 images, Y without 4 pixels of border, seeds 0, 1, 2. SRResNet 21.0, 20.7, 20.6 dB (bicubic
  15.9), FD (EfficientNet-Lite0) 442, 501, 490; after the second stage 20.7, 20.2, 20.3 dB and FD 377, 384, 372 (of
  seed 0 that stage was 400 steps by --mode=finetune): sharp lines on white where SRResNet blurs.
Deviations: 4 blocks of 32 channels; in the second stage a critic of patches of 16 pixels with R1 and the relativistic
  average game (SRGAN's own critic with the plain game at 5e-3 left greyish grain on white, FD 502), absolute errors, as
  in ESRGAN (with squared ones and a game of 1e-2 the FD stayed at 446); features of EfficientNet-Lite0 after its third
  block (24 maps of 16 x 16) in place of VGG19's, beside pixels; averaged weights. FD (EfficientNet-Lite0) sees all of
  the same net, but without content it falls as far (374).
"""

from ml_collections import ConfigDict

from experiments import common

PRETRAINED, ADVERSARIAL = 2_500, 800  # steps of the stages


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
    config.train.steps = PRETRAINED + ADVERSARIAL
    config.train.batch_size = 16
    config.train.keep = 20
    common.every(config, 500)
    config.eval.samples = 200
    config.stages.adversarial = {
        'begin': PRETRAINED,
        'system': 'srgan',
        'train': {'fresh_optimizers': True},
        'srgan': {
            'perceptual': 'efficientnet_lite0:block_2',
            'error': 'l1',
            'content': 1e-2,
            'pixel': 1.0,
            'adversarial': 3e-2,
        },
        'game': 'relativistic_average',
        'terms': {'r1': {'weight': 1.0}},
        'critic': {'net': 'patchgan', 'width': 32, 'patch': 16},
        'optimizer': {
            'generator': {
                'learning_rate': 4e-4,
                'schedule_start': PRETRAINED,
                'schedule_end': PRETRAINED + ADVERSARIAL,
            },
            'critic': common.adam(4e-4),
        },
        'ema': {'decay': 0.98},
    }
    smoke = {
        'eval.features': 'pixels',
        'generator.blocks': 1,
        'stages.adversarial.begin': 2,
        'stages.adversarial.srgan.perceptual': 'efficientnet_lite0:block_0',
        'stages.adversarial.critic.width': 2,
    }
    return common.finish(config, variant, __file__, smoke)
