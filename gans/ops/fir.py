"""Resampling with FIR filters, as in StyleGAN2 (Karras 2020, 1912.04958) and its descendants.

Everything is one linear map: insert zeros, pad (or crop), filter, keep every so manyth pixel. Its transpose is a map of
the same kind with both factors swapped, so gradients of any order run this one only. A filter is the outer product of
its taps with themselves, applied to rows, then to columns, as sums of shifted images: a depthwise convolution takes
XLA's CPU backend a hundred times as long. Sums are in float32 or better.

Taps are those of one side, in any scale: `(1, 3, 3, 1)` in all of these nets. Images are [B, H, W, C].
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from gans.core import Array
from gans.ops.conv import conv, conv_transpose

Taps = tuple[float, ...]

TAPS: Taps = (1.0, 3.0, 3.0, 1.0)


def filtered(x: Array, taps: Taps = TAPS, pads: tuple[int, int] | None = None, gain: float = 1.0) -> Array:
    """Filters images [B, H, W, C], of the same size by default.

    Args:
      taps: of the filter, which is divided by its sum; flipped, as in a convolution of signal processing.
      pads: zeros (before, after) both axes; negative ones crop.
      gain: of both axes together.
    """
    k = len(taps)
    return _both(x, taps, 1, 1, (k // 2, (k - 1) // 2) if pads is None else pads, gain)


def upsample(x: Array, taps: Taps = TAPS) -> Array:
    """Images of twice the size: [B, H, W, C] -> [B, 2H, 2W, C], of the same mean."""
    k = len(taps)
    return _both(x, taps, 2, 1, ((k + 1) // 2, (k - 2) // 2), 4.0)


def downsample(x: Array, taps: Taps = TAPS) -> Array:
    """Images of half the size, of even sides: [B, H, W, C] -> [B, H/2, W/2, C], of the same mean."""
    k = len(taps)
    return _both(x, taps, 1, 2, ((k - 1) // 2, (k - 2) // 2), 1.0)


def up_conv(x: Array, w: Array, taps: Taps = TAPS, form: str = 'auto') -> Array:
    """Zeros between pixels, correlation with w, filter: [B, H, W, C] -> [B, 2H, 2W, F].

    Args:
      w: kernel [k, k, C, F], k odd. The image is padded once, for both: at its border this is not `upsample` and a
        convolution, each with its own zeros.
      form: of convolutions, see `gans.ops.conv.conv`.
    """
    if w.shape[0] == 1:
        return upsample(conv(x, w, form=form), taps)
    k = w.shape[0]
    x = conv_transpose(x, w, 2, [(k - 1, k - 1)] * 2, form)  # [B, 2H + k - 2, ...]
    before, after = (len(taps) + 1) // 2, (len(taps) - 2) // 2  # of `upsample`, whose image has one more zero behind
    return filtered(x, taps, (before - k // 2, after + 1 - k // 2), 4.0)


def conv_down(x: Array, w: Array, taps: Taps = TAPS, form: str = 'auto') -> Array:
    """Filter, and correlation with w of stride 2, padded once: [B, H, W, C] -> [B, H/2, W/2, F]; see `up_conv`."""
    if w.shape[0] == 1:
        return conv(downsample(x, taps), w, form=form)
    before, after = (len(taps) - 1) // 2, (len(taps) - 2) // 2
    k = w.shape[0]
    return conv(filtered(x, taps, (before + k // 2, after + k // 2)), w, 2, 'VALID', form)


class Pass(NamedTuple):
    """Zeros inserted, padding, filter and decimation along one axis."""

    taps: Taps  # tap k is multiplied with pixel i + k of the padded image
    up: int
    down: int
    before: int  # zeros; negative: pixels cropped
    after: int

    def size(self, n: int) -> int:
        """The number of pixels that it makes of n."""
        return (n * self.up + self.before + self.after - len(self.taps)) // self.down + 1

    def transpose(self, n: int) -> 'Pass':
        """Its transpose, for images of n pixels."""
        after = n * self.up - self.size(n) * self.down + self.before - self.up + 1
        return Pass(self.taps[::-1], self.down, self.up, len(self.taps) - 1 - self.before, after)


def _both(x: Array, taps: Taps, up: int, down: int, pads: tuple[int, int], gain: float) -> Array:
    scale = gain**0.5 / sum(taps)
    geo = Pass(tuple(scale * tap for tap in reversed(taps)), up, down, *pads)
    if min(geo.size(n) for n in x.shape[1:3]) < 1:
        raise ValueError(f'a filter of {len(taps)} taps and padding {pads} leave nothing of {x.shape[1:3]} pixels')
    exact = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    return _run(geo, 2, _run(geo, 1, exact)).astype(x.dtype)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _run(geo: Pass, axis: int, x: Array) -> Array:
    """Pixel up m + phase of the result is at j = down (up m + phase) + k - before of the image with zeros in between,
    for tap k: where up divides j, that is pixel down m + start of the image, and elsewhere a zero.
    """
    out = geo.size(x.shape[axis])
    count = -(-out // geo.up)  # pixels of a phase
    taps = [[] for _ in range(geo.up)]
    for phase in range(geo.up):
        for k, tap in enumerate(geo.taps):
            start, off = divmod(geo.down * phase + k - geo.before, geo.up)
            taps[phase] += [] if off else [(start, tap)]
    length = geo.down * (count - 1) + 1
    first, last = (pick(start for phase in taps for start, _ in phase) for pick in (min, max))
    pads = [(0, 0, 0)] * x.ndim
    pads[axis] = (-first, last + length - x.shape[axis], 0)  # negative: cropped
    x = lax.pad(x, jnp.zeros((), x.dtype), pads)
    shifted = lambda start: lax.slice_in_dim(x, start - first, start - first + length, geo.down, axis)
    phases = [sum(tap * shifted(start) for start, tap in phase) for phase in taps]
    if geo.up == 1:
        return phases[0]
    y = jnp.stack(phases, axis + 1)
    y = y.reshape(*y.shape[:axis], count * geo.up, *y.shape[axis + 2 :])
    return lax.slice_in_dim(y, 0, out, axis=axis)


def _forward(geo: Pass, axis: int, x: Array) -> tuple[Array, int]:
    return _run(geo, axis, x), x.shape[axis]


def _backward(geo: Pass, axis: int, n: int, g: Array) -> tuple[Array]:
    return (_run(geo.transpose(n), axis, g),)


_run.defvjp(_forward, _backward)
