"""The matching of codes and classes against all permutations, and its error in closed form."""

import itertools

import numpy as np
import pytest

from gans.metrics.matching import match


def test_against_all_permutations():
    rng = np.random.default_rng(0)
    codes, classes = rng.integers(0, 5, 60), rng.integers(0, 5, 60)
    best = max((np.array(meaning)[codes] == classes).mean() for meaning in itertools.permutations(range(5)))
    found = match(codes, classes, 5, 5)
    assert found.error == pytest.approx(1 - best)
    assert (found.meaning[codes] != classes).mean() == pytest.approx(found.error)
    assert sorted(found.meaning) == list(range(5))


def test_renamed_classes_are_no_error_and_noise_is():
    classes = np.arange(40) % 4
    renamed = np.array([2, 0, 3, 1])
    found = match(renamed[classes], classes, 4, 4)
    assert found.error == 0 and (found.meaning[renamed] == np.arange(4)).all()
    wrong = classes.copy()
    wrong[:6] = (wrong[:6] + 1) % 4
    assert match(renamed[wrong], classes, 4, 4).error == pytest.approx(6 / 40)
    every_pair = np.repeat(np.arange(4), 4), np.tile(np.arange(4), 4)
    assert match(*every_pair, 4, 4).error == pytest.approx(1 - 1 / 4)


def test_the_largest_is_not_always_taken():
    """Code 0 is most often class 0, but code 1 is never anything else."""
    codes = np.array([0] * 5 + [0] * 4 + [1] * 3)
    classes = np.array([0] * 5 + [1] * 4 + [0] * 3)
    found = match(codes, classes, 2, 2)
    assert list(found.meaning) == [1, 0] and found.error == pytest.approx(5 / 12)


def test_codes_or_classes_left_over_are_errors():
    codes = np.array([0, 0, 1, 2, 2, 2])
    found = match(codes, np.array([0, 0, 0, 1, 1, 1]), 3, 2)
    assert list(found.meaning) == [0, -1, 1] and found.error == pytest.approx(1 / 6)
    found = match(np.array([0, 0, 0, 1, 1, 1]), codes, 2, 3)
    assert list(found.meaning) == [0, 2] and found.error == pytest.approx(1 / 6)


@pytest.mark.parametrize(
    'codes, classes, said',
    [
        ([], [], 'there are 0 and 0'),
        ([0, 1], [0], 'there are 2 and 1'),
        ([0, 3], [0, 1], r'a code in 0\.\.3 is not among the 2'),
        ([0, 1], [-1, 1], r'a class in -1\.\.1 is not among the 2'),
    ],
)
def test_mistakes(codes, classes, said):
    with pytest.raises(ValueError, match=said):
        match(np.array(codes, int), np.array(classes, int), 2, 2)
