"""MoCoGAN at the paper's size on a folder of clips such as UCF-101: 16 frames of 64 pixels.

Paper: Tulyakov 2018 (1707.04993).
Command: python launch.py --config=experiments/mocogan_ucf101.py --config.data.name=clips:PATH --config.data.stride=2
Variants: --config.mocogan.category=motion where clips lie in folders that are classes; --config.critic.noise_std=0.1
  is the noise before the critics' convolutions
Hardware and cost: meant for an accelerator; not measured.
Expected: not run.
Deviations: as many frames as clips in a batch, 32 in place of 10 and 3; no weight decay; both critics move in one
  update, and the generator's batch statistics are those of clips; the paper's inception score wants a net that was
  trained on UCF-101.
"""

from ml_collections import ConfigDict

from experiments import common, mocogan_moving_digits

SMOKE = {'data.name': 'moving_emoji', 'generator.base': 16, 'critic.base': 16}


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.data.name = 'clips:PATH'
    config.data.size = 64
    config.data.frames = 16
    mocogan_moving_digits.play(config, width=64, critic_width=64)
    config.train.steps = 100_000
    config.train.batch_size = 32
    common.every(config, 5_000)
    config.eval.samples = 1_000
    return common.finish(config, variant, __file__, SMOKE)
