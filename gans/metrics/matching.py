"""How well unsupervised codes agree with classes, after a one-to-one matching."""

from typing import NamedTuple

import numpy as np


class Matching(NamedTuple):
    """The class assigned to each code."""

    error: float  # fraction of examples whose class is not that of their code
    meaning: np.ndarray  # int [K]: the class of each code, -1 for surplus codes


def match(codes: np.ndarray, classes: np.ndarray, num_codes: int, num_classes: int) -> Matching:
    """The best one-to-one matching of codes and classes, and its error, as InfoGAN (1606.03657, section 7.2) classifies
    digits by its categorical code: 5 % error on MNIST.

    The matching is fitted on the same examples and thus optimistic: for K random codes the error is slightly below
    1 - 1 / K, the more so the fewer examples there are. Surplus codes or classes count as errors.

    Args:
      codes: int [N], such as the categories that the generator got, or those that the recognition net predicts.
      classes: int [N], such as a classifier's predictions for samples, or the labels of real images.
      num_codes, num_classes: how many there are of each.

    Raises:
      ValueError: no examples, different numbers of codes and classes, or one out of range.
    """
    from scipy.optimize import linear_sum_assignment

    if not len(codes) or len(codes) != len(classes):
        raise ValueError(f'each example needs a code and a class, but there are {len(codes)} and {len(classes)}')
    counts = np.zeros((num_codes, num_classes), np.int64)  # [code, class]
    for name, values, num in (('code', codes, num_codes), ('class', classes, num_classes)):
        if values.min() < 0 or values.max() >= num:
            raise ValueError(f'a {name} in {values.min()}..{values.max()} is not among the {num} known ones')
    np.add.at(counts, (codes, classes), 1)
    rows, columns = linear_sum_assignment(counts, maximize=True)
    meaning = np.full(num_codes, -1)
    meaning[rows] = columns
    return Matching(float(1 - counts[rows, columns].sum() / len(codes)), meaning)
