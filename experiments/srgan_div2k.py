"""SRGAN at the paper's size: photographs 4 times as large, on a folder of images such as DIV2K's.

Paper: Ledig 2017 (1609.04802), section 3.2.
Command: python launch.py --config=experiments/srgan_div2k.py --config.data.name=folder:PATH \\
    --config.stages.adversarial.srgan.weights=vgg19-dcbb9e9d.pth --config.stages.fine.srgan.weights=vgg19-dcbb9e9d.pth
  or without weights, where torchvision's file lies in the cache folder; PATH holds squares of 480 pixels, cut from
  DIV2K's images (of others the central square is resampled to that).
Hardware and cost: a GPU; 1,200,000 steps. Not timed.
Expected: not run. The paper, on Set5 and Y without 4 pixels of border: SRResNet 32.05 dB, SRGAN 29.40, bicubic 28.43.
Deviations: DIV2K in place of 350,000 images of ImageNet; small images are in [-1, 1], made by Pillow's filter
  (--config.data.shrink_kernel=matlab: MATLAB's).
"""

from ml_collections import ConfigDict

from experiments import common

PRETRAINED, ADVERSARIAL, FINE = 1_000_000, 100_000, 100_000  # steps


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.system = 'regression'
    config.data.name = 'folder:PATH'
    config.data.size = 480
    config.data.channels = 3
    config.data.split = 'train'
    config.data.random_crop = 96
    config.data.flip = True
    config.data.shrink = 4
    config.generator = ConfigDict({'net': 'srgan', 'width': 64, 'blocks': 16})
    config.optimizer.generator = common.adam(1e-4, b1=0.9)
    config.train.steps = PRETRAINED + ADVERSARIAL + FINE
    config.train.batch_size = 16
    common.every(config, 10_000)
    for name, begin, rate in (('adversarial', PRETRAINED, 1e-4), ('fine', PRETRAINED + ADVERSARIAL, 1e-5)):
        adam = common.adam(rate, b1=0.9)
        config.stages[name] = {
            'begin': begin,
            'system': 'srgan',
            'train': {'fresh_optimizers': name == 'adversarial'},
            'srgan': {'perceptual': 'vgg19:relu5_4'},  # with the paper's weights, 0.006 and 0.001
            'critic': {'net': 'srgan', 'width': 64},
            'optimizer': {'generator': adam, 'critic': adam},
        }
    smoke = {
        'data.name': common.FOLDER,
        'data.random_crop': 32,
        'train.batch_size': 2,
        'eval.samples': 4,
        'generator.blocks': 1,
    }
    for i, name in enumerate(config.stages):
        stage = {'begin': 2 + i, 'srgan.perceptual': 'efficientnet_lite0:block_0', 'critic.width': 2}
        smoke |= {f'stages.{name}.{key}': value for key, value in stage.items()}
    return common.finish(config, variant, __file__, smoke)
