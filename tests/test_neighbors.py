"""Nearest neighbors against brute force; the memorization ratio against what geometry says of new samples."""

import numpy as np
import pytest

from gans.metrics.distances import BLOCK
from gans.metrics.neighbors import memorization, nearest


def features(n: int, d: int = 6, seed: int = 0, mean: float = 0.0) -> np.ndarray:
    return (np.random.default_rng(seed).standard_normal((n, d)) + mean).astype(np.float32)


def brute(queries: np.ndarray, keys: np.ndarray) -> np.ndarray:
    return np.linalg.norm(queries[:, None].astype(np.float64) - keys, axis=-1)


@pytest.mark.parametrize(('n', 'm', 'd'), [(1, 1, 3), (20, 3, 30), (BLOCK + 1, 2 * BLOCK + 1, 3), (5, BLOCK, 30)])
def test_as_brute_force(n, m, d):
    queries, keys = features(n, d), features(m, d, seed=1)
    indices, distances = nearest(queries, keys)
    expected = brute(queries, keys)
    np.testing.assert_array_equal(indices, expected.argmin(1))
    np.testing.assert_allclose(distances, expected.min(1), rtol=1e-12)


@pytest.mark.parametrize('n', [2, BLOCK + 7])
def test_an_example_is_no_neighbor_of_itself(n):
    x = features(n, 3)
    expected = brute(x, x)
    np.fill_diagonal(expected, np.inf)
    indices, distances = nearest(x, x, exclude_same=True)
    np.testing.assert_array_equal(indices, expected.argmin(1))
    np.testing.assert_allclose(distances, expected.min(1), rtol=1e-12)
    np.testing.assert_array_equal(nearest(x, x)[0], np.arange(n))


def test_distances_far_below_the_rounding_of_norms():
    """Copies at 1e-5 of the norm: their squares are lost in float32, and the nearer of two copies too."""
    keys = features(50, 40, mean=3)
    keys[1] = keys[0] + np.float32(1e-4) * features(1, 40, seed=3)[0]
    queries = keys + np.float32(2e-5) * features(50, 40, seed=2)
    indices, distances = nearest(queries, keys)
    np.testing.assert_array_equal(indices, np.arange(50))
    np.testing.assert_allclose(distances, np.linalg.norm(queries.astype(np.float64) - keys, axis=1), rtol=1e-12)


def test_of_equal_keys_the_first():
    keys = np.repeat(features(5), 3, axis=0)
    np.testing.assert_array_equal(nearest(keys, keys)[0], np.arange(15) // 3 * 3)


def test_copies_are_memorized():
    train = features(600, 20)
    assert memorization(train[100:300] + 0.01 * features(200, 20, seed=1), train) == 1
    assert memorization(np.repeat(train, 2, 0), np.repeat(train, 2, 0)) == 1  # exact, of examples that stand twice
    half = np.concatenate([train[:100], features(100, 20, mean=9)])
    assert memorization(half, train) == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize(('d', 'share'), [(1, 2 / 3), (2, 6 * np.pi / (8 * np.pi + 3 * np.sqrt(3)))])
def test_new_samples_of_the_true_distribution(d, share):
    """Uniform ones: 2/3 in one dimension whatever their number, 6 pi / (8 pi + 3 sqrt 3) in many of two.

    In one dimension two of n + 1 points are each other's nearest where the gap between them is less than those beside
    it: 1/3 of the n - 2 inner gaps and 1/2 of the two at the ends, together 2 (n + 1) / 3 points.
    """
    rng = np.random.default_rng(0)
    train, fake = rng.random((4000, d)), rng.random((4000, d))
    np.testing.assert_allclose(memorization(fake, train), share, atol=0.02)


def test_samples_of_a_wider_distribution_are_not_memorized():
    assert memorization(3 * features(500, 20, seed=1), features(500, 20)) == 0


def test_a_nan_gives_nan():
    bad = features(20)
    bad[3, 2] = np.nan
    for pair in ((bad, features(20)), (features(20), bad)):
        indices, distances = nearest(*pair)
        assert (indices == -1).all() and np.isnan(distances).all() and np.isnan(memorization(*pair))


def test_errors():
    with pytest.raises(ValueError, match='1 examples have no other example'):
        nearest(features(1), features(1), exclude_same=True)
    with pytest.raises(ValueError, match='not 5 and 1'):
        memorization(features(5), features(1))
    with pytest.raises(ValueError, match='not 0 and 5'):
        memorization(features(0), features(5))
    with pytest.raises(ValueError, match='one d for all'):
        nearest(features(5, 2), features(5, 3))
