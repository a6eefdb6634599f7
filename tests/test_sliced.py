"""The sliced Wasserstein distance against SciPy's and closed forms."""

import numpy as np
import pytest
from scipy.stats import wasserstein_distance

from gans.metrics.sliced import sliced_wasserstein


@pytest.mark.parametrize(('n', 'm'), [(50, 50), (50, 20), (7, 3), (1, 9), (30, 60)])
def test_in_one_dimension_it_is_that_of_scipy(n: int, m: int) -> None:
    """Also of other numbers on both sides: nothing is left out."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(n, 1)), rng.normal(0.5, 2, size=(m, 1))
    expected = wasserstein_distance(a[:, 0], b[:, 0])
    np.testing.assert_allclose([sliced_wasserstein(a, b), sliced_wasserstein(b, a)], expected, rtol=1e-12)


def test_a_set_against_its_examples_twice() -> None:
    a = np.random.default_rng(0).normal(size=(40, 5))
    assert sliced_wasserstein(a, np.concatenate([a, a])) == pytest.approx(0, abs=1e-12)
    assert sliced_wasserstein(a, np.concatenate([a, a + 1])) == pytest.approx(sliced_wasserstein(a, a + 1) / 2)


def test_large_points() -> None:
    a, b = np.random.default_rng(0).normal(size=(2, 30, 4))
    assert sliced_wasserstein(1e20 * a, 1e20 * b) == pytest.approx(1e20 * sliced_wasserstein(a, b))


def test_errors() -> None:
    with pytest.raises(ValueError, match='must have the same shape'):
        sliced_wasserstein(np.zeros((3, 2)), np.zeros((3, 4)))
    with pytest.raises(ValueError, match='at least one of each'):
        sliced_wasserstein(np.zeros((3, 2)), np.zeros((0, 2)))
