"""Scores from a classifier's predictions."""

from itertools import pairwise
from math import nan

import numpy as np


def inception_score(logits: np.ndarray, splits: int = 10, seed: int = 0) -> tuple[float, float]:
    """exp(mean KL(p(y|x) || p(y))) (Salimans 2016, 1606.03498, section 4): from 1, the worst, to K.

    It ignores real examples, and is biased by the number of samples per split.

    Args:
      logits: [N, K], of samples.
      splits: number of parts, as even as possible, into which the samples are split after shuffling with `seed`.

    Returns:
      mean and standard deviation over the parts; both NaN if any logit is.

    Raises:
      ValueError: fewer than two samples, or fewer samples than parts.
    """
    if splits < 1 or len(logits) < max(splits, 2):
        raise ValueError(f'cannot split {len(logits)} samples into {splits} parts; at least 2 samples are needed')
    if np.isnan(logits).any():
        return nan, nan
    p = softmax(logits[np.random.default_rng(seed).permutation(len(logits))])
    cuts = [i * len(p) // splits for i in range(splits + 1)]
    parts = [p[a:b] for a, b in pairwise(cuts)]
    # The mean KL divergence is the entropy of the mean minus the mean entropy.
    values = [np.exp(_entropy(part.mean(0)) - _entropy(part).mean()) for part in parts]
    return float(np.mean(values)), float(np.std(values))


def accuracy(logits: np.ndarray, labels: np.ndarray) -> float:
    """Fraction of samples that are classified as their labels: logits [N, K], labels int [N]. NaN if any logit is.

    Raises:
      ValueError: no samples, or a different number of labels.
    """
    if not len(logits) or len(logits) != len(labels):
        raise ValueError(f'one label per sample is needed, and at least one, not {len(labels)} and {len(logits)}')
    return nan if np.isnan(logits).any() else float((logits.argmax(1) == labels).mean())


def class_modes(
    predicted: np.ndarray, confidence: np.ndarray, classes: int, threshold: float = 0.5
) -> dict[str, float]:
    """How many classes the samples cover, and how evenly, as PacGAN (1712.04086, section 4.2) counts stacked digits.

    Args:
      predicted: the class [N] of each sample, int.
      confidence: the classifier's probability [N] of that class.
      classes: number of classes.
      threshold: the minimum confidence of high quality, more than that of all other classes together.

    Returns:
      modes: number of classes with any sample, regardless of confidence.
      high_quality: fraction of samples with at least that confidence. Not from the paper, but keeps `modes` honest: a
        classifier assigns a class to noise as well.
      reverse_kl: log K - entropy of the counts over the K classes, in nats. About (K - 1) / 2n for n true samples.
      All NaN if any confidence is.

    Raises:
      ValueError: no samples, a different number of confidences, or a class out of range.
    """
    if not len(predicted) or len(predicted) != len(confidence):
        raise ValueError(
            f'each sample needs a class and a confidence, but there are {len(predicted)} and {len(confidence)}'
        )
    if predicted.min() < 0 or predicted.max() >= classes:
        raise ValueError(f'a class in {predicted.min()}..{predicted.max()} is not among the {classes} known ones')
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
