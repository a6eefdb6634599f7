"""The sliced Wasserstein distance: a cheap score for any data, without features."""

import numpy as np


def sliced_wasserstein(a: np.ndarray, b: np.ndarray, directions: int = 256, seed: int = 0) -> float:
    """Mean over random directions of the 1-D Wasserstein-1 distance of the projections (Rabin 2012; Bonneel 2015).

    In one dimension it is W1 itself. On images it compares pixels: it ranks runs of one experiment, but is not an FID.

    Args:
      a, b: examples [N, ...] and [M, ...]; in units of the data.
      directions: number of directions, drawn uniformly from the sphere with `seed`, the same in all calls.
    """
    if a.shape[1:] != b.shape[1:] or not len(a) or not len(b):
        raise ValueError(f'examples must have the same shape, with at least one of each, not {a.shape} and {b.shape}')
    a, b = a.reshape(len(a), -1), b.reshape(len(b), -1)
    dimensions = a.shape[1]
    theta = np.random.default_rng(seed).standard_normal((dimensions, directions)).astype(np.float32)
    theta = np.ones((1, 1), np.float32) if dimensions == 1 else theta / np.linalg.norm(theta, axis=0)
    a, b = np.sort(theta.T @ a.T), np.sort(theta.T @ b.T)  # twice as fast as sorting columns
    return float(np.abs(a - b).mean()) if a.shape == b.shape else _area_between_quantiles(a, b)


def _area_between_quantiles(a: np.ndarray, b: np.ndarray) -> float:
    """Mean over rows of the area between the quantile functions of sorted a [D, N] and b [D, M]."""
    n, m = a.shape[1], b.shape[1]
    ends = np.union1d(
        np.arange(1, n + 1) * m, np.arange(1, m + 1) * n
    )  # of the steps of both functions, in units of 1 / NM
    i, j, widths = (ends - 1) // m, (ends - 1) // n, np.diff(ends, prepend=0) / (n * m)
    return float(np.mean([widths @ np.abs(x[i] - y[j]) for x, y in zip(a, b, strict=True)]))
