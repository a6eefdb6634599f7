"""The table of a report: one line per row of the sweep, one column per score, and the marks of what differs."""

import math
from typing import NamedTuple

import numpy as np

from gans.metrics.protocol import Protocol, differences
from gans.metrics.score import PREFIX, better
from gans.sweep.grid import Grid, find
from gans.sweep.results import WHENS, Row, Run, Sweep, format_value, metrics
from gans.sweep.statistics import ALPHA, MEANS, RULES, TEST, compare, variance

ARROWS = {'lower': ' ↓', 'higher': ' ↑', None: ''}


class Column(NamedTuple):
    """A score at the end, or at the best checkpoint."""

    metric: str
    when: str
    both: bool = False  # the two are one in all rows

    @property
    def title(self) -> str:
        return f'{self.metric.removeprefix(PREFIX)}{ARROWS[better(self.metric)]}'

    @property
    def place(self) -> str:
        return 'final = best' if self.both else {'final': 'final', 'best': 'best checkpoint'}[self.when]


class Cell(NamedTuple):
    """A score of a row over its seeds."""

    mean: float  # NaN without values
    std: float  # NaN with fewer than two
    n: int
    of: int  # finished seeds; n is smaller if some scores are not finite
    # 'best', 'group' (not significantly worse than the best), 'lead' (the best mean, where no difference is shown),
    # 'apart' (another protocol) or ''
    mark: str = ''

    @property
    def text(self) -> str:
        few = f' (n = {self.n})' if self.n < self.of else ''
        return (format_number(self.mean, self.std) if self.n else '–') + few + self.sign

    @property
    def sign(self) -> str:
        """The mark after its number."""
        return {'group': '†', 'apart': '‡'}.get(self.mark, '')

    def short(self, row: Row) -> str:
        """In a grid: the mean with its mark, and an asterisk if it is not of all seeds."""
        return f'{self.mean:.3g}{self.sign}{"*" * (self.n < len(row.runs))}' if self.n else '–'


class Table(NamedTuple):
    rows: tuple[Row, ...]
    columns: tuple[Column, ...]
    cells: dict[tuple[str, str, str], Cell]  # by row's name, metric and when
    grid: Grid | None  # if the rows are one

    def cell(self, row: Row, column: Column) -> Cell:
        return self.cells[row.name, column.metric, column.when]

    def first_columns(self) -> list[Column]:
        """The first column of each score."""
        return list({column.metric: column for column in reversed(self.columns)}.values())[::-1]

    def depths(self, column: Column) -> dict[str, float]:
        """How good the mean of each comparable row is, from 0, the worst, to 1, the best, by row's name."""
        cells = {row.name: self.cell(row, column) for row in self.rows}
        means = {name: cell.mean for name, cell in cells.items() if cell.n and cell.mark != 'apart'}
        values = np.array(list(means.values()))
        scaled = np.log(values) if needs_log_scale(values) else values
        low, span = (scaled.min(), np.ptp(scaled)) if len(scaled) else (0.0, 0.0)
        depth = (scaled - low) / span if span else np.zeros(len(scaled))
        depth = 1 - depth if better(column.metric) == 'lower' else depth
        return dict(zip(means, depth.tolist(), strict=True))


def table(sweeps: list[Sweep]) -> Table:
    """Compares the scores of all rows of some sweeps."""
    rows = tuple(row for sweep in sweeps for row in sweep.rows)
    columns = []
    for metric in metrics(sweeps):
        same = all(np.array_equal(*(row.values(metric, when) for when in WHENS)) for row in rows)
        columns += [Column(metric, WHENS[0], True)] if same else [Column(metric, when) for when in WHENS]
    cells = {
        (row.name, column.metric, column.when): cell
        for column in columns
        for row, cell in zip(rows, _cells(rows, column), strict=True)
    }
    return Table(rows, tuple(columns), cells, find(rows))


def needs_log_scale(values: np.ndarray) -> bool:
    """Whether values need a logarithmic scale: positive, and over more than a factor of 10."""
    return bool(len(values) and values.min() > 0 and values.max() > 10 * values.min())


def rule(whole: Table) -> str:
    """What the numbers and marks of a table mean, as far as there are such."""
    marks = {cell.mark for cell in whole.cells.values()}
    several = any(cell.n > 1 for cell in whole.cells.values())
    said = [MEANS] * several + [text for mark, text in RULES.items() if mark in marks]
    return ' '.join(said + [TEST] * (several and bool(_compared(whole))))


def undecided(whole: Table) -> str:
    """A line on the columns in which no difference between rows is shown; empty if there are none."""
    compared, found, seeds = _compared(whole), [], set()
    for column, cells in compared.items():
        if not {'best', 'group'} & {cell.mark for cell in cells}:
            found.append(f'{column.metric.removeprefix(PREFIX)} ({column.place})')
            seeds |= {cell.n for cell in cells}
    if not found:
        return ''
    over = f'over {" or ".join(map(str, sorted(seeds)))} seeds' if seeds != {1} else 'by one seed a row'
    return f'No difference shown {over}' + (f': {", ".join(found)}.' if len(found) < len(compared) else '.')


def _compared(whole: Table) -> dict[Column, list[Cell]]:
    """The cells that compete, of each column in which two or more do."""
    cells = {column: [whole.cell(row, column) for row in whole.rows] for column in whole.columns}
    some = {column: [of[i] for i in rivals(whole.rows, of)] for column, of in cells.items() if better(column.metric)}
    return {column: found for column, found in some.items() if len(found) > 1}


def format_number(mean: float, std: float) -> str:
    """'0.0592 ± 0.0021': two digits of the deviation, and the mean to the same digit; else four digits."""
    if not std > 0:
        return f'{mean:.4g}' + (' ± 0' if std == 0 else '')
    places = 1 - math.floor(math.log10(std))
    if places > 6 or std >= 1e5:
        return f'{mean:.3g} ± {std:.2g}'
    return f'{mean:.{max(0, places)}f} ± {std:.{max(0, places)}f}'


def notes(rows: tuple[Row, ...]) -> list[tuple[str, str]]:
    """The names of incomplete rows, with the status of the seeds missing from their means; what is alike together."""
    found: dict[str, list[str]] = {}
    for row in rows:
        if lost := [run for run in row.runs if run.status != 'done']:
            found.setdefault(_describe_seeds(lost), []).append(row.name)
    more = lambda names: f' and {len(names) - 3} more' if len(names) > 3 else ''
    return [(', '.join(names[:3]) + more(names), text) for text, names in found.items()]


def footnote(whole: Table) -> str:
    """What is to be said of the numbers of a grid."""
    return 'means over seeds' + ('; *: not of all seeds' if notes(whole.rows) else '')


def protocols(whole: Table) -> list[tuple[str, str]]:
    """The name of each score whose protocol differs between rows, with the differences."""
    found = []
    for metric in dict.fromkeys(column.metric for column in whole.columns):
        some = [stamp for row in whole.rows for stamp in row.stamps(metric)]
        differ = [f'{key} {" or ".join(map(format_value, values))}' for key, values in differences(some).items()]
        if differ:
            found.append((metric.removeprefix(PREFIX), f'protocols differ: {"; ".join(differ)}'))
    return found


def _majority_stamp(rows: tuple[Row, ...], metric: str) -> Protocol | None:
    """The stamp of more than half of the rows with this score, or None."""
    stamps = [row.stamps(metric) for row in rows]
    stamps = [found[0] if len(found) == 1 else None for found in stamps if found]
    return next((stamp for stamp in stamps if stamp is not None and 2 * stamps.count(stamp) > len(stamps)), None)


def _describe_seeds(runs: list[Run]) -> str:
    """'seed 3 stopped at step 1,234: critic/loss is nan; seeds 4, 5 missing'."""
    seeds: dict[str, list[str]] = {}
    for run in runs:
        texts = {'stopped': f'stopped at {run.note}', 'unfinished': f'unfinished, after step {run.steps:,}'}
        seeds.setdefault(texts.get(run.status, run.status), []).append(str(run.seed))
    return '; '.join(f'seed{"s" * (len(some) > 1)} {", ".join(some)} {fate}' for fate, some in seeds.items())


def _cells(rows: tuple[Row, ...], column: Column) -> list[Cell]:
    """The cells of a column, with the marks that RULES explains."""
    values = [row.values(column.metric, column.when) for row in rows]
    usual = _majority_stamp(rows, column.metric)
    apart = [any(stamp != usual for stamp in row.stamps(column.metric)) for row in rows]
    cells = [_cell(row, v, odd) for row, v, odd in zip(rows, values, apart, strict=True)]
    order = better(column.metric)
    competing = rivals(rows, cells)
    if order is None or len(competing) < 2:
        return cells
    best = (min if order == 'lower' else max)(competing, key=lambda i: cells[i].mean)
    others = [i for i in competing if i != best]
    if len(values[best]) > 1:
        p = dict(zip(others, compare(values[best], [values[i] for i in others]), strict=True))
        group = [i for i in others if p[i] >= ALPHA]
    else:
        group = others  # one seed shows nothing
    if len(group) == len(others):
        first = [i for i in competing if cells[i].mean == cells[best].mean]
        marks = dict.fromkeys(first, 'lead') if len(first) < len(competing) else {}
    else:
        marks = dict.fromkeys([best, *group], 'group') if group else {best: 'best'}
    return [cell._replace(mark=marks.get(i, cell.mark)) for i, cell in enumerate(cells)]


def rivals(rows: tuple[Row, ...], cells: list[Cell]) -> list[int]:
    """The rows that compete in a column: all of their seeds have a value; two or more, unless no row has as many."""
    whole = [i for i, row in enumerate(rows) if cells[i].n == len(row.runs) and cells[i].mark != 'apart']
    return [i for i in whole if cells[i].n > 1] or whole


def _cell(row: Row, values: np.ndarray, apart: bool) -> Cell:
    done = sum(run.status == 'done' for run in row.runs)
    mean = float(values.mean()) if len(values) else math.nan
    std = math.sqrt(variance(values)) if len(values) > 1 else math.nan
    return Cell(mean, std, len(values), done, 'apart' if apart and len(values) else '')
