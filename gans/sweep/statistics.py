"""Which differences between the rows of a sweep are significant, given the variation over seeds.

A column of the report compares the row with the best mean to each other row. The tests, and the reasons for them:

- Welch's t test (Welch 1947, Biometrika 34), since rows differ in their variance over seeds. An exact permutation test
  of 5 seeds against 5 cannot give p below 2/252 = .0079, of 3 against 3 not below .1, however clear the difference.
  Welch's test can, at the cost of assuming normal scores.
- Equal values (8, 8, 8, 8, 8 modes) do not imply that the next seed gives the same, and with zero variance a t test
  would find any difference significant. A row without variation uses the column's average variance within rows, as in
  an analysis of variance, with its degrees of freedom. If no row of the column varies, only the exact permutation test
  is left, which with 5 seeds survives the correction for a few rows only. Two rows with equal values throughout are a
  tie: they are not tested, and do not count in the correction (Tarone 1990, Biometrics 46).
- Benjamini and Yekutieli's correction (2001, Ann. Statist. 29): of the rows reported as worse than the best, at
  most 5 % are expected not to be, although all are compared with one row, which chance made the best. In simulations
  (normal scores, 54 rows, 5 seeds): if all rows are equal, some row is reported as worse in 5 % of the columns; if a
  third are equal and the others two standard deviations worse, 60 % of these are found, and 1 % of the findings are
  false. Holm's correction gave 14 %, 35 % and 0.4 %, Benjamini and Hochberg's 19 %, 94 % and 5 %.
- A winner must differ from every other row. In the same simulations, one of two equal rows is reported as the winner in
  at most 5 % of the columns, and one of six or more in less than 1 %.
"""

import math

import numpy as np

ALPHA = 0.05
MEANS = 'Mean ± standard deviation over seeds (n - 1).'
RULES = {  # what each mark of a table means
    'best': 'Bold: the best row of its column, where it differs significantly from every other.',
    'group': '†: where there is no such winner, the best row and those that do not differ significantly from it.',
    'lead': 'Underlined: the best mean of a column in which no difference is shown.',
    'apart': '‡: measured by another protocol than most of the rows, so not compared.',
}
TEST = (
    "Each other row is compared with the best by Welch's t test (a row that does not vary over its seeds takes the "
    "column's average variance; where none varies, the exact permutation test is used), at the level "
    f'{ALPHA:g} with the correction of Benjamini and Yekutieli for the number of rows compared. '
    'A row competes in a column only if all of its seeds, two or more, have a value there: one with stopped (diverged) '
    'or unfinished seeds shows the mean of the others, and is neither bold nor marked.'
)


def student(t: float, df: float) -> float:
    """The probability that |T| >= |t| for Student's T with `df` > 0 degrees of freedom, possibly fractional."""
    return incomplete_beta(df / (df + t * t), df / 2, 0.5) if math.isfinite(t) else 0.0


def incomplete_beta(x: float, a: float, b: float) -> float:
    """The regularized incomplete beta function I_x(a, b), for x in [0, 1]; a, b > 0.

    By its continued fraction (Abramowitz and Stegun 26.5.8), on the side of the mean where it converges quickly.
    """
    if x in (0.0, 1.0):
        return x
    if x > (a + 1) / (a + b + 2):
        return 1 - incomplete_beta(1 - x, b, a)
    scale = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)) / a
    value, m = 1.0, 200  # evaluated backwards; the last terms are far below rounding
    for i in range(m, 0, -1):
        value = 1 + i * (b - i) * x / ((a + 2 * i - 1) * (a + 2 * i)) / value
        value = 1 - (a + i - 1) * (a + b + i - 1) * x / ((a + 2 * i - 2) * (a + 2 * i - 1)) / value
    return scale / value


def variance(values: np.ndarray) -> float:
    """The unbiased variance of values [n], n > 1; exactly 0 if they are equal."""
    return float(values.var(ddof=1)) if np.ptp(values) > 0 else 0.0


def welch(a: np.ndarray, b: np.ndarray, average: float = 0.0, freedom: int = 1) -> float:
    """Two-sided p of Welch's test that a [n] and b [m] have the same mean; n, m > 1.

    Args:
        average, freedom: variance, and its degrees of freedom, for values without variation; at least one of the three
            variances is not 0.
    """
    u, df_u = (variance(a) / len(a), len(a) - 1) if variance(a) else (average / len(a), freedom)
    v, df_v = (variance(b) / len(b), len(b) - 1) if variance(b) else (average / len(b), freedom)
    return student((a.mean() - b.mean()) / math.sqrt(u + v), (u + v) ** 2 / (u**2 / df_u + v**2 / df_v))


def permutation_test(n: int, m: int) -> float:
    """Two-sided p of the exact permutation test of n equal values against m other equal values."""
    return (2 if n == m else 1) / math.comb(n + m, n)


def adjust(p: np.ndarray) -> np.ndarray:
    """Benjamini and Yekutieli's adjustment of p [k]: those below alpha have a false discovery rate below alpha."""
    k, order = len(p), np.argsort(p)[::-1]  # the largest first
    ranks = np.arange(k, 0, -1)
    result = np.empty(k)
    result[order] = np.minimum(1, np.minimum.accumulate(p[order] * k / ranks) * (1 / ranks).sum())
    return result


def compare(best: np.ndarray, others: list[np.ndarray]) -> np.ndarray:
    """Adjusted p [k] of the differences between a row's values [n] and those of k others; 1 for ties. See above.

    Args:
        best: values of one row, at least two.
        others: values of each other row of the column, at least two each.
    """
    groups = [best, *others]
    freedom = sum(len(group) - 1 for group in groups)
    average = sum((len(group) - 1) * variance(group) for group in groups) / freedom
    result = np.ones(len(others))

    def test(other: np.ndarray) -> float:
        return welch(best, other, average, freedom) if average else permutation_test(len(best), len(other))

    different = [i for i, other in enumerate(others) if np.ptp(np.concatenate([best, other])) > 0]
    result[different] = adjust(np.array([test(others[i]) for i in different]))
    return result
