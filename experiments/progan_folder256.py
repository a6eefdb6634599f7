"""ProGAN on a folder of images at 256 x 256, by the authors' schedule for one GPU.

Paper: Karras 2018 (1710.10196); nets, batches and rates are those of the authors' TensorFlow code.
Command: python launch.py --config=experiments/progan_folder256.py --config.data.name=folder:PATH
Hardware and cost: not run; one GPU, 829,690 steps, 12 million images.
Expected: not run. The authors' FIDs at this size, quoted: LSUN bedroom 8.34, church 6.42, cat 37.52.
Deviations: each size is resampled from the images (Lanczos), not by means of 2 x 2 pixels of the largest; alpha changes
  with every step, theirs with every fourth; averages follow the generator's steps.
"""

from ml_collections import ConfigDict

from experiments import common, progan_celeba128

SCHEDULE = (
    {4: 128, 8: 128, 16: 128, 32: 64, 64: 32, 128: 16, 256: 8},
    600_000,
    600_000,
    12_000_000,
)  # batches by size; images to train, to fade, in all


def get_config(variant: str = '') -> ConfigDict:
    config = progan_celeba128.of_authors()
    config.data.name = 'folder:PATH'
    config.data.channels = 3
    return progan_celeba128.finish(config, variant, __file__, SCHEDULE, {'data.name': common.FOLDER})
