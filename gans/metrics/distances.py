"""Distances between the examples of two sets, in blocks: no matrix here is larger than BLOCK x BLOCK.

All is in the features' own precision: float32 of images, float64 of points, whose numbers may be of any size. Few
features are subtracted from each other. Of many, from which one mean is taken first, |x|^2 + |y|^2 - 2 x.y takes a
matmul's time; in float32 it is off by some 1e-7 of |x|^2 + |y|^2, so what is below ROUNDING of that is no distance but
rounding, and counts as 0. So duplicates are at distance 0 exactly, and neighbours of many features that are nearer than
about 1/350 of their distance from the centre are as well. Equal pairs give equal numbers wherever they stand: ties are
ties.
"""

from collections.abc import Callable
from functools import partial, wraps
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gans.core import Array

BLOCK = 1024
FEW = 16  # features
ROUNDING = 4e-6  # of float32; that of float64 is less by as much as its epsilon is


class Block(NamedTuple):
    """BLOCK rows of features on the device; those that pad the last block are infinitely far from everything."""

    x: Array  # [BLOCK, d] float
    squares: Array  # [BLOCK], |x|^2


class Points(NamedTuple):
    """A set of examples, cut into blocks."""

    count: int
    blocks: list[Block]


def _with_x64(function: Callable) -> Callable:
    """The function, within which float64 stays float64 on its way to the device."""

    @wraps(function)
    def wrapper(*args: Any, **options: Any) -> Any:
        with jax.enable_x64(True):
            return function(*args, **options)

    return wrapper


@_with_x64
def to_points(*sets: np.ndarray) -> list[Points]:
    """Sets of features [n, d], each as blocks; of many features the mean of the first is taken from all of them.

    Raises:
      ValueError: the shapes do not fit, or a set is empty.
    """
    widths = [x.shape[1:] for x in sets]
    if len(set(widths)) > 1 or len(widths[0]) != 1:
        raise ValueError(f'features are [n, d] with one d for all, not {[x.shape for x in sets]}')
    if not all(map(len, sets)):
        raise ValueError(f'a set of features is empty: {[x.shape for x in sets]}')
    dtype = np.result_type(np.float32, *sets)
    mean = sets[0].mean(0, dtype=np.float64) if len(sets[0][0]) > FEW else np.float64(0)
    rows = range(0, max(map(len, sets)), BLOCK)
    return [Points(len(x), [_block(x[i : i + BLOCK] - mean, dtype) for i in rows if i < len(x)]) for x in sets]


def all_finite(*sets: np.ndarray) -> bool:
    """Whether there is no NaN and no infinity in any of the arrays."""
    return all(np.isfinite(x).all() for x in sets)


@_with_x64
def k_nearest(queries: Points, keys: Points, k: int, own: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """The k nearest keys of each query, nearest first.

    Args:
      own: the index [n] of each query's own key, which is no neighbour of it; None: there are none.

    Returns:
      squared distances [n, k], indices [n, k].

    Raises:
      ValueError: there are not k keys.
    """
    others = keys.count - (own is not None)
    if not 1 <= k <= others:
        raise ValueError(f'the {k} nearest of {others} other examples: there must be at least one, and so many')
    own = _pad(np.full(queries.count, -1) if own is None else own, -1).astype(np.int32)
    found = []
    for i, query in enumerate(queries.blocks):
        best = np.full((BLOCK, k), np.inf, query.x.dtype), np.full((BLOCK, k), -1, np.int32)
        for j, key in enumerate(keys.blocks):
            best = _keep_nearest(
                *best, _squared_distances(query, key), own[i * BLOCK : (i + 1) * BLOCK], np.int32(j * BLOCK)
            )
        found.append(jax.device_get(best))
    squared, indices = (np.concatenate(parts)[: queries.count] for parts in zip(*found, strict=True))
    return squared, indices


@_with_x64
def count_inside(
    x: Points, balls: Points, squared_radii: np.ndarray, open_balls: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Counts of examples in balls around other examples.

    Args:
      squared_radii: [m], as `smallest` gives them.
      open_balls: an example on the surface itself is not inside.

    Returns:
      the number of balls that hold each x [n], the number of x that each ball holds [m].
    """
    held, holding = np.zeros(len(x.blocks) * BLOCK, int), np.zeros(len(balls.blocks) * BLOCK, int)
    limits = _pad(squared_radii, -1).reshape(-1, BLOCK)
    for block, row in zip(x.blocks, held.reshape(-1, BLOCK), strict=True):
        squared = (_squared_distances(block, ball) for ball in balls.blocks)
        counts = [_count_inside(*pair, open_balls) for pair in zip(squared, limits, strict=True)]
        for column, (of_row, of_column) in zip(holding.reshape(-1, BLOCK), jax.device_get(counts), strict=True):
            row += of_row
            column += of_column
    return held[: x.count], holding[: balls.count]


def _pad(x: np.ndarray, value: float) -> np.ndarray:
    """x [n, ...] with rows of a value after it, up to a multiple of BLOCK."""
    return np.concatenate([x, np.full((-len(x) % BLOCK, *x.shape[1:]), value, x.dtype)])


def _block(x: np.ndarray, dtype: np.dtype) -> Block:
    """At most BLOCK rows, padded."""
    squares = _pad(np.square(x).sum(1), np.inf)
    return Block(jnp.asarray(_pad(x, 0), dtype), jnp.asarray(squares, dtype))


@jax.jit
def _squared_distances(x: Block, y: Block) -> Array:
    """[BLOCK, BLOCK], infinite where either is padding. A program of its own: fused, it would round as its users do."""
    sums = x.squares[:, None] + y.squares
    if x.x.shape[1] <= FEW:
        found = sum(jnp.square(a[:, None] - b) for a, b in zip(x.x.T, y.x.T, strict=True))
        return jnp.where(jnp.isinf(sums), jnp.inf, found)
    found = sums - 2 * jnp.matmul(x.x, y.x.T, precision='highest')  # TF32 would leave three digits
    rounding = ROUNDING * float(jnp.finfo(found.dtype).eps / jnp.finfo(jnp.float32).eps)
    return jnp.where(found < rounding * sums, 0, found)


@jax.jit
def _keep_nearest(best: Array, indices: Array, squared: Array, own: Array, first: Array) -> tuple[Array, Array]:
    """The k nearest of those found so far [BLOCK, k] and one more block of keys, whose first has the index `first`."""
    index = first + jnp.arange(BLOCK, dtype=jnp.int32)
    squared = jnp.where(own[:, None] == index, jnp.inf, squared)
    squared = jnp.concatenate([best, squared], 1)
    indices = jnp.concatenate([indices, jnp.broadcast_to(index, (BLOCK, BLOCK))], 1)
    columns, nearest, places = jnp.arange(squared.shape[1], dtype=jnp.int32), [], []
    for _ in range(best.shape[1]):  # of float64 lax.top_k sorts everything, 30 times as slow on a CPU
        nearest.append(squared.min(1, keepdims=True))
        places.append(jnp.where(squared == nearest[-1], columns, len(columns)).min(1, keepdims=True))
        squared = jnp.where(columns == places[-1], jnp.inf, squared)
    return jnp.concatenate(nearest, 1), jnp.take_along_axis(indices, jnp.concatenate(places, 1), 1)


@partial(jax.jit, static_argnames='open_balls')
def _count_inside(squared: Array, limits: Array, open_balls: bool) -> tuple[Array, Array]:
    within = squared < limits if open_balls else squared <= limits
    return within.sum(1), within.sum(0)
