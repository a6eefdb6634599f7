"""Images that grow (ProGAN, Karras 2018, 1710.10196): in the first steps of a size its layers fade in.

Alpha, the share of the new ones, goes from 0 to 1; nets are told it, and real images fade as the fakes do, as in the
authors' code: from those that have half the pixels.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import ml_collections

from gans.core import Array, Batch, Net, Spec, TrainState, Tree
from gans.errors import UserError
from gans.nets.progan import fade
from gans.ops.nearest import pool, upsample
from gans.parts import Conditions, Pair


class Fade(NamedTuple):
    """begin: the step of the run after which it begins. steps: how long it takes; 0: there is none."""

    begin: int = 0
    steps: int = 0

    @property
    def inputs(self) -> tuple[jax.ShapeDtypeStruct, ...]:
        """Shapes of that, for the last inputs of nets."""
        return (jax.ShapeDtypeStruct((2,), jnp.float32),) if self.steps else ()

    def alpha(self, state: TrainState) -> Array:
        return jnp.clip((state.step - self.begin) / self.steps, 0, 1)

    def tell(self, x: Array, state: TrainState) -> Conditions:
        """What nets are told beside x [B, ...]: alpha [B]."""
        return (jnp.full(len(x), self.alpha(state)),) if self.steps else ()

    def real(self, batch: Batch, state: TrainState, inputs: Tree) -> Array:
        """What fakes are to be like."""
        x = batch['real']
        return fade(upsample(pool(x)), x, self.alpha(state)) if self.steps else x

    def judge(self, pair: Pair) -> Callable[..., Any] | None:
        """`System.critic` of a pair whose critic is told."""
        if not self.steps:
            return pair.judge()

        def judge(state: TrainState, x: Array, *labels: Array, features: bool = False) -> Any:
            net, told = pair.critic, self.tell(x, state)
            apply = lambda *args, **how: net.apply(*args, *told, **how)
            bare = net._replace(apply=apply, inputs=net.inputs[:-1])
            return pair._replace(critic=bare).judge()(state, x, *labels, features=features)

        return judge


def make_fade(config: ml_collections.ConfigDict, spec: Spec, begin: int, steps: int) -> Fade:
    """Raises UserError for a fade from images of half the size where there are none, or that its stage cuts short."""
    if steps and len(spec.shape) == 3 and spec.shape[0] <= 4:
        raise UserError(
            f'{config.system}.fade_steps={steps} has no meaning at {spec.shape[0]} pixels, which fade from no smaller'
            ' ones: set it to 0'
        )
    if steps and begin + steps > config.train.steps:
        raise UserError(
            f'the fade ends after step {begin + steps} ({config.system}.fade_begin + {config.system}.fade_steps), and'
            f' its stage after step {config.train.steps}: let it end there, or before'
        )
    return Fade(begin, steps)


def check_fades(config: ml_collections.ConfigDict, role: str, net: Net) -> None:
    """Raises UserError for a net that does not fade."""
    if not getattr(net.module, 'fades', False):
        raise UserError(f"{role}.net='{config[role].net}' does not fade in when images grow: set '{config.system}'")
