"""R-precision in `--mode=evaluate`: whether samples are of the captions that they are made of.

Beside 'r_precision' stand 'r_precision/truth', of the real images of these captions, which is as far as the encoders
can tell; 'r_precision/untrained'; and 'r_precision/shuffled', of the samples with captions of others, which is what a
generator that ignores words has. 'r_precision_p' says how likely so many hits are by chance alone.
"""

from typing import NamedTuple

import numpy as np

from gans.evaluation.judge import UNTRAINED
from gans.metrics.protocol import Protocol, Result
from gans.metrics.r_precision import FOLDS, SHUFFLES, Found, Retrieval
from gans.training.encoders import Encoders

NAME = 'r_precision'
TRUTH, SHUFFLED = '/truth', '/shuffled'  # what follows the metric's name
LEVEL = 0.05  # of p


class Judged(NamedTuple):
    """Results, and a line about them."""

    results: list[Result]
    said: str


def judge(
    retrieval: Retrieval,
    encoders: Encoders,
    samples: np.ndarray,
    untrained: np.ndarray,
    real: np.ndarray,
    common: Protocol,
) -> Judged:
    """
    Args:
      retrieval: of the captions of the samples, and of the encoders' nets.
      samples, untrained, real: what the trained and the untrained generator made of the captions, and whose captions
        they are, uint8 [N, H, W, C].
      common: what all stamps have in common.
    """
    stamp = {**common, 'fake': len(samples), **encoders.stamp, **retrieval.stamp()}
    tell = lambda name, suffix, value, **more: Result(f'{name}{suffix}', value, {'metric': name, **stamp, **more})
    found = retrieval.find(encoders.params, samples, SHUFFLES)
    results = []
    others = {TRUTH: real, UNTRAINED: untrained}
    for suffix, each in {'': found, **{key: retrieval.find(encoders.params, x) for key, x in others.items()}}.items():
        results.append(tell(NAME, suffix, each.value))
        if each.deviation is not None:
            results.append(tell(f'{NAME}_std', suffix, each.deviation, folds=FOLDS))
    results.append(tell(NAME, SHUFFLED, float(found.shuffled.mean()), shuffles=SHUFFLES))
    results.append(tell(f'{NAME}_p', '', found.p, shuffles=SHUFFLES))
    return Judged(results, describe(found, encoders.stamp | retrieval.stamp()))


def describe(found: Found, stamp: Protocol) -> str:
    """What is to be said of the value."""
    above = 'above chance' if found.p < LEVEL else 'not shown to be above chance'
    return (
        f'{NAME} {found.value:.3f}, standard error {found.error:.3f}, {len(found.hits):,} images; captions shuffled '
        f'{len(found.shuffled)} times {found.shuffled.mean():.3f}, at most {found.shuffled.max():.3f}: {above}, '
        f'p {found.p:.2g}; {", ".join(f"{key} {value}" for key, value in stamp.items())}'
    )
