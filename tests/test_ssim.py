"""Structural similarity against scikit-image, and against numpy in float64 written another way."""

import numpy as np
import pytest

from gans.metrics import ssim as module
from gans.metrics.ssim import diversity, ms_ssim, scales, ssim

WEIGHTS = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333])


def pictures(n: int, height: int, width: int, channels: int = 1, seed: int = 0) -> np.ndarray:
    """Smooth shapes with some noise, and flat parts at black and white."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] / max(height, width)
    a, b, c = rng.uniform(2, 9, (3, n, 1, 1, channels))
    smooth = 128 + 180 * np.sin(a * x[..., None] + b) * np.cos(c * y[..., None])
    return (smooth + rng.normal(0, 12, smooth.shape)).clip(0, 255).astype(np.uint8)


def noisy(x: np.ndarray, sigma: float, seed: int = 9) -> np.ndarray:
    return (x + np.random.default_rng(seed).normal(0, sigma, x.shape)).clip(0, 255).astype(np.uint8)


def terms(a: np.ndarray, b: np.ndarray, size: int = 11) -> tuple[float, float]:
    """Means of SSIM and of contrast and structure of single planes [H, W], window by window, by weighted deviations."""
    g = np.exp(-((np.arange(size) - size // 2) ** 2) / (2 * 1.5**2))
    w = np.outer(g, g) / g.sum() ** 2
    whole, contrasts = [], []
    for i in range(a.shape[0] - size + 1):
        for j in range(a.shape[1] - size + 1):
            x, y = (z[i : i + size, j : j + size].astype(np.float64) for z in (a, b))
            mx, my = (w * x).sum(), (w * y).sum()
            cov = (w * (x - mx) * (y - my)).sum()
            contrast = (2 * cov + 7.65**2) / ((w * (x - mx) ** 2).sum() + (w * (y - my) ** 2).sum() + 7.65**2)
            contrasts.append(contrast)
            whole.append(contrast * (2 * mx * my + 2.55**2) / (mx**2 + my**2 + 2.55**2))
    return np.mean(whole), np.mean(contrasts)


def plain_ms_ssim(a: np.ndarray, b: np.ndarray, levels: int) -> float:
    """Of single planes."""
    weights, product = WEIGHTS[:levels] / WEIGHTS[:levels].sum(), 1.0
    a, b = a.astype(np.float64), b.astype(np.float64)
    for level in range(levels):
        whole, contrast = terms(a, b)
        product *= max(whole if level == levels - 1 else contrast, 0) ** weights[level]
        h, w = a.shape[0] // 2 * 2, a.shape[1] // 2 * 2
        a, b = ((z[:h:2, :w:2] + z[1:h:2, :w:2] + z[:h:2, 1:w:2] + z[1:h:2, 1:w:2]) / 4 for z in (a, b))
    return product


@pytest.mark.parametrize('shape', [(11, 11, 1), (28, 28, 1), (40, 57, 3)])
@pytest.mark.parametrize('sigma', [3, 60])
def test_as_scikit_image(shape, sigma):
    """Its mean is over the places where the window lies in the picture, too."""
    peer = pytest.importorskip('skimage.metrics')
    a = pictures(3, *shape)
    b = noisy(a, sigma)
    options = {'gaussian_weights': True, 'sigma': 1.5, 'use_sample_covariance': False, 'data_range': 255}
    expected = [peer.structural_similarity(x, y, channel_axis=-1, **options) for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(ssim(a, b), expected, rtol=1e-4)


def test_as_the_definition():
    a = pictures(2, 20, 17, 2)
    b = noisy(a, 25)
    expected = [np.mean([terms(x[..., c], y[..., c])[0] for c in range(2)]) for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(ssim(a, b), expected, rtol=1e-5)


@pytest.mark.parametrize(('height', 'width', 'levels'), [(27, 22, 2), (21, 40, 1), (48, 45, 3)])
def test_scales_as_the_definition(height, width, levels):
    """Of odd sizes too."""
    a = pictures(2, height, width)
    b = noisy(a, 40)
    assert scales(height, width) == levels
    expected = [plain_ms_ssim(x[..., 0], y[..., 0], levels) for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(ms_ssim(a, b), expected, rtol=1e-5)
    assert (ms_ssim(a, b) == ssim(a, b)).all() == (levels == 1)


def test_number_of_scales():
    assert [scales(n, n) for n in (1, 21, 22, 43, 44, 87, 88, 175, 176, 4000)] == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert scales(28, 300) == 2 and np.isclose(WEIGHTS.sum(), 1, atol=1e-3)


@pytest.mark.parametrize('size', [1, 2, 7, 10])
def test_pictures_smaller_than_the_window(size):
    """The largest odd window that fits."""
    a = pictures(2, size, 12)
    b = noisy(a, 30)
    window = size - (size + 1) % 2
    expected = [terms(x[..., 0], y[..., 0], window)[0] for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(ssim(a, b), expected, rtol=1e-5)


def test_five_scales():
    a = pictures(2, 176, 180)
    found = [ms_ssim(a, noisy(a, sigma)) for sigma in (0, 10, 40, 120)]
    np.testing.assert_allclose(found[0], 1, rtol=1e-6)
    assert (np.diff(found, axis=0) < 0).all() and np.min(found) > 0


def test_closed_forms():
    """Flat pictures have a luminance alone; a picture and its negative have opposite structures."""
    flat = lambda grey: np.full((1, 30, 30, 3), grey, np.uint8)
    np.testing.assert_allclose(
        ssim(flat(50), flat(200)), (2 * 50 * 200 + 2.55**2) / (50**2 + 200**2 + 2.55**2), rtol=1e-5
    )
    board = (np.indices((30, 30)).sum(0) % 2 * 255.0)[None, :, :, None]
    assert ssim(board, 255 - board)[0] < -0.99 and ms_ssim(board, 255 - board)[0] == 0


@pytest.mark.parametrize('n', [1, module.BATCH, module.BATCH + 1])
def test_any_number_of_pairs(n):
    a = pictures(n, 12, 12)
    b = noisy(a, 20)
    np.testing.assert_allclose(ssim(a, b), [ssim(x[None], y[None])[0] for x, y in zip(a, b, strict=True)], rtol=1e-5)


def test_diversity_falls_with_the_number_of_different_pictures():
    x = pictures(64, 24, 24)
    found = [diversity(np.tile(x[:n], (64 // n, 1, 1, 1)), 300) for n in (1, 2, 8, 64)]
    assert found[0] == pytest.approx(1, abs=1e-5) and (np.diff(found) < 0).all()
    assert diversity(x, 50, seed=1) == diversity(x, 50, seed=1) != diversity(x, 50, seed=2)


def test_diversity_is_the_mean_over_pairs_of_different_images():
    """Of two images there is one pair alone, and of three as many of each of the three."""
    x = pictures(3, 24, 24)
    x[1], x[2] = noisy(x[0], 40), x[0] // 2
    pairs = ms_ssim(x[[0, 0, 1]], x[[1, 2, 2]])
    assert diversity(x[:2], 10) == pytest.approx(float(pairs[0]), rel=1e-5)
    assert diversity(x, 2000) == pytest.approx(float(pairs.mean()), abs=float(3 * pairs.std() / 2000**0.5))


def test_a_nan_gives_nan_for_its_picture():
    a = pictures(3, 24, 24).astype(np.float32)
    b = a.copy()
    b[1, 5, 6, 0] = np.nan
    for found in (ssim(a, b), ms_ssim(a, b)):
        np.testing.assert_array_equal(np.isnan(found), [False, True, False])
    assert np.isnan(diversity(b))


def test_errors():
    with pytest.raises(ValueError, match='not 1 and'):
        diversity(pictures(1, 12, 12))
    with pytest.raises(ValueError, match=r'must both be \[B, H, W, C\]'):
        ssim(pictures(2, 12, 12), pictures(2, 12, 13))
