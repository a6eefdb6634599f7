"""Random numbers by example: every function takes one key per example of a batch.

With a batch of keys [B], the draws for an example do not depend on its batch: on the number of devices that share the
batch, the number of micro-batches it is split into, or the number of runs that train together.

The numbers are those of `jax.random`, key by key, to the bit. Its generator, Threefry-2x32 (Salmon 2011, Parallel
random numbers: as easy as 1, 2, 3), is reimplemented because jax runs it as a loop on CPU, whose overhead dominates for
so few numbers per key: a step of a toy is a fifth faster, and compiles in three quarters of the time.
"""

import math
import zlib
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gans.core import Array, Keys

ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))


def example_keys(key: Array, positions: Array) -> Keys:
    """One key per position, as from `jax.random.fold_in`: (key [], positions integer [B]) -> keys [B]."""
    positions = jnp.asarray(positions).astype(jnp.uint32)
    return _keys(*_threefry(*_words(key), jnp.zeros_like(positions), positions))


def split(keys: Keys, num: int) -> tuple[Keys, ...]:
    """`num` independent batches of keys [B] from one."""
    parts = _keys(*_blocks(keys, num))  # [B, num]
    return tuple(parts[:, i] for i in range(num))


def fold(keys: Keys, name: str) -> Keys:
    """Independent keys [B] for a name."""
    number = np.uint32(zlib.crc32(name.encode()))
    return _keys(*_threefry(*_words(keys), np.uint32(0xFFFFFFFF), number))


def uniform(keys: Keys, shape: Sequence[int] = (), low: float = 0.0, high: float = 1.0) -> Array:
    """Uniform numbers in [low, high), [B, *shape], float32."""
    return _unit(keys, shape) * (high - low) + low


def normal(keys: Keys, shape: Sequence[int]) -> Array:
    """Standard normal numbers [B, *shape], float32."""
    above = np.nextafter(np.float32(-1), np.float32(0))  # the inverse of -1 itself is infinite
    symmetric = jnp.maximum(above, _unit(keys, shape) * (np.float32(1) - above) + above)
    return np.float32(np.sqrt(2)) * lax.erf_inv(symmetric)


def integers(keys: Keys, count: int) -> Array:
    """Integers in [0, count), int32 [B]; count below 2^23."""
    return (_unit(keys, ()) * count).astype(jnp.int32)


def coins(keys: Keys, shape: Sequence[int], probability: float | Array) -> Array:
    """True with that probability, rounded to a multiple of 2^-16: bool [B, *shape]. Four numbers of 16 bits come from
    each block, so that these cost a quarter of other draws, and are not those of `jax.random`.
    """
    count = math.prod(shape)
    a, b = _blocks(keys, -(-count // 4))
    low = np.uint32(0xFFFF)
    bits = jnp.concatenate([a & low, a >> np.uint32(16), b & low, b >> np.uint32(16)], 1)[:, :count]
    limit = jnp.round(jnp.asarray(probability, jnp.float32) * 65536).astype(jnp.uint32)
    return (bits < limit).reshape(len(bits), *shape)


def _unit(keys: Keys, shape: Sequence[int]) -> Array:
    """Uniform in [0, 1), from 23 random bits as the mantissa of a number in [1, 2)."""
    a, b = _blocks(keys, math.prod(shape))
    bits = ((a ^ b) >> np.uint32(9)) | np.uint32(0x3F800000)
    return (lax.bitcast_convert_type(bits, jnp.float32) - 1.0).reshape(len(bits), *shape)


def _blocks(keys: Keys, num: int) -> tuple[Array, Array]:
    """Blocks 0, ..., num - 1 per key: two words uint32 [B, num]."""
    counter = jnp.arange(num, dtype=jnp.uint32)[None]
    k0, k1 = (word[:, None] for word in _words(keys))
    return _threefry(k0, k1, jnp.zeros_like(counter), counter)


def _words(keys: Keys) -> tuple[Array, Array]:
    data = jax.random.key_data(keys)
    return data[..., 0], data[..., 1]


def _keys(a: Array, b: Array) -> Keys:
    # A barrier between keys and draws: with both fused into one kernel, compilation on CPU never ended in jax 0.12.
    a, b = lax.optimization_barrier((a, b))
    return jax.random.wrap_key_data(jnp.stack([a, b], -1), impl='threefry2x32')


@jax.jit  # traced once for each shape: its hundred operations, at each draw, were most of what tracing a step took
def _threefry(k0: Array, k1: Array, x0: Array, x1: Array) -> tuple[Array, Array]:
    """The block cipher Threefry-2x32 with 20 rounds: key (k0, k1), block (x0, x1), all uint32 of compatible shapes."""
    schedule = (k0, k1, k0 ^ k1 ^ np.uint32(0x1BD11BDA))
    x0, x1 = x0 + k0, x1 + k1
    for i in range(5):
        for rotation in ROTATIONS[i % 2]:
            x0 = x0 + x1
            x1 = x0 ^ (x1 << np.uint32(rotation) | x1 >> np.uint32(32 - rotation))
        x0, x1 = x0 + schedule[(i + 1) % 3], x1 + schedule[(i + 2) % 3] + np.uint32(i + 1)
    return x0, x1
