from itertools import combinations
from math import atan, pi, sqrt

import numpy as np
import pytest

from gans.sweep.statistics import ALPHA, adjust, compare, permutation_test, student, welch


def test_student_against_tables_and_closed_forms() -> None:
    quantiles = {1: 12.7062, 2: 4.30265, 4: 2.77645, 10: 2.22814, 30: 2.04227, 120: 1.97993}  # of .975
    for df, t in quantiles.items():
        assert student(t, df) == pytest.approx(0.05, abs=2e-6)
        assert student(-t, df) == student(t, df)
    for t in (1e-3, 0.5, 2.0, 50.0, 1e6):
        assert student(t, 1) == pytest.approx(2 * (pi / 2 - atan(t)) / pi, rel=1e-9, abs=1e-15)
        assert student(t, 2) == pytest.approx(1 - t / sqrt(2 + t * t), rel=1e-9, abs=1e-15)
    assert student(0.0, 3) == 1 and student(np.inf, 3) == 0


def test_student_welch_and_correction_against_scipy() -> None:
    stats = pytest.importorskip('scipy.stats')
    rng = np.random.default_rng(0)
    for _ in range(300):
        t, df = np.exp(rng.uniform(-6, 4)), np.exp(rng.uniform(-1, 7))
        assert student(t, df) == pytest.approx(2 * stats.t.sf(t, df), rel=1e-8)
        a, b = (rng.normal(rng.normal(), rng.exponential(), rng.integers(2, 9)) for _ in range(2))
        assert welch(a, b) == pytest.approx(stats.ttest_ind(a, b, equal_var=False).pvalue, rel=1e-8)
        p = rng.uniform(0, 0.1, rng.integers(1, 60))
        assert adjust(p) == pytest.approx(stats.false_discovery_control(p, method='by'), rel=1e-12)


def test_a_row_without_variance_takes_the_columns() -> None:
    """Two such rows of n seeds: t = difference / sqrt(2 s^2 / n) with twice the column's degrees of freedom."""
    best, worse, other = np.full(5, 8.0), np.full(5, 7.0), np.array([4.0, 6.0, 5.0, 5.0, 5.0])
    freedom, pooled = 12, 4 * 0.5 / 12
    p = np.array([student(1 / sqrt(2 * pooled / 5), 2 * freedom), welch(best, other, pooled, freedom)])
    assert compare(best, [worse, other]) == pytest.approx(adjust(p))
    # A row with one bad seed is not called worse, although the best has no variance at all.
    assert compare(best, [np.array([8.0, 8.0, 8.0, 8.0, 0.0]), best])[0] > 0.2


@pytest.mark.parametrize(('n', 'm'), [(2, 2), (3, 3), (5, 5), (3, 5), (5, 2)])
def test_separated_rows_against_all_permutations(n, m) -> None:
    values = np.array([8.0] * n + [7.0] * m)
    difference = lambda chosen: abs(values[chosen].mean() - np.delete(values, chosen).mean())
    seen = [difference(list(chosen)) for chosen in combinations(range(n + m), n)]
    assert permutation_test(n, m) == np.mean([value >= seen[0] - 1e-12 for value in seen])
    assert compare(values[:n], [values[n:]])[0] == permutation_test(n, m)


def test_ties_are_not_counted() -> None:
    best = np.full(5, 8.0)
    assert compare(best, [best] * 6 + [best - 4]).tolist() == [1.0] * 6 + [permutation_test(5, 5)]
    assert compare(best, [best, best]).tolist() == [1, 1]
    assert compare(np.full(3, 0.1), [np.full(3, 0.2)])[0] == pytest.approx(0.1)  # three seeds show nothing


def test_equal_rows_rarely_differ_and_others_do() -> None:
    rng = np.random.default_rng(0)
    called, won, missed = 0, 0, 0
    for _ in range(200):
        rows = sorted(rng.normal(0, 1, (12, 5)), key=np.mean)
        p = compare(rows[0], rows[1:])
        called += (p < ALPHA).any()
        pair = sorted(rows[:2] + rng.normal(0, 1, (2, 5)), key=np.mean)
        won += compare(pair[0], pair[1:])[0] < ALPHA
        missed += (compare(rows[0], [row + 10 for row in rows]) >= ALPHA).sum()
    assert called / 200 < 0.08 and won / 200 < 0.1 and missed == 0
