"""TGAN on clips of one digit that moves and bounces: 8 frames of 20 pixels, drawn in the compiled step.

Paper: Saito 2017 (1611.06624).
Command: python launch.py --config=experiments/tgan_moving_digits.py
Variants: --config.tgan.clip_every=None --config.terms.wgan_gp.weight=10 --config.critic.norm=none is WGAN-GP;
  --config.generator.temporal=lstm makes the latents of frames by an LSTM; --config.generator.norm=conditional: norms
  of blocks see z0; without Wasserstein's game and clipping, by R1, with an LSTM: --config.tgan.clip_every=None
  --config.game=non_saturating --config.critic.norm=none --config.terms.r1.weight=1.0 --config.terms.r1.every=4
  --config.generator.temporal=lstm --config.generator.widths=256,
Hardware and cost: two CPU cores; on one of them beside another program 2 to 2.5 steps/s, 51 minutes.
Expected: digits that move straight and bounce, most of them bent on their way from one into another. FD (frames) 147,
  103, 123, 88, 66, 62, 56 after 500, 1,000, 2,000, 3,000, 4,000, 5,000, 6,000 steps (real halves 8.5, untrained 248);
  clips that keep to a path with bounces 9, 11, 48, 57, 59, 65 % from 1,000 steps on (real 100 %), whose 8 frames are
  all read as one digit 15 % (real 99 %; blots before 2,000 steps have up to 26 %). Not told the digit, without the
  convolutions of 3 pixels and with twice the width, after 5,000 steps and 93 minutes: FD 68, paths 58 %, digits 8 %.
  With hinge and spectral norm in place of clipping, digits do not move in 3,500 steps, nor by R1 in 1,500; by R1 with
  an LSTM they do: after 2,000, 3,000, 4,000, 4,750 steps FD 88, 72, 54, 44, paths 24, 37, 48, 50 %, digits 4, 7, 17,
  25 %, still rising.
Deviations: other data, 8 frames of 20 pixels in place of 16 of 64, so two convolutions in each net; the critic scores
  what two halvings leave, 2 x 5 x 5; fewer channels, kernels that begin as LeCun's (the authors have both); Adam with
  rates of 5e-4 in place of RMSProp with 5e-5. Critic and generator see fakes of their own, and the critic goes first.
  Both are told the digit; the generator has a convolution of 3 pixels after each hidden block, as MoCoGAN's here.
"""

from ml_collections import ConfigDict

from experiments import common

SMOKE = {'generator.base': 10, 'critic.base': 10, 'tgan.clip_every': 2}


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.data.name = 'moving_digits'
    config.data.size = 20
    config.data.frames = 8
    play(config, width=24, critic_width=32)
    config.generator.base = config.critic.base = 5
    config.generator.widths = (256, 128, 128)
    config.generator.update(convs=1, condition='concat')
    config.critic.condition = 'projection'
    for role in ('generator', 'critic'):
        config.optimizer[role] = common.adam(5e-4, b2=0.99)
    config.ema.decay = 0.998
    config.train.steps = 6_000
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
