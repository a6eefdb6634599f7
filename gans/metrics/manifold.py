"""Fidelity and diversity of samples, from nearest-neighbor balls in feature space.

All four metrics count examples in balls. They depend on the number of examples, so compare them at equal numbers. For
the precision of distances see gans/metrics/distances.py.
"""

from math import nan

import numpy as np

from gans.metrics.distances import Points, all_finite, count_inside, k_nearest, to_points


def precision_recall(real: np.ndarray, fake: np.ndarray, k: int = 3) -> tuple[float, float]:
    """Improved precision and recall (Kynkäänniemi 2019, 1904.06991, equations 1 and 2).

    The ball around an example reaches to its k-th nearest neighbor, surface included.

    Args:
      real, fake: features [n, d] and [m, d].

    Returns:
      precision: fraction of fakes in any ball around a real example.
      recall: fraction of real examples in any ball around a fake. Both NaN if any feature is.

    Raises:
      ValueError: a set has k examples or fewer.
    """
    if not all_finite(real, fake):
        return nan, nan
    real, fake = to_points(real, fake)
    precise, _ = count_inside(fake, real, _squared_radii(real, k), open_balls=False)
    recalled, _ = count_inside(real, fake, _squared_radii(fake, k), open_balls=False)
    return float((precise > 0).mean()), float((recalled > 0).mean())


def density_coverage(real: np.ndarray, fake: np.ndarray, k: int = 5) -> tuple[float, float]:
    """Density and coverage (Naeem 2020, 2002.09797, section 3).

    Balls are around real examples only, so that outliers among the fakes cannot enlarge them; the surface is excluded.
    For two samples of one distribution the expectations are density 1 and coverage 1 - 2^-k (equal numbers of real and
    fake examples, k much smaller).

    Args:
      real, fake: features [n, d] and [m, d].

    Returns:
      density: number of balls around a fake, averaged over fakes, in units of k; may exceed 1.
      coverage: fraction of balls that contain a fake. Both NaN if any feature is.

    Raises:
      ValueError: there are k real examples or fewer.
    """
    if not all_finite(real, fake):
        return nan, nan
    real, fake = to_points(real, fake)
    _, counts = count_inside(fake, real, _squared_radii(real, k), open_balls=True)
    return float(counts.sum() / (k * fake.count)), float((counts > 0).mean())


def _squared_radii(x: Points, k: int) -> np.ndarray:
    if not 1 <= k < x.count:
        raise ValueError(f'there is no neighbor number {k} among {x.count} examples: use more examples, or a lower k')
    return k_nearest(x, x, k, own=np.arange(x.count))[0][:, -1]
