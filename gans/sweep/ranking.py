"""How sure the order of the rows is: the ranks of their means, and how far other seeds might move them.

The bootstrap: each row's seeds are drawn again from its own, with replacement, and the means ranked anew; of these
ranks the middle 90 % are told. Such means of n seeds vary by only sqrt((n - 1) / n) of what those of new seeds would:
read the intervals as the least that is uncertain.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gans.metrics.score import better
from gans.sweep.grid import Grid, Page
from gans.sweep.results import Row
from gans.sweep.table import Column, Table, rivals

DRAWS, LEVEL = 2_000, 0.9


class Rank(NamedTuple):
    """The place of a row among those that compete in a column, from 1; equal means share a place."""

    row: Row
    place: int
    low: int
    high: int

    @property
    def ends(self) -> str:
        return f'{self.low}' if self.low == self.high else f'{self.low}–{self.high}'


def ranking(whole: Table, column: Column) -> list[Rank]:
    """The rows that compete in a column, the best first; empty if fewer than two do, if they have a seed each, or if
    neither more nor less is better.
    """
    order = better(column.metric)
    rows = [whole.rows[i] for i in rivals(whole.rows, [whole.cell(row, column) for row in whole.rows])]
    values = [row.values(column.metric, column.when) for row in rows]
    if order is None or len(rows) < 2 or len(values[0]) < 2:
        return []
    found = ranks(values, order == 'lower')
    return sorted((Rank(row, *map(int, of)) for row, of in zip(rows, found, strict=True)), key=lambda each: each.place)


def ranks(values: Sequence[np.ndarray], lower: bool) -> np.ndarray:
    """The places of K groups of values by their means, int [K, 3]: as they are, and the ends of their intervals.

    Args:
        lower: whether the lowest mean is the first.
    """
    rng = np.random.default_rng(0)  # the same report has the same bytes
    again = [of[rng.integers(len(of), size=(DRAWS, len(of)))].mean(1) for of in values]
    places = lambda means: 1 + (means[:, None] > means).sum(1) if lower else 1 + (means[:, None] < means).sum(1)
    drawn = np.array([places(means) for means in np.array(again).T])  # [DRAWS, K]
    ends = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0, method='closest_observation')
    return np.stack([places(np.array([of.mean() for of in values])), *ends.astype(int)], 1)


def best_of_lines(grid: Grid, page: Page, ranked: Sequence[Rank]) -> list[tuple[str, str, Rank]]:
    """Of each line of a grid that has a ranked row, the best one: (line, head, its rank)."""
    by_name, found = {rank.row.name: rank for rank in ranked}, []
    for line, rows in zip(grid.lines.levels, page.rows, strict=True):
        some = [
            (by_name[row.name], head) for row, head in zip(rows, grid.heads.levels, strict=True) if row.name in by_name
        ]
        if some:
            rank, head = min(some, key=lambda each: each[0].place)
            found.append((line, head, rank))
    return sorted(found, key=lambda each: each[2].place)
