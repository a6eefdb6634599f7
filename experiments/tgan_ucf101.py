"""TGAN at the paper's size on a folder of clips such as UCF-101: 16 frames of 64 pixels.

Paper: Saito 2017 (1611.06624), table 3.
Command: python launch.py --config=experiments/tgan_ucf101.py --config.data.name=clips:PATH
Hardware and cost: meant for an accelerator; not measured.
Expected: not run.
Deviations: frames are what the reader of the folder makes of them, where the authors take columns 10 to 74 of 85 x 64;
  critic and generator see fakes of their own, and the critic goes first; biases that a norm takes away again are left
  out; the paper's inception score wants a net that was trained on UCF-101.
"""

from ml_collections import ConfigDict

from experiments import common, tgan_moving_digits

SMOKE = {'data.name': 'moving_emoji', 'generator.base': 16, 'critic.base': 16, 'tgan.clip_every': 2}


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.data.name = 'clips:PATH'
    config.data.size = 64
    config.data.frames = 16
    tgan_moving_digits.play(config, width=32, critic_width=64, init_limit=0.01)
    config.optimizer.generator = common.rmsprop(5e-5)
    config.optimizer.critic = common.rmsprop(5e-5)
    config.train.steps = 100_000
    config.train.batch_size = 32
    common.every(config, 5_000)
    config.eval.samples = 1_000
    return common.finish(config, variant, __file__, SMOKE)
