"""Pix2Pix on edges2shoes: photographs of shoes are made of their outlines.

Paper: Isola 2017 (1611.07004), sections 6.1 and 6.2.
Command: python launch.py --config=experiments/pix2pix_edges2shoes.py --config.data.name=paired:PATH
  PATH holds train and val with both halves side by side, outlines on the left
Hardware and cost: for an accelerator; 187,000 steps of 4 images of 256 x 256. 49,825 pairs, which are streamed.
Expected: not run. FID of the authors' weights on 200 held-out images, as mmagic measured it: 75.77 (its own: 84.38).
Deviations: each image is normalized by itself, in training and in sampling, where the paper's batches of 4 share their
  statistics in training; the rate is constant, as in the paper; the critic's loss is not halved, which Adam hardly
  notices; neither jitter nor flips, as others (mmagic) train on this set.
"""

from ml_collections import ConfigDict

from experiments import common, pix2pix_facades


def get_config(variant: str = '') -> ConfigDict:
    config = pix2pix_facades.get_config()
    config.data = ConfigDict({'name': 'paired:PATH', 'size': 256, 'direction': 'AtoB', 'split': 'train', 'flip': False})
    config.data.on_device_max_mb = common.get_config().data.on_device_max_mb
    config.optimizer.generator, config.optimizer.critic = common.adam(2e-4), common.adam(2e-4)
    config.train.steps = 187_000  # 15 epochs
    config.train.batch_size = 4
    common.every(config, 11_000)
    config.eval.samples = 200
    return common.finish(config, variant, __file__, {'data.name': common.FOLDER.replace('folder', 'paired', 1)})
