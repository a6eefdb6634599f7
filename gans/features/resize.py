"""The resizing of published protocols, all without antialiasing (Parmar 2022, 2104.11222)."""

import jax.numpy as jnp
import numpy as np

from gans.core import Array


def tf1_bilinear(images: Array, size: int) -> Array:
    """TensorFlow 1's resize_bilinear: pixel i of the result is at i * (old size / new size).

    Args:
      images: float32 [B, H, W, C].
      size: new height and width.
    """
    for axis in (1, 2):
        images = _interpolate(images, axis, np.arange(size, dtype=np.float32) * _scale(images.shape[axis], size))
    return images


def bilinear(images: Array, size: int) -> Array:
    """Bilinear with half-pixel centers: PyTorch's interpolate(mode='bilinear', align_corners=False).

    Pixel i is at (i + 1/2) * (old size / new size) - 1/2. Arguments as for `tf1_bilinear`.
    """
    half = np.float32(0.5)
    for axis in (1, 2):
        centers = (np.arange(size, dtype=np.float32) + half) * _scale(images.shape[axis], size) - half
        images = _interpolate(images, axis, centers)
    return images


def _scale(old: int, new: int) -> np.float32:
    return np.float32(old) / np.float32(new)  # float32 as in the originals, for the same rounding


def _interpolate(x: Array, axis: int, positions: np.ndarray) -> Array:
    """Linear interpolation of x along the axis, clamped at the ends."""
    last = x.shape[axis] - 1
    if np.array_equal(positions, np.arange(last + 1)):
        return x
    positions = np.clip(positions, 0, last)
    below = np.floor(positions).astype(np.int32)
    fraction = np.expand_dims(positions - below, [d for d in range(x.ndim) if d != axis])
    low, high = jnp.take(x, below, axis), jnp.take(x, np.minimum(below + 1, last), axis)
    return low + (high - low) * fraction
