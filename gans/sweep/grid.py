"""Grids: whether the rows of a sweep are all combinations of some factors, by their configs alone."""

import math
import re
from collections.abc import Sequence
from itertools import chain, product
from typing import NamedTuple

from gans.sweep.results import Row, differing_keys, format_value

SEPARATORS = '+/,=-_.'  # of names of rows, the likeliest first


class Factor(NamedTuple):
    """Keys of the config that vary together: one key, or those of a method."""

    title: str  # the key, '' for several
    levels: tuple[str, ...]  # their labels, in order of appearance


class Page(NamedTuple):
    """One table."""

    title: str  # the levels of further factors; '' if there are none
    rows: tuple[tuple[Row, ...], ...]  # [lines][heads]


class Grid(NamedTuple):
    """The two factors with most levels, and a page for each combination of levels of the others."""

    lines: Factor
    heads: Factor
    pages: tuple[Page, ...]

    @property
    def corner(self) -> str:
        """The keys that vary down and across, as far as they are single ones."""
        titles = {'↓': self.lines.title, '→': self.heads.title}
        return ' '.join(f'{title} {arrow}' for arrow, title in titles.items() if title)


def find(rows: Sequence[Row]) -> Grid | None:
    """The grid that rows are; None if they are none, or if only one thing varies."""
    values = {key: [format_value(row.settings.get(key)) for row in rows] for key in differing_keys(list(rows))}
    values['sweep'] = [row.sweep for row in rows]
    found = _split({key: column for key, column in values.items() if len(set(column)) > 1}, len(rows))
    if not found:
        return None
    slowness = lambda level: next(i for i, each in enumerate(level) if each)  # the first row of another level
    found = sorted(found, key=lambda factor: (max(factor[1]), slowness(factor[1])), reverse=True)
    factors = [_name(rows, keys, level) for keys, level in found]
    row_at = dict(zip(zip(*(level for _, level in found), strict=True), rows, strict=True))
    lines, heads, *others = factors
    count = lambda factor: range(len(factor.levels))
    pages = []
    for place in product(*map(count, others)):
        title = ', '.join(_caption(factor, i) for factor, i in zip(others, place, strict=True))
        table = tuple(tuple(row_at[i, j, *place] for j in count(heads)) for i in count(lines))
        pages.append(Page(title, table))
    return Grid(lines, heads, tuple(pages))


def _split(values: dict[str, list[str]], count: int) -> list[tuple[list[str], list[int]]] | None:
    """The keys of each factor, and each row's level in it; None if the rows are not all combinations of two or more.

    Two keys belong together if not each value of one meets each of the other.
    """
    crossed = lambda a, b: len({*zip(values[a], values[b], strict=True)}) == len({*values[a]}) * len({*values[b]})
    factors: list[list[str]] = []
    for key in values:
        bound = [factor for factor in factors if not all(crossed(key, other) for other in factor)]
        apart = [factor for factor in factors if factor not in bound]
        factors = [*apart, [key, *chain(*bound)]]
    one_and_rest = ([factor, [key for key in values if key not in factor]] for factor in factors)
    for parts in [factors, *one_and_rest] if len(factors) > 1 else ():
        levels = [_levels([values[key] for key in keys]) for keys in parts]
        if math.prod(max(level) + 1 for level in levels) == count == len({*zip(*levels, strict=True)}):
            return list(zip(parts, levels, strict=True))
    return None


def _levels(columns: list[list[str]]) -> list[int]:
    """The number of each row's combination of values, in order of appearance."""
    combined = list(zip(*columns, strict=True))
    number = {each: i for i, each in enumerate(dict.fromkeys(combined))}
    return [number[each] for each in combined]


def _name(rows: Sequence[Row], keys: list[str], level: list[int]) -> Factor:
    """The factor with labels: values of its one key; else what names of rows have in common, or what rows override."""
    first = [rows[level.index(i)] for i in range(max(level) + 1)]
    named = [key for key in keys if any(_overrides(row, key) for row in rows)]
    if len(named) == 1 or (not named and len(keys) == 1):
        (key,) = named or keys
        labels = [row.sweep if key == 'sweep' else format_value(row.settings.get(key)) for row in first]
        if len(set(labels)) == len(labels):
            return Factor('' if key == 'sweep' else key, tuple(labels))
    labels = _parts_of_names(rows, level)
    if not labels and 'sweep' in keys and len({row.sweep for row in first}) == len(first):
        labels = [row.sweep for row in first]
    return Factor('', tuple(labels or (_describe(row, named or keys) for row in first)))


def _overrides(row: Row, key: str) -> bool:
    return any(key == own or key.startswith(f'{own}.') for own in row.overrides)


def _parts_of_names(rows: Sequence[Row], level: list[int]) -> list[str] | None:
    """The part of their names that rows of a level share with no row of another, if names are made of such parts."""
    for separator in SEPARATORS:
        parts = [row.name.split(separator) for row in rows]
        if len(parts[0]) > 1 and len({len(each) for each in parts}) == 1:
            for column in zip(*parts, strict=True):
                if len(set(column)) == max(level) + 1 == len(set(zip(column, level, strict=True))):
                    return list(dict.fromkeys(column))
    return None


def _describe(row: Row, keys: list[str]) -> str:
    """'r1.weight=1, norm=spectral': what a row sets of these keys."""
    short = lambda key: re.sub(r'^(terms|optimizer)\.', '', key)
    own = [key for key in sorted(keys) if _overrides(row, key)]
    return ', '.join(f'{short(key)}={format_value(row.settings.get(key))}' for key in own) or 'base'


def _caption(factor: Factor, i: int) -> str:
    return f'{factor.title}={factor.levels[i]}' if factor.title else factor.levels[i]
