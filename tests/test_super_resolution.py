"""Bicubic resizing against Pillow and MATLAB's rule; PSNR and SSIM against scikit-image."""

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from gans.errors import UserError
from gans.metrics import psnr
from gans.ops import bicubic
from gans.ops.pixels import to_float

NOISE = np.random.default_rng(0).integers(0, 256, (2, 24, 36, 3), dtype=np.uint8)


def levels(x) -> np.ndarray:
    return np.asarray((x + 1) * 127.5)


@pytest.mark.parametrize('height, width', [(6, 9), (12, 18), (8, 36), (48, 72), (7, 10), (1, 1)])
def test_resizing_is_pillows(height, width):
    ours = levels(bicubic.resize(to_float(jnp.asarray(NOISE)), height, width))
    theirs = np.stack([Image.fromarray(x).resize((width, height), Image.Resampling.BICUBIC) for x in NOISE])
    difference = np.abs(ours - theirs)
    assert difference.max() <= 1.001 and (difference > 0.5).mean() < 0.01  # to rounding of a half
    np.testing.assert_allclose(ours, np.round(ours), atol=1e-3)


@pytest.mark.parametrize('factor', [2, 3, 4])
def test_matlabs_rule_mirrors_the_image(factor):
    """An image of its mirrors all around, of which no edge is seen: there the two rules are one."""
    small = levels(bicubic.resize(to_float(jnp.asarray(NOISE)), 24 // factor, 36 // factor, 'matlab'))
    around = np.pad(NOISE, ((0, 0), (24, 24), (36, 36), (0, 0)), mode='symmetric').swapaxes(1, 2)  # its passes in turn
    whole = levels(bicubic.resize(to_float(jnp.asarray(around)), 108 // factor, 72 // factor)).swapaxes(1, 2)
    middle = whole[:, 24 // factor : 48 // factor, 36 // factor : 72 // factor]
    assert np.abs(small - middle).max() <= 1.001 and (np.abs(small - middle) > 0.5).mean() < 0.01


def test_weights_of_halving_are_those_of_imresize():
    """The eight taps of MATLAB's imresize(x, 0.5), known from its documentation of the kernel: h(x / 2) / 2."""
    taps = np.array([-3, -9, 29, 111, 111, 29, -9, -3]) / 256
    for kernel in bicubic.KERNELS:
        matrix = bicubic._matrix(16, 8, kernel)
        np.testing.assert_allclose(matrix[4, 5:13], taps, atol=1e-6)
        np.testing.assert_allclose(matrix.sum(1), 1, atol=1e-6)
    first = np.array([taps[3] + taps[2], taps[4] + taps[1], taps[5] + taps[0], taps[6], taps[7]])
    np.testing.assert_allclose(bicubic._matrix(16, 8, 'matlab')[0, :5], first, atol=1e-6)
    cut = taps[3:] / taps[3:].sum()
    np.testing.assert_allclose(bicubic._matrix(16, 8, 'pillow')[0, :5], cut, atol=1e-6)


@pytest.fixture(scope='module')
def degraded():
    smooth = np.stack([Image.fromarray(x).resize((40, 30), Image.Resampling.BICUBIC) for x in NOISE])
    noise = np.random.default_rng(1).normal(0, 12, smooth.shape)
    return smooth, np.clip(smooth + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize('border, channel', [(0, 'Y'), (4, 'Y'), (4, 'RGB')])
def test_scores_are_those_of_scikit_image(degraded, border, channel):
    metrics = pytest.importorskip('skimage.metrics')
    found = psnr.psnr(*degraded, border, channel), psnr.ssim(*degraded, border, channel)
    for i, pair in enumerate(zip(*degraded, strict=True)):
        cut = [x[border : x.shape[0] - border, border : x.shape[1] - border].astype(np.float64) for x in pair]
        if channel == 'Y':
            from skimage.color import rgb2ycbcr

            cut = [rgb2ycbcr(x / 255)[..., :1] for x in cut]
        expected = metrics.peak_signal_noise_ratio(*cut, data_range=255)
        np.testing.assert_allclose(found[0][i], expected, rtol=1e-5)
        expected = metrics.structural_similarity(
            *cut, data_range=255, channel_axis=2, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
        )
        np.testing.assert_allclose(found[1][i], expected, atol=1e-4)


def test_luminance_and_its_gain():
    white = np.full((1, 2, 2, 3), 255.0)
    np.testing.assert_allclose(psnr.luminance(white), 235)
    np.testing.assert_allclose(psnr.luminance(white[..., :1]), 235)
    np.testing.assert_allclose(psnr.luminance(0 * white), 16)
    gain = psnr.psnr(white, white - 10) - psnr.psnr(white, white - 10, channel='RGB')
    np.testing.assert_allclose(gain, 1.32, atol=0.005)
    assert psnr.psnr(white, white)[0] == np.inf
    assert psnr.stamp(4) == {'channel': 'Y of BT.601, 16..235', 'border': 4}
    with pytest.raises(UserError, match='a border of 1 pixels leaves nothing of images of 2 x 2'):
        psnr.psnr(white, white, border=1)
