"""Precision, recall, density and coverage against torch-fidelity, prdc and brute force."""

import numpy as np
import pytest
from peers import torch_fidelity

from gans.metrics.distances import BLOCK, k_nearest, to_points
from gans.metrics.manifold import density_coverage, precision_recall


def features(n: int, d: int = 6, seed: int = 0, mean: float = 0.0) -> np.ndarray:
    return (np.random.default_rng(seed).standard_normal((n, d)) + mean).astype(np.float32)


def distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.linalg.norm(a[:, None].astype(np.float64) - b, axis=-1)


def radii(x: np.ndarray, k: int) -> np.ndarray:
    """Distance [n] of each example to its k-th nearest other one."""
    (points,) = to_points(x)
    return np.sqrt(k_nearest(points, points, k, own=np.arange(len(x)))[0][:, -1])


def brute(real: np.ndarray, fake: np.ndarray, k: int) -> tuple[float, float, float, float]:
    """All four, as they are defined."""
    kth = lambda x: np.sort(distances(x, x), axis=1)[:, k]
    d, real_radii, fake_radii = distances(real, fake), kth(real)[:, None], kth(fake)
    open_balls = d < real_radii
    closed = (d <= real_radii).any(0).mean(), (d <= fake_radii).any(1).mean()
    return *closed, open_balls.sum(0).mean() / k, open_balls.any(1).mean()


def ours(real: np.ndarray, fake: np.ndarray, k: int) -> tuple[float, float, float, float]:
    return *precision_recall(real, fake, k), *density_coverage(real, fake, k)


@pytest.mark.parametrize(('n', 'm', 'k'), [(30, 41, 1), (7, 200, 3), (300, 6, 5), (6, 6, 5)])
def test_as_brute_force(n, m, k):
    real, fake = features(n), features(m, seed=1, mean=0.5)
    np.testing.assert_allclose(radii(real, k), np.sort(distances(real, real), axis=1)[:, k], rtol=1e-5)
    np.testing.assert_allclose(ours(real, fake, k), brute(real, fake, k), rtol=1e-9)


@pytest.mark.parametrize(('n', 'm'), [(BLOCK, BLOCK + 1), (2 * BLOCK + 5, 700), (BLOCK - 1, 2 * BLOCK)])
def test_as_brute_force_over_the_edges_of_blocks(n, m):
    real, fake = features(n, 2), features(m, 2, seed=1, mean=1.5)
    found, expected = ours(real, fake, 3), brute(real, fake, 3)
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    assert min(expected) > 0.01 and max(expected) < 0.99


@pytest.mark.parametrize(('n', 'm', 'mean'), [(500, 400, 0.0), (300, 1100, 0.4)])
def test_as_torch_fidelity(n, m, mean):
    peer = torch_fidelity('metric_prc')
    torch = pytest.importorskip('torch')
    real, fake = features(n, 16), features(m, 16, seed=1, mean=mean)
    tensors = torch.from_numpy(fake), torch.from_numpy(real)
    options = {'prc_neighborhood': 3, 'prc_batch_size': 256, 'save_cpu_ram': True, 'verbose': False}
    expected = peer.prc_features_to_metric(*tensors, **options)
    np.testing.assert_allclose(precision_recall(real, fake), (expected['precision'], expected['recall']), rtol=1e-4)


@pytest.mark.parametrize(('n', 'm', 'mean'), [(500, 400, 0.0), (300, 1100, 0.4)])
def test_as_prdc(n, m, mean):
    peer = pytest.importorskip('prdc')
    real, fake = features(n, 16), features(m, 16, seed=1, mean=mean)
    expected = peer.compute_prdc(real, fake, nearest_k=5)
    np.testing.assert_allclose(density_coverage(real, fake), (expected['density'], expected['coverage']), rtol=1e-4)


def test_small_modes_far_from_each_other():
    """Toys: 1,000 points within 0.01 of a center at distance 3, whose neighbors are 0.0003 apart."""
    ring = 3 * np.stack([np.cos(np.arange(3)), np.sin(np.arange(3))], 1).astype(np.float32)
    real = ring[np.arange(1500) % 3] + np.float32(0.01) * features(1500, 2)
    fake = ring[np.arange(1200) % 3] + np.float32(0.012) * features(1200, 2, seed=1)
    np.testing.assert_allclose(ours(real, fake, 3), brute(real, fake, 3), rtol=2e-3)


@pytest.mark.parametrize('d', [2, 40])
@pytest.mark.parametrize('scale, shift', [(1e20, 0), (1e-20, 0), (1, 1e8)])
def test_numbers_that_float32_does_not_hold(d, scale, shift):
    """Shares of balls do not change with the unit, nor with the origin."""
    real, fake = np.random.default_rng(0).standard_normal((2, 300, d))
    np.testing.assert_allclose(ours(scale * real + shift, scale * fake + shift, 3), brute(real, fake, 3), rtol=1e-9)


def test_one_stray_example_far_away_leaves_the_others_alone():
    """In float32 nothing would be left of their distances."""
    real, fake = np.random.default_rng(0).standard_normal((2, 300, 3))
    real[7] = 1e12
    np.testing.assert_allclose(ours(real, fake, 3), brute(real, fake, 3), rtol=1e-9)


def test_equal_distributions():
    """Density 1 and coverage 1 - 2^-k, as the paper works out: a real example's k-th other one is as likely a fake."""
    density, coverage = density_coverage(features(2000, 4), features(2000, 4, seed=1), k=5)
    assert density == pytest.approx(1, abs=0.05) and coverage == pytest.approx(1 - 2**-5, abs=0.02)
    precision, recall = precision_recall(features(2000, 4), features(2000, 4, seed=1))
    assert min(precision, recall) > 0.9 and abs(precision - recall) < 0.03


@pytest.mark.parametrize('d', [2, 12, 40])
@pytest.mark.parametrize('shift', [0, 1000])
def test_copies_of_the_real_set_in_another_order(d, shift):
    """Ties are ties: each open ball holds its center and k - 1 others, its k-th neighbor lies on the surface."""
    real = features(1500, d) + np.float32(shift)
    fake = real[np.random.default_rng(1).permutation(len(real))]
    assert ours(real, fake, 4) == (1, 1, 1, 1)


def test_disjoint_sets():
    assert ours(features(200), features(300, seed=1, mean=100), 3) == (0, 0, 0, 0)


def test_a_collapsed_generator_is_precise_and_recalls_nothing():
    real = features(1000, 4)
    fake = real[0] + 1e-2 * features(300, 4, seed=1)
    precision, recall = precision_recall(real, fake)
    density, coverage = density_coverage(real, fake)
    assert precision == 1 and recall < 0.01 and density > 0.2 and coverage < 0.05


def test_dropped_modes_cost_recall_and_coverage_alone():
    """Four far modes, of which the fakes have two."""
    centers = 50 * np.eye(4, dtype=np.float32)
    real = features(1000, 4) + centers[np.arange(1000) % 4]
    fake = features(1000, 4, seed=1) + centers[np.arange(1000) % 2]
    precision, recall = precision_recall(real, fake)
    density, coverage = density_coverage(real, fake)
    assert precision > 0.9 and 0.45 < recall <= 0.5 and density == pytest.approx(1, abs=0.1) and 0.45 < coverage <= 0.5


def test_a_stray_fake_stretches_recall_but_not_coverage():
    """What density and coverage are for."""
    real, fake = features(500, 8), features(10, 8, seed=1, mean=30)
    fake[:5] -= 60
    assert precision_recall(real, fake, k=5) == (0, 1) and density_coverage(real, fake, k=5) == (0, 0)


@pytest.mark.parametrize('d', [4, 300])
def test_duplicates_are_at_no_distance(d):
    """Of an image that stands there four times, the third neighbor is itself: a closed ball that holds its copies."""
    real = np.repeat(features(100, d, mean=5), 4, axis=0)
    assert (radii(real, 3) == 0).all() and (radii(real, 4) > 0).all()
    fake = real[::4]
    assert precision_recall(real, fake, 3) == (1, 1) and density_coverage(real, fake, 3) == (0, 0)


def test_a_nan_gives_nan():
    good, bad = features(20), features(20)
    bad[3, 2] = np.nan
    assert np.isnan([ours(good, bad, 3), ours(bad, good, 3)]).all()


def test_errors():
    with pytest.raises(ValueError, match='neighbor number 3 among 3 examples'):
        precision_recall(features(9), features(3))
    with pytest.raises(ValueError, match='neighbor number 5 among 1 examples'):
        density_coverage(features(1), features(9))
    with pytest.raises(ValueError, match='neighbor number 0'):
        precision_recall(features(9), features(9), 0)
    with pytest.raises(ValueError, match='is empty'):
        density_coverage(features(9), features(0))
    with pytest.raises(ValueError, match='one d for all'):
        density_coverage(features(9), features(9, 7))
