"""Scores of samples against the ground truth of toy mixtures."""

import numpy as np

from gans.core import Modes


def moments(samples: np.ndarray) -> dict[str, float]:
    """Mean and standard deviation of 1-D samples [N, 1]."""
    return {'mean': float(samples.mean()), 'std': float(samples.std())}


def mode_counts(samples: np.ndarray, modes: Modes) -> dict[str, float]:
    """How well samples [N, d] cover a mixture, as PacGAN (1712.04086, section 4.1) and its code count.

    Returns:
      modes: centers with at least one high-quality sample, within 3 sigma.
      high_quality: fraction of such samples; 0.98889 for the true 2-D mixture, above it modes are too narrow.
      reverse_kl: log K - entropy of the high-quality samples over the K modes, in nats; log K if there are none. About
        (K - 1) / 2n for n true samples.
    """
    samples = np.asarray(samples, np.float64)
    distances = np.linalg.norm(samples[:, None] - np.asarray(modes.centers, np.float64), axis=-1)  # [N, K]
    nearest, close = distances.argmin(1), distances.min(1) < 3 * modes.sigma
    counts = np.bincount(nearest[close], minlength=len(modes.centers))
    shares = counts[counts > 0] / max(counts.sum(), 1)
    return {
        'modes': float((counts > 0).sum()),
        'high_quality': float(close.mean()),
        'reverse_kl': float(np.log(len(counts)) + (shares * np.log(shares)).sum()),
    }
