"""Runs feature extractors on sets of examples."""

import hashlib
from collections.abc import Callable, Mapping
from functools import cache
from typing import NamedTuple

import jax
import numpy as np

from gans import cache as disk
from gans.features.base import Extractor
from gans.metrics.frechet import Moments, moments


class Extracted(NamedTuple):
    """A set of examples with their features."""

    examples: np.ndarray  # uint8 images [N, H, W, C], or float points [N, d]
    features: np.ndarray  # float32 [N, f] of images, float64 of points
    logits: np.ndarray | None  # float32 [N, K]
    labels: np.ndarray | None = None  # int32 [N]: the requested classes of conditional samples
    codes: np.ndarray | None = None  # int32 [N]: the unsupervised categories that samples were drawn with

    def part(self, index: slice | np.ndarray) -> 'Extracted':
        """A subset of the examples."""
        return Extracted(*(None if x is None else x[index] for x in self))

    @property
    def moments(self) -> Moments:
        """Of the features."""
        return moments(self.features)


def extract(extractor: Extractor, examples: np.ndarray, asked: Mapping[str, np.ndarray] | None = None) -> Extracted:
    """Runs the extractor on all examples, in batches; the last one is padded, so that one program suffices.

    Args:
      asked: the requested 'labels' or 'codes' of samples, see `Extracted`.
    """
    if extractor.apply is None:
        return Extracted(examples, examples.astype(np.float64, copy=False), None, **(asked or {}))
    apply, size = _jit(extractor.apply), extractor.batch
    params, parts = jax.device_put(extractor.params), []
    for start in range(0, len(examples), size):
        batch = examples[start : start + size]
        padded = np.concatenate([batch, np.repeat(batch[-1:], size - len(batch), 0)])
        found = jax.device_get(apply(params, padded))
        parts.append(jax.tree.map(lambda x, n=batch: x[: len(n)], found))
    features, logits = jax.tree.map(lambda *some: np.concatenate(some), *parts)
    return Extracted(examples, features, logits, **(asked or {}))


def extract_cached(extractor: Extractor, examples: np.ndarray) -> Extracted:
    """`extract`, cached on disk: for real examples, keyed by their content and all of the extractor."""
    if extractor.apply is None:
        return extract(extractor, examples)
    key = {'content': content_hash(examples), 'shape': list(examples.shape), 'type': str(examples.dtype)}
    key |= {'features': extractor.name, 'weights': extractor.weights, 'resizing': extractor.resizing}

    def make() -> dict[str, np.ndarray]:
        found = extract(extractor, examples)._asdict()
        return {name: array for name, array in found.items() if name in ('features', 'logits') and array is not None}

    held = disk.load_or_make('features', key, make)
    return Extracted(examples, held['features'], held.get('logits'))


def content_hash(examples: np.ndarray) -> str:
    """The first 16 digits of the SHA-256 of examples."""
    return hashlib.sha256(np.ascontiguousarray(examples)).hexdigest()[:16]


@cache
def _jit(apply: Callable) -> Callable:
    return jax.jit(apply)
