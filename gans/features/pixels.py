"""Features without a net: pixels of downsampled images, blocks of volumes, and coordinates of points."""

import jax
import jax.numpy as jnp

from gans.core import Array
from gans.features.base import Extractor

SIDE = 16  # pixels: enough for layout and color, few enough for a covariance
BLOCKS = 8  # of a volume's side


def pixels() -> Extractor:
    """Images downsampled to at most 16 x 16 pixels (with antialiasing), in [0, 1]: [B, H * W * C] features.

    Pixel distances can rank runs of one experiment, but are blind to content; they are for machines without the weights
    of a net.
    """

    def apply(params: tuple, images: Array) -> tuple[Array, None]:
        b, h, w, c = images.shape
        x = images.astype(jnp.float32) / 255
        shape = (b, min(h, SIDE), min(w, SIDE), c)
        small = x if x.shape == shape else jax.image.resize(x, shape, 'linear', precision=jax.lax.Precision.HIGHEST)
        return small.reshape(b, -1), None

    return Extractor('pixels', 'FD (pixels)', apply, resizing=f'antialiased bilinear to at most {SIDE} px', batch=500)


def voxels() -> Extractor:
    """The occupancy of at most 8 x 8 x 8 blocks of a volume: [B, D * H * W * C] features in [0, 1]."""

    def apply(params: tuple, volumes: Array) -> tuple[Array, None]:
        b, *sides, c = volumes.shape
        shape = (b, *(min(side, BLOCKS) for side in sides), c)
        x = volumes.astype(jnp.float32) / 255
        small = x if x.shape == shape else jax.image.resize(x, shape, 'linear', precision=jax.lax.Precision.HIGHEST)
        return small.reshape(b, -1), None

    return Extractor(
        'voxels',
        'FD (voxels)',
        apply,
        resizing=f'antialiased linear to at most {BLOCKS} blocks',
        batch=100,
        kind='volumes',
    )


def identity() -> Extractor:
    """Points, unchanged; their Fréchet distance is the squared Wasserstein-2 distance of two Gaussians."""
    return Extractor('identity', 'FD (identity)', apply=None, kind='points')
