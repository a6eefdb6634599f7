"""Conversion between stored volumes, uint8 [..., D, H, W, C], and those of nets, float32 occupancies in [0, 1].

Depth comes to the viewer (z), height goes up (y), width goes to the right (x).
"""

import jax.numpy as jnp
import numpy as np

from gans.core import Array

LEVEL = 0.5  # occupancy from which on a voxel counts as occupied
OCCUPIED = 128  # the same, stored


def to_float(voxels: Array) -> Array:
    """0..255 to [0, 1]."""
    return voxels.astype(np.float32) / 255


def to_voxels(volumes: Array) -> Array:
    """The inverse, traceable; values outside are clipped."""
    return jnp.round(jnp.clip(volumes, 0, 1) * 255).astype(jnp.uint8)


def to_uint8(volumes: np.ndarray) -> np.ndarray:
    """The inverse, on the host; values outside are clipped, NaN becomes 0."""
    return np.round(np.clip(np.nan_to_num(np.asarray(volumes, np.float32)), 0, 1) * 255).astype(np.uint8)


def mirror(volumes: Array, flip: Array) -> Array:
    """Mirrors the volumes [B, D, H, W, C] for which `flip`, bool [B], is true, left to right."""
    return jnp.where(flip[:, None, None, None, None], volumes[:, :, :, ::-1], volumes)
