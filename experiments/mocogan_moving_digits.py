"""MoCoGAN on clips of one digit that moves and bounces: 16 frames of 32 pixels, drawn in the compiled step.

Paper: Tulyakov 2018 (1707.04993).
Command: python launch.py --config=experiments/mocogan_moving_digits.py
Variants: --config.mocogan.category=motion gives the GRU the digit, which the critic of clips learns to read;
  --config.mocogan.category=generator gives it to the image generator; --config.mocogan.categories=10 reads no labels
Hardware and cost: two CPU cores; a step of these nets, in color, took 2.0 s of CPU time (measured on busy cores,
  tests/benchmarks/clips.py), so at least 50 minutes.
Expected: not run to the end. With batches of 16, .6 to .8 steps/s on one core: after 1,000 steps the critics had won
  (losses .02 and 13) and digits were specks on grey. With --config.critic.norm=spectral losses stay even. So it was at
  20 pixels (--config.data.size=20 --config.generator.base=5 --config.critic.base=5 --config.generator.width=64,
  2 steps/s): after 1,500 steps digits' strokes that move, FD 121 (clips), 128 after 3,000, but frames of a clip differ,
  and identity is kept in .2 to 4 %. A critic of whole frames (--config.critic.patch_frames=False
  --config.critic.width=48, 1 step/s) was at FD 123 after 1,000.
Deviations: other data, 32 pixels in place of 64 with a convolution less in each net (the critic of clips scores what is
  left, 7 x 4 x 4), half the width; as many frames as clips in a batch, 32 in place of 10 and 3; no weight decay; both
  critics move in one update, the generator's batch statistics are those of clips, averages of it are sampled; the
  classifier of categories has biases.
"""

from ml_collections import ConfigDict

from experiments import common


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.data.name = 'moving_digits'
    config.data.size = 32
    config.data.frames = 16
    play(config, width=32, critic_width=32)
    config.mocogan.long = 48
    config.ema.decay = 0.999
    config.train.steps = 3_000
    config.train.batch_size = 32
    common.every(config, 500)
    config.eval.samples = 500
    return common.finish(config, variant, __file__, {'generator.base': 8, 'critic.base': 8})


def play(config: ConfigDict, width: int, critic_width: int) -> None:
    """Sets the paper's system, nets, latents and rates."""
    config.system = 'mocogan'
    config.mocogan = ConfigDict({'motion': 10})
    config.latents.size = 50
    config.generator = ConfigDict({'net': 'mocogan', 'width': width, 'base': 4})
    config.critic = ConfigDict({'net': 'mocogan', 'width': critic_width, 'base': 4})
    config.optimizer.generator = common.adam(2e-4)
    config.optimizer.critic = common.adam(2e-4)
