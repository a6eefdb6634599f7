"""Dropout with one key per example."""

import jax
import jax.numpy as jnp

from gans.core import Array, Keys
from gans.ops import random


def dropout(x: Array, rate: float | Array, keys: Keys) -> Array:
    """x [B, ...] with each number set to 0 with probability `rate`, and divided by 1 - rate otherwise.

    Args:
      keys: [B]; what is dropped from an example depends on its own key alone.
    """
    keep = random.coins(keys, x.shape[1:], 1 - rate)
    return jnp.where(keep, x / jnp.asarray(1 - rate, x.dtype), 0)


def noise_words(keys: Keys) -> Array:
    """Keys [B] as the plain numbers that a net with dropout is given, uint32 [B, 2]."""
    return jax.random.key_data(keys)


def noise_shape(batch: int = 2) -> jax.ShapeDtypeStruct:
    """Of those numbers."""
    return jax.ShapeDtypeStruct((batch, 2), jnp.uint32)


def noise_keys(words: Array, num: int) -> tuple[Keys, ...]:
    """The way back, and `num` independent batches of keys [B] made of them."""
    return random.split(jax.random.wrap_key_data(words, impl='threefry2x32'), num)
