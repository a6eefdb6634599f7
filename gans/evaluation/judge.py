"""What is common to all evaluations: the numbers of some samples, and beside them those of real examples.

No distance means anything alone. Beside each number 'NAME' stand 'NAME/real', of one half of the real examples against
the other (the floor of a distance), and, for a run, 'NAME/untrained', of its generator before training (the ceiling).
"""

from collections.abc import Mapping

import numpy as np

from gans.core import Modes
from gans.data.moving import Sprites
from gans.errors import UserError
from gans.features.base import Extractor
from gans.metrics import protocol
from gans.metrics.extract import Extracted
from gans.metrics.measure import measure
from gans.metrics.protocol import Protocol, Result

HALVES, UNTRAINED = '/real', '/untrained'  # what follows a metric's name


def evaluate_pairs(
    pairs: Mapping[str, tuple[Extracted, Extracted]],
    extractor: Extractor,
    common: Protocol,
    known: Modes | Sprites | None = None,
    only: bool = False,
) -> tuple[list[Result], list[str]]:
    """All results, and warnings of one line each.

    Args:
      pairs: real examples and what is measured against them: '' samples, `HALVES` other real examples, `UNTRAINED`
        samples of a generator before training, of which the Fréchet distance alone is taken.
      common: what all stamps have in common.
      known: of points that are a mixture, or of clips in which a sprite moves, see `Source.known`.
      only: only the Fréchet distance.

    Raises:
      UserError: a number is not finite.
    """
    results = []
    for suffix, (truth, samples) in pairs.items():
        sizes = {'real': len(truth.features), 'fake': len(samples.features)}
        if min(sizes.values()) < 2:
            continue
        with np.errstate(all='ignore'):  # what comes of it is looked at
            found = measure(truth, samples, extractor, known, only=only or suffix == UNTRAINED)
        for name, value in found.items():
            if not np.isfinite(value.value):
                raise _not_finite(name + suffix, truth, samples)
            stamp = {'metric': name, **common, **protocol.features(extractor), **sizes, **value.details}
            results.append(Result(name + suffix, value.value, stamp))
    return results, warnings(pairs, extractor)


def warnings(pairs: Mapping[str, tuple[Extracted, Extracted]], extractor: Extractor) -> list[str]:
    """What a reader of the numbers must know."""
    for suffix, (real, fake) in pairs.items():
        features = real.features.shape[1]
        if min(len(real.features), len(fake.features)) <= features:
            others = 'other real' if suffix == HALVES else 'other'
            numbers = f'{len(real.features):,} real and {len(fake.features):,} {others} examples'
            return [
                f'{extractor.title}: {numbers} are too few for {features:,} features (singular covariances): '
                'the distance is far too large, compare it only with others of the same numbers'
            ]
    return []


def _not_finite(metric: str, *sets: Extracted) -> UserError:
    largest = np.max([np.abs(seen.features).max() for seen in sets])  # NaN if one is
    return UserError(f'{metric} is not finite, of features up to {largest:.3g}: remove the examples that have them')
