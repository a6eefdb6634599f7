"""How far samples are from their own targets, where pairs are known: of a translation, or of super-resolution.

Images of the size of what they were made from are compared in all channels, since colors are what is made; enlarged
ones on Y without a border as wide as the scale, as papers of super-resolution do (gans/metrics/psnr.py).
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from gans.metrics import psnr
from gans.metrics.ssim import SMALLEST
from gans.ops import bicubic
from gans.ops.pixels import to_float, to_uint8

BATCH = 32  # images at a time, in float64
MOST = 10 * np.log10(255**2 * 12)  # dB: of the rounding to 8 bits; images that are equal would have an infinite ratio
GREY = np.array([299, 587, 114]) / 1000  # of R, G and B, as Pillow's


class Targets(NamedTuple):
    """What each sample should equal, of images; `gans.metrics.volumes.Targets` is the same of volumes."""

    examples: np.ndarray  # uint8 [N, H, W, C]
    scale: int  # by which they are larger than what samples are made from
    field: str  # of the examples, that they are

    @property
    def settings(self) -> dict[str, Any]:
        """Border and channel of PSNR and SSIM; on images that are too small, no border is cut."""
        if self.scale == 1:
            return {'border': 0, 'channel': 'RGB'}
        wide = min(self.examples.shape[1:3]) - 2 * self.scale >= SMALLEST
        return {'border': self.scale * wide, 'channel': 'Y'}

    @property
    def quick(self) -> tuple[str, ...]:
        """The scores that training reports."""
        return ('l1', 'psnr')

    def stamps(self) -> dict[str, dict[str, Any]]:
        """What each score depends on beside the images, by its name."""
        shared = {'target': self.field}
        ratio = shared | psnr.stamp(**self.settings)
        return {'l1': shared | {'range': '0..255'}, 'psnr': ratio | {'at most': f'{MOST:.1f} dB'}, 'ssim': ratio}

    def score(self, images: np.ndarray, names: Iterable[str] = ('l1', 'psnr', 'ssim')) -> dict[str, float]:
        """Means over images, uint8 [M, H, W, C], M <= N, of their scores against the first targets."""
        targets = self.examples[: len(images)]
        compare: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
            'l1': lambda a, b: np.abs(a.astype(np.float32) - b).mean((1, 2, 3), dtype=np.float64),
            'psnr': lambda a, b: np.minimum(psnr.psnr(a, b, **self.settings), MOST),
            'ssim': lambda a, b: psnr.ssim(a, b, **self.settings),
        }
        parts = [slice(start, start + BATCH) for start in range(0, len(images), BATCH)]
        each = lambda name: np.concatenate([compare[name](images[part], targets[part]) for part in parts])
        return {name: float(each(name).mean()) for name in names}


def copied(sources: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Images uint8 [N, h, w, c] as images [N, *shape]: grey ones in three equal channels, colors made grey, and another
    size by Pillow's bicubic filter.
    """
    height, width, channels = shape
    if sources.shape[-1] != channels:
        grey = sources if channels == 3 else np.round(sources @ GREY)[..., None].astype(np.uint8)
        sources = grey.repeat(channels, -1)
    if sources.shape[1:3] == (height, width):
        return sources
    parts = [sources[start : start + BATCH] for start in range(0, len(sources), BATCH)]
    return np.concatenate([to_uint8(bicubic.resize(to_float(part), height, width)) for part in parts])


def mean_example(chunks: Iterable[np.ndarray]) -> np.ndarray:
    """The mean of images or volumes uint8 [n, ...] that come in pieces, uint8 [...]."""
    total, count = 0.0, 0
    for examples in chunks:
        total, count = total + examples.sum(0, dtype=np.float64), count + len(examples)
    return np.round(total / count).astype(np.uint8)
