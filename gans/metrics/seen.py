"""Examples as a feature extractor sees them."""

import hashlib
from collections.abc import Callable, Mapping
from functools import cache
from typing import NamedTuple

import jax
import numpy as np

from gans import cache as kept
from gans.features.base import Extractor
from gans.metrics.frechet import Moments, moments


class Seen(NamedTuple):
    """A set of examples, and what an extractor makes of it."""

    examples: np.ndarray  # uint8 images [N, H, W, C], or float points [N, d]
    features: np.ndarray  # float32 [N, f] of images, float64 of points
    logits: np.ndarray | None  # float32 [N, K]
    labels: np.ndarray | None = None  # int32 [N]: the classes that conditional samples were asked for
    codes: np.ndarray | None = None  # int32 [N]: the categories that samples were drawn from, which nobody labelled

    def part(self, index: slice | np.ndarray) -> 'Seen':
        """Some of the examples."""
        return Seen(*(None if x is None else x[index] for x in self))

    @property
    def moments(self) -> Moments:
        """Of the features."""
        return moments(self.features)


def see(extractor: Extractor, examples: np.ndarray, asked: Mapping[str, np.ndarray] | None = None) -> Seen:
    """Runs the extractor on all examples, batch by batch; the last batch is filled up, so that one program serves.

    Args:
      asked: what samples were asked for: 'labels' or 'codes', see `Seen`.
    """
    if extractor.apply is None:
        return Seen(examples, examples.astype(np.float64, copy=False), None, **(asked or {}))
    apply, size = _compiled(extractor.apply), extractor.batch
    params, parts = jax.device_put(extractor.params), []
    for start in range(0, len(examples), size):
        batch = examples[start : start + size]
        filled = np.concatenate([batch, np.repeat(batch[-1:], size - len(batch), 0)])
        made = jax.device_get(apply(params, filled))
        parts.append(jax.tree.map(lambda x, n=batch: x[: len(n)], made))
    features, logits = jax.tree.map(lambda *some: np.concatenate(some), *parts)
    return Seen(examples, features, logits, **(asked or {}))


def see_once(extractor: Extractor, examples: np.ndarray) -> Seen:
    """`see`, kept between runs: for real examples, under a key of the examples' content and all of the extractor."""
    if extractor.apply is None:
        return see(extractor, examples)
    key = {'content': content(examples), 'shape': list(examples.shape), 'type': str(examples.dtype)}
    key |= {'features': extractor.name, 'weights': extractor.weights, 'resizing': extractor.resizing}

    def make() -> dict[str, np.ndarray]:
        found = see(extractor, examples)._asdict()
        return {name: array for name, array in found.items() if name in ('features', 'logits') and array is not None}

    held = kept.arrays('features', key, make)
    return Seen(examples, held['features'], held.get('logits'))


def content(examples: np.ndarray) -> str:
    """The first 16 digits of the SHA-256 of examples."""
    return hashlib.sha256(np.ascontiguousarray(examples)).hexdigest()[:16]


@cache
def _compiled(apply: Callable) -> Callable:
    return jax.jit(apply)
