"""The pool of past fakes of CycleGAN (Zhu 2017, 1703.10593, section 4), after Shrivastava 2017 (1612.07828).

Image by image, in the order of the batch: while the pool is not full, a fake is stored and given to the critic. From
then on, with probability 1/2 the critic is given one of the pool at random, whose place the fake takes; otherwise it is
given the fake, which is not stored.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gans.core import Array, Keys, Params, Spec, TrainState, Tree
from gans.memory import check
from gans.ops import random
from gans.ops.pixels import to_float, to_pixels
from gans.parts import Replay


def image_pool(name: str, size: int, spec: Spec, axis: str | None, key: str) -> Replay:
    """
    Args:
      name: of its memory: 'images', uint8 as data are stored [size, H, W, C], and 'count', those that it holds.
      spec: of the fakes, which are images.
      axis: of several devices, whose fakes go through the pool in the order of the global batch, so that all hold the
        same images. Micro-batches go one after the other: on several devices, the first ones of all come first.
      key: of the config, for errors.
    """
    images = jax.ShapeDtypeStruct((size, *spec.shape), jnp.uint8)
    check(images.size, f'{key}={size}', 'it')

    def mix(fakes: Array, params: Params, state: TrainState, keys: Keys) -> tuple[Array, dict[str, Tree]]:
        k_if, k_which = random.split(keys, 2)
        entries = fakes, random.uniform(k_if) < 0.5, random.integers(k_which, size)
        if axis is not None:
            entries = lax.all_gather(entries, axis, tiled=True)
        pool, shown = lax.scan(exchange, state.memory[name], entries)
        first = 0 if axis is None else lax.axis_index(axis) * len(fakes)
        return lax.dynamic_slice_in_dim(shown, first, len(fakes)), {name: pool}

    return Replay(mix, {name: {'images': jnp.zeros(images.shape, images.dtype), 'count': np.int32(0)}})


def exchange(pool: dict[str, Array], entry: tuple[Array, Array, Array]) -> tuple[dict[str, Array], Array]:
    """One fake [H, W, C] comes to the pool: (the pool after it, what the critic is given).

    Args:
      entry: the fake; whether it is exchanged, and for which one, if the pool is full.
    """
    fake, exchanged, which = entry
    size = len(pool['images'])
    full = pool['count'] == size
    place = jnp.where(full, which, pool['count'])
    past = to_float(pool['images'][place])
    kept = jnp.where(full & ~exchanged, size, place)  # outside of the pool, where it is dropped
    after = {
        'images': pool['images'].at[kept].set(to_pixels(fake), mode='drop'),
        'count': jnp.minimum(pool['count'] + 1, size),
    }
    return after, jnp.where(full & exchanged, past, fake)
