"""Conversion between stored images, uint8 [..., H, W, C], and those of nets, float32 in [-1, 1]; flips and crops,
of all frames of a clip alike.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gans.core import Array


def to_float(pixels: Array) -> Array:
    """0..255 to [-1, 1]."""
    return pixels.astype(np.float32) / 127.5 - 1


def to_pixels(images: Array) -> Array:
    """The inverse, traceable; values outside are clipped."""
    return jnp.round(jnp.clip((images + 1) * 127.5, 0, 255)).astype(jnp.uint8)


def to_uint8(images: np.ndarray) -> np.ndarray:
    """The inverse, on the host; values outside are clipped, NaN becomes 0."""
    images = np.nan_to_num(np.asarray(images, np.float32), nan=-1.0)
    return np.round((np.clip(images, -1, 1) + 1) * 127.5).astype(np.uint8)


def mirror(images: Array, flip: Array) -> Array:
    """Mirrors the images [B, H, W, C], or clips [B, T, H, W, C], for which `flip`, bool [B], is true, left to right."""
    return jnp.where(flip.reshape(-1, *[1] * (images.ndim - 1)), images[..., ::-1, :], images)


def crop(images: Array, corners: Array, side: int) -> Array:
    """Square crops [B, side, side, C] of images, [B, T, side, side, C] of clips, whose upper left pixels are `corners`,
    int32 [B, 2] as (row, column).
    """

    def cut(image: Array, corner: Array) -> Array:
        *frames, _, _, channels = image.shape
        return lax.dynamic_slice(image, (*[0] * len(frames), *corner, 0), (*frames, side, side, channels))

    return jax.vmap(cut)(images, corners)
