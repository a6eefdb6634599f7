"""ProGAN (Karras 2018, 1710.10196): a GAN whose images grow, from 4 pixels to their full size.

Growing is stages, one after another of twice the size, each a config of this system: in the first steps of a size its
layers fade in, and alpha, the share of the new ones, goes from 0 to 1. Then alpha is 1, and the nets are those of the
size. `experiments.common.grow` writes such stages.

The real images fade as the fakes do, as in the authors' code: from those that have half the pixels. Game, penalties and
optimizers are those of the config; in the paper WGAN-GP with a drift term, and Adam.
"""

import jax
import jax.numpy as jnp
import ml_collections

from gans.core import Array, Batch, Compute, Net, Params, Spec, System, TrainState, Tree
from gans.errors import UserError
from gans.latents import make_latents
from gans.nets import build as nets
from gans.nets.progan import fade
from gans.ops.nearest import pool, upsample
from gans.optimizers import ema
from gans.parts import Conditions, Pair
from gans.systems._players import refuse, two_players


def build(
    config: ml_collections.ConfigDict, spec: Spec, compute: Compute, *, fade_begin: int = 0, fade_steps: int = 0
) -> System:
    """The nets are those of gans/nets/progan.py, or others that fade.

    Args:
      fade_begin: the step of the run after which the fade begins; of a stage, that where the stage does.
      fade_steps: how long it takes; 0: none, the layers of this size are there from the start.

    Raises:
      UserError: nets that do not fade, a fade from images of half the size where there are none, or one that its stage
        cuts short; labels, packs.
    """
    for net in ('generator', 'critic'):
        refuse(config, f'{net}.condition', 'nets are told how far they have faded in, and no labels')
    refuse(config, 'pack', 'the critic compares the examples of a batch by their deviation')
    if fade_steps:
        _check_fade(config, spec, fade_begin + fade_steps)
    generator = _net(config, 'generator', spec, compute, (config.latents.size,), bool(fade_steps))
    critic = _net(config, 'critic', spec, compute, spec.shape, bool(fade_steps))
    draw = make_latents(config.latents)

    def alpha(state: TrainState) -> Array:
        return jnp.clip((state.step - fade_begin) / fade_steps, 0, 1)

    def told(x: Array, state: TrainState) -> Conditions:
        """What a net is told beside examples or latents x [B, ...]."""
        return (jnp.full(len(x), alpha(state)),) if fade_steps else ()

    def generate(params: Params, state: TrainState, z: Tree, train: bool) -> tuple[Array, Params]:
        own = params['generator'], state.stats['generator']
        fakes, stats = generator.apply(*own, z, *told(z, state), train=train)
        return fakes, {'generator': stats}

    def real(batch: Batch, state: TrainState) -> Array:
        x = batch['real']
        return fade(upsample(pool(x)), x, alpha(state)) if fade_steps else x

    def judge(state: TrainState, x: Array, features: bool = False) -> Array | tuple[Array, Array]:
        own = state.params['critic'], state.stats['critic']
        return critic.apply(*own, x, *told(x, state), train=False, features=features)[0]

    pair = Pair(
        spec,
        generate,
        critic,
        inputs=lambda batch, keys: draw(keys),
        conditions=told,
        real=real,
    )
    return two_players(
        config,
        [pair],
        {'generator': generator, 'critic': critic},
        samplers={'samples': pair.sampler()},
        ema=ema(config.ema),
        critic=judge,
    )


def _check_fade(config: ml_collections.ConfigDict, spec: Spec, end: int) -> None:
    if len(spec.shape) == 3 and spec.shape[0] <= 4:
        raise UserError(
            f'progan.fade_steps={config.progan.fade_steps} has no meaning at {spec.shape[0]} pixels, which fade from no'
            ' smaller ones: set it to 0'
        )
    if end > config.train.steps:
        raise UserError(
            f'the fade ends after step {end} (progan.fade_begin + progan.fade_steps), and its stage after step '
            f'{config.train.steps}: let it end there, or before'
        )


def _net(
    config: ml_collections.ConfigDict, role: str, spec: Spec, compute: Compute, shape: tuple[int, ...], fading: bool
) -> Net:
    """The net of inputs [B, *shape], and while fading of alpha [B]."""
    module = nets.make_module(role.capitalize(), config[role], role, shape=spec.shape, compute=compute)
    if not getattr(module, 'fades', False):
        raise UserError(f"{role}.net='{config[role].net}' does not fade in when images grow: set 'progan'")
    inputs = [shape, ()] if fading else [shape]
    return nets.from_linen(module, *(jax.ShapeDtypeStruct((2, *each), jnp.float32) for each in inputs))
