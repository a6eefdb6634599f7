"""Nearest training examples: does a generator invent, or copy?"""

from math import nan

import numpy as np

from gans.metrics.distances import BLOCK, all_finite, k_nearest, to_points

CANDIDATES = 4  # the nearest in float32, of which float64 chooses: else rounding would choose among near duplicates


def nearest(queries: np.ndarray, keys: np.ndarray, exclude_same: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """The nearest key of each query.

    Args:
      queries, keys: features [n, d] and [m, d].
      exclude_same: query i is key i itself, which is no neighbour of it.

    Returns:
      indices [n]: into keys; of equal keys the first, of more than 4 near duplicates (gans/metrics/distances.py) one of
        them. -1 for all, if any feature is NaN.
      distances [n]: of that key, in float64; NaN for all, if any feature is.

    Raises:
      ValueError: there is no (other) key.
    """
    return _nearest(queries, keys, np.arange(len(queries)) if exclude_same else None)


def memorization(fake: np.ndarray, train: np.ndarray) -> float:
    """Share of samples at least as near to their nearest training example as that one is to any other of them.

    One minus authenticity (Alaa 2022, 2102.08921). Copies with a little noise give 1; new samples of the true
    distribution do not give 0: one counts where it and its nearest example are each other's nearest, which in many
    i.i.d. examples happens to 2/3 of them in one dimension, to 0.622 in two, 0.593 in three, and to 1/2 in the limit
    of many (Cox 1981: the volume of a ball over that of two through each other's centres). Too few examples for their
    dimensions give less, since some of them are the nearest of many: 0.13 for 10,000 normal ones in 128. So compare
    with the value of held-out real examples. Of a training example that stands there twice only exact copies count.

    Args:
      fake, train: features [n, d] and [m, d].

    Raises:
      ValueError: there is no fake, or there are fewer than two training examples.
    """
    if not len(fake) or len(train) < 2:
        raise ValueError(f'a fake and two training examples are needed at least, not {len(fake)} and {len(train)}')
    index, distance = _nearest(fake, train)
    if np.isnan(distance).any():
        return nan
    used, place = np.unique(index, return_inverse=True)
    _, apart = _nearest(train[used], train, own=used)
    return float((distance <= apart[place]).mean())


def _nearest(queries: np.ndarray, keys: np.ndarray, own: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """As `nearest`; `own` [n] is the index of each query's own key."""
    if not all_finite(queries, keys):
        return np.full(len(queries), -1), np.full(len(queries), nan)
    others = len(keys) - (own is not None)
    if others < 1:
        raise ValueError(f'there is no other example among {len(keys)} to be the nearest')
    key_points, query_points = to_points(keys, queries)
    _, found = k_nearest(query_points, key_points, min(CANDIDATES, others), own)
    rows = (slice(i, i + BLOCK) for i in range(0, len(queries), BLOCK))
    exact = np.concatenate([_distances(queries[row], keys[found[row]]) for row in rows])  # [n, candidates]
    best = exact.argmin(1)[:, None]
    return np.take_along_axis(found, best, 1)[:, 0], np.take_along_axis(exact, best, 1)[:, 0]


def _distances(x: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    """Of x [n, d] to candidates [n, k, d], as [n, k] in float64."""
    return np.linalg.norm(x[:, None].astype(np.float64) - candidates, axis=-1)
