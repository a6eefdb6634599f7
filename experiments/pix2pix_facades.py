"""Pix2Pix on facades: photographs of buildings are made of their labels, or of any folder of pairs.

Paper: Isola 2017 (1611.07004), sections 6.1 and 6.2; the schedule is that of the authors' maintained PyTorch code.
Command: python launch.py --config=experiments/pix2pix_facades.py --config.data.name=paired:PATH
  PATH holds train, val and test with both halves side by side; --config.data.direction=AtoB makes what is on the right
  then --mode=evaluate, and --mode=sample --input=FOLDER --out=FOLDER for labels of your own
Hardware and cost: for an accelerator, where the paper's 200 epochs took less than two hours (Titan X Pascal); weeks on
  two CPU cores. 400 pairs.
Expected: not run. The paper has no number for facades; FID of the authors' weights on its 106 test images, as mmagic
  measured it: 119.14.
Deviations: the critic's loss is not halved, which Adam hardly notices; in sampling, each image is normalized by itself,
  as in training with batches of 1 (what the paper calls batch norm is 'instance' here).
"""

from ml_collections import ConfigDict

from experiments import common

EPOCH = 400  # pairs, in batches of 1


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.system = 'pix2pix'
    config.pix2pix = ConfigDict({'l1': 100.0})
    config.data.name = 'paired:PATH'
    config.data.size = 286
    config.data.random_crop = 256
    config.data.flip = True
    config.data.direction = 'BtoA'
    config.data.split = 'train'
    config.generator = ConfigDict({'net': 'unet', 'width': 64, 'norm': 'instance', 'init_std': 0.02})
    config.critic = ConfigDict({'net': 'patchgan', 'width': 64, 'patch': 70, 'norm': 'instance', 'init_std': 0.02})
    for role in ('generator', 'critic'):  # constant for 100 epochs, then down to 0
        decay = {'schedule': 'linear', 'schedule_start': 100 * EPOCH, 'schedule_end': 200 * EPOCH}
        config.optimizer[role] = ConfigDict({**common.adam(2e-4), **decay})
    config.train.steps = 200 * EPOCH
    config.train.batch_size = 1
    common.every(config, 10 * EPOCH)
    config.eval.samples = 100
    return common.finish(config, variant, __file__, {'data.name': common.FOLDER.replace('folder', 'paired', 1)})
