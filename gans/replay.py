"""Experience replay: a pool of past fakes, some of which stand in a critic's batch for new ones (Shrivastava 2017,
1612.07828, section 2.3). The oldest leave it. As `config.replay` says.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import ml_collections
from jax import lax

from gans.core import Array, Aux, Keys, Params, TrainState, Tree
from gans.errors import UserError
from gans.kinds import kind_of
from gans.memory import check
from gans.ops import random
from gans.ops.pixels import to_float, to_pixels
from gans.parts import Pair

POOL = 2**32 - 4  # a fold of the base key that is no step, beside those of gans/core.py


def memory(config: ml_collections.ConfigDict, pair: Pair) -> dict[str, Tree]:
    """The empty pool, if there is one. Raises UserError where past fakes cannot be judged."""
    size, fresh = config.replay.size, config.replay.fresh
    if size is None:
        return {}
    if not pair.replayable:
        raise UserError(f'replay.size={size}, but here fakes are judged by what they were made from (labels, codes),'
                        ' which past ones no longer have: leave it off')  # fmt: skip
    if size % fresh:
        raise UserError(f'replay.size={size} must be a multiple of replay.fresh={fresh}')
    pool = jax.ShapeDtypeStruct((size, *pair.spec.shape), kind_of(pair.spec).dtype)
    check(pool.size * pool.dtype.itemsize, f'replay.size={size}', 'it')
    return {pair.qualify('replay'): jnp.zeros(pool.shape, pool.dtype)}


def mix(config: ml_collections.ConfigDict, pair: Pair) -> Callable[[Array, TrainState, Keys], Array] | None:
    """What puts past fakes into a batch of new ones; None without a pool."""
    if config.replay.size is None:
        return None
    name, share, fresh = pair.qualify('replay'), config.replay.share, config.replay.fresh
    return lambda fakes, state, keys: mix_in(state.memory[name], fakes, keys, share, state.step, fresh)


def update(config: ml_collections.ConfigDict, pair: Pair, params: Params, state: TrainState) -> Aux:
    """The pool after a step of the critic, with fakes of the generator as it samples."""
    if config.replay.size is None:
        return Aux()
    name, inputs = pair.qualify('replay'), pair.inputs({}, fresh_keys(state, config.replay.fresh))
    fakes, _ = pair.generate(params, state.stats, inputs, False)
    return Aux(memory={name: push(state.memory[name], fakes, state.step)})


def fresh_keys(state: TrainState, count: int) -> Keys:
    """Keys of the fakes that join the pool in a step, [count]: the same on all devices and in all pieces of the step,
    which therefore all make the same pool.
    """
    key = jax.random.fold_in(jax.random.fold_in(state.rng, POOL), state.step)
    return random.example_keys(key, jnp.arange(count))


def push(pool: Array, fresh: Array, step: Array) -> Array:
    """The pool [N, ...] in which `fresh` [n, ...] have taken the oldest places; n divides N. Images as uint8."""
    start = step * len(fresh) % len(pool)
    return lax.dynamic_update_slice_in_dim(pool, _to_pool(fresh, pool.dtype), start, 0)


def mix_in(pool: Array, fakes: Array, keys: Keys, share: float | Array, step: Array, count: int) -> Array:
    """Fakes [B, ...], each with probability `share` replaced by one of the pool, once there are any.

    step, count: how many steps have pushed `count` each.
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
