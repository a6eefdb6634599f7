"""Which runs of a sweep train together: rows that differ in floats, or in names of closed sets, are one program, and
nobody has to say so. So are rows of which some lack a term, where `gans/sweep/merge.py` finds that it pays.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.extend.core import ClosedJaxpr

from gans import latents, losses
from gans.configs import flatten
from gans.core import Tree
from gans.data import feed
from gans.errors import UserError
from gans.sweep import merge, population
from gans.sweep.rows import Member
from gans.sweep.work import Work, measure
from gans.training import program, sampling
from gans.training.leaves import size_of
from gans.training.setup import Experiment, Sources, setup_stages

Stages = tuple[Experiment, ...]  # of one member
CHOICES = {'game': losses.GAMES, 'latents.distribution': latents.LATENTS}  # what may be traced of names, by key


class Group(NamedTuple):
    """Members of one structure."""

    members: tuple[Member, ...]
    numbers: tuple[tuple[str, ...], ...]  # of each stage, the keys of floats and choices in which they differ: traced
    memory: int  # bytes of one member's state, in the largest stage
    work: tuple[Work, ...]  # of each stage of one member
    terms: Mapping[str, Mapping[str, Any]] = {}  # that some of the members lack, whose weight is 0 there
    saved: float = 0.0  # seconds, about, that this saves


def experiments_of(member: Member, sources: Sources, known: bool = False) -> Stages:
    """The experiments of a member's stages, to be mapped over; `known`: its row has been planned. Raises UserError,
    which names the row.
    """
    try:
        return setup_stages(member.config, devices=1, sources=sources, mapped=True, known=known)
    except UserError as error:
        raise UserError(f"row '{member.row}': {error}") from error


def runs_of(group: Group, members: Sequence[Member], sources: Sources, known: bool = False) -> list[Stages]:
    """The experiments of some members of a group, as its program has them: with all of its terms."""
    filled = [member._replace(config=merge.fill(member.config, group.terms)) for member in members]
    return [experiments_of(member, sources, known) for member in filled]


def plan(members: Sequence[Member], sources: Sources) -> list[Group]:
    """Groups members by structure, and traces a step of each group. Raises UserError if a row will not do."""
    rows = {member.row: member for member in reversed(members)}  # the first seed of each
    representatives = [rows[name] for name in dict.fromkeys(member.row for member in members)]
    experiments = {member.row: experiments_of(member, sources) for member in representatives}
    seeds = Counter(member.row for member in members)

    def join(some: Group, terms: merge.Sections) -> Group | None:
        """Those rows as one group in which all have these terms, or None."""
        try:
            runs = runs_of(some._replace(terms=terms), some.members, sources, known=True)
            filled = {member.row: stages for member, stages in zip(some.members, runs, strict=True)}
            found = list(_groups(some.members, filled, frozenset()))
        except UserError:  # of terms that do not go together
            return None
        return found[0]._replace(terms=terms) if len(found) == 1 else None

    groups = merge.merge(list(_groups(representatives, experiments, frozenset())), experiments, seeds, join)
    full = lambda group: tuple(m for m in members if m.row in {some.row for some in group.members})
    return [group._replace(members=full(group)) for group in groups]


def slices(group: Group, size: int) -> list[Group]:
    """The group in parts of at most `size` members, as even as can be."""
    count = -(-len(group.members) // size)
    edges = [len(group.members) * i // count for i in range(count + 1)]
    return [group._replace(members=group.members[a:b]) for a, b in pairwise(edges)]


def _groups(members: Sequence[Member], experiments: dict[str, Stages], fixed: frozenset[str]) -> Iterable[Group]:
    """Groups of rows, each with one member: `fixed` are keys that cannot be traced."""
    found: dict[str, list[Member]] = {}
    for member in members:
        structure = [_structure(stage, fixed) for stage in experiments[member.row]]
        found.setdefault(json.dumps(structure, sort_keys=True), []).append(member)
    for group in found.values():
        stages = list(zip(*(experiments[member.row] for member in group), strict=True))
        numbers = tuple(_differing([flatten(each.config) for each in stage]) for stage in stages)
        traced = list(map(_trace_numbers, stages, numbers))
        culprits = frozenset().union(*(each for each in traced if isinstance(each, frozenset)))
        if culprits:
            yield from _groups(group, experiments, fixed | culprits)
        else:
            memory = max(size_of(stage.abstract()) for stage in experiments[group[0].row])
            steps = [stage[0].end - stage[0].since for stage in stages]
            yield Group(tuple(group), numbers, memory, tuple(map(measure, traced, steps)))


def _structure(experiment: Experiment, fixed: frozenset[str]) -> dict[str, str]:
    """What members of one program share: everything but the seed, and floats and choices that can be traced.

    A data set that holds examples is read by the host, so its numbers are structure. So is a key that only some rows
    name, such as `data.sigma` where the base leaves the default.
    """
    drawn = experiment.source.size is None
    free = lambda key: key not in fixed and (drawn or not key.startswith('data.'))

    def shape(key: str, value: Any) -> str:
        if isinstance(value, float) and free(key):
            return 'a float'
        return 'a choice' if value in CHOICES.get(key, ()) and free(key) else repr(value)

    return {key: shape(key, value) for key, value in flatten(experiment.config).items() if key != 'seed'}


def _differing(configs: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    first, *others = configs
    differ = lambda key: any(config[key] != first[key] for config in others)
    return tuple(key for key in first if key != 'seed' and differ(key))


def _trace_numbers(stage: Sequence[Experiment], keys: tuple[str, ...]) -> ClosedJaxpr | frozenset[str]:
    """A step with these numbers traced, or those of them that must be known while the program is built."""
    try:
        return trace(stage, keys)
    except Exception:  # whatever code raises that looks at a number
        trace(stage, ())  # or what is wrong with all numbers known
    return frozenset(key for key in keys if not _traces(stage, key)) or frozenset(keys)


def _traces(stage: Sequence[Experiment], key: str) -> bool:
    try:
        trace(stage, (key,))
    except Exception:
        return False
    return True


def trace(stage: Sequence[Experiment], keys: tuple[str, ...]) -> ClosedJaxpr:
    """A call of one step of the first in which all updates are due, and two samples, what all have for keys traced."""
    experiment, numbers = stage[0], population.numbers_of([each.config for each in stage], keys)
    scalars = jax.tree.map(lambda x: jax.ShapeDtypeStruct((), x.dtype), numbers)
    raw = program.abstract_raw(experiment)

    def call(state: Tree, numbers: population.Numbers, raw: Tree) -> Tree:
        member = population.overlay(experiment, numbers)
        batch = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), feed.shapes(experiment.source, 2))
        inputs = sampling.inputs_of(sampling.main_sampler(member.system), batch, state.rng, 2)
        sampling.sample(member, state, inputs)
        return population.advance(experiment, state, numbers, raw, jnp.zeros(1, jnp.int32))

    return jax.make_jaxpr(call)(experiment.abstract(), scalars, raw)
