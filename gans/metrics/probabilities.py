"""Scores that a classifier's answers give."""

from itertools import pairwise
from math import nan

import numpy as np


def inception_score(logits: np.ndarray, splits: int = 10, seed: int = 0) -> tuple[float, float]:
    """exp(mean KL(p(y|x) || p(y))) (Salimans 2016, 1606.03498, section 4): from 1, the worst, to K.

    It never sees a real example, and it is biased by the number of samples in a split.

    Args:
      logits: [N, K], of samples.
      splits: the samples are shuffled by `seed` and cut into so many parts, as even as possible.

    Returns:
      mean and standard deviation over the parts; NaN both, if any logit is.

    Raises:
      ValueError: there are fewer than two samples, or fewer than parts.
    """
    if splits < 1 or len(logits) < max(splits, 2):
        raise ValueError(f'{len(logits)} samples cannot be cut into {splits} parts; at least 2 samples are needed')
    if np.isnan(logits).any():
        return nan, nan
    p = softmax(logits[np.random.default_rng(seed).permutation(len(logits))])
    cuts = [i * len(p) // splits for i in range(splits + 1)]
    parts = [p[a:b] for a, b in pairwise(cuts)]
    # The mean KL divergence is the entropy of the mean less the mean entropy.
    values = [np.exp(_entropy(part.mean(0)) - _entropy(part).mean()) for part in parts]
    return float(np.mean(values)), float(np.std(values))


def accuracy(logits: np.ndarray, labels: np.ndarray) -> float:
    """Share of samples that the classifier takes for what they were meant to be: logits [N, K], labels int [N]; or NaN.

    Raises:
      ValueError: there are no samples, or not as many labels.
    """
    if not len(logits) or len(logits) != len(labels):
        raise ValueError(f'as many labels as samples are needed, and at least one, not {len(labels)} and {len(logits)}')
    return nan if np.isnan(logits).any() else float((logits.argmax(1) == labels).mean())


def class_modes(
    predicted: np.ndarray, confidence: np.ndarray, classes: int, threshold: float = 0.5
) -> dict[str, float]:
    """How many classes the samples are of, and how evenly: as PacGAN (1712.04086, section 4.2) counts stacked digits.

    Args:
      predicted: the class [N] of each sample, int.
      confidence: the classifier's probability [N] of that class.
      classes: how many there are.
      threshold: the least confidence of high quality: more than all other classes have together.

    Returns:
      modes: classes that some sample is of, whatever its confidence.
      high_quality: share of samples of at least that confidence. It is of no paper, but keeps `modes` honest: of noise,
        too, a classifier names a class.
      reverse_kl: log K - entropy of the counts over the K classes, in nats. Of n true samples it is about (K - 1) / 2n.
      NaN all, if any confidence is.

    Raises:
      ValueError: there are no samples, not as many confidences, or a class is not among the known ones.
    """
    if not len(predicted) or len(predicted) != len(confidence):
        raise ValueError(f'each sample needs a class and a confidence, not {len(predicted)} and {len(confidence)}')
    if predicted.min() < 0 or predicted.max() >= classes:
        raise ValueError(f'a class of {predicted.min()}..{predicted.max()} is not among the {classes} that there are')
    if np.isnan(confidence).any():
        return dict.fromkeys(('modes', 'high_quality', 'reverse_kl'), nan)
    counts = np.bincount(predicted, minlength=classes)
    return {
        'modes': float((counts > 0).sum()),
        'high_quality': float((confidence >= threshold).mean()),
        'reverse_kl': float(np.log(classes) - _entropy(counts / counts.sum())),
    }


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities [N, K] in float64, of logits [N, K]."""
    p = np.exp(logits.astype(np.float64) - logits.max(1, keepdims=True))
    return p / p.sum(1, keepdims=True)


def _entropy(p: np.ndarray) -> np.ndarray:
    """In nats, over the last axis; 0 log 0 = 0."""
    return -(p * np.log(np.where(p > 0, p, 1))).sum(-1)
