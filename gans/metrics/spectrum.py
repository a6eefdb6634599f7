"""The radial power spectrum of pictures: upsampling leaves too little or too much at high frequencies."""

import numpy as np

BLOCK = 64  # pictures at a time
FLOOR = 1 / 12  # variance of the rounding to whole grey levels, which no uint8 picture is below for sure


def has_spectrum(height: int, width: int) -> bool:
    """Whether pictures of this size have a radial frequency but 0."""
    return min(height, width) > 1


def spectrum(images: np.ndarray) -> np.ndarray:
    """Power by radial frequency, as Durall 2020 (2003.01826) averages it, in decibels.

    The channels' mean is transformed, without a window: borders that do not fit together leak alike in real and
    fake pictures. Power is averaged over rings of one width and over the pictures before the logarithm is taken.

    Args:
      images: uint8 [N, H, W, C].

    Returns:
      float64 [R], from frequency 0 in steps of 1 / min(H, W) cycles a pixel up to the corner's, about 0.7: 10 log10 of
      the power per frequency in grey levels squared. White noise has its variance in each, and a mean of m grey levels
      m^2 H W at frequency 0. Not below the power of rounding to uint8. NaN all, if any pixel is.

    Raises:
      ValueError: there are no images of this shape.
    """
    if images.ndim != 4 or not images.size:
        raise ValueError(f'images are [N, H, W, C] and at least one, not {images.shape}')
    height, width = images.shape[1:3]
    power = np.zeros((height, width))
    for i in range(0, len(images), BLOCK):
        grey = images[i : i + BLOCK].mean(-1, dtype=np.float64)
        power += np.square(np.abs(np.fft.fft2(grey))).sum(0) / (height * width)
    ring = _rings(height, width).ravel()
    rings = np.bincount(ring, power.ravel() / len(images)) / np.bincount(ring)
    return 10 * np.log10(np.maximum(rings, FLOOR))


def spectrum_distance(real: np.ndarray, fake: np.ndarray) -> float:
    """Root mean square difference in dB of two sets of images [N, H, W, C], over all radial frequencies but 0.

    Raises:
      ValueError: the sizes differ, or have no frequency but 0.
    """
    if real.shape[1:3] != fake.shape[1:3] or not has_spectrum(*real.shape[1:3]):
        raise ValueError(f'images of one size are needed, of 2 x 2 pixels or more, not {real.shape} and {fake.shape}')
    return float(np.sqrt(np.square(spectrum(real) - spectrum(fake))[1:].mean()))


def _rings(height: int, width: int) -> np.ndarray:
    """The ring [H, W] of each frequency of a transform: its radius in cycles per shorter side, rounded."""
    radius = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width))
    return np.rint(radius * min(height, width)).astype(int)
