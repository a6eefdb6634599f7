"""What a data set is: a `Source`, from which `gans/data/feed.py` makes batches that are functions of (seed, step).

A set is in one of three kinds, told apart by which fields are there:
- held (`arrays`): the whole set lies on the device as uint8 and is indexed inside the compiled step;
- streamed (`read`): the host reads the examples of a batch ahead of time;
- drawn (neither): `finish` draws the examples from their keys, inside the compiled step.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from gans.core import Array, Keys, Spec
from gans.errors import unknown


class Modes(NamedTuple):
    """The truth about a mixture of Gaussians of equal weight, for counting modes."""

    centres: np.ndarray  # [K, d]
    sigma: float  # standard deviation in each direction


class Source(NamedTuple):
    """A data set. Raw examples are dicts: 'real' (uint8 images or float points) and, if labelled, 'label' (int32)."""

    spec: Spec
    # (raw examples, leaves [B, ...]; keys [B]) -> batch {'real': float32 [B, *spec.shape], 'label': int32 [B]}, traced
    # in the compiled step: uint8 to [-1, 1]; a drawn set ignores the raw examples and draws from the keys.
    finish: Callable[[dict[str, Array], Keys], dict[str, Array]]
    # (batch, keys [B]) -> batch: what training sees beside the set itself (flips), traced; metrics and pictures do not
    augment: Callable[[dict[str, Array], Keys], dict[str, Array]] | None = None
    size: int | None = None  # examples; None: drawn without end
    arrays: dict[str, np.ndarray] | None = None  # leaves [size, ...]
    read: Callable[[np.ndarray], dict[str, np.ndarray]] | None = None  # host, threads: indices [M] -> leaves [M, ...]
    labels: Callable[[], np.ndarray] | None = None  # of a streamed set that has some: all of them, [size]
    modes: Modes | None = None  # of a toy that is a mixture
    # What `load` says of which examples these are, and in which order: 16 hex digits, the same wherever the set lies,
    # held or streamed, flipped or not; other examples, another digest. None: drawn, the name and arguments say all.
    digest: str | None = None
    parts: Mapping[str, 'Source'] = {}  # of a set that joins others, each with its own size and order


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
