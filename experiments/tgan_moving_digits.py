"""TGAN on clips of one digit that moves and bounces: 8 frames of 20 pixels, drawn in the compiled step.

Paper: Saito 2017 (1611.06624).
Command: python launch.py --config=experiments/tgan_moving_digits.py
Variants: --config.tgan.clip_every=None --config.terms.wgan_gp.weight=10 --config.critic.norm=none is WGAN-GP;
  --config.generator.temporal=lstm makes the latents of frames by an LSTM; --config.generator.norm=conditional: norms
  of blocks see z0
Hardware and cost: two CPU cores; on one core beside another program .9 steps/s, 93 minutes.
Expected: digits that move straight and bounce, bent on their way from one into another. FD (frames) 283, 162, 176, 121,
  87, 68 after 250, 1,000, 2,000, 3,000, 4,000, 5,000 steps (real halves 8.5, untrained 271); clips that keep to a path
  with bounces 2, 4, 48, 49, 58 % from 1,000 steps on (real 100 %), whose 8 frames are all read as one digit 8 % (real
  99 %; blots before 2,000 steps have up to 41 %).
Deviations: other data, 8 frames of 20 pixels in place of 16 of 64, so two convolutions in each net; the critic scores
  what two halvings leave, 2 x 5 x 5; fewer channels, kernels that begin as LeCun's (the authors have both); Adam with
  rates of 5e-4 in place of RMSProp with 5e-5. Critic and generator see fakes of their own, and the critic goes first.
"""

from ml_collections import ConfigDict

from experiments import common

SMOKE = {'generator.base': 10, 'critic.base': 10, 'tgan.clip_every': 2}


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.data.name = 'moving_digits'
    config.data.size = 20
    config.data.frames = 8
    play(config, width=48, critic_width=32)
    config.generator.base = config.critic.base = 5
    config.generator.widths = (256, 128, 128)
    for role in ('generator', 'critic'):
        config.optimizer[role] = common.adam(5e-4, b2=0.99)
    config.ema.decay = 0.998
    config.train.steps = 5_000
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
