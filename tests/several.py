"""Sets whose examples have several fields, and what tests of them share: which example is it, and where was it cut?"""

import jax
import numpy as np

from gans.core import Spec
from gans.data.base import Source
from gans.data.images import image_set
from gans.ops.random import split, uniform

SIDE = 8


def pairs(num: int = 12) -> Source:
    """Images [8, 8, 3] whose pixels tell example, row and column, with the same as field 'source' at half the size
    [4, 4, 1] (the upper left pixel of each block, its column in steps of two), a point and whole numbers.
    """
    index, row, column = np.meshgrid(np.arange(num), np.arange(SIDE), np.arange(SIDE), indexing='ij')
    real = np.stack([index, row, column], -1).astype(np.uint8)  # [num, 8, 8, 3]
    half = (16 * row + column)[:, ::2, ::2, None].astype(np.uint8)
    fields = {
        'source': half,
        'point': np.arange(num, dtype=np.float32)[:, None],
        'words': np.arange(2 * num).reshape(-1, 2),
    }
    fields['words'] = fields['words'].astype(np.int32)
    return image_set(real, np.arange(num) % 3, ('a', 'b', 'c'), **fields)


def drawn() -> Source:
    """Points [2], and as 'source' the same moved by one."""

    def finish(raw, keys):
        point = uniform(split(keys, 1)[0], (2,))
        return {'real': point, 'source': point + 1}

    return Source(Spec((2,), fields={'source': Spec((2,))}), finish)


def streamed(source: Source) -> Source:
    """The same set, read by the host."""
    if source.parts:
        return source._replace(parts={name: streamed(part) for name, part in source.parts.items()})
    if source.arrays is None:
        return source
    arrays = source.arrays
    return source._replace(arrays=None, read=lambda i: {name: array[i] for name, array in arrays.items()})


def whole_numbers(images: jax.Array) -> np.ndarray:
    """Finished images as they were stored."""
    return np.round((np.asarray(images) + 1) * 127.5).astype(int)
