"""Nearest training examples: does the generator memorize them?"""

from math import nan

import numpy as np

from gans.metrics.distances import BLOCK, all_finite, k_nearest, to_points

CANDIDATES = 4  # nearest in float32, among which float64 decides: rounding must not choose between near duplicates


def nearest(queries: np.ndarray, keys: np.ndarray, exclude_same: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """The nearest key of each query.

    Args:
      queries, keys: features [n, d] and [m, d].
      exclude_same: query i is key i, and is excluded.

    Returns:
      indices [n]: into keys; the first of equal keys, any of more than 4 near duplicates (gans/metrics/distances.py).
        All -1 if any feature is NaN.
      distances [n]: to that key, in float64; all NaN if any feature is.

    Raises:
      ValueError: there is no (other) key.
    """
    return _nearest(queries, keys, np.arange(len(queries)) if exclude_same else None)


def memorization(fake: np.ndarray, train: np.ndarray) -> float:
    """Fraction of samples at least as close to their nearest training example as that one is to the rest of the set.

    One minus authenticity (Alaa 2022, 2102.08921). Noisy copies give 1, but new samples of the true distribution do not
    give 0: a sample counts if it and its nearest example are mutual nearest neighbors, which for many i.i.d. examples
    holds for 2/3 of them in one dimension, 0.622 in two, 0.593 in three, and 1/2 in the limit (Cox 1981: the volume of
    a ball over that of two through each other's centers). With too few examples for the dimension it is lower, since
    some examples are the nearest of many: 0.13 for 10,000 normal ones in 128 dimensions. So compare with the value of
    held-out real examples. For duplicated training examples only exact copies count.

    Args:
      fake, train: features [n, d] and [m, d].

    Raises:
      ValueError: no fakes, or fewer than two training examples.
    """
    if not len(fake) or len(train) < 2:
        raise ValueError(f'at least one fake and two training examples are needed, not {len(fake)} and {len(train)}')
    index, distance = _nearest(fake, train)
    if np.isnan(distance).any():
        return nan
    used, inverse = np.unique(index, return_inverse=True)
    _, spacing = _nearest(train[used], train, own=used)
    return float((distance <= spacing[inverse]).mean())


def _nearest(queries: np.ndarray, keys: np.ndarray, own: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """As `nearest`; `own` [n] is the index of each query's own key."""
    if not all_finite(queries, keys):
        return np.full(len(queries), -1), np.full(len(queries), nan)
    others = len(keys) - (own is not None)
    if others < 1:
        raise ValueError(f'{len(keys)} examples have no other example that could be the nearest')
    key_points, query_points = to_points(keys, queries)
    _, found = k_nearest(query_points, key_points, min(CANDIDATES, others), own)
    rows = (slice(i, i + BLOCK) for i in range(0, len(queries), BLOCK))
    exact = np.concatenate([_distances(queries[row], keys[found[row]]) for row in rows])  # [n, candidates]
    best = exact.argmin(1)[:, None]
    return np.take_along_axis(found, best, 1)[:, 0], np.take_along_axis(exact, best, 1)[:, 0]


def _distances(x: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    """From x [n, d] to candidates [n, k, d]: [n, k] in float64."""
    return np.linalg.norm(x[:, None].astype(np.float64) - candidates, axis=-1)
