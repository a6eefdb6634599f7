"""What a data set is: a `Source`, from which `gans/data/feed.py` makes batches that are functions of (seed, step).

A set is in one of three places:
- held (`arrays`): the whole set lies on the device as it is stored and is indexed inside the compiled step;
- streamed (`read`): the host reads the examples of a batch ahead of time;
- drawn (neither): `finish` draws the examples from their keys, inside the compiled step.
Or it has `parts`, each a set of its own, see `gans/data/joined.py`.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple

import jax
import numpy as np

from gans import kinds
from gans.core import Array, Batch, Keys, Modes, Spec
from gans.errors import UserError, unknown


class Source(NamedTuple):
    """A data set. Raw examples are dicts: 'real', if labeled 'label' (int32), and the fields of `spec.fields`, each as
    its kind is stored (images as uint8).
    """

    spec: Spec  # of what batches have, where training sees crops, of those
    # (raw examples, leaves [B, ...]; keys [B]) -> batch of the same fields, as nets have them, traced in the compiled
    # step; a drawn set ignores the raw examples and draws from the keys. None: of a joined set, whose parts finish.
    finish: Callable[[dict[str, Array], Keys], Batch] | None
    # (batch, keys [B]) -> batch: what training sees in place of the examples as they are (flips, random crops), traced
    augment: Callable[[Batch, Keys], Batch] | None = None
    # (batch or raw examples) -> the same: what all others see where training sees crops, the central ones; traced
    center: Callable[[Batch], Batch] | None = None
    # batch -> batch with fields that are made of others, as all see them, after crops and flips; traced
    derive: Callable[[Batch], Batch] | None = None
    size: int | None = None  # examples; None: drawn without end. Of a joined set, those of its largest part
    arrays: dict[str, np.ndarray] | None = None  # leaves [size, ...]
    read: Callable[[np.ndarray], dict[str, np.ndarray]] | None = None  # host, threads: indices [M] -> leaves [M, ...]
    labels: Callable[[], np.ndarray] | None = None  # of a streamed set that has some: all of them, [size]
    modes: Modes | None = None  # of a toy that is a mixture
    sprites: Any = None  # of clips in which one moves: `gans.data.moving.Sprites`
    # What `load` says of which examples these are, and in which order: 16 hex digits, the same wherever the set lies,
    # held or streamed, flipped or cropped or not; other examples, another digest. None: drawn, the name and arguments
    # say all.
    digest: str | None = None
    absent: str = ''  # why its examples are not here; then they are all zero, for what asks for their shape alone
    parts: Mapping[str, 'Source'] = {}  # of a joined set: by name, in its order; all are held, or streamed, or drawn

    @property
    def placement(self) -> str:
        """'held', 'streamed' or 'drawn'; a drawn part lies where the others do."""
        if self.parts:
            return max((part.placement for part in self.parts.values()), key=('drawn', 'held', 'streamed').index)
        return 'held' if self.arrays is not None else 'streamed' if self.read is not None else 'drawn'

    @property
    def known(self) -> Any:
        """What is known of its examples: the modes of a mixture, or the sprites that move in clips; or None."""
        return self.sprites if self.modes is None else self.modes

    @property
    def fields(self) -> dict[str, Spec]:
        """By name, what a batch has beside labels: 'real' and others, or the parts' names."""
        return {**({} if self.parts else {'real': self.spec}), **self.spec.fields}


def finish_by_kind(spec: Spec) -> Callable[[dict[str, Array], Keys], Batch]:
    """Makes finish(raw, keys): every field as nets have it, by its kind; labels and what is of no kind stay."""
    return _finish(tuple((name, kind.finish) for name, kind in kinds.fields_of(spec).items()))


@cache  # equal functions are compiled once
def _finish(fields: tuple[tuple[str, Callable[[Array], Array]], ...]) -> Callable[[dict[str, Array], Keys], Batch]:
    return lambda raw, keys: {**raw, **{name: finish(raw[name]) for name, finish in fields}}


def stored_shapes(source: Source) -> dict[str, jax.ShapeDtypeStruct]:
    """Shape and type of each field of one raw example; of a streamed set the first is read, a drawn set has none."""
    if source.arrays is None and source.read is None:
        return {}
    raw = source.arrays if source.read is None else source.read(np.zeros(1, np.uint32))
    return {name: jax.ShapeDtypeStruct(array.shape[1:], array.dtype) for name, array in raw.items()}


def digest(*parts: Any) -> str:
    """A digest of JSON values, 16 hex digits."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def digest_of(arrays: Mapping[str, np.ndarray], known: Mapping[str, str] | None = None) -> str:
    """The digest of a held set's arrays: their types, shapes and bytes; 'real' takes a second for each GB.

    Args:
        known: SHA-256 of the bytes of some of them, by name, which are not read then.
    """
    content = lambda array: hashlib.sha256(np.ascontiguousarray(array)).hexdigest()
    sums = {name: (known or {}).get(name) or content(array) for name, array in arrays.items()}
    return digest([[name, str(arrays[name].dtype), arrays[name].shape, sums[name]] for name in sorted(arrays)])


def whole_number(key: str, value: int) -> int:
    """The value of `data.KEY`, if it is a whole number of at least 1."""
    if not isinstance(value, int) or value < 1:
        raise UserError(f'data.{key} is {value!r}; it must be a whole number of at least 1')
    return value


def class_number(name: str | int, classes: tuple[str, ...], what: str) -> int:
    """The number of a class that is given by its name, or by its number, which may be text as a command line has it.

    Raises:
      UserError: there is no such class; it says `what` was given.
    """
    if name in classes:
        return classes.index(name)
    if not str(name).isdecimal() or int(name) >= len(classes):
        raise unknown(what, str(name), classes)
    return int(name)
