"""Randomness by example: every function takes a key for each example of a batch.

A batch of keys [B] makes what is drawn for an example independent of the batch around it: of how many devices share
the batch, and of how many micro-batches it is cut into.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from gans.core import Array, Keys


def example_keys(key: Array, positions: Array) -> Keys:
    """A key for each position: (key [], positions integer [B]) -> keys [B]."""
    return jax.vmap(jax.random.fold_in, (None, 0))(key, positions)


def split(keys: Keys, num: int) -> tuple[Keys, ...]:
    """`num` independent batches of keys [B] from one."""
    parts = jax.vmap(lambda key: jax.random.split(key, num))(keys)  # [B, num]
    return tuple(parts[:, i] for i in range(num))


def normal(keys: Keys, shape: Sequence[int], dtype=jnp.float32) -> Array:
    """Standard normal numbers [B, *shape]."""
    return jax.vmap(lambda key: jax.random.normal(key, shape, dtype))(keys)


def uniform(keys: Keys, shape: Sequence[int] = (), low: float = 0.0, high: float = 1.0) -> Array:
    """Uniform numbers in [low, high), [B, *shape]."""
    return jax.vmap(lambda key: jax.random.uniform(key, shape))(keys) * (high - low) + low
