"""The radial spectrum: Parseval, waves, noise, and what upsampling leaves behind."""

import numpy as np
import pytest

from gans.metrics.spectrum import BLOCK, FLOOR, _rings, spectrum, spectrum_distance


def noise(n: int, height: int, width: int, channels: int = 1, sigma: float = 20, seed: int = 0) -> np.ndarray:
    drawn = np.random.default_rng(seed).normal(128, sigma, (n, height, width, channels))
    return drawn.round().clip(0, 255).astype(np.uint8)


def power(images: np.ndarray) -> np.ndarray:
    return 10 ** (spectrum(images) / 10)


@pytest.mark.parametrize('size', [(16, 16), (15, 9), (8, 31), (1, 6)])
def test_parseval(size):
    """The rings together have the pictures' mean square."""
    x = noise(BLOCK + 3, *size, channels=3)
    sizes = np.bincount(_rings(*size).ravel())
    assert sizes.sum() == np.prod(size) and sizes.min() > 0
    expected = np.square(x.mean(-1, dtype=np.float64)).mean() * np.prod(size)
    np.testing.assert_allclose((power(x) * sizes).sum(), expected, rtol=1e-10)


def test_white_noise_is_flat_at_its_variance():
    found = spectrum(noise(400, 24, 24))
    np.testing.assert_allclose(found[1:], 10 * np.log10(20**2 + 1 / 12), atol=0.5)
    np.testing.assert_allclose(found[0], 10 * np.log10(128**2 * 24 * 24), atol=0.1)


@pytest.mark.parametrize(('height', 'width', 'waves'), [(32, 32, 5), (32, 48, 9), (48, 32, 3)])
def test_a_wave_stands_at_its_frequency(height, width, waves):
    """All its power A^2 / 2 in the ring of its cycles a pixel, times the shorter side."""
    x = 128 + 100 * np.cos(2 * np.pi * waves * np.arange(width) / width) * np.ones((height, 1))
    found = power(np.round(x)[None, :, :, None].astype(np.uint8))
    ring = round(waves / width * min(height, width))
    assert found[1:].argmax() + 1 == ring
    np.testing.assert_allclose(found[ring] * (_rings(height, width) == ring).sum(), 5000 * height * width, rtol=1e-2)
    assert np.delete(found, [0, ring]).max() < 1e-3 * found[ring]


def test_the_orientation_does_not_matter():
    x = noise(3, 20, 30)
    x[:, ::2] //= 2
    np.testing.assert_allclose(spectrum(x), spectrum(x.swapaxes(1, 2)), rtol=1e-12)


def test_a_checkerboard_raises_the_highest_frequency_alone():
    x = noise(50, 32, 32)
    board = (x + 10 * (np.indices((32, 32)).sum(0) % 2)[None, :, :, None]).astype(np.uint8)
    change = spectrum(board) - spectrum(x)
    assert change[-1] > 10 and np.abs(change[1:-1]).max() < 0.1


def test_upsampled_pictures_lack_high_frequencies():
    x = noise(50, 32, 32)
    blocks = x[:, ::2, ::2].repeat(2, 1).repeat(2, 2)
    change = spectrum(blocks) - spectrum(x)
    assert change[2] > 3 and change[-1] < -15


def test_flat_pictures_have_the_floor():
    x = np.full((2, 8, 8, 3), 77, np.uint8)
    np.testing.assert_allclose(spectrum(x)[1:], 10 * np.log10(FLOOR))
    assert spectrum_distance(x, x) == 0


def test_distance():
    """Twice the contrast is 6.02 dB at each frequency but 0; the mean does not count."""
    x = noise(500, 16, 16, sigma=5)
    more = (2.0 * x - 128).astype(np.uint8)
    assert spectrum_distance(x, more) == pytest.approx(20 * np.log10(2), abs=0.02)
    assert spectrum_distance(x, x + 60) == pytest.approx(0, abs=1e-9)
    assert spectrum_distance(x, noise(500, 16, 16, sigma=5, seed=1)) < 0.5


def test_a_nan_gives_nan():
    x = noise(4, 8, 8).astype(np.float32)
    x[2, 3, 3, 0] = np.nan
    assert np.isnan(spectrum(x)).all() and np.isnan(spectrum_distance(x, noise(4, 8, 8)))


def test_errors():
    with pytest.raises(ValueError, match='at least one'):
        spectrum(noise(0, 8, 8))
    with pytest.raises(ValueError, match='the same size'):
        spectrum_distance(noise(2, 8, 8), noise(2, 8, 9))
    with pytest.raises(ValueError, match='at least 2 x 2 pixels'):
        spectrum_distance(noise(2, 16, 1), noise(2, 16, 1))
