"""Convolution of volumes and its transpose, on the 2-D ones of gans/ops/conv.py.

XLA's CPU backend takes seconds for the derivatives of a 3-D convolution. Here the taps of depth lie side by side in the
channels, depth is folded into the batch, and one 2-D convolution does the rest:

    conv(x, w)            taps side by side [B, D, H, W, C] -> [B d, H, W, kd C]; conv with w as [kh, kw, kd C, F]
    conv_transpose(y, w)  conv_transpose with w as [kh, kw, C, kd F]; each tap's output is added at its own depth

The two maps of depth are each other's transpose, and the 2-D forms are closed under differentiation, so these are, too:
gradients of any order (WGAN-GP, R1) run nothing else. Where the 2-D form is minimal filtering, depth is treated between
its transforms and its products: each image is then transformed once, not once for each tap, and from 3 taps on depth
is filtered, too (gans/ops/depth.py).

Volumes are [B, D, H, W, C], kernels [kd, kh, kw, C, F], as in `flax.linen`.
"""

from collections.abc import Callable, Sequence

import jax
from jax import lax

from gans.ops import depth, winograd
from gans.ops.conv import FORMS, conv, conv_transpose, geometry, transpose_geometry, transpose_pads
from gans.ops.depth import Depth
from gans.ops.geometry import Geometry

Padding = str | Sequence[tuple[int, int]]
Stride = int | tuple[int, int, int]
NDHWC = ('NDHWC', 'DHWIO', 'NDHWC')


def conv3d(x: jax.Array, w: jax.Array, stride: Stride = 1, padding: Padding = 'SAME', form: str = 'auto') -> jax.Array:
    """Convolves x [B, D, H, W, C] with w [kd, kh, kw, C, F] -> [B, D', H', W', F]; `flax.linen.Conv` without a bias.

    Args:
      x: volumes.
      w: kernel, of the same dtype.
      stride: voxels, one number or those of depth, height and width.
      padding: 'SAME', 'VALID' or zeros added [(before, after)] for depth, height and width.
      form: as of `gans.ops.conv.conv`, of the 2-D convolution; 'lax' is XLA's own 3-D one, 'auto' is that except on
        CPU.

    Raises:
      ValueError: an unknown form or padding, or shapes that do not match.
    """
    form, strides = _check('conv3d', x, w, stride, padding, form)
    if form == 'lax':
        return lax.conv_general_dilated(x, w, strides, padding, dimension_numbers=NDHWC)
    if isinstance(padding, str):
        padding = lax.padtype_to_pads(x.shape[1:4], w.shape[:3], strides, padding)
    (before, after), *pads = padding
    out = (x.shape[1] + before + after - len(w)) // strides[0] + 1
    if min(x.shape[1], out) < 1:
        raise ValueError(f'conv3d: kernel {w.shape[:3]}, stride {stride} and padding leave nothing of {x.shape[1:4]}')
    along = Depth(x.shape[1], len(w), strides[0], before, out)
    flat = w.transpose(1, 2, 0, 3, 4).reshape(*w.shape[1:3], -1, w.shape[4])  # [kh, kw, kd C, F]
    geo = geometry('conv3d', len(x) * out, x.shape[2:4], flat, strides[1:], pads, form, False)
    if winograd.applies(geo, flat) and (
        # Of one channel, too: the copies for the taps of depth are what takes time.
        form == 'winograd' or (form in ('auto', 'loop') and winograd.saves(geo, len(x) * out, flat, 1))
    ):
        return _filter(geo, along, x, w)
    return _unfold(conv(_fold(depth.gather(along, x)), flat, strides[1:], pads, form), out)


def conv3d_transpose(
    x: jax.Array, w: jax.Array, stride: Stride = 1, padding: Padding = 'SAME', form: str = 'auto'
) -> jax.Array:
    """Upsamples x [B, D, H, W, C] by w [kd, kh, kw, C, F] -> [B, D', H', W', F]; `flax.linen.ConvTranspose` without a
    bias.

    As `lax.conv_transpose` with transpose_kernel=False. 'SAME' gives D' = D * stride; explicit padding applies to the
    dilated x. Other arguments and errors are those of `conv3d`.
    """
    form, strides = _check('conv3d_transpose', x, w, stride, padding, form)
    if form == 'lax':
        return lax.conv_transpose(x, w, strides, padding, dimension_numbers=NDHWC)
    if isinstance(padding, str):
        padding = [transpose_pads(k, s, padding) for k, s in zip(w.shape[:3], strides, strict=True)]
    (before, after), *pads = padding
    count, kernel = x.shape[1], len(w)
    size = (count - 1) * strides[0] + 2 - kernel + before + after
    if min(count, size) < 1:
        raise ValueError(f'conv3d_transpose: kernel {w.shape[:3]} and padding leave nothing of {x.shape[1:4]}')
    w, into = w[::-1], Depth(size, kernel, strides[0], kernel - 1 - before, count)
    flat = w.transpose(1, 2, 3, 0, 4).reshape(*w.shape[1:4], -1)  # [kh, kw, C, kd F]
    geo = transpose_geometry('conv3d_transpose', len(x) * count, x.shape[2:4], flat, strides[1:], pads, form)
    if geo.method == 'winograd':
        return _filter_transpose(geo, into, x, w)
    return depth.scatter(into, _unfold(conv_transpose(_fold(x), flat, strides[1:], pads, form), count))


def _filter(geo: Geometry, along: Depth, x: jax.Array, w: jax.Array) -> jax.Array:
    """conv3d by minimal filtering. Images are transformed once each, before their copies for depth."""
    axes = winograd.axes_of(geo)

    def convolve(part: jax.Array, kernels: jax.Array) -> jax.Array:
        parts = depth.split(along, _tiles(axes, part, x))
        return depth.outputs(along, _multiply(parts, depth.transform(along, kernels, False)))

    return _unfold(winograd.outputs(*axes, _at_points(convolve, winograd.split(*axes, _fold(x)), geo, w)), along.out)


def _filter_transpose(geo: Geometry, along: Depth, x: jax.Array, w: jax.Array) -> jax.Array:
    """conv3d_transpose by minimal filtering: what is added at a depth is summed before it is transformed back."""
    axes = winograd.axes_of(geo)

    def convolve(part: jax.Array, kernels: jax.Array) -> jax.Array:
        parts = depth.spread(along, _tiles(axes, part, x))
        return depth.join(along, _multiply(parts, depth.transform(along, kernels, True)))

    return _unfold(winograd.join(*axes, _at_points(convolve, winograd.spread(*axes, _fold(x)), geo, w)), along.size)


def _at_points(convolve: Callable[..., jax.Array], grid: winograd.Grid, geo: Geometry, w: jax.Array) -> winograd.Grid:
    """Convolves along depth at each point of height and width, with that point's kernels [kd, s s C, F]; flipped ones
    are [kd, F, s s C].
    """
    kernels = jax.vmap(lambda w: winograd.transform(*winograd.axes_of(geo), geo.flipped, w))(w)
    flat = lambda x: x.reshape(-1, x.shape[-1])
    return [[flat(convolve(*point)) for point in zip(*rows, strict=True)] for rows in zip(grid, kernels, strict=True)]


def _tiles(axes: tuple[winograd.Axis, ...], part: jax.Array, x: jax.Array) -> jax.Array:
    """[B D tiles, C] of x [B, D, ...] -> [B, D, tiles, tiles, C]."""
    return part.reshape(*x.shape[:2], *[axis.tiles for axis in axes], -1)


def _multiply(parts: depth.Parts, kernels: depth.Parts) -> depth.Parts:
    """[B, D, h, w, C] by [C, F] at each point of depth -> [B, D, h, w, F]."""
    products = winograd.multiply([[x.reshape(-1, x.shape[-1]) for x in parts]], [kernels], 1, 0)[0]
    return [y.reshape(*x.shape[:-1], -1) for x, y in zip(parts, products, strict=True)]


def _check(
    name: str, x: jax.Array, w: jax.Array, stride: Stride, padding: Padding, form: str
) -> tuple[str, tuple[int, int, int]]:
    if form not in FORMS:
        raise ValueError(f'{name}: unknown form {form!r}, choose from {", ".join(FORMS)}')
    if x.ndim != 5 or w.ndim != 5 or x.shape[4] != w.shape[3]:
        raise ValueError(f'{name}: x {x.shape} must be [B, D, H, W, C], w {w.shape} [kd, kh, kw, C, F] of the same C')
    if x.dtype != w.dtype:
        raise ValueError(f'{name}: x is {x.dtype} and w is {w.dtype}; cast one of them')
    if isinstance(padding, str) and padding not in ('SAME', 'VALID'):
        raise ValueError(f"{name}: unknown padding {padding!r}, choose 'SAME', 'VALID' or three pairs (before, after)")
    form = 'lax' if form == 'auto' and jax.default_backend() != 'cpu' else form
    return form, (stride,) * 3 if isinstance(stride, int) else tuple(stride)


def _fold(x: jax.Array) -> jax.Array:
    """[B, D, ...] -> [B D, ...]."""
    return x.reshape(-1, *x.shape[2:])


def _unfold(x: jax.Array, depth: int) -> jax.Array:
    """[B D, ...] -> [B, D, ...]."""
    return x.reshape(-1, depth, *x.shape[1:])
