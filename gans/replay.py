"""Experience replay (`config.replay`): a pool of past fakes, some of which replace new ones in the critic's batches
(Shrivastava 2017, 1612.07828, section 2.3). The oldest are replaced first.
"""

import jax
import jax.numpy as jnp
import ml_collections
from jax import lax

from gans.core import Array, Keys, Params, TrainState, Tree
from gans.errors import UserError
from gans.kinds import kind_of
from gans.memory import check
from gans.ops import random
from gans.ops.pixels import to_float, to_pixels
from gans.parts import Pair, Replay

POOL = 2**32 - 4  # for folding into the base key: not a step, and unlike those of gans/core.py


def build(config: ml_collections.ConfigDict, pair: Pair) -> Replay | None:
    """The replay that the config asks for; None if it is off. After each step of the critic, new fakes of the generator
    in sampling mode join the pool.

    Raises:
      UserError: past fakes cannot be scored; a pool that is too large, or no multiple of the fresh ones.
    """
    size, fresh = config.replay.size, config.replay.fresh
    if size is None:
        return None
    if not pair.replayable:
        raise UserError(f'replay.size={size}, but in this system a fake is scored with its inputs (labels, codes),'
                        ' which the pool does not keep: leave it off')  # fmt: skip
    if size % fresh:
        raise UserError(f'replay.size={size} must be a multiple of replay.fresh={fresh}')
    pool = jax.ShapeDtypeStruct((size, *pair.spec.shape), kind_of(pair.spec).dtype)
    check(pool.size * pool.dtype.itemsize, f'replay.size={size}', 'it')
    name, share = pair.qualify('replay'), config.replay.share

    def mix(fakes: Array, params: Params, state: TrainState, keys: Keys) -> tuple[Array, dict[str, Tree]]:
        pool = state.memory[name]
        new, _ = pair.generate(params, state, pair.inputs({}, fresh_keys(state, fresh)), False)
        return mix_in(pool, fakes, keys, share, state.step, fresh), {name: push(pool, new, state.step)}

    return Replay(mix, {name: jnp.zeros(pool.shape, pool.dtype)})


def fresh_keys(state: TrainState, count: int) -> Keys:
    """Keys [count] of the fakes that join the pool in a step: the same on all devices and in all micro-batches, so that
    their pools stay identical.
    """
    key = jax.random.fold_in(jax.random.fold_in(state.rng, POOL), state.step)
    return random.example_keys(key, jnp.arange(count))


def push(pool: Array, fresh: Array, step: Array) -> Array:
    """The pool [N, ...] with its n oldest examples replaced by `fresh` [n, ...]; n divides N. Images are uint8."""
    start = step * len(fresh) % len(pool)
    return lax.dynamic_update_slice_in_dim(pool, _to_pool(fresh, pool.dtype), start, 0)


def mix_in(pool: Array, fakes: Array, keys: Keys, share: float | Array, step: Array, count: int) -> Array:
    """Fakes [B, ...], each replaced with probability `share` by one of the pool, once it has any.

    step, count: so far, `step` steps have pushed `count` fakes each.
    """
    k_if, k_which = random.split(keys, 2)
    filled = jnp.minimum(step * count, len(pool))
    past = pool[(random.uniform(k_which) * filled).astype(jnp.int32)]
    past = to_float(past) if pool.dtype == jnp.uint8 else past
    use = (random.uniform(k_if) < share) & (filled > 0)
    return jnp.where(use.reshape(-1, *[1] * (fakes.ndim - 1)), past, fakes)


def _to_pool(x: Array, dtype: jnp.dtype) -> Array:
    """From [-1, 1] to 0, ..., 255, if that is what the pool holds."""
    return to_pixels(x) if dtype == jnp.uint8 else x
