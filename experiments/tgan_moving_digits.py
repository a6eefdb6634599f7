"""TGAN on clips of one digit that moves and bounces: 8 frames of 24 pixels, drawn in the compiled step.

Paper: Saito 2017 (1611.06624).
Command: python launch.py --config=experiments/tgan_moving_digits.py
Variants: with the paper's game, clipping of singular values, latents of frames by transposed convolutions and batch
  norms: --config.game=wasserstein --config.terms.r1=None --config.tgan.clip_every=5 --config.critic.norm=batch
  --config.generator.temporal=deconvolution --config.generator.widths=256,128,128 --config.generator.norm=batch; of
  these --config.tgan.clip_every=None --config.terms.wgan_gp.weight=10 --config.critic.norm=none is WGAN-GP
Hardware and cost: two CPU cores; on one of them beside another program 1.4 steps/s, 70 minutes, of which two compile.
Expected: digits that move straight and bounce and stay what they are, all but a few. FD (frames) 143, 86, 68, 48, 35,
  32, 32, 28, 26, 25, 24, 24 every 500 steps (real halves 8.4, untrained 270); clips whose 8 frames are all read as one
  digit 5, 16, 16, 31, 53, 64, 68, 76, 79, 83, 87, 86 % (real 100 %), that keep to a path with bounces 9, 29, 44, 52,
  56, 57, 62, 68, 68, 69, 69, 69 % (real 100 %). With two blocks in the critic, at 20 pixels, it levels off: FD 28,
  identity 65, paths 60 % after 6,000 steps; so it does at 16 pixels with three, where digits have 7 pixels: FD 23, 64,
  54 % after 4,000. By clipping, at 20 pixels: FD 56, paths 65 %, digits 15 %. By hinge and spectral norm, and by R1
  with transposed convolutions, digits do not move.
Deviations: the non-saturating game with R1 in place of Wasserstein's with clipping, with which most digits are bent on
  their way from one into another, and an LSTM, without which they do not move by R1; norms of blocks see z0, so that
  all frames of a clip are drawn by the same channels. Other data, 8 frames of 24 pixels in place of 16 of 64, so two
  convolutions in the generator, and three in the critic, which scores what they leave, 1 x 3 x 3; fewer channels,
  kernels that begin as LeCun's (the authors have both); Adam with rates of 5e-4 in place of RMSProp with 5e-5. Critic
  and generator see fakes of their own, and the critic goes first. Both are told the digit; the generator has a
  convolution of 3 pixels after each hidden block, as MoCoGAN's here.
"""

from ml_collections import ConfigDict

from experiments import common

SMOKE = {'generator.base': 12, 'critic.width': 2, 'terms.r1.every': 2, 'terms.r1.weight': 0.01}


def get_config(variant: str = '') -> ConfigDict:
    config = common.get_config()
    config.data.name = 'moving_digits'
    config.data.size = 24
    config.data.frames = 8
    play(config, width=24, critic_width=40)
    config.tgan.clip_every = None
    config.game = 'non_saturating'
    config.terms.r1 = ConfigDict({'weight': 1.0, 'every': 4})
    config.generator.base, config.critic.base = 6, 3
    config.generator.widths = (256,)
    config.generator.update(temporal='lstm', norm='conditional', convs=1, condition='concat')
    config.critic.update(norm='none', condition='projection')
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
