"""The Fréchet distance against closed forms and torch-fidelity; streaming moments against numpy in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from peers import torch_fidelity

from gans.metrics.frechet import BATCH, Moments, Sum, _add, finish, frechet, is_singular, moments, start, update


def gaussian(mean, cov) -> Moments:
    return Moments(10**6, np.atleast_1d(np.asarray(mean, float)), np.atleast_2d(np.asarray(cov, float)))


def rotation(d: int, seed: int = 0) -> np.ndarray:
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((d, d)))[0]


def features(n: int, d: int, seed: int = 0, mean: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((n, d)) @ rng.standard_normal((d, d)) / np.sqrt(d) + mean).astype(np.float32)


def in_float64(x: np.ndarray) -> Moments:
    x = x.astype(np.float64)
    return Moments(len(x), x.mean(0), np.cov(x, rowvar=False).reshape(x.shape[1], -1))


def assert_near(found: Moments, expected: Moments, tolerance: float):
    """Errors in units of the features' deviations."""
    deviation = np.sqrt(np.diag(expected.cov))
    assert found.count == expected.count
    assert (np.abs(found.mean - expected.mean) <= tolerance * deviation).all()
    assert (np.abs(found.cov - expected.cov) <= tolerance * np.outer(deviation, deviation)).all()


@pytest.mark.parametrize(
    ('a', 'b', 'expected'),
    [
        (gaussian(0, 1), gaussian(1, 4), 2.0),  # 1 + (2 - 1)^2
        (gaussian(0, 1), gaussian(0, 0), 1.0),  # to a point
        (gaussian(3, 0), gaussian(-1, 0), 16.0),  # of two points
        (gaussian([0, 0], np.diag([1, 4])), gaussian([3, 4], np.diag([9, 0])), 25 + 4 + 4),
    ],
)
def test_closed_forms(a, b, expected):
    np.testing.assert_allclose([frechet(a, b), frechet(b, a)], expected, rtol=1e-12)


def test_covariances_with_the_same_axes_differ_by_their_deviations():
    q, rng = rotation(12), np.random.default_rng(1)
    a, b, mean = rng.uniform(0.1, 3, 12), rng.uniform(0.1, 3, 12), rng.standard_normal(12)
    found = frechet(gaussian(np.zeros(12), q * a**2 @ q.T), gaussian(mean, q * b**2 @ q.T))
    np.testing.assert_allclose(found, mean @ mean + ((a - b) ** 2).sum(), rtol=1e-10)


def test_two_dimensional_covariances_of_any_axes():
    """There tr (A B)^(1/2) = (tr A B + 2 (det A B)^(1/2))^(1/2), as a 2 x 2 matrix's root has."""
    q = rotation(2)
    a, b = np.diag([4.0, 1.0]), q @ np.diag([0.5, 7.0]) @ q.T
    root = np.sqrt(np.trace(a @ b) + 2 * np.sqrt(np.linalg.det(a @ b)))
    expected = np.trace(a) + np.trace(b) - 2 * root
    np.testing.assert_allclose(frechet(gaussian([0, 0], a), gaussian([0, 0], b)), expected, rtol=1e-10)


def test_it_is_the_squared_wasserstein_distance_of_gaussian_samples():
    """In one dimension W2 is that of the sorted samples; 20,000 give it to about 2 %."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(0, 1, (20000, 1)), rng.normal(1.5, 3, (20000, 1))
    w2 = np.square(np.sort(a[:, 0]) - np.sort(b[:, 0])).mean()
    np.testing.assert_allclose(frechet(moments(a), moments(b)), w2, rtol=0.02)


@pytest.mark.parametrize('n', [400, 20])
def test_equal_moments_have_no_distance_and_the_order_does_not_matter(n):
    a, b = moments(features(n, 64)), moments(features(n, 64, seed=1, mean=0.3))
    assert frechet(a, a) <= 1e-10 * np.trace(a.cov)
    np.testing.assert_allclose(frechet(a, b), frechet(b, a), rtol=1e-10)


@pytest.mark.parametrize('n', [2000, 40])
def test_as_torch_fidelity(n):
    """Also of fewer examples than features."""
    torch = pytest.importorskip('torch')
    fid = torch_fidelity('metric_fid')
    a, b = features(n, 64), features(n, 64, seed=1, mean=0.2)
    peers = [fid.fid_features_to_statistics(torch.from_numpy(x.astype(np.float64))) for x in (a, b)]
    expected = fid.fid_statistics_to_metric(*peers, False)['frechet_inception_distance']
    np.testing.assert_allclose(frechet(moments(a), moments(b)), expected, rtol=1e-4)


@pytest.mark.parametrize('order', ['as they come', 'sorted'])
def test_streaming_moments_of_many_features_with_a_large_mean(order):
    """Sorted, the first batch's mean is a poor shift."""
    x = features(200_000, 8, mean=100.0)
    if order == 'sorted':
        x = x[x[:, 0].argsort()]
    assert_near(moments(x), in_float64(x), 1e-6)


@pytest.mark.parametrize('n', [2, BATCH - 1, BATCH, BATCH + 1])
def test_moments_of_any_number_of_examples(n):
    x = features(n, 5, mean=2.0)
    assert_near(moments(x), in_float64(x), 2e-6)


def test_invalid_rows_do_not_count_wherever_they_stand():
    x, valid = features(64, 6), np.random.default_rng(2).random(64) < 0.6
    spoiled = np.where(valid[:, None], x, np.nan)
    running, step = start(6), jax.jit(update)
    running = step(running, np.full((16, 6), np.nan, np.float32), np.zeros(16, bool))  # a batch of nothing, first
    for i in range(0, 64, 16):
        running = step(running, spoiled[i : i + 16], valid[i : i + 16])
    assert_near(finish(running), in_float64(x[valid]), 2e-6)


def test_compilers_leave_the_compensation_alone():
    """10,000 times 1e-8 is nothing to a float32 of 1, but not to the sum."""
    one = Sum(jnp.ones(()), jnp.zeros(()))
    total = jax.jit(lambda total, x: jax.lax.fori_loop(0, 10_000, lambda _, t: _add(t, x), total))(one, 1e-8)
    np.testing.assert_allclose(float(total.value) - 1 + float(total.error), 1e-4, rtol=1e-4)


@pytest.mark.parametrize('n', [500, 20])
@pytest.mark.parametrize('scale, shift', [(1e20, 0), (1e-20, 0), (1e100, 0), (1, 1e8)])
def test_numbers_that_float32_does_not_hold(n, scale, shift):
    """Their squares, or deviations beside a mean."""
    a, b = np.random.default_rng(0).standard_normal((2, n, 40))
    expected = scale**2 * frechet(in_float64(a), in_float64(b))
    np.testing.assert_allclose(frechet(moments(scale * a + shift), moments(scale * b + shift)), expected, rtol=1e-6)


def test_what_float64_does_not_hold_has_no_distance():
    a, b = np.random.default_rng(0).standard_normal((2, 50, 4))
    with np.errstate(all='ignore'):
        for scale in (1e152, 1e153, 1e154, 1e160, 1e300):
            found = frechet(moments(scale * a), moments(scale * b))
            assert np.isnan(found) or found / scale / scale == pytest.approx(frechet(moments(a), moments(b)))
        assert np.isnan(frechet(moments(1e160 * a), moments(1e160 * b)))


def test_singular_where_there_are_too_few_examples():
    assert is_singular(moments(features(8, 8))) and not is_singular(moments(features(9, 8)))
    assert np.linalg.matrix_rank(moments(features(8, 8)).cov, rtol=1e-5) == 7


def test_what_is_not_finite_has_no_distance():
    x, good = features(30, 4), moments(features(30, 4, seed=1))
    for bad in (np.nan, np.inf):
        x[17, 2] = bad
        assert np.isnan(frechet(moments(x), good)) and np.isnan(frechet(good, moments(x)))


def test_errors():
    with pytest.raises(ValueError, match='at least 2 examples, not 1'):
        moments(features(1, 3))
    with pytest.raises(ValueError, match='of 3 and of 4 features'):
        frechet(moments(features(9, 3)), moments(features(9, 4)))


def test_few_examples_are_compared_by_themselves():
    """Of fewer examples than features the examples are a factor of their covariance: the same distance, sooner."""
    rng = np.random.default_rng(5)
    sets = [rng.normal(i, 1 + i, (n, 30)).astype(np.float32) for i, n in enumerate((20, 12, 90))]
    few, _, many = found = [moments(x) for x in sets]
    exact = [in_float64(x.astype(np.float64)) for x in sets]
    assert few.factor.shape == (30, 20) and many.factor is None
    np.testing.assert_allclose(few.factor @ few.factor.T, few.cov, atol=1e-5)
    for i, j in ((0, 1), (0, 2), (2, 0)):
        assert frechet(found[i], found[j]) == pytest.approx(frechet(exact[i], exact[j]), rel=1e-5)
