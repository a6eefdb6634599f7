"""What a convolution of volumes does along depth, as maps before and after matrix products with its kernels.

`gather` lays the taps of each window side by side, for products with kernels [kd C, F]; `scatter` is its transpose.

`split` and `join`, `spread` and `outputs` are for products that are minimal filtering in height and width
(gans/ops/winograd.py). 3 to 5 taps of stride 1 are filtered along depth, too, two outputs at a time: k + 1 products and
copies in place of 2 k for k taps. All other taps lie side by side: of 4 taps and stride 2, filtering was no faster.

Volumes are [B, D, ...]. Each pair is one of transposes, so derivatives of any order run nothing else.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gans.ops.winograd import combine, matrices, transposes

Parts = list[jax.Array]  # by the points of depth


class Depth(NamedTuple):
    """A convolution along depth: tap k of window o is at stride o + k - before."""

    size: int  # of the volume
    kernel: int
    stride: int
    before: int  # padding; negative: cropped
    out: int  # windows

    @property
    def filtered(self) -> bool:
        """Whether by minimal filtering; with more taps the entries of its matrices grow."""
        return self.stride == 1 and 3 <= self.kernel <= 5

    @property
    def matrices(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return matrices(2, self.kernel)

    @property
    def tiles(self) -> int:
        return -(-self.out // 2)


def pad(x: jax.Array, before: int, after: int) -> jax.Array:
    """Adds zeros before and after along depth; negative: crops."""
    return lax.pad(x, jnp.zeros((), x.dtype), [(before, after, 0) if i == 1 else (0, 0, 0) for i in range(x.ndim)])


def transform(depth: Depth, w: jax.Array, flipped: bool) -> Parts:
    """The kernels of taps [kd, C, F] at each point: with taps side by side one, [kd C, F], or [C, kd F] of flipped
    ones.
    """
    if depth.filtered:
        return combine(depth.matrices[1], list(w))
    return [w.swapaxes(0, 1).reshape(w.shape[1], -1) if flipped else w.reshape(-1, w.shape[2])]


def _gather(depth: Depth, x: jax.Array) -> jax.Array:
    """The taps of each window side by side: [B, size, ..., C] -> [B, out, ..., kernel C]."""
    _, kernel, stride, before, out = depth
    length = (out - 1) * stride + 1
    x = pad(x, before, length + kernel - 1 - x.shape[1] - before)
    return jnp.concatenate([lax.slice_in_dim(x, k, k + length, stride, 1) for k in range(kernel)], -1)


def _scatter(depth: Depth, y: jax.Array) -> jax.Array:
    """The transpose: [B, out, ..., kernel C] -> [B, size, ..., C].

    Depth stride m + a gets tap r + stride j of window m + shift - j, where a + before = stride shift + r.
    """
    size, kernel, stride, before, out = depth
    taps, count, phases = jnp.split(y, kernel, -1), -(-size // stride), []
    for a in range(stride):
        shift, r = divmod(a + before, stride)
        parts = [pad(tap, j - shift, count - out - j + shift) for j, tap in enumerate(taps[r::stride])]
        phases.append(sum(parts) if parts else jnp.zeros((len(y), count, *taps[0].shape[2:]), y.dtype))
    return phases[0] if stride == 1 else _interleave(phases)[:, :size]


def _split(depth: Depth, x: jax.Array) -> Parts:
    """[B, size, ...] -> [B, windows or tiles of them, ...] at each point.

    Padded, or XLA would compute x again for each of its uses.
    """
    if not depth.filtered:
        return [_gather(depth, pad(x, 0, 1))]
    count, length = 1 + depth.kernel, 2 * depth.tiles - 1  # inputs of a tile; first ones of tiles
    x = pad(x, depth.before, length + count - depth.size - depth.before)
    return combine(depth.matrices[0], [x[:, i : i + length : 2] for i in range(count)])


def _join(depth: Depth, parts: Parts) -> jax.Array:
    """The transpose of `split`. Tiles overlap: input i of tile t is at 2 t + i - before."""
    if not depth.filtered:
        return _scatter(depth, parts[0])
    inputs = combine(depth.matrices[0].T, parts)
    far = (len(inputs) - 1) // 2
    phases = [sum(pad(x, j, far - j) for j, x in enumerate(inputs[a::2])) for a in range(2)]
    x = _interleave(phases)
    return pad(x, -depth.before, depth.size + depth.before - x.shape[1])


def _spread(depth: Depth, y: jax.Array) -> Parts:
    """[B, out, ...] -> [B, windows or tiles of them, ...] at each point."""
    if not depth.filtered:
        return [y]
    y = pad(y, 0, 2 * depth.tiles - depth.out)
    return combine(depth.matrices[2].T, [y[:, i::2] for i in range(2)])


def _outputs(depth: Depth, parts: Parts) -> jax.Array:
    """The transpose of `spread`."""
    return _interleave(combine(depth.matrices[2], parts))[:, : depth.out] if depth.filtered else parts[0]


def _interleave(phases: Parts) -> jax.Array:
    """[B, D, ...] of each -> [B, D phases, ...]."""
    x = jnp.stack(phases, 2)
    return x.reshape(len(x), -1, *x.shape[3:])


gather, scatter = transposes(_gather, _scatter, 1)
split, join = transposes(_split, _join, 1)
spread, outputs = transposes(_spread, _outputs, 1)
