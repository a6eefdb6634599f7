"""Which differences between the rows of a sweep are more than the luck of their seeds.

A column of the report compares the row with the best mean against each other row. What is tested, and why:

- Welch's t test (Welch 1947, Biometrika 34), since rows differ in how much their seeds vary. An exact permutation test
  of 5 seeds against 5 cannot go below p = 2/252 = .0079, of 3 against 3 not below .1, however clear the difference.
  Welch's can, and pays for it by taking the seeds' scores as normal.
- Equal values (8, 8, 8, 8, 8 modes) are no sign that the next seed gives the same, and a t test that believes it is
  certain of anything. A row in which no seed differs from another takes the variance that the column's rows have within
  them on average, as in an analysis of variance, and its degrees of freedom. Where no row of the column varies, only
  the exact permutation test is left, which with 5 seeds survives the correction for a few rows only. Two rows whose
  values are all equal are a tie: nothing is tested, and no correction has to count it (Tarone 1990, Biometrics 46).
- Benjamini and Yekutieli's correction (2001, Ann. Statist. 29): of the rows called worse than the best, 5 % at most
  are expected not to be, even though all are compared with one row, which chance made the best. Simulated (normal
  scores, 54 rows, 5 seeds): if all are equal, some row is called worse in 5 % of the columns; if a third are equal and
  the others two standard deviations worse, 60 % of these are found, and 1 % of what is found is false. Holm's gave
  14 %, 35 % and 0.4 %, Benjamini and Hochberg's 19 %, 94 % and 5 %.
- A winner must differ from every other row. By the same simulations, one of two equal rows is called the winner in at
  most 5 % of the columns, and one of six or more in less than 1 %.
"""

import math

import numpy as np

ALPHA = 0.05
RULE = (
    'Mean ± standard deviation over seeds (n - 1). '
    'Bold: the best row of its column, where it differs significantly from every other. '
    '†: where there is no such winner, the best row and those that do not differ significantly from it. '
    "Each other row is compared with the best by Welch's t test (a row that does not vary over its seeds takes the "
    "column's average variance; where none varies, the exact permutation test is used), at the level "
    f'{ALPHA:g} with the correction of Benjamini and Yekutieli for the number of rows compared. '
    'A row competes in a column only if all of its seeds, two or more, have a value there: one with stopped (diverged) '
    'or unfinished seeds shows the mean of the others, and is neither bold nor marked. '
    '‡: measured by another protocol than more than half of the rows, so not compared.'
)


def student(t: float, df: float) -> float:
    """The probability that |T| >= |t| for Student's T of `df` > 0 degrees of freedom, which need not be whole."""
    return incomplete_beta(df / (df + t * t), df / 2, 0.5) if math.isfinite(t) else 0.0


def incomplete_beta(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function I_x(a, b), for x in [0, 1]; a, b > 0.

    By its continued fraction (Abramowitz and Stegun 26.5.8), on the side of the mean where it converges fast.
    """
    if x in (0.0, 1.0):
        return x
    if x > (a + 1) / (a + b + 2):
        return 1 - incomplete_beta(1 - x, b, a)
    scale = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)) / a
    value, m = 1.0, 200  # evaluated from its far end: of so many terms the last are far below rounding
    for i in range(m, 0, -1):
        value = 1 + i * (b - i) * x / ((a + 2 * i - 1) * (a + 2 * i)) / value
        value = 1 - (a + i - 1) * (a + b + i - 1) * x / ((a + 2 * i - 2) * (a + 2 * i - 1)) / value
    return scale / value


def variance(values: np.ndarray) -> float:
    """The unbiased variance of values [n], n > 1: exactly 0 where they are equal."""
    return float(values.var(ddof=1)) if np.ptp(values) > 0 else 0.0


def welch(a: np.ndarray, b: np.ndarray, average: float = 0.0, freedom: int = 1) -> float:
    """Two-sided p of Welch's test that a [n] and b [m] have one mean; n, m > 1.

    Args:
        average, freedom: the variance, and its degrees of freedom, that values without any take; one of the three
            variances is not 0.
    """
    u, df_u = (variance(a) / len(a), len(a) - 1) if variance(a) else (average / len(a), freedom)
    v, df_v = (variance(b) / len(b), len(b) - 1) if variance(b) else (average / len(b), freedom)
    return student((a.mean() - b.mean()) / math.sqrt(u + v), (u + v) ** 2 / (u**2 / df_u + v**2 / df_v))


def permutation_test(n: int, m: int) -> float:
    """Two-sided p of the exact permutation test of n equal values against m equal values of another size."""
    return (2 if n == m else 1) / math.comb(n + m, n)


def adjust(p: np.ndarray) -> np.ndarray:
    """Benjamini and Yekutieli's adjusted p of p [k]; those below alpha have a false discovery rate below alpha."""
    k, order = len(p), np.argsort(p)[::-1]  # the largest first
    ranks = np.arange(k, 0, -1)
    result = np.empty(k)
    result[order] = np.minimum(1, np.minimum.accumulate(p[order] * k / ranks) * (1 / ranks).sum())
    return result


def compare(best: np.ndarray, others: list[np.ndarray]) -> np.ndarray:
    """Adjusted p [k] of the differences between a row's values [n] and those of k others; 1 for ties. See the module.

    Args:
        best: the values of one row, two or more.
        others: those of each other row of the column, two or more each.
    """
    groups = [best, *others]
    freedom = sum(len(group) - 1 for group in groups)
    average = sum((len(group) - 1) * variance(group) for group in groups) / freedom
    result = np.ones(len(others))
    test = lambda other: welch(best, other, average, freedom) if average else permutation_test(len(best), len(other))
    compared = [i for i, other in enumerate(others) if np.ptp(np.concatenate([best, other])) > 0]
    result[compared] = adjust(np.array([test(others[i]) for i in compared]))
    return result
