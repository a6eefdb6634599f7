"""Distances between the examples of two sets, computed in blocks: no matrix is larger than BLOCK x BLOCK.

Everything is in the precision of the features: float32 for images, float64 for points, which may have any scale. For
few features, differences are computed directly. For many, after subtracting a common mean, |x|^2 + |y|^2 - 2 x.y takes
only a matmul; in float32 its error is about 1e-7 of |x|^2 + |y|^2, so that anything below ROUNDING of that counts as 0.
Duplicates thus have distance 0 exactly, and so have neighbors closer than about 1/350 of their distance from the
center. Equal pairs give equal numbers at any position, so that ties are exact.
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
ROUNDING = 4e-6  # for float32; scaled by the ratio of epsilons for float64


class Block(NamedTuple):
    """BLOCK rows of features on the device; padding rows are infinitely far from everything."""

    x: Array  # [BLOCK, d] float
    squares: Array  # [BLOCK], |x|^2


class Points(NamedTuple):
    """A set of examples, split into blocks."""

    count: int
    blocks: list[Block]


def _with_x64(function: Callable) -> Callable:
    """Decorator: float64 stays float64 on the device."""

    @wraps(function)
    def wrapper(*args: Any, **options: Any) -> Any:
        with jax.enable_x64(True):
            return function(*args, **options)

    return wrapper


@_with_x64
def to_points(*sets: np.ndarray) -> list[Points]:
    """Splits sets of features [n, d] into blocks; for many features, subtracts the mean of the first set from all.

    Raises:
      ValueError: shapes do not match, or a set is empty.
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
    """Whether no array contains NaN or infinity."""
    return all(np.isfinite(x).all() for x in sets)


@_with_x64
def k_nearest(queries: Points, keys: Points, k: int, own: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """The k nearest keys of each query, nearest first.

    Args:
      own: the index [n] of each query's own key, which is excluded; None: there are none.

    Returns:
      squared distances [n, k], indices [n, k].

    Raises:
      ValueError: there are fewer than k keys.
    """
    others = keys.count - (own is not None)
    if not 1 <= k <= others:
        raise ValueError(
            f'cannot find the {k} nearest of {others} other examples: k must be at least 1, and at most their number'
        )
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
    """Counts examples in balls around other examples.

    Args:
      squared_radii: [m], as from `k_nearest`.
      open_balls: examples on the surface are not inside.

    Returns:
      the number of balls around each x [n], the number of x in each ball [m].
    """
    per_example, per_ball = np.zeros(len(x.blocks) * BLOCK, int), np.zeros(len(balls.blocks) * BLOCK, int)
    limits = _pad(squared_radii, -1).reshape(-1, BLOCK)
    for block, row in zip(x.blocks, per_example.reshape(-1, BLOCK), strict=True):
        squared = (_squared_distances(block, ball) for ball in balls.blocks)
        counts = [_count_inside(*pair, open_balls) for pair in zip(squared, limits, strict=True)]
        for column, (of_row, of_column) in zip(per_ball.reshape(-1, BLOCK), jax.device_get(counts), strict=True):
            row += of_row
            column += of_column
    return per_example[: x.count], per_ball[: balls.count]


def _pad(x: np.ndarray, value: float) -> np.ndarray:
    """Pads x [n, ...] with rows of a value to a multiple of BLOCK."""
    return np.concatenate([x, np.full((-len(x) % BLOCK, *x.shape[1:]), value, x.dtype)])


def _block(x: np.ndarray, dtype: np.dtype) -> Block:
    """A block from at most BLOCK rows."""
    squares = _pad(np.square(x).sum(1), np.inf)
    return Block(jnp.asarray(_pad(x, 0), dtype), jnp.asarray(squares, dtype))


@jax.jit
def _squared_distances(x: Block, y: Block) -> Array:
    """[BLOCK, BLOCK], infinite for padding. Compiled on its own: fused into its users, rounding would differ."""
    sums = x.squares[:, None] + y.squares
    if x.x.shape[1] <= FEW:
        found = sum(jnp.square(a[:, None] - b) for a, b in zip(x.x.T, y.x.T, strict=True))
        return jnp.where(jnp.isinf(sums), jnp.inf, found)
    found = sums - 2 * jnp.matmul(x.x, y.x.T, precision='highest')  # TF32 would leave three digits
    rounding = ROUNDING * float(jnp.finfo(found.dtype).eps / jnp.finfo(jnp.float32).eps)
    return jnp.where(found < rounding * sums, 0, found)


@jax.jit
def _keep_nearest(best: Array, indices: Array, squared: Array, own: Array, first: Array) -> tuple[Array, Array]:
    """Merges the k nearest so far [BLOCK, k] with one more block of keys, which starts at index `first`."""
    index = first + jnp.arange(BLOCK, dtype=jnp.int32)
    squared = jnp.where(own[:, None] == index, jnp.inf, squared)
    squared = jnp.concatenate([best, squared], 1)
    indices = jnp.concatenate([indices, jnp.broadcast_to(index, (BLOCK, BLOCK))], 1)
    columns, nearest, positions = jnp.arange(squared.shape[1], dtype=jnp.int32), [], []
    for _ in range(best.shape[1]):  # lax.top_k sorts float64 fully, 30 times slower on a CPU
        nearest.append(squared.min(1, keepdims=True))
        positions.append(jnp.where(squared == nearest[-1], columns, len(columns)).min(1, keepdims=True))
        squared = jnp.where(columns == positions[-1], jnp.inf, squared)
    return jnp.concatenate(nearest, 1), jnp.take_along_axis(indices, jnp.concatenate(positions, 1), 1)


@partial(jax.jit, static_argnames='open_balls')
def _count_inside(squared: Array, limits: Array, open_balls: bool) -> tuple[Array, Array]:
    within = squared < limits if open_balls else squared <= limits
    return within.sum(1), within.sum(0)
