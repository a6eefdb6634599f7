"""CycleGAN at the paper's settings: horses become zebras, and zebras horses.

Paper: Zhu 2017 (1703.10593), sections 4 and 7; settings of the authors' PyTorch code where it says more.
Command: python launch.py --config=experiments/cyclegan_horse2zebra.py --config.data.name=unpaired:PATH
  PATH is a folder with trainA, trainB, testA and testB; any two domains do.
Hardware and cost: not run; for an accelerator.
Expected: not run. In the literature, FID of zebras is 62 to 77 (120 held-out images, Inception features).
Deviations: an epoch is counted as 1,177 steps, the paper's number of zebras, whatever the folder holds; rates fall in
  each step of the second half, not after each epoch; critics see the fakes of generators that have not yet moved.
"""

from ml_collections import ConfigDict

from experiments import common

EPOCH = 1_177


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.system = 'cyclegan'
    config.cyclegan = ConfigDict({'cycle': 10.0, 'identity': 0.5, 'adversarial': 2.0, 'pool': 50})
    config.game = 'least_squares'
    config.data.name = 'unpaired:PATH'
    config.data.size = 286
    config.data.random_crop = 256
    config.data.flip = True
    config.generator = ConfigDict({'net': 'cyclegan', 'width': 64, 'blocks': 9})
    config.critic = ConfigDict({'net': 'patchgan', 'width': 64, 'patch': 70, 'norm': 'plain_instance'})
    for player in ('generator', 'critic'):
        config.optimizer[player] = common.adam(2e-4)
        config.optimizer[player].update(schedule='linear', schedule_start=100 * EPOCH, schedule_end=200 * EPOCH)
    config.train.steps = 200 * EPOCH
    config.train.batch_size = 1
    common.every(config, 5 * EPOCH)
    config.eval.samples = 120
    smoke = {'generator.blocks': 1, 'critic.patch': 16, 'cyclegan.pool': 2, 'train.batch_size': 1}
    smoke |= {'train.conv': 'lax', 'data.name': common.DOMAINS}
    return common.finish(config, variant, __file__, smoke)
