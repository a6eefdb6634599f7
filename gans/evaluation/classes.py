"""What a conditional generator makes of each class: distances within classes, and who is taken for another."""

from collections.abc import Sequence
from math import nan
from typing import NamedTuple

import numpy as np

from gans.features.base import Extractor
from gans.metrics import protocol
from gans.metrics.extract import Extracted
from gans.metrics.frechet import frechet, moments
from gans.metrics.protocol import Protocol, Result

SHOWN = 3  # classes at each end


class Class(NamedTuple):
    """One class; NaN for what there are too few examples to say, or no classifier."""

    name: str
    real: int  # examples
    fake: int
    distance: float  # Fréchet, of the class's samples and its real examples
    halves: float  # of one half of its real examples and the other
    accuracy: float  # share of its samples that the classifier recognizes


def by_class(real: Extracted, labels: np.ndarray, fake: Extracted, names: Sequence[str], known: bool) -> list[Class]:
    """The scores of each class. A distance wants more examples than features on both sides.

    Args:
      labels: classes of the real examples, int [N].
      fake: samples, with the classes that they were asked for.
      known: whether the logits are those of these classes.
    """
    found = []
    for i, name in enumerate(names):
        mine, its = real.features[labels == i], np.flatnonzero(fake.labels == i)
        halves = mine[: len(mine) // 2], mine[len(mine) // 2 :]
        recognized = known and len(its) and (fake.logits[its].argmax(1) == i).mean()
        distances = _distance(mine, fake.features[its]), _distance(*halves)
        found.append(Class(name, len(mine), len(its), *distances, float(recognized) if known and len(its) else nan))
    return found


def _distance(a: np.ndarray, b: np.ndarray) -> float:
    return frechet(moments(a), moments(b)) if min(len(a), len(b)) > a.shape[1] else nan


def intra_class(classes: Sequence[Class], extractor: Extractor, common: Protocol) -> list[Result]:
    """The mean over classes of their distances (intra-FID, Miyato & Koyama 2018, 1802.05637, section 4), and of those
    between halves of the real ones; none unless all have one.
    """
    name, results = f'intra_{protocol.frechet(extractor)}', []
    numbers = {'classes': len(classes), 'real': min(each.real for each in classes)}
    stamp = {'metric': name, **common, **protocol.features(extractor), **numbers}
    stamp |= {'fake': min(each.fake for each in classes)}
    for suffix, field in (('', 'distance'), ('/real', 'halves')):
        values = [getattr(each, field) for each in classes]
        if np.isfinite(values).all():
            results.append(Result(name + suffix, float(np.mean(values)), stamp))
    return results


def extremes(classes: Sequence[Class]) -> list[str]:
    """Lines that name the best and the worst classes, of each score that at least two have."""
    lines = []
    for field, sign in (('distance', 1), ('accuracy', -1)):
        scored = [each for each in classes if not np.isnan(getattr(each, field))]
        order = sorted(scored, key=lambda each, field=field, sign=sign: sign * getattr(each, field))
        tell = lambda some, field=field: ', '.join(f'{each.name} {getattr(each, field):.3g}' for each in some)
        few = min(SHOWN, len(order) // 2)
        if few:
            lines.append(f'{field} of classes: best {tell(order[:few])}; worst {tell(order[::-1][:few])}')
    return lines
