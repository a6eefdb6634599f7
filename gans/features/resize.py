"""The resizes of published protocols. None of them filters before it shrinks an image (Parmar 2022, 2104.11222)."""

import jax.numpy as jnp
import numpy as np

from gans.core import Array


def tf1_bilinear(images: Array, size: int) -> Array:
    """TensorFlow 1's resize_bilinear: pixel i of the result lies at i * (old size / new size) of the image.

    Args:
      images: float32 [B, H, W, C].
      size: new height and width.
    """
    for axis in (1, 2):
        images = _interpolate(images, axis, np.arange(size, dtype=np.float32) * _scale(images.shape[axis], size))
    return images


def bilinear(images: Array, size: int) -> Array:
    """Bilinear with half-pixel centres: PyTorch's interpolate(mode='bilinear', align_corners=False).

    Pixel i lies at (i + 1/2) * (old size / new size) - 1/2. Arguments as of `tf1_bilinear`.
    """
    half = np.float32(0.5)
    for axis in (1, 2):
        centres = (np.arange(size, dtype=np.float32) + half) * _scale(images.shape[axis], size) - half
        images = _interpolate(images, axis, centres)
    return images


def _scale(old: int, new: int) -> np.float32:
    return np.float32(old) / np.float32(new)  # float32 as in the originals, that positions round alike


def _interpolate(x: Array, axis: int, positions: np.ndarray) -> Array:
    """Values of x between its elements along the axis, linearly; beyond the ends those at the ends."""
    last = x.shape[axis] - 1
    if np.array_equal(positions, np.arange(last + 1)):
        return x
    positions = np.clip(positions, 0, last)
    below = np.floor(positions).astype(np.int32)
    share = np.expand_dims(positions - below, [d for d in range(x.ndim) if d != axis])
    low, high = jnp.take(x, below, axis), jnp.take(x, np.minimum(below + 1, last), axis)
    return low + (high - low) * share
