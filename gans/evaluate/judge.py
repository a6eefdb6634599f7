"""What is common to all evaluations: the numbers of some samples, and beside them those of real examples.

No distance means anything alone. Beside each number 'NAME' stand 'NAME/real', of one half of the real examples against
the other (the floor of a distance), and, for a run, 'NAME/untrained', of its generator before training (the ceiling).
"""

from collections.abc import Sequence

from gans.data.base import Modes
from gans.features.base import Extractor
from gans.metrics import protocol
from gans.metrics.measure import measure
from gans.metrics.protocol import Protocol, Result
from gans.metrics.score import halves
from gans.metrics.seen import Seen


def judged(
    real: Seen,
    fake: Seen,
    untrained: Seen | None,
    extractor: Extractor,
    common: Protocol,
    modes: Modes | None = None,
) -> tuple[list[Result], list[str]]:
    """All results, and warnings of one line each.

    Args:
      real: twice as many as there are samples, if there are so many; the first are compared with the samples.
      fake, untrained: samples, as many in both.
      common: what all stamps have in common.
      modes: of points that are a mixture.
    """
    num = len(fake.features)
    first, second = halves(len(real.features), num)
    pairs = {'': (real.part(slice(num)), fake), '/real': (real.part(first), real.part(second))}
    if untrained is not None:
        pairs['/untrained'] = (real.part(slice(num)), untrained)
    results = []
    for suffix, (truth, samples) in pairs.items():
        if len(truth.features) < 2:
            continue
        sizes = {'real': len(truth.features), 'fake': len(samples.features)}
        for name, value in measure(truth, samples, extractor, modes, only=suffix == '/untrained').items():
            stamp = {'metric': name, **common, **protocol.features(extractor), **sizes, **value.details}
            results.append(Result(name + suffix, value.value, stamp))
    return results, warnings(real.part(slice(num)), fake, extractor)


def warnings(real: Seen, fake: Seen, extractor: Extractor) -> Sequence[str]:
    """What a reader of the numbers must know."""
    features, numbers = real.features.shape[1], f'{len(real.features):,} real and {len(fake.features):,} other examples'
    found = []
    if min(len(real.features), len(fake.features)) <= features:
        found.append(
            f'{extractor.title}: {numbers} are too few for {features:,} features (singular covariances): '
            'the distance is far too large, compare it only with others of the same numbers'
        )
    return found
