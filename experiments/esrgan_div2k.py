"""ESRGAN at the paper's size: photographs 4 times as large, on a folder of images such as DIV2K's.

Paper: Wang 2018 (1809.00219), section 4.1.
Command: python launch.py --config=experiments/esrgan_div2k.py --config.data.name=folder:PATH
  with torchvision's vgg19-dcbb9e9d.pth in the cache folder, or named by stages.adversarial.srgan.weights; PATH holds
  squares of 480 pixels, cut from DIV2K's images (of others the central square is resampled to that).
Hardware and cost: a GPU; 1,400,000 steps. Not timed.
Expected: not run. The authors, on Set5 and Y without 4 pixels of border: 32.73 dB after the first stage.
Deviations: DIV2K alone; the first stage's rate falls as a cosine, the second's linearly, in place of halvings;
  no quarter turns; the critic is SRGAN's with a mean over pixels before its dense layers.
"""

from ml_collections import ConfigDict

from experiments import common

PRETRAINED, ADVERSARIAL = 1_000_000, 400_000  # steps


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.system = 'regression'
    config.regression = ConfigDict({'error': 'l1'})
    config.data.name = 'folder:PATH'
    config.data.size = 480
    config.data.channels = 3
    config.data.split = 'train'
    config.data.random_crop = 128
    config.data.flip = True
    config.data.shrink = 4
    config.generator = ConfigDict({'net': 'esrgan', 'width': 64, 'blocks': 23, 'growth': 32})
    config.optimizer.generator = _adam(2e-4, 'cosine', PRETRAINED)
    config.train.steps = PRETRAINED + ADVERSARIAL
    config.train.batch_size = 16
    common.every(config, 10_000)
    config.stages.adversarial = {
        'begin': PRETRAINED,
        'system': 'srgan',
        'train': {'fresh_optimizers': True},
        'srgan': {
            'perceptual': 'vgg19:conv5_4',  # before the activation
            'error': 'l1',
            'content': 1.0,
            'pixel': 1e-2,
            'adversarial': 5e-3,
        },
        'game': 'relativistic_average',
        'critic': {'net': 'srgan', 'width': 64, 'pool': True},
        'optimizer': dict.fromkeys(('generator', 'critic'), _adam(1e-4, 'linear', config.train.steps, PRETRAINED)),
    }
    smoke = {
        'data.name': common.FOLDER,
        'data.random_crop': 32,
        'train.batch_size': 2,
        'eval.samples': 4,
        'generator.blocks': 1,
        'generator.growth': 2,
        'stages.adversarial.begin': 2,
        'stages.adversarial.srgan.perceptual': 'efficientnet_lite0:block_0',
        'stages.adversarial.critic.width': 2,
    }
    return common.finish(config, variant, __file__, smoke)


def _adam(rate: float, schedule: str, end: int, start: int = 0) -> ConfigDict:
    decay = {'schedule': schedule, 'schedule_start': start, 'schedule_end': end, 'schedule_final': 0.05}
    return ConfigDict({**common.adam(rate, b1=0.9, b2=0.99), **decay})
