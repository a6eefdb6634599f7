"""The sliced Wasserstein distance: a cheap score for any data, which needs no features."""

import numpy as np


def sliced_wasserstein(a: np.ndarray, b: np.ndarray, directions: int = 256, seed: int = 0) -> float:
    """Mean over random directions of the 1-D Wasserstein-1 distance of the projections (Rabin 2012; Bonneel 2015).

    In one dimension it is W1 itself. On images it is a distance of pixels, which ranks runs of one experiment; it is
    no FID.

    Args:
      a, b: examples [N, ...], as many in both; in units of the data.
      directions: drawn uniformly from the sphere by `seed`, the same for all calls.
    """
    if a.shape != b.shape:
        raise ValueError(f'as many examples of the same shape are needed, not {a.shape} and {b.shape}')
    a, b = a.reshape(len(a), -1), b.reshape(len(b), -1)
    dimensions = a.shape[1]
    theta = np.random.default_rng(seed).standard_normal((dimensions, directions)).astype(np.float32)
    theta = np.ones((1, 1), np.float32) if dimensions == 1 else theta / np.linalg.norm(theta, axis=0)
    return float(np.abs(np.sort(a @ theta, axis=0) - np.sort(b @ theta, axis=0)).mean())
