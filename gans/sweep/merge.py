"""Groups of rows that lack each other's terms, as one program: where a row lacks a term, its weight is 0.

Fewer programs compile, and on a GPU a fuller population costs next to nothing; but every row pays for all terms. By
operations and equations (gans/sweep/work.py) it is estimated which takes longer. Merged are terms alone that leave
nothing behind but their summand: those with a memory, lazy ones, and those that replace the game stay as they are.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import jax
import ml_collections

from gans import terms
from gans.configs import flatten
from gans.errors import UserError
from gans.sweep.work import equations_of, operations_of
from gans.training.setup import Experiment

if TYPE_CHECKING:
    from gans.sweep.plan import Group

Sections = Mapping[str, Mapping[str, Any]]  # of config.terms, by name

# Measured on toys (tests/benchmarks/RESULTS.md); only which programs there are depends on them.
COMPILING = 3.4e-3  # seconds for each equation of a program
SPEED = {'cpu': 6e10}  # operations a second, of a core
ACCELERATOR = 2e13  # of another device
LAUNCH = 5e-8  # seconds for each equation of a step there


def fill(config: ml_collections.ConfigDict, sections: Sections) -> ml_collections.ConfigDict:
    """The config with those of the terms that it lacks, at weight 0."""
    lacking = {name: {**section, 'weight': 0.0} for name, section in sections.items() if name not in config.terms}
    if not lacking:
        return config
    config = config.copy_and_resolve_references()
    with config.unlocked():
        config.terms.update(lacking)
    return config


def merge(
    groups: Sequence['Group'],
    experiments: Mapping[str, Sequence[Experiment]],
    seeds: Mapping[str, int],
    join: Callable[['Group', Sections], 'Group | None'],
) -> list['Group']:
    """Groups of rows, of which those are one that take less time together, in the order of their first rows.

    Args:
      groups: each with one member of each row.
      experiments: of the rows, by name.
      seeds: members of each row that there will be.
      join: makes one group of all members of a group, with these terms; None if they cannot be one.
    """
    merged: list[Group] = []
    seconds = lambda group: _seconds(group, sum(seeds[member.row] for member in group.members))
    for group in sorted(groups, key=lambda group: -group.work[0].operations):
        for i, other in enumerate(merged):
            sections = _sections([experiments[each.members[0].row] for each in (other, group)], other.terms)
            apart, both = seconds(other) + seconds(group), other._replace(members=other.members + group.members)
            # Together they are no less work than the larger of them, so most groups need not be traced.
            if sections is None or seconds(both) >= apart:
                continue
            both = join(both, sections)
            if both and both.memory == group.memory and seconds(both) < apart:
                merged[i] = both._replace(saved=other.saved + group.saved + apart - seconds(both))
                break
        else:
            merged.append(group)
    order = list(experiments)
    return sorted(merged, key=lambda group: min(order.index(member.row) for member in group.members))


def _sections(rows: Sequence[Sequence[Experiment]], more: Sections) -> Sections | None:
    """The terms of both rows, and more; None if the rows have other keys beside them, or stages, or if one of them
    lacks a term that cannot have a weight of 0.
    """
    configs = [row[0].config for row in rows]
    first, second = ({key for key in flatten(config) if not key.startswith('terms.')} for config in configs)
    if first != second or len(rows[0]) > 1:
        return None
    sections = {name: dict(section) for config in configs for name, section in config.terms.items()} | dict(more)
    alone = [set(sections) - {*config.terms} for config in configs]
    for name in set().union(*alone):
        found = None
        try:
            for role in ('critic', 'generator'):
                found = terms.build({name: sections[name]}, role, '', rows[0][0].source.spec).get(name, found)
        except UserError:
            return None
        if found is None or found.memory or found.every > 1 or found.alone:
            return None
    return sections


def _seconds(group: 'Group', members: int) -> float:
    """About how long so many members take."""
    equations, steps = equations_of(group), sum(stage.steps for stage in group.work)
    operations = members * operations_of(group) / len(group.members)
    if (backend := jax.default_backend()) in SPEED:
        training = operations / (SPEED[backend] * jax.local_device_count())
    else:
        training = operations / (ACCELERATOR * jax.local_device_count()) + steps * equations * LAUNCH
    return equations * COMPILING + training
