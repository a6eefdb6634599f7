"""KID against torch-fidelity, plain numpy and the closed form of Gaussians in one dimension."""

import numpy as np
import pytest
from peers import torch_fidelity

from gans.metrics.distances import BLOCK
from gans.metrics.kid import kid, subset_size


def features(n: int, d: int, seed: int = 0, mean: float = 0.0) -> np.ndarray:
    return np.maximum(np.random.default_rng(seed).standard_normal((n, d)) + mean, 0).astype(np.float32)


def plain(x: np.ndarray, y: np.ndarray) -> float:
    """Of all pairs but of equal ones, as equation 4 is written."""
    x, y = x.astype(np.float64), y.astype(np.float64)
    k = lambda a, b: (np.einsum('id,jd->ij', a, b) / a.shape[1] + 1) ** 3
    off = ~np.eye(len(x), dtype=bool)
    return k(x, x)[off].mean() + k(y, y)[off].mean() - 2 * k(x, y).mean()


def expected_mmd2(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Of 1-D Gaussians (mean, deviation): (1 + xy)^3 = sum c_i x^i y^i, so it is sum c_i (E x^i - E y^i)^2."""
    raw = lambda m, s: np.array([m, m**2 + s**2, m**3 + 3 * m * s**2])
    return float(((raw(*a) - raw(*b)) ** 2) @ [3, 3, 1])


@pytest.mark.parametrize('mean', [0.0, 0.1])
def test_as_torch_fidelity_of_one_subset_of_everything(mean):
    torch = pytest.importorskip('torch')
    peer = torch_fidelity('metric_kid')
    x, y = features(300, 48), features(300, 48, seed=1, mean=mean)
    found = peer.kid_features_to_metric(
        torch.from_numpy(y.astype(np.float64)),
        torch.from_numpy(x.astype(np.float64)),
        kid_subsets=1,
        kid_subset_size=300,
        kid_kernel='poly',
        verbose=False,
    )
    np.testing.assert_allclose(kid(x, y, 1, 300)[0], found['kernel_inception_distance_mean'], rtol=1e-8)


@pytest.mark.parametrize('n', [2, 7, BLOCK, BLOCK + 3])
def test_as_plain_numpy(n):
    x, y = features(n, 4), features(n, 4, seed=1, mean=0.2)
    np.testing.assert_allclose(kid(x, y, 1, n), (plain(x, y), 0), rtol=1e-8, atol=1e-11)


def test_the_difference_of_large_sums_keeps_its_digits():
    """Kernels of 10^9 here, whose mean difference is some units."""
    x, y = features(200, 16, mean=30), features(200, 16, seed=1, mean=30)
    x, y = x.astype(np.longdouble), y.astype(np.longdouble)
    k = lambda a, b: ((a[:, None] * b).sum(-1) / 16 + 1) ** 3
    off = ~np.eye(200, dtype=bool)
    exact = k(x, x)[off].mean() + k(y, y)[off].mean() - 2 * k(x, y).mean()
    np.testing.assert_allclose(kid(x, y, 1, 200)[0], float(exact), rtol=1e-6)


@pytest.mark.parametrize(('fake', 'name'), [((0.5, 1.0), 'equal'), ((0.0, 1.5), 'different')])
def test_unbiased_with_the_expectation_of_the_closed_form(fake, name):
    """Over many draws of 8 examples: a biased estimate would be off by many standard errors."""
    rng, real = np.random.default_rng(0), (0.5, 1.0)
    draws = [kid(rng.normal(*real, (8, 1)), rng.normal(*fake, (8, 1)), 1, 8)[0] for _ in range(3000)]
    error = np.std(draws) / np.sqrt(len(draws))
    expected = expected_mmd2(real, fake)
    assert abs(np.mean(draws) - expected) < 3.5 * error
    assert (expected == 0) == (name == 'equal') and (name == 'equal' or expected > 3.5 * error)


def test_subsets():
    x, y = features(200, 8), features(150, 8, seed=1, mean=0.3)
    mean, std = kid(x, y, 50, 40)
    assert std > 0 and kid(x, y, 50, 40) == (mean, std) != kid(x, y, 50, 40, seed=1)
    np.testing.assert_allclose(mean, plain(x[:150], y), atol=4 * std / np.sqrt(50) + 0.02)


@pytest.mark.parametrize(('n', 'm', 'size'), [(200, 150, 75), (5000, 4000, 1000), (1999, 5000, 999), (9, 5, 2)])
def test_by_default_subsets_are_smaller_than_the_sets(n, m, size):
    """Half of the smaller one: the deviation over subsets of everything would be that of rounding."""
    assert subset_size(n, m) == size
    x, y = features(n, 3), features(m, 3, seed=1)
    mean, std = kid(x, y, 3)
    assert (mean, std) == kid(x, y, 3, size) and std > 1e-3 * abs(mean)


def test_subsets_are_without_replacement():
    """One subset of all examples is all of them, whatever the seed."""
    x, y = features(20, 3), features(20, 3, seed=1)
    np.testing.assert_allclose([kid(x, y, 1, 20, seed=s)[0] for s in range(3)], plain(x, y), rtol=1e-10)


def test_a_nan_gives_nan():
    x = features(20, 3)
    x[4, 1] = np.nan
    assert np.isnan(kid(x, features(20, 3))).all() and np.isnan(kid(features(20, 3), x)).all()


def test_errors():
    with pytest.raises(ValueError, match='not 100 of 1 from 3 and 9'):
        kid(features(3, 3), features(9, 3))
    with pytest.raises(ValueError, match='not 0 of 4'):
        kid(features(9, 3), features(9, 3), subsets=0)
    with pytest.raises(ValueError, match='not 1 of 9 from 9 and 8'):
        kid(features(9, 3), features(8, 3), 1, 9)
    with pytest.raises(ValueError, match='one d for both'):
        kid(features(9, 3), features(9, 4))
