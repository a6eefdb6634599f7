"""Images of twice the size by repeating pixels, and of half the size by means of 2 x 2."""

import jax.numpy as jnp

from gans.core import Array


def upsample(x: Array) -> Array:
    """Nearest neighbor: [B, H, W, C] -> [B, 2H, 2W, C]."""
    b, h, w, c = x.shape
    return jnp.broadcast_to(x[:, :, None, :, None], (b, h, 2, w, 2, c)).reshape(b, 2 * h, 2 * w, c)


def pool(x: Array) -> Array:
    """Means of 2 x 2 pixels: [B, 2H, 2W, C] -> [B, H, W, C]."""
    b, h, w, c = x.shape
    return x.reshape(b, h // 2, 2, w // 2, 2, c).mean((2, 4))
