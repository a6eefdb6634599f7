"""Parts of a data set: random ones, always the same, in which classes keep their shares."""

import hashlib
import logging
from collections.abc import Sequence

import numpy as np

from gans.data.base import Source, digest
from gans.errors import UserError, unknown

SPLITS = ('all', 'train', 'test')
NAMED = 5  # classes without an example, in a line


def take(source: Source, num: int) -> Source:
    """`num` of a set's examples, in its order. A smaller part lies within each larger one.

    Raises:
        UserError: there are not so many.
    """
    if source.size is None or not 1 <= num <= source.size:
        there = 'is drawn without end' if source.size is None else f'has {source.size:,} examples'
        raise UserError(f'data.num={num:,}, but this set {there}: leave it off, or take fewer')
    return source if num == source.size else _take_places(source, choose(source.size, num, _labels(source)))


def take_split(source: Source, which: str) -> Source:
    """'train' or 'test' of a set that has no such splits of its own: 'test' is an eighth, held out; 'all' is the set.

    Seven eighths are chosen for 'train' as `take` chooses, so that each class is there; a drawn set needs no splits.

    Raises:
        UserError: there is no such split, or nothing to split.
    """
    if which not in SPLITS:
        raise unknown('data.split', which, SPLITS)
    if which == 'all' or source.size is None:
        return source
    if source.size < 2:
        raise UserError(f"data.split={which}, but this set has one example only: take data.split=all, or more examples")
    train = choose(source.size, source.size - max(1, source.size // 8), _labels(source))
    return _take_places(source, train if which == 'train' else np.setdiff1d(np.arange(source.size), train))


def _take_places(source: Source, places: np.ndarray) -> Source:
    """The examples at some places of a set, which are read; whether they are held is decided later."""
    arrays, read = source.arrays, source.read
    look = (lambda i: {name: array[i] for name, array in arrays.items()}) if arrays else read
    known = digest(source.digest, hashlib.sha256(places).hexdigest())
    labels = _labels(source)
    return source._replace(
        size=len(places),
        arrays=None,
        read=lambda i: look(places[i]),
        labels=None if labels is None else lambda: labels[places],
        digest=known,
    )


def _labels(source: Source) -> np.ndarray | None:
    return source.arrays.get('label') if source.arrays else source.labels and source.labels()


def choose(size: int, num: int, labels: np.ndarray | None = None) -> np.ndarray:
    """`num` of `size` places, int64, ascending: at random, but of classes in their shares.

    Each class has one at least, if there are not more classes than places; its examples are taken in a random order,
    each as soon as its class has less than its share.

    Args:
        labels: the classes [size].
    """
    order = np.random.default_rng(0).permutation(size)
    if labels is None:
        return np.sort(order[:num])
    by_class = np.argsort(labels[order], kind='stable')  # of each class, its places in `order` follow each other
    _, of, counts = np.unique(labels[order[by_class]], return_inverse=True, return_counts=True)
    starts = np.cumsum(counts) - counts
    share = np.empty(size)
    share[by_class] = (np.arange(size) - starts[of]) / counts[of]  # of the class that comes before this example
    return np.sort(order[np.argsort(share, kind='stable')[:num]])


def say_empty(name: str, labels: np.ndarray, classes: Sequence[str]) -> None:
    """Says which of a set's classes have no example."""
    empty = [str(some) for some, there in zip(classes, np.isin(range(len(classes)), labels), strict=True) if not there]
    if empty:
        some = ', '.join(empty[:NAMED]) + ', ...' * (len(empty) > NAMED)
        counts = f'{len(empty):,} of its {len(classes):,} classes'
        logging.warning("'%s' has no example of %s: %s", name, counts, some)
