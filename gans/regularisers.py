"""Terms of the losses that look at scores and features, and the pool of past fakes. What lasts longer than a step is
handed in and given back: the system keeps it in `memory`.
"""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import ml_collections
from jax import lax

from gans.core import Array, Keys, Spec, TrainState, Tree
from gans.errors import UserError
from gans.memory import check
from gans.ops import random
from gans.ops.several import several

POOL = 2**32 - 4  # a fold of the base key that is no step, beside those of gans/core.py


def memory(config: ml_collections.ConfigDict, spec: Spec, conditional: bool) -> dict[str, Tree]:
    """The first values of what the techniques that are on remember; raises UserError for those that do not fit."""
    first, zero = {}, lambda: jnp.zeros((), jnp.float32)
    if config.augment.target is not None:
        if config.augment.names is None:
            raise UserError('augment.target adapts augmentations, and there are none: set augment.names')
        first['augment'] = {'p': jnp.asarray(config.augment.probability, jnp.float32), 'r': zero()}
    if config.lecam.weight is not None:
        first['lecam'] = {'real': zero(), 'fake': zero()}
    size, fresh = config.replay.size, config.replay.fresh
    if size is not None:
        if conditional:
            raise UserError(f'replay.size={size}, but past fakes have labels of their own: leave it off')
        if size % fresh:
            raise UserError(f'replay.size={size} must be a multiple of replay.fresh={fresh}')
        pool = jax.ShapeDtypeStruct((size, *spec.shape), jnp.uint8 if spec.is_image else jnp.float32)
        check(pool.size * pool.dtype.itemsize, f'replay.size={size}', 'it')
        first['replay'] = jnp.zeros(pool.shape, pool.dtype)
    if config.feature_matching is not None and config.top_k.share is not None:
        raise UserError(f'top_k.share={config.top_k.share} has no meaning with feature_matching, which has no scores')
    return first


def lecam(means: Mapping[str, Array], real: Array, fake: Array, decay: float | Array) -> tuple[Array, dict[str, Array]]:
    """LeCam regularisation (Tseng 2021, 2104.03310, eqs. 3 and 4): real scores are held near the moving average of the
    fake ones, and fake scores near that of the real ones.

    Args:
      means: {'real', 'fake'}: averages of earlier scores, float32 []; 0 at first, so they begin by pulling towards 0.
      real, fake: scores [B].
      decay: of the averages, a call.

    Returns:
      the term, [], and the averages with these scores in them.
    """
    term = ((real - means['fake']) ** 2).mean() + ((fake - means['real']) ** 2).mean()
    blend = lambda name, scores: means[name] + (1 - decay) * (lax.stop_gradient(scores).mean() - means[name])
    return term, {'real': blend('real', real), 'fake': blend('fake', fake)}


def top_k(scores: Array, share: float | Array, step: Array, until: int) -> Array:
    """Which fakes the generator learns from: 1 for those of the k best scores [B], else 0 (Sinha 2020, 2002.06224).

    k goes from B at step 0 to share x B at step `until`, by the same factor each step, and stays there.
    """
    several('top_k', len(scores))
    k = jnp.round(len(scores) * share ** jnp.minimum(1.0, step / until))
    rank = jnp.argsort(jnp.argsort(-scores))
    return (rank < jnp.maximum(k, 1)).astype(jnp.float32)


def feature_matching(real: Array, fake: Array) -> Array:
    """|E f(real) - E f(fake)|^2 of features [B, f]; each E over the device's batch (Salimans 2016, 1606.03498, 3.1)."""
    several('feature matching', len(real))
    return jnp.sum((real.mean(0) - fake.mean(0)) ** 2)


# Experience replay: a pool of past fakes, of which the critic's batch has some. The oldest leave it.


def fresh_keys(state: TrainState, count: int) -> Keys:
    """Keys of the fakes that join the pool in a step, [count]: the same on all devices and in all pieces of the step,
    which therefore all make the same pool.
    """
    key = jax.random.fold_in(jax.random.fold_in(state.rng, POOL), state.step)
    return random.example_keys(key, jnp.arange(count))


def stored(pool: Array, fresh: Array, step: Array) -> Array:
    """The pool [N, ...] in which `fresh` [n, ...] have taken the oldest places; n divides N. Images as uint8."""
    start = step * len(fresh) % len(pool)
    return lax.dynamic_update_slice_in_dim(pool, _bytes(fresh, pool.dtype), start, 0)


def replayed(pool: Array, fake: Array, keys: Keys, share: float | Array, step: Array, count: int) -> Array:
    """Fakes [B, ...], each with probability `share` one of the pool in its place, once there are any.

    step, count: how many steps have stored `count` each.
    """
    k_if, k_which = random.split(keys, 2)
    filled = jnp.minimum(step * count, len(pool))
    old = pool[(random.uniform(k_which) * filled).astype(jnp.int32)]
    old = old.astype(jnp.float32) / 127.5 - 1 if pool.dtype == jnp.uint8 else old
    use = (random.uniform(k_if) < share) & (filled > 0)
    return jnp.where(use.reshape(-1, *[1] * (fake.ndim - 1)), old, fake)


def _bytes(x: Array, dtype: jnp.dtype) -> Array:
    """From [-1, 1] to 0, ..., 255, if that is what the pool holds."""
    return jnp.round(jnp.clip((x + 1) * 127.5, 0, 255)).astype(dtype) if dtype == jnp.uint8 else x
