"""TGAN on clips of one digit that moves and bounces: 16 frames of 32 pixels, drawn in the compiled step.

Paper: Saito 2017 (1611.06624).
Command: python launch.py --config=experiments/tgan_moving_digits.py
Variants: --config.tgan.clip_every=None --config.terms.wgan_gp.weight=10 --config.critic.norm=none is WGAN-GP;
  --config.generator.temporal=lstm makes the latents of frames by an LSTM
Hardware and cost: two CPU cores; a step of these nets, in color and without clipping, took 2.1 s of CPU time (measured
  on busy cores, tests/benchmarks/clips.py), so at least 50 minutes.
Expected: not run.
Deviations: other data, 32 pixels in place of 64 with one deconvolution less; the critic halves frames and pixels three
  times and scores what is left, 2 x 4 x 4; half the width, kernels that begin as LeCun's (the authors have both) and
  Adam, so that it learns in so few steps. Critic and generator see fakes of their own, and the critic goes first.
"""

from ml_collections import ConfigDict

from experiments import common

SMOKE = {'generator.base': 8, 'critic.base': 8, 'tgan.clip_every': 2}


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.data.name = 'moving_digits'
    config.data.size = 32
    config.data.frames = 16
    play(config, width=32, critic_width=32)
    config.optimizer.generator = common.adam(2e-4)
    config.optimizer.critic = common.adam(2e-4)
    config.ema.decay = 0.999
    config.train.steps = 3_000
    config.train.batch_size = 32
    common.every(config, 500)
    config.eval.samples = 500
    return common.finish(config, variant, __file__, SMOKE)


def play(config: ConfigDict, width: int, critic_width: int, init_limit: float | None = None) -> None:
    """Sets the paper's system, nets and latents."""
    config.system = 'tgan'
    config.tgan = ConfigDict({'clip_every': 5})
    config.game = 'wasserstein'
    config.latents.size = 100
    config.latents.distribution = 'uniform'
    both = {'net': 'tgan', 'base': 4, 'init_limit': init_limit}
    config.generator = ConfigDict({**both, 'width': width, 'widths': (512, 256, 128, 128)})
    config.critic = ConfigDict({**both, 'width': critic_width})
