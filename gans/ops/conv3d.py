"""Convolution of volumes and its transpose, on the 2-D ones of gans/ops/conv.py.

XLA's CPU backend takes seconds for the derivatives of a 3-D convolution. Here the taps of depth lie side by side in the
channels, depth is folded into the batch, and one 2-D convolution does the rest:

    conv(x, w)            taps side by side [B, D, H, W, C] -> [B d, H, W, kd C]; conv with w as [kh, kw, kd C, F]
    conv_transpose(y, w)  conv_transpose with w as [kh, kw, C, kd F]; each tap's output is added at its own depth

The two maps of depth are each other's transpose, and the 2-D forms are closed under differentiation, so these are, too:
gradients of any order (WGAN-GP, R1) run nothing else. Where the 2-D form is minimal filtering, depth is treated between
its transforms and its products: each image is then transformed once, not once for each tap.

Volumes are [B, D, H, W, C], kernels [kd, kh, kw, C, F], as in `flax.linen`.
"""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from gans.ops import winograd
from gans.ops.conv import FORMS, conv, conv_transpose, geometry, transpose_geometry, transpose_pads
from gans.ops.geometry import Geometry

Padding = str | Sequence[tuple[int, int]]
Stride = int | tuple[int, int, int]
NDHWC = ('NDHWC', 'DHWIO', 'NDHWC')


class Depth(NamedTuple):
    """A convolution along depth: tap k of window o is at stride o + k - before."""

    size: int  # of the volume
    kernel: int
    stride: int
    before: int  # padding; negative: cropped
    out: int  # windows


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
    depth = Depth(x.shape[1], len(w), strides[0], before, out)
    flat = w.transpose(1, 2, 0, 3, 4).reshape(*w.shape[1:3], -1, w.shape[4])  # [kh, kw, kd C, F]
    geo = geometry('conv3d', len(x) * out, x.shape[2:4], flat, strides[1:], pads, form, False)
    if winograd.applies(geo, flat) and (
        # Of one channel, too: the copies for the taps of depth are what takes time.
        form == 'winograd' or (form in ('auto', 'loop') and winograd.saves(geo, len(x) * out, flat, 1))
    ):
        return _filter(geo, depth, x, w)
    return _unfold(conv(_fold(_gather(depth, x)), flat, strides[1:], pads, form), out)


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
    depth, kernel = x.shape[1], len(w)
    size = (depth - 1) * strides[0] + 2 - kernel + before + after
    if min(depth, size) < 1:
        raise ValueError(f'conv3d_transpose: kernel {w.shape[:3]} and padding leave nothing of {x.shape[1:4]}')
    w, into = w[::-1], Depth(size, kernel, strides[0], kernel - 1 - before, depth)
    flat = w.transpose(1, 2, 3, 0, 4).reshape(*w.shape[1:4], -1)  # [kh, kw, C, kd F]
    geo = transpose_geometry('conv3d_transpose', len(x) * depth, x.shape[2:4], flat, strides[1:], pads, form)
    if geo.method == 'winograd':
        return _filter_transpose(geo, into, x, w)
    return _scatter(into, _unfold(conv_transpose(_fold(x), flat, strides[1:], pads, form), depth))


def _filter(geo: Geometry, depth: Depth, x: jax.Array, w: jax.Array) -> jax.Array:
    """conv3d by minimal filtering in height and width. Images are transformed once each, before their copies lie side
    by side.
    """
    axes = winograd.axes_of(geo)
    held = depth._replace(size=depth.size + 1)  # padded, or XLA would transform each image for each of its copies
    images = lambda part: _pad(part.reshape(*x.shape[:2], *[axis.tiles for axis in axes], -1), 0, 1)
    beside = lambda part: _gather(held, images(part))
    parts = [[_flatten(beside(part)) for part in row] for row in winograd.split(*axes, _fold(x))]
    kernels = [[part.reshape(-1, w.shape[4]) for part in row] for row in _transform(geo, w)]  # [kd s s C, F]
    return _unfold(winograd.outputs(*axes, winograd.multiply(parts, kernels, 1, 0)), depth.out)


def _filter_transpose(geo: Geometry, depth: Depth, x: jax.Array, w: jax.Array) -> jax.Array:
    """conv3d_transpose by minimal filtering: what taps add at a depth is summed before it is transformed back."""
    axes = winograd.axes_of(geo)
    kernels = [[part.swapaxes(0, 1).reshape(w.shape[3], -1) for part in row] for row in _transform(geo, w)]
    products = winograd.multiply(winograd.spread(*axes, _fold(x)), kernels, 1, 0)
    added = lambda part: _scatter(depth, part.reshape(*x.shape[:2], *[axis.tiles for axis in axes], -1))
    grid = [[_flatten(added(part)) for part in row] for row in products]
    return _unfold(winograd.join(*axes, grid), depth.size)


def _transform(geo: Geometry, w: jax.Array) -> list[list[jax.Array]]:
    """The kernels of each tap of depth at each point, [kd, s s C, F]; of flipped ones [kd, F, s s C]."""
    return jax.vmap(lambda w: winograd.transform(*winograd.axes_of(geo), geo.flipped, w))(w)


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


def _flatten(x: jax.Array) -> jax.Array:
    """[B, D, h, w, C] -> [B D h w, C]."""
    return x.reshape(-1, x.shape[-1])


def _fold(x: jax.Array) -> jax.Array:
    """[B, D, ...] -> [B D, ...]."""
    return x.reshape(-1, *x.shape[2:])


def _unfold(x: jax.Array, depth: int) -> jax.Array:
    """[B D, ...] -> [B, D, ...]."""
    return x.reshape(-1, depth, *x.shape[1:])


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _gather(depth: Depth, x: jax.Array) -> jax.Array:
    """The taps of each window side by side: [B, size, H, W, C] -> [B, out, H, W, kernel C]."""
    _, kernel, stride, before, out = depth
    length = (out - 1) * stride + 1
    x = _pad(x, before, length + kernel - 1 - x.shape[1] - before)
    return jnp.concatenate([lax.slice_in_dim(x, k, k + length, stride, 1) for k in range(kernel)], 4)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _scatter(depth: Depth, y: jax.Array) -> jax.Array:
    """The transpose: [B, out, H, W, kernel C] -> [B, size, H, W, C].

    Depth stride m + a gets tap r + stride j of window m + shift - j, where a + before = stride shift + r.
    """
    size, kernel, stride, before, out = depth
    taps, count, phases = jnp.split(y, kernel, 4), -(-size // stride), []
    for a in range(stride):
        shift, r = divmod(a + before, stride)
        parts = [_pad(tap, j - shift, count - out - j + shift) for j, tap in enumerate(taps[r::stride])]
        phases.append(sum(parts) if parts else jnp.zeros((len(y), count, *taps[0].shape[2:]), y.dtype))
    if stride == 1:
        return phases[0]
    x = jnp.stack(phases, 2)
    return x.reshape(len(y), -1, *x.shape[3:])[:, :size]


def _pad(x: jax.Array, before: int, after: int) -> jax.Array:
    """Adds zeros before and after along depth; negative: crops."""
    none = (0, 0, 0)
    return lax.pad(x, jnp.zeros((), x.dtype), [none, (before, after, 0), none, none, none])


_gather.defvjp(lambda depth, x: (_gather(depth, x), None), lambda depth, _, g: (_scatter(depth, g),))
_scatter.defvjp(lambda depth, y: (_scatter(depth, y), None), lambda depth, _, g: (_gather(depth, g),))
