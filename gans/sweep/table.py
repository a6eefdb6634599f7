"""The table of a report, with one line per row of the sweep and one column per score; results.md."""

import math
from typing import NamedTuple

import numpy as np

from gans.metrics.protocol import Protocol, differences
from gans.metrics.score import PREFIX, better
from gans.sweep.results import WHENS, Row, Run, Sweep, format_value, metrics
from gans.sweep.statistics import ALPHA, RULE, compare, variance

ARROWS = {'lower': ' ↓', 'higher': ' ↑', None: ''}


class Column(NamedTuple):
    """A score at the end, or at the best checkpoint."""

    metric: str
    when: str

    @property
    def title(self) -> str:
        return f'{self.metric.removeprefix(PREFIX)}{ARROWS[better(self.metric)]}'

    @property
    def place(self) -> str:
        return {'final': 'final', 'best': 'best checkpoint'}[self.when]


class Cell(NamedTuple):
    """A score of a row over its seeds."""

    mean: float  # NaN without values
    std: float  # NaN with fewer than two
    n: int
    of: int  # finished seeds; n is smaller if some scores are not finite
    mark: str = ''  # 'best', 'group' (not significantly worse than the best), 'apart' (another protocol) or ''

    @property
    def text(self) -> str:
        few = f' (n = {self.n})' if self.n < self.of else ''
        return (format_number(self.mean, self.std) if self.n else '–') + few + self.sign

    @property
    def sign(self) -> str:
        """The mark after its number."""
        return {'group': '†', 'apart': '‡'}.get(self.mark, '')


class Table(NamedTuple):
    rows: tuple[Row, ...]
    columns: tuple[Column, ...]
    cells: dict[tuple[str, Column], Cell]  # by row's name and column

    def cell(self, row: Row, column: Column) -> Cell:
        return self.cells[row.name, column]


def table(sweeps: list[Sweep]) -> Table:
    """Compares the scores of all rows of some sweeps."""
    rows = tuple(row for sweep in sweeps for row in sweep.rows)
    columns = tuple(Column(metric, when) for metric in metrics(sweeps) for when in WHENS)
    cells = {
        (row.name, column): cell for column in columns for row, cell in zip(rows, _cells(rows, column), strict=True)
    }
    return Table(rows, columns, cells)


def format_number(mean: float, std: float) -> str:
    """'0.0592 ± 0.0021': two digits of the deviation, and the mean to the same digit; else four digits."""
    if not std > 0:
        return f'{mean:.4g}' + (' ± 0' if std == 0 else '')
    places = 1 - math.floor(math.log10(std))
    if places > 6 or std >= 1e5:
        return f'{mean:.3g} ± {std:.2g}'
    return f'{mean:.{max(0, places)}f} ± {std:.{max(0, places)}f}'


def markdown(sweeps: list[Sweep]) -> str:
    """The text of results.md."""
    whole = table(sweeps)
    heads = ['row', 'seeds done', *(f'{column.title} {column.place}' for column in whole.columns)]
    lines = [heads, ['---', '---', *['---:'] * len(whole.columns)]]
    for row in whole.rows:
        cells = [whole.cell(row, column) for column in whole.columns]
        texts = [f'**{cell.text}**' if cell.mark == 'best' else cell.text for cell in cells]
        lines.append([_code(row.name), row.progress(), *texts])
    parts = [f'# {", ".join(sweep.name for sweep in sweeps)}']
    parts += [f'```text\n{_plain(sweep.doc)}\n\n$ {_plain(sweep.command)}\n```' for sweep in sweeps]
    parts.append('\n'.join(f'| {" | ".join(line)} |' for line in lines))
    parts.append(RULE)
    if apart := protocols(whole):
        parts.append('Not ranked, ‡:\n\n' + '\n'.join(f'- {_code(name)}: {text}' for name, text in apart))
    if lost := notes(whole.rows):
        parts.append('Not in the means:\n\n' + '\n'.join(f'- {_code(name)}: {text}' for name, text in lost))
    return '\n\n'.join(parts) + '\n'


def notes(rows: tuple[Row, ...]) -> list[tuple[str, str]]:
    """The name of each incomplete row, with the status of the seeds missing from its means."""
    lost = {row.name: [run for run in row.runs if run.status != 'done'] for row in rows}
    return [(name, _describe_seeds(runs)) for name, runs in lost.items() if runs]


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
    """The cells of a column, with the marks that RULE explains."""
    values = [row.values(*column) for row in rows]
    usual = _majority_stamp(rows, column.metric)
    apart = [any(stamp != usual for stamp in row.stamps(column.metric)) for row in rows]
    cells = [_cell(row, v, odd) for row, v, odd in zip(rows, values, apart, strict=True)]
    order = better(column.metric)
    rivals = [i for i, row in enumerate(rows) if len(values[i]) == len(row.runs) > 1 and not apart[i]]
    if order is None or len(rivals) < 2:
        return cells
    best = (min if order == 'lower' else max)(rivals, key=lambda i: cells[i].mean)
    others = [i for i in rivals if i != best]
    p = dict(zip(others, compare(values[best], [values[i] for i in others]), strict=True))
    group = [i for i in others if p[i] >= ALPHA]
    marks = dict.fromkeys([best, *group], 'group') if group else {best: 'best'}
    return [cell._replace(mark=marks.get(i, cell.mark)) for i, cell in enumerate(cells)]


def _cell(row: Row, values: np.ndarray, apart: bool) -> Cell:
    done = sum(run.status == 'done' for run in row.runs)
    mean = float(values.mean()) if len(values) else math.nan
    std = math.sqrt(variance(values)) if len(values) > 1 else math.nan
    return Cell(mean, std, len(values), done, 'apart' if apart and len(values) else '')


def _plain(text: str) -> str:
    return text.strip().replace('```', "'''")  # it is put between such


def _code(name: str) -> str:
    """A name as code in a cell of a Markdown table."""
    return '`' + name.replace('|', '\\|').replace('`', "'") + '`'
