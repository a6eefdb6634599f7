"""The three forms of a convolution by minimal filtering: matrix products with fewer multiplications, for CPU.

Winograd 1980 (Arithmetic Complexity of Computations), Lavin & Gray 2015 (1509.09308). Along one axis, m outputs of an
r-tap filter are A^T [(G w) * (B^T x)] for matrices of small numbers: m + r - 1 products in place of m r, squared for
images. A convolution of stride s and k taps is one of stride 1 and r = ceil(k / s) taps between blocks of s pixels, so
DCGAN's 4 x 4 of stride 2 has two taps: with m = 4 it takes 25 products in place of 64, and 3 x 3 takes 36 in place of
144.

The expression is bilinear in x and w; its transposes, with the same matrices, are the other two forms.

Rounding: errors of float32 results are 1e-6 to 3e-6 of their rms, and 4e-7 for direct convolution. The points were
chosen for this: with -2 in place of -1/2, the errors of 3 x 3 kernels are 1.6 times larger. In bfloat16, differences of
inputs lose too much precision (errors of gradients were 1.7 %), so `applies` excludes it.

Layout determines the speed on CPU: products are of 2-D matrices only, since XLA transposes operands with more
dimensions (half the time of a weight gradient). Arrays with many uses get a border of zeros, since XLA fuses any other
cheap expression into each use, and drops optimization barriers before fusion. Flipped kernels stay flipped, since the
optimizer's loops would otherwise access them with strides.
"""

import functools
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gans.ops.geometry import Geometry

Grid = list[list[jax.Array]]  # by the points of both axes
POINTS = (0.0, 1.0, -1.0, 2.0, -0.5)  # at which polynomials are evaluated, and infinity
CHANNELS = 16  # below, memory traffic dominates
WORK = 2 * 10**8  # products of the plain form, below which it saves only a millisecond or two
ROWS = 64  # tiles of a batch, up to which transforming the kernels takes longer than is saved


class Axis(NamedTuple):
    """One axis of a convolution, in blocks of `stride` pixels and tiles of m outputs."""

    size: int  # pixels of the image
    kernel: int
    stride: int
    before: int  # padding
    out: int
    m: int

    @property
    def taps(self) -> int:
        return -(-self.kernel // self.stride)

    @property
    def tiles(self) -> int:
        return -(-self.out // self.m)

    @property
    def blocks(self) -> int:
        """Blocks that all tiles cover."""
        return self.m * self.tiles + self.taps - 1

    @property
    def matrices(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return matrices(self.m, self.taps)

    @property
    def pads(self) -> tuple[int, int, int]:
        """Padding from the image to the pixels of those blocks."""
        return self.before, self.stride * self.blocks - self.size - self.before, 0


@functools.cache
def matrices(m: int, taps: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(B^T [n, n], G [n, taps], A^T [m, n]), n = m + taps - 1 products, float64, by Toom and Cook (1509.09308, 5.1)."""
    n = m + taps - 1
    points = np.array(POINTS[: n - 1])
    others = [np.delete(points, i) for i in range(n - 1)]
    inputs = np.zeros((n, n))
    for i, rest in enumerate(others):
        inputs[i, : n - 1] = np.poly(rest)[::-1]
    inputs[-1] = np.poly(points)[::-1]
    scale = np.array([np.prod(point - rest) for point, rest in zip(points, others, strict=True)])

    def powers(count: int) -> np.ndarray:
        return np.vander(points, count, increasing=True)

    kernels = np.concatenate([powers(taps) / scale[:, None], np.eye(taps)[-1:]])
    outputs = np.concatenate([powers(m), np.eye(m)[-1:]]).T
    return inputs, kernels, outputs


def applies(geo: Geometry, w: jax.Array) -> bool:
    """Whether both axes have two or three taps, and the precision is sufficient.

    With one tap there is nothing to save, with more the entries of the matrices grow.
    """
    return all(axis.taps in (2, 3) for axis in axes_of(geo)) and jnp.finfo(w.dtype).bits >= 32


def saves(geo: Geometry, batch: int, w: jax.Array, channels: int = CHANNELS) -> bool:
    """Whether it is worth the longer compilation: it saves a third of the products, there are many, and many tiles.

    channels: the fewest that images must have.
    """
    sides = axes_of(geo)
    direct = math.prod(axis.kernel * axis.out for axis in sides)
    minimal = math.prod(len(axis.matrices[0]) * axis.tiles * axis.stride for axis in sides)
    rows, work = batch * math.prod(axis.tiles for axis in sides), batch * direct * math.prod(w.shape[2:])
    many = w.shape[2] >= channels and w.shape[3] >= CHANNELS and rows > ROWS and work >= WORK
    return many and 3 * minimal <= 2 * direct


def conv(geo: Geometry, x: jax.Array, w: jax.Array) -> jax.Array:
    """As `gans.ops.conv._conv`."""
    rows, columns = axes_of(geo)
    kernels = transform(rows, columns, geo.flipped, w)
    products = multiply(_split(rows, columns, x), kernels, 1, 1 if geo.flipped else 0)
    return _outputs(rows, columns, products).astype(x.dtype)


def conv_t(geo: Geometry, y: jax.Array, w: jax.Array) -> jax.Array:
    """As `gans.ops.conv._conv_t`."""
    rows, columns = axes_of(geo)
    kernels = transform(rows, columns, geo.flipped, w)
    products = multiply(_spread(rows, columns, y), kernels, 1, 0 if geo.flipped else 1)
    return _join(rows, columns, products).astype(y.dtype)


def wgrad(geo: Geometry, x: jax.Array, y: jax.Array) -> jax.Array:
    """As `gans.ops.conv._wgrad`."""
    rows, columns = axes_of(geo)
    parts, order = (_split(rows, columns, x), _spread(rows, columns, y)), -1 if geo.flipped else 1
    products = multiply(*parts[::order], 0, 0)
    kernels = functools.partial(transform, rows, columns, geo.flipped)
    channels = (x.shape[3], y.shape[3])[::order]
    shape = jax.ShapeDtypeStruct((rows.kernel, columns.kernel, *channels), products[0][0].dtype)
    return jax.linear_transpose(kernels, shape)(products)[0].astype(x.dtype)


def axes_of(geo: Geometry) -> tuple[Axis, Axis]:
    """Both axes, in tiles of 4 outputs, or of 2 if there are no more than 4."""
    rows, columns = (Axis(n, k, s, before, out, 4 if out > 4 else 2) for n, k, s, before, out, _ in geo.axes)
    return rows, columns


# The linear maps before and after the products. Each processes rows, then columns: XLA compiles and runs sums of six
# strips, and six of each strip, in half the time of sums of 36 parts.


def _split(rows: Axis, columns: Axis, x: jax.Array) -> Grid:
    """B^T x: images [B, H, W, C] -> [B tiles, s s C] at each point."""
    zero, none = jnp.zeros((), x.dtype), (0, 0, 0)
    x = lax.pad(x, zero, [none, rows.pads, columns.pads, none])
    b, c = x.shape[0], x.shape[3]
    x = x.reshape(b, rows.blocks, rows.stride, columns.blocks, columns.stride, c).transpose(0, 1, 3, 2, 4, 5)
    x = x.reshape(b, rows.blocks, columns.blocks, -1)
    if max(rows.stride, columns.stride) > 1:  # a pad keeps XLA from fusing the transpose into each of its many uses
        x = lax.pad(x, zero, [none, (0, 1, 0), (0, 1, 0), none])
    return _tile(rows, columns, rows.matrices[0], columns.matrices[0], x)


def _tile(rows: Axis, columns: Axis, left: np.ndarray, right: np.ndarray, x: jax.Array) -> Grid:
    """left @ tile @ right^T for tiles of x [B, H, W, C] at steps of m blocks: -> [B tiles, C] at each point."""
    height, width = (axis.m * (axis.tiles - 1) + 1 for axis in (rows, columns))
    strips = combine(left, [x[:, i : i + height : rows.m] for i in range(left.shape[1])])
    border = int(rows.m > 2)  # sums of few terms are better recomputed
    strips = [_add_border(strip, 2) for strip in strips] if border else strips
    starts = range(border, border + right.shape[1])
    grid = [combine(right, [strip[:, :, j : j + width : columns.m] for j in starts]) for strip in strips]
    return [[part.reshape(-1, part.shape[3]) for part in row] for row in grid]


def _join(rows: Axis, columns: Axis, grid: Grid) -> jax.Array:
    """The transpose of `_split`: -> [B, H, W, C]. Tiles overlap."""
    b = len(grid[0][0]) // (rows.tiles * columns.tiles)
    grid = [[part.reshape(b, rows.tiles, columns.tiles, -1) for part in row] for row in grid]
    left, right = rows.matrices[0].T, columns.matrices[0].T
    strips = [_overlap(columns, 2, [_add_border(part, 2) for part in combine(right, row)]) for row in grid]
    x = _overlap(rows, 1, combine(left, [_add_border(strip, 1) for strip in strips]))
    x = x.reshape(b, rows.blocks, columns.blocks, rows.stride, columns.stride, -1).transpose(0, 1, 3, 2, 4, 5)
    x = x.reshape(b, rows.blocks * rows.stride, columns.blocks * columns.stride, -1)
    back = [(0, 0, 0), *((-low, -high, 0) for low, high, _ in (rows.pads, columns.pads)), (0, 0, 0)]
    return lax.pad(x, jnp.zeros((), x.dtype), back)


def _add_border(x: jax.Array, dim: int) -> jax.Array:
    """Pads both ends of a dimension with a zero, so that XLA materializes x once instead of fusing it into each use."""
    return lax.pad(x, jnp.zeros((), x.dtype), [(int(i == dim), int(i == dim), 0) for i in range(x.ndim)])


def _overlap(axis: Axis, dim: int, parts: Sequence[jax.Array]) -> jax.Array:
    """Adds part i of tile t, [.., 1 + tiles + 1, ..], to block m t + i: -> [.., blocks, ..]."""

    def cut(x: jax.Array, start: int) -> jax.Array:
        return lax.slice_in_dim(x, start, start + axis.tiles + 1, axis=dim)

    phases = [cut(part, 1) for part in parts[: axis.m]]
    for i, part in enumerate(parts[axis.m :]):
        phases[i] += cut(part, 0)
    x = jnp.stack(phases, dim + 1)
    x = x.reshape(*x.shape[:dim], -1, *x.shape[dim + 2 :])
    return lax.slice_in_dim(x, 0, axis.blocks, axis=dim)


def transform(rows: Axis, columns: Axis, flipped: bool, w: jax.Array) -> Grid:
    """G w: kernels [kh, kw, C, F] -> [s s C, F] at each point; flipped ones [kh, kw, F, C] -> [F, s s C]."""
    if flipped:
        w = w[::-1, ::-1]
    over = [(0, axis.taps * axis.stride - axis.kernel, 0) for axis in (rows, columns)]
    w = lax.pad(w, jnp.zeros((), w.dtype), [*over, (0, 0, 0), (0, 0, 0)])
    w = w.reshape(rows.taps, rows.stride, columns.taps, columns.stride, *w.shape[2:])
    w = w.transpose(0, 2, *((4, 1, 3, 5) if flipped else (1, 3, 4, 5)))
    shape = (w.shape[2], -1) if flipped else (-1, w.shape[5])
    parts = [[w[i, j].reshape(shape) for i in range(rows.taps)] for j in range(columns.taps)]
    strips = [combine(rows.matrices[1], part) for part in parts]
    return [combine(columns.matrices[1], strip) for strip in zip(*strips, strict=True)]


def _spread(rows: Axis, columns: Axis, y: jax.Array) -> Grid:
    """A y: outputs [B, h, w, F] -> [B tiles, F] at each point."""
    over = [(0, axis.tiles * axis.m - axis.out, 0) for axis in (rows, columns)]
    y = lax.pad(y, jnp.zeros((), y.dtype), [(0, 0, 0), *over, (0, 0, 0)])
    return _tile(rows, columns, rows.matrices[2].T, columns.matrices[2].T, y)


def _outputs(rows: Axis, columns: Axis, grid: Grid) -> jax.Array:
    """The transpose of `_spread`: -> [B, h, w, F]."""
    b = len(grid[0][0]) // (rows.tiles * columns.tiles)
    grid = [[part.reshape(b, rows.tiles, columns.tiles, -1) for part in row] for row in grid]
    # XLA does not fuse a stack: strips are computed once.
    strips = [jnp.stack(combine(columns.matrices[2], row), 3) for row in grid]
    strips = [strip.reshape(b, rows.tiles, columns.tiles * columns.m, -1) for strip in strips]
    y = jnp.stack(combine(rows.matrices[2], strips), 2)
    return y.reshape(b, rows.tiles * rows.m, columns.tiles * columns.m, -1)[:, : rows.out, : columns.out]


def combine(matrix: np.ndarray, parts: Sequence[jax.Array]) -> list[jax.Array]:
    """matrix @ parts, unrolled: zeros cost nothing, ones no multiplication."""
    sums = []
    for row in matrix:
        terms = [part if c == 1 else -part if c == -1 else float(c) * part for c, part in zip(row, parts) if c]  # noqa: B905
        sums.append(functools.reduce(lambda a, b: a + b, terms))
    return sums


def multiply(left: Grid, right: Grid, over_left: int, over_right: int) -> Grid:
    """Matrix products over these dimensions at each point, accumulated in float32 or better."""
    dtype = jnp.promote_types(left[0][0].dtype, jnp.float32)
    over = ((over_left,), (over_right,)), ((), ())
    dot = functools.partial(lax.dot_general, dimension_numbers=over, preferred_element_type=dtype)
    return [[dot(a, b) for a, b in zip(*rows, strict=True)] for rows in zip(left, right, strict=True)]


def transposes(one: Callable, other: Callable, geometries: int) -> tuple[Callable, Callable]:
    """Two linear maps of so many geometries and x, each of which is the derivative of the other, in any order."""
    one, other = (jax.custom_vjp(f, nondiff_argnums=tuple(range(geometries))) for f in (one, other))
    one.defvjp(lambda *args: (one(*args), None), lambda *args: (other(*args[:geometries], args[-1]),))
    other.defvjp(lambda *args: (other(*args), None), lambda *args: (one(*args[:geometries], args[-1]),))
    return one, other


split, join = transposes(_split, _join, 2)  # for gans/ops/conv3d.py, where depth comes between these
spread, outputs = transposes(_spread, _outputs, 2)
