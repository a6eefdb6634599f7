"""Random numbers that are cheap to compile, for what is drawn once: the parameters of nets.

Each parameter is drawn by a kernel of its own, and deep nets have a hundred. A CPU took 0.30 s to compile one with
Threefry's hundred operations, of which normal numbers need 0.07 s themselves, and 0.14 s with these dozen.

It is a SplitMix of 32 bits (Steele 2014, Fast splittable pseudorandom number generators): the number at place n under a
key (a, b) is mix(mix(g n + a) ^ b), where g is 2^32 divided by the golden ratio, and `mix` is the finalizer of
MurmurHash3, in which each bit turns half of all bits over.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.extend.random import define_prng_impl

from gans.core import Array

GOLDEN = np.uint32(0x9E3779B9)
ASIDE = np.uint32(0x5BD1E995)  # new keys are not numbers that the old one draws


def cheap(key: Array) -> Array:
    """A typed key [] of two words, as jax.random's own are, as one of this generator."""
    return jax.random.wrap_key_data(jax.random.key_data(key), impl=_IMPL)


def _seed(seed: Array) -> Array:
    return jnp.stack([jnp.zeros((), jnp.uint32), jnp.asarray(seed).astype(jnp.uint32)])


def _bits(words: Array, width: int, shape: tuple[int, ...]) -> Array:
    assert width == 32, 'only numbers of 32 bits are drawn'
    return _hash(words, lax.iota(jnp.uint32, math.prod(shape))).reshape(shape)


def _split(words: Array, shape: tuple[int, ...]) -> Array:
    return _key_at(words, lax.iota(jnp.uint32, math.prod(shape))).reshape(*shape, 2)


def _key_at(words: Array, place: Array) -> Array:
    pair = 2 * jnp.asarray(place).astype(jnp.uint32)[..., None] + np.arange(2, dtype=np.uint32)
    return _hash(words ^ ASIDE, pair)


def _hash(words: Array, place: Array) -> Array:
    return _mix(_mix(GOLDEN * place + words[0]) ^ words[1])


def _mix(x: Array) -> Array:
    x = (x ^ (x >> 16)) * np.uint32(0x85EBCA6B)
    x = (x ^ (x >> 13)) * np.uint32(0xC2B2AE35)
    return x ^ (x >> 16)


_IMPL = define_prng_impl(
    key_shape=(2,), seed=_seed, split=_split, random_bits=_bits, fold_in=_key_at, name='splitmix32', tag='smx'
)
