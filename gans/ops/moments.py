"""Norms by the moments of channels, and what they share with biases: sums over pixels that are fast on CPU.

XLA's CPU backend adds up columns one after the other, each in a pass over all of the memory. As products with rows of
ones, sums over 65,536 pixels of 32 channels take 1.5 ms in place of 19, and batch norm with its gradient 24 in place
of 71. On GPU and TPU, where products may round to fewer digits than sums, they are sums.
"""

import math
from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from gans.core import Array

MOMENTUM, EPSILON = 0.9, 1e-5


def average(x: Array, examples: bool = False) -> Array:
    """Means over all but the channels, [B, ..., C] -> [C]; of each of the `examples`, -> [B, C]. In float32."""
    wide = x.astype(jnp.float32)
    if not _by_products(x.shape):
        return wide.mean(tuple(range(1 if examples else 0, x.ndim - 1)))
    wide = wide.reshape(len(x) if examples else 1, -1, x.shape[-1])
    pixels = wide.shape[1]
    means = jnp.full((len(wide), 1, pixels), 1 / pixels, wide.dtype) @ wide
    return means[:, 0] if examples else means[0, 0]


def spread(vectors: Array, shape: tuple[int, ...]) -> Array:
    """The same vector at all pixels: [C] or, one for each example, [B, C] -> what broadcasts to `shape` [B, ..., C]. A
    number stays one.
    """
    if vectors.ndim == 0 or not _by_products(shape):
        return vectors if vectors.ndim < 2 else vectors.reshape(len(vectors), *[1] * (len(shape) - 2), -1)
    groups = len(vectors) if vectors.ndim == 2 else 1
    ones = jnp.ones((groups, math.prod(shape[:-1]) // groups, 1), vectors.dtype)
    return (ones @ vectors.reshape(groups, 1, -1)).reshape(shape)


def _by_products(shape: tuple[int, ...]) -> bool:
    """Whether what has this shape has pixels, and is on a CPU."""
    return len(shape) > 2 and jax.default_backend() == 'cpu'


class BatchNorm(nn.Module):
    """x [B, ..., C] -> the same shape: flax's batch norm, with its parameters and statistics.

    scale: initializes the scales; None: there are none. shift: whether there are shifts. axis_name: of the devices that
    share moments.
    """

    dtype: jnp.dtype
    scale: Callable[..., Array] | None
    shift: bool
    axis_name: str | None

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        channels = x.shape[-1:]
        mean = self.variable('batch_stats', 'mean', jnp.zeros, channels)
        variance = self.variable('batch_stats', 'var', jnp.ones, channels)
        if not train:
            return _normalize(self, x, mean.value, variance.value)
        wide = x.astype(jnp.float32)
        moments = average(wide), average(wide * wide)
        if self.axis_name is not None and not self.is_initializing():
            moments = lax.pmean(moments, self.axis_name)
        own_mean, own_variance = _central(*moments)
        if not self.is_initializing():
            mean.value = MOMENTUM * mean.value + (1 - MOMENTUM) * own_mean
            variance.value = MOMENTUM * variance.value + (1 - MOMENTUM) * own_variance
        return _normalize(self, x, own_mean, own_variance)


class InstanceNorm(nn.Module):
    """x [B, ..., C] -> the same shape, each channel of each example normalized by itself; options as of `BatchNorm`."""

    dtype: jnp.dtype
    scale: Callable[..., Array] | None
    shift: bool

    @nn.compact
    def __call__(self, x: Array) -> Array:
        wide = x.astype(jnp.float32)
        return _normalize(self, x, *_central(average(wide, True), average(wide * wide, True)))


def _central(mean: Array, of_squares: Array) -> tuple[Array, Array]:
    """Mean and variance, of the mean and the mean square."""
    return mean, jnp.maximum(of_squares - mean * mean, 0)


def _normalize(module: BatchNorm | InstanceNorm, x: Array, mean: Array, variance: Array) -> Array:
    """(x - mean) / deviation, times scales and plus shifts, parameters of the module; moments [C] or [B, C]."""
    factor = lax.rsqrt(variance + EPSILON)
    if module.scale is not None:
        factor = factor * module.param('scale', module.scale, x.shape[-1:])
    x = (x - spread(mean, x.shape)) * spread(factor, x.shape)
    if module.shift:
        x = x + spread(module.param('bias', nn.initializers.zeros, x.shape[-1:]), x.shape)
    return x.astype(module.dtype)
