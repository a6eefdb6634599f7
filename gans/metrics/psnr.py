"""Peak signal-to-noise ratio, and the luminance on which super-resolution is compared.

Papers of super-resolution measure PSNR and SSIM on the Y channel, with as many pixels of the border cut off as the
scale says. Y has the narrow range of 16 to 235, and the peak is 255 all the same: on grey errors that alone gains 1.32
dB over measuring RGB. So a number says nothing without its channel and border, see `stamp`.
"""

import numpy as np

from gans.errors import UserError
from gans.metrics import ssim as similarity

WEIGHTS = np.array([65.481, 128.553, 24.966]) / 255  # of R, G and B (ITU-R BT.601, as in MATLAB's rgb2ycbcr)
CHANNELS = ('Y', 'RGB')


def luminance(images: np.ndarray) -> np.ndarray:
    """Y of images [B, H, W, 3] or grey ones [B, H, W, 1], 0..255 -> [B, H, W, 1], float64, 16..235, not rounded."""
    images = np.asarray(images, np.float64)
    weights = WEIGHTS if images.shape[-1] == 3 else WEIGHTS.sum(keepdims=True)
    return 16 + (images @ weights)[..., None]


def psnr(a: np.ndarray, b: np.ndarray, border: int = 0, channel: str = 'Y') -> np.ndarray:
    """10 log10(255^2 / mean squared error) of pairs of images, [B], in dB; infinite for equal ones.

    Args:
      a, b: [B, H, W, C], 0..255.
      border: pixels that are cut off on each side first.
      channel: 'Y', or 'RGB' for all channels as they are.
    """
    a, b = (_prepare(x, border, channel) for x in (a, b))
    with np.errstate(divide='ignore'):
        return 10 * np.log10(255**2 / ((a - b) ** 2).mean((1, 2, 3)))


def ssim(a: np.ndarray, b: np.ndarray, border: int = 0, channel: str = 'Y') -> np.ndarray:
    """Structural similarity [B], see `gans.metrics.ssim.ssim`, with the arguments of `psnr`."""
    return similarity.ssim(*(_prepare(x, border, channel) for x in (a, b)))


def stamp(border: int, channel: str = 'Y') -> dict[str, int | str]:
    """What a number depends on beside the images."""
    return {'channel': 'Y of BT.601, 16..235' if channel == 'Y' else channel, 'border': border}


def _prepare(images: np.ndarray, border: int, channel: str) -> np.ndarray:
    height, width = images.shape[1:3]
    if not 0 <= 2 * border < min(height, width):
        raise UserError(
            f'a border of {border} pixels leaves nothing of images of {height} x {width}: take a smaller one'
        )
    images = images[:, border : height - border, border : width - border]
    return luminance(images) if channel == 'Y' else np.asarray(images, np.float64)
