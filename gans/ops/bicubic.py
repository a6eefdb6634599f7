"""Bicubic resizing as the programs have it with which super-resolution is compared: Pillow's, and MATLAB's imresize.

Both widen Keys' kernel (a = -1/2) when they shrink, so that nothing aliases. They differ at the edges only: Pillow cuts
the window there and weighs what is left, MATLAB mirrors the image. Published PSNR is up to 0.6 dB off where images were
shrunk the other way. OpenCV and PyTorch, by default, have another kernel and alias.
"""

import functools

import jax.numpy as jnp
import numpy as np

from gans.core import Array
from gans.errors import unknown

KERNELS = ('pillow', 'matlab')


def resize(x: Array, height: int, width: int, kernel: str = 'pillow') -> Array:
    """Images [B, H, W, C] in [-1, 1] -> [B, height, width, C], on the 256 levels of images of 8 bits.

    As in these programs, the result of either pass is rounded: along rows first in Pillow's, along columns in MATLAB's.
    So the result has no gradient.

    Args:
      kernel: 'pillow' or 'matlab'.
    """
    if kernel not in KERNELS:
        raise unknown('bicubic kernel', kernel, KERNELS)
    down, across = _matrix(x.shape[1], height, kernel), _matrix(x.shape[2], width, kernel)
    passes = [('jw,bhwc->bhjc', across), ('ih,bhwc->biwc', down)]
    levels = (x.astype(jnp.float32) + 1) * 127.5
    for equation, matrix in passes if kernel == 'pillow' else passes[::-1]:
        levels = _level(jnp.einsum(equation, matrix, levels, precision='highest'))
    return levels / 127.5 - 1


def _level(x: Array) -> Array:
    """The nearest of 0..255; halves go up."""
    return jnp.clip(jnp.floor(x + 0.5), 0, 255)


@functools.cache
def _matrix(before: int, after: int, kernel: str) -> np.ndarray:
    """The weights of each pixel of the input in each of the output, float32 [after, before]; rows sum to 1."""
    scale = before / after
    wide = max(scale, 1.0)  # the kernel is widened in shrinking alone
    places = (np.arange(after)[:, None] + 0.5) * scale - 0.5  # of the output's pixels in the input
    margin = 0 if kernel == 'pillow' else min(before, int(np.ceil(2 * wide)) + 1)
    pixels = np.arange(-margin, before + margin)
    weights = _keys((pixels - places) / wide)
    mirrored = np.where(pixels < 0, -1 - pixels, np.where(pixels >= before, 2 * before - 1 - pixels, pixels))
    matrix = np.zeros((after, before))
    np.add.at(matrix.T, mirrored, weights.T)
    return (matrix / matrix.sum(1, keepdims=True)).astype(np.float32)


def _keys(x: np.ndarray) -> np.ndarray:
    """Keys 1981 (Cubic convolution interpolation), with a = -1/2."""
    x = np.abs(x)
    near, far = (1.5 * x - 2.5) * x**2 + 1, ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x < 1, near, np.where(x < 2, far, 0))
