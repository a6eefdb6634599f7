"""The radial power spectrum of images: upsampling in generators distorts high frequencies."""

import numpy as np

BLOCK = 64  # images at a time
FLOOR = 1 / 12  # variance of rounding to integer gray levels, the noise floor of uint8 images


def has_spectrum(height: int, width: int) -> bool:
    """Whether images of this size have radial frequencies other than 0."""
    return min(height, width) > 1


def spectrum(images: np.ndarray) -> np.ndarray:
    """Power by radial frequency in decibels, averaged as by Durall 2020 (2003.01826).

    The mean over channels is transformed without a window: discontinuities at borders leak alike in real and fake
    images. Power is averaged over rings of equal width and over images before taking the logarithm.

    Args:
      images: uint8 [N, H, W, C].

    Returns:
      float64 [R], from frequency 0 in steps of 1 / min(H, W) cycles per pixel to about 0.7 at the corner: 10 log10 of
      the power per frequency in gray levels squared. White noise has its variance at each frequency, a mean of m gray
      levels m^2 H W at frequency 0. Clipped at the power of rounding to uint8. All NaN if any pixel is.

    Raises:
      ValueError: not images, or none.
    """
    if images.ndim != 4 or not images.size:
        raise ValueError(f'images must be [N, H, W, C], and at least one, not {images.shape}')
    height, width = images.shape[1:3]
    power = np.zeros((height, width))
    for i in range(0, len(images), BLOCK):
        gray = images[i : i + BLOCK].mean(-1, dtype=np.float64)
        power += np.square(np.abs(np.fft.fft2(gray))).sum(0) / (height * width)
    ring = _rings(height, width).ravel()
    rings = np.bincount(ring, power.ravel() / len(images)) / np.bincount(ring)
    return 10 * np.log10(np.maximum(rings, FLOOR))


def spectrum_distance(real: np.ndarray, fake: np.ndarray) -> float:
    """Root mean square difference in dB between two sets of images [N, H, W, C], over all radial frequencies except 0.

    Raises:
      ValueError: the sizes differ, or have no frequency except 0.
    """
    if real.shape[1:3] != fake.shape[1:3] or not has_spectrum(*real.shape[1:3]):
        raise ValueError(f'images must have the same size, at least 2 x 2 pixels, not {real.shape} and {fake.shape}')
    return float(np.sqrt(np.square(spectrum(real) - spectrum(fake))[1:].mean()))


def _rings(height: int, width: int) -> np.ndarray:
    """The ring [H, W] of each frequency: its radius in cycles per shorter side, rounded."""
    radius = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width))
    return np.rint(radius * min(height, width)).astype(int)
