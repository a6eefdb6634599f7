"""Resampling filters against sums written out in numpy, and their transposes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gans.ops import fir

ALL_TAPS = [(1, 3, 3, 1), (1, 2, 4), (1, 2, 3, 4, 5)]  # even, odd, and ones that are not symmetric


def correlate(x: np.ndarray, w: np.ndarray, pads: tuple[int, int] = (0, 0), stride: int = 1) -> np.ndarray:
    """x [B, H, W, C] padded (or cropped) on both axes, with w [k, k, C, F], in float64."""
    (before, after), k = pads, len(w)
    x = np.pad(x.astype(np.float64), ((0, 0), *[(max(before, 0), max(after, 0))] * 2, (0, 0)))
    crop = slice(max(-before, 0), x.shape[1] - max(-after, 0)), slice(max(-before, 0), x.shape[2] - max(-after, 0))
    x = x[:, crop[0], crop[1]]
    windows = np.lib.stride_tricks.sliding_window_view(x, (k, k), (1, 2))[:, ::stride, ::stride]
    return np.einsum('bhwcij,ijcf->bhwf', windows, w)


def insert_zeros(x: np.ndarray) -> np.ndarray:
    """[B, H, W, C] -> [B, 2H, 2W, C], pixels at even places."""
    out = np.zeros((x.shape[0], 2 * x.shape[1], 2 * x.shape[2], x.shape[3]))
    out[:, ::2, ::2] = x
    return out


def kernel(taps: tuple, channels: int) -> np.ndarray:
    """The filter as a kernel, flipped: FIR filters are convolutions."""
    f = np.outer(taps, taps)[::-1, ::-1] / np.sum(taps) ** 2
    return f[:, :, None, None] * np.eye(channels)


@pytest.fixture
def x() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(2, 8, 6, 3)).astype(np.float32)


@pytest.mark.parametrize('taps', ALL_TAPS)
def test_resampling(taps, x) -> None:
    """The paddings are the authors'."""
    k, f = len(taps), kernel(taps, 3)
    up = correlate(insert_zeros(x), 4 * f, ((k + 1) // 2, (k - 2) // 2))
    down = correlate(x, f, ((k - 1) // 2, (k - 2) // 2), 2)
    plain = correlate(x, f, (k // 2, (k - 1) // 2))
    for ours, wanted in ((fir.upsample(x, taps), up), (fir.downsample(x, taps), down), (fir.filtered(x, taps), plain)):
        np.testing.assert_allclose(ours, wanted, atol=1e-5)
    assert up.shape == (2, 16, 12, 3) and down.shape == (2, 4, 3, 3) and plain.shape == x.shape


@pytest.mark.parametrize('size', [1, 3])
def test_with_a_convolution(size, x) -> None:
    """One padding for both filters; a kernel is not flipped, whichever the way."""
    w, f = np.random.default_rng(1).normal(size=(size, size, 3, 5)).astype(np.float32), kernel(fir.TAPS, 5)
    if size == 3:
        wide = correlate(insert_zeros(x), w, (2, 1))  # the last zero of the image is one of its padding
        up = correlate(wide, 4 * f, (1, 1))
        down = correlate(correlate(x, kernel(fir.TAPS, 3), (2, 2)), w, stride=2)
    else:
        up = correlate(insert_zeros(correlate(x, w)), 4 * f, (2, 1))
        down = correlate(correlate(x, kernel(fir.TAPS, 3), (1, 1), 2), w)
    np.testing.assert_allclose(fir.up_conv(x, w), up, atol=1e-4)
    np.testing.assert_allclose(fir.conv_down(x, w), down, atol=1e-4)
    assert up.shape == (2, 16, 12, 5) and down.shape == (2, 4, 3, 5)


@pytest.mark.parametrize('taps', ALL_TAPS)
def test_gradients_are_transposes(taps, x) -> None:
    """<f(x), g> = <x, f'(g)>, and the gradient of the gradient is f again."""
    for f in (fir.upsample, fir.downsample, fir.filtered):
        run = lambda x, f=f: f(x, taps)
        y = run(jnp.asarray(x))
        g = jnp.asarray(np.random.default_rng(2).normal(size=y.shape), jnp.float32)
        back = lambda g, run=run: jax.vjp(run, jnp.asarray(x))[1](g)[0]
        np.testing.assert_allclose((y * g).sum(), (x * back(g)).sum(), rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(jax.vjp(back, g)[1](jnp.asarray(x))[0], y, atol=1e-5)


def test_sums_are_exact_in_bfloat16() -> None:
    """Of a constant image the inside stays what it is, to the bit."""
    x = jnp.full((1, 8, 8, 2), 1.01, jnp.bfloat16)
    up = fir.upsample(x)
    assert up.dtype == jnp.bfloat16 and (up[:, 2:-2, 2:-2] == x[0, 0, 0, 0]).all()
