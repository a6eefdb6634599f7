"""How well samples keep to the real examples, and cover them: balls around neighbours in the space of features.

All four numbers are shares of balls and of examples in them. They change with the number of examples, so compare them
at the same counts. Distances are taken as gans/metrics/distances.py says.
"""

from math import nan

import numpy as np

from gans.metrics.distances import Points, all_finite, count_inside, k_nearest, to_points


def radii(x: np.ndarray, k: int) -> np.ndarray:
    """Distance [n] of each example to its k-th nearest other one, of features [n, d]; NaN if any feature is.

    Raises:
      ValueError: there are not k others.
    """
    if not all_finite(x):
        return np.full(len(x), nan)
    (cut,) = to_points(x)
    return np.sqrt(_squared_radii(cut, k))


def precision_recall(real: np.ndarray, fake: np.ndarray, k: int = 3) -> tuple[float, float]:
    """Improved precision and recall (Kynkäänniemi 2019, 1904.06991, equations 1 and 2).

    A ball around each example reaches to its k-th nearest other one, and holds what lies on its surface.

    Args:
      real, fake: features [n, d] and [m, d].

    Returns:
      precision: share of fakes that lie in some ball around a real example.
      recall: share of real examples that lie in some ball around a fake. NaN both, if any feature is.

    Raises:
      ValueError: one of the sets has not more than k examples.
    """
    if not all_finite(real, fake):
        return nan, nan
    real, fake = to_points(real, fake)
    precise, _ = count_inside(fake, real, _squared_radii(real, k), open_balls=False)
    recalled, _ = count_inside(real, fake, _squared_radii(fake, k), open_balls=False)
    return float((precise > 0).mean()), float((recalled > 0).mean())


def density_coverage(real: np.ndarray, fake: np.ndarray, k: int = 5) -> tuple[float, float]:
    """Density and coverage (Naeem 2020, 2002.09797, section 3).

    The balls are around real examples alone, so that a stray fake cannot stretch them; what lies on the surface is not
    inside. For two samples of one distribution density is 1 and coverage 1 - 2^-k in expectation (as many real as
    fake, k small against them).

    Args:
      real, fake: features [n, d] and [m, d].

    Returns:
      density: mean over the fakes of the number of balls that hold them, in units of k; may pass 1.
      coverage: share of balls that hold a fake. NaN both, if any feature is.

    Raises:
      ValueError: there are not more than k real examples.
    """
    if not all_finite(real, fake):
        return nan, nan
    real, fake = to_points(real, fake)
    _, counts = count_inside(fake, real, _squared_radii(real, k), open_balls=True)
    return float(counts.sum() / (k * fake.count)), float((counts > 0).mean())


def _squared_radii(x: Points, k: int) -> np.ndarray:
    if not 1 <= k < x.count:
        raise ValueError(f'the nearest neighbour number {k} of {x.count} examples: give more examples, or a lower k')
    return k_nearest(x, x, k, own=np.arange(x.count))[0][:, -1]
