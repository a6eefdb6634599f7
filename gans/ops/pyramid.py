"""Gaussian and Laplacian pyramids of images (Burt & Adelson 1983), as in LAPGAN (Denton 2015, 1506.05751, section 2.2):
an image is the sum of its coarsest copy, upsampled, and of the residuals of each upsampling.

Resampling is that of the authors' code: means of 2 x 2 pixels, and bilinear interpolation. Their upsampling aligns the
corners of both images; here a coarse pixel lies in the middle of the four pixels that it averages.
"""

import itertools

import jax.numpy as jnp

from gans.core import Array
from gans.ops.nearest import pool as down


def up(x: Array) -> Array:
    """Bilinear upsampling with replicated edges: [B, H, W, C] -> [B, 2 H, 2 W, C]."""
    return _double(_double(x, 1), 2)


def gaussian(x: Array, levels: int) -> tuple[Array, ...]:
    """The image and its `levels` halvings, finest first; sides divide by 2^levels."""
    images = [x]
    for _ in range(levels):
        images.append(down(images[-1]))
    return tuple(images)


def laplacian(x: Array, levels: int) -> tuple[Array, ...]:
    """`levels` residuals, finest first, between each level and the upsampled next one, then the coarsest image.

    Residuals of images in [-1, 1] lie in [-2, 2].
    """
    images = gaussian(x, levels)
    residuals = (fine - up(coarse) for fine, coarse in itertools.pairwise(images))
    return (*residuals, images[-1])


def _double(x: Array, axis: int) -> Array:
    """[..., n, ...] -> [..., 2 n, ...]: 3/4 of the nearer and 1/4 of the farther neighbor."""
    x = jnp.moveaxis(x, axis, 0)
    before = jnp.concatenate([x[:1], x[:-1]])
    after = jnp.concatenate([x[1:], x[-1:]])
    pairs = jnp.stack([0.25 * before + 0.75 * x, 0.75 * x + 0.25 * after], 1)
    return jnp.moveaxis(pairs.reshape(-1, *x.shape[1:]), 0, axis)
