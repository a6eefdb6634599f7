"""Inception score against torch-fidelity and closed forms; counts of classes."""

import numpy as np
import pytest
from peers import torch_fidelity

from gans.metrics.probabilities import accuracy, class_modes, inception_score


def logits(n: int, k: int, seed: int = 0, scale: float = 2.0) -> np.ndarray:
    return (scale * np.random.default_rng(seed).standard_normal((n, k))).astype(np.float32)


@pytest.mark.parametrize(('n', 'splits'), [(1000, 10), (103, 10), (57, 1)])
def test_as_torch_fidelity(n, splits):
    """Also of parts of different lengths. The peer gets the samples in our shuffled order."""
    torch = pytest.importorskip('torch')
    peer = torch_fidelity('metric_isc')
    x = logits(n, 12)
    shuffled = torch.from_numpy(x[np.random.default_rng(3).permutation(n)])
    expected = peer.isc_features_to_metric(shuffled, splits=splits, shuffle=False)
    found = inception_score(x, splits, seed=3)
    np.testing.assert_allclose(found, tuple(expected.values()), rtol=1e-8, atol=1e-12)


def test_as_the_definition():
    x = logits(200, 5).astype(np.float64)
    p = np.exp(x) / np.exp(x).sum(1, keepdims=True)
    expected = np.exp((p * (np.log(p) - np.log(p.mean(0)))).sum(1).mean())
    np.testing.assert_allclose(inception_score(x, 1), (expected, 0), rtol=1e-10)
    assert inception_score(x, 1, seed=0)[0] == pytest.approx(inception_score(x, 1, seed=1)[0], rel=1e-12)


def test_bounds_are_reached():
    """Of sure answers, even infinitely sure ones, that are spread evenly: K. Of one answer for all: 1."""
    for sure in (1e4 * np.eye(7), np.log(np.eye(7), out=np.full((7, 7), -np.inf), where=np.eye(7) > 0)):
        np.testing.assert_allclose(inception_score(np.tile(sure, (3, 1)), 1), (7, 0), rtol=1e-12)
    np.testing.assert_allclose(inception_score(np.tile(logits(1, 7), (50, 1))), (1, 0), rtol=1e-12, atol=1e-12)
    for scale in (0.1, 1, 10):
        assert 1 < inception_score(logits(100, 7, scale=scale))[0] < 7


def test_splits_are_shuffled():
    """Sorted by class, each part would have one class alone, and a score of 1."""
    assert inception_score(1e3 * np.eye(10)[np.arange(1000) // 100])[0] > 8


def test_accuracy():
    x, labels = logits(400, 4), np.random.default_rng(1).integers(0, 4, 400)
    assert accuracy(x, x.argmax(1)) == 1 and accuracy(x, (x.argmax(1) + 1) % 4) == 0
    assert accuracy(x, labels) == np.mean([row.argmax() == label for row, label in zip(x, labels, strict=True)])
    assert accuracy(x[:1], x[:1].argmax(1)) == 1


def test_modes_of_an_even_and_of_a_collapsed_generator():
    even = class_modes(np.arange(100) % 10, np.full(100, 0.9), 10)
    assert even['modes'] == 10 and even['high_quality'] == 1 and even['reverse_kl'] == pytest.approx(0, abs=1e-12)
    one = class_modes(np.full(100, 3), np.full(100, 0.4), 10)
    assert one['modes'] == 1 and one['high_quality'] == 0 and one['reverse_kl'] == pytest.approx(np.log(10))
    half = class_modes(np.arange(100) % 5, np.linspace(0, 0.99, 100), 10)
    assert half['modes'] == 5 and half['reverse_kl'] == pytest.approx(np.log(2))
    assert half['high_quality'] == pytest.approx(0.49, abs=0.011)
    assert class_modes(np.arange(3), np.full(3, 0.5), 3)['high_quality'] == 1  # the threshold itself is enough


def test_floor_of_the_reverse_divergence_of_true_samples():
    """(K - 1) / 2n, over 30 draws of n = 20,000 samples of K = 1,000 classes."""
    rng = np.random.default_rng(0)
    draw = lambda: class_modes(rng.integers(0, 1000, 20000), np.ones(20000), 1000)['reverse_kl']
    np.testing.assert_allclose(np.mean([draw() for _ in range(30)]), 999 / 40000, rtol=0.03)


def test_a_nan_gives_nan():
    x = logits(20, 3)
    x[4, 1] = np.nan
    assert np.isnan(inception_score(x)).all() and np.isnan(accuracy(x, np.zeros(20, int)))
    assert np.isnan(list(class_modes(np.zeros(20, int), x[:, 1], 3).values())).all()


def test_errors():
    with pytest.raises(ValueError, match='cannot split 5 samples into 10 parts'):
        inception_score(logits(5, 3))
    with pytest.raises(ValueError, match='at least 2 samples'):
        inception_score(logits(1, 3), 1)
    with pytest.raises(ValueError, match='not 4 and 5'):
        accuracy(logits(5, 3), np.zeros(4, int))
    with pytest.raises(ValueError, match='there are 0 and 0'):
        class_modes(np.zeros(0, int), np.zeros(0), 3)
    with pytest.raises(ValueError, match=r'0..3 is not among the 3'):
        class_modes(np.arange(4), np.ones(4), 3)
