"""Do codes that nobody labelled mean the classes? They are matched first, one to one."""

from typing import NamedTuple

import numpy as np


class Matching(NamedTuple):
    """What each code is taken to mean."""

    error: float  # share of examples whose class is not what their code means
    meaning: np.ndarray  # int [K]: the class of each code, -1 of a code that is left over


def match(codes: np.ndarray, classes: np.ndarray, num_codes: int, num_classes: int) -> Matching:
    """The best one-to-one matching of codes and classes, and its error, as InfoGAN (1606.03657, section 7.2) tells
    digits apart by its categorical code: 5 % error on MNIST.

    The matching is chosen on the same examples, so that it flatters: for K codes that mean nothing and n examples the
    error is a little below 1 - 1 / K, the less the fewer examples. With more codes than classes the codes left over
    are errors, and with fewer the classes.

    Args:
      codes: int [N], such as the categories that were given to the generator, or those that the recognition net reads.
      classes: int [N], such as the classes that a classifier takes the samples for, or those of real images.
      num_codes, num_classes: how many there are of each.

    Raises:
      ValueError: there are no examples, not as many of both, or a code or a class that is not among the known ones.
    """
    from scipy.optimize import linear_sum_assignment

    if not len(codes) or len(codes) != len(classes):
        raise ValueError(f'each example needs a code and a class, not {len(codes)} and {len(classes)} for all')
    counts = np.zeros((num_codes, num_classes), np.int64)  # how often code and class come together
    for name, values, num in (('code', codes, num_codes), ('class', classes, num_classes)):
        if values.min() < 0 or values.max() >= num:
            raise ValueError(f'a {name} of {values.min()}..{values.max()} is not among the {num} that there are')
    np.add.at(counts, (codes, classes), 1)
    rows, columns = linear_sum_assignment(counts, maximize=True)
    meaning = np.full(num_codes, -1)
    meaning[rows] = columns
    return Matching(float(1 - counts[rows, columns].sum() / len(codes)), meaning)
