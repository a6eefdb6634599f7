"""Names of closed sets that may be traced, so that runs which differ in them are one program.

A key that reads a `Choice` computes what each of its names asks for, and takes one: a thing for what costs next to
nothing beside the nets, such as functions of scores.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import jax
import numpy as np
from jax import lax

from gans.core import Array, Tree


@partial(jax.tree_util.register_dataclass, data_fields=['place'], meta_fields=['names'])
@dataclass(frozen=True)
class Choice:
    """One of some names; a tree whose leaf is which."""

    names: tuple[str, ...]
    place: Array  # int32 [], of the one that is meant, or [M] of a population


def choice_of(names: Sequence[str]) -> Choice:
    """The choices of the members of a population."""
    known = tuple(dict.fromkeys(names))
    return Choice(known, np.array([known.index(name) for name in names], np.int32))


def choose(name: str | Choice, compute: Callable[[str], Tree]) -> Tree:
    """`compute` of the name that is meant; of a `Choice` all are computed."""
    if not isinstance(name, Choice):
        return compute(name)
    return jax.tree.map(lambda *of: lax.select_n(name.place, *of), *map(compute, name.names))
