"""The scores of a run, while it trains."""

import numpy as np

from gans.data.base import Source
from gans.metrics.sliced import sliced_wasserstein
from gans.metrics.toys import mode_counts, moments

BEST = 'eval/sliced_wasserstein'  # the best checkpoint has the lowest
# Which values of a score are better; one that is not here has no such order (the mean, say, has a goal instead).
BETTER = {
    'eval/sliced_wasserstein': 'lower',
    'eval/reverse_kl': 'lower',
    'eval/modes': 'higher',
    'eval/high_quality': 'higher',
}


def scores(samples: np.ndarray, real: np.ndarray, source: Source) -> dict[str, float]:
    """All cheap scores of samples [N, ...] against real examples [N, ...], by metric name; NaN samples score NaN."""
    if not np.isfinite(samples).all():
        return {BEST: float('nan')}
    found = {'sliced_wasserstein': sliced_wasserstein(samples, real)}
    if source.spec.shape == (1,):
        found |= moments(samples)
    if source.modes is not None and len(source.modes.centres) > 1:
        found |= mode_counts(samples, source.modes)
    return {f'eval/{name}': value for name, value in found.items()}
