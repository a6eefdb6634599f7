"""report.html: one self-contained file, built from strings."""

import base64
import io
import math
import re
import string
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from gans.metrics.score import PREFIX, better
from gans.sweep import plots
from gans.sweep.cadence import FEW
from gans.sweep.grid import Grid, Page
from gans.sweep.ranking import DRAWS, Rank, best_of_lines, ranking
from gans.sweep.results import WHENS, Row, Sweep, differing_keys, format_value
from gans.sweep.table import Cell, Column, Table, footnote, notes, protocols, rule, undecided

FIRST = 10  # rows of a ranking that are seen at once
MAX_PNG = 200_000  # bytes of a picture that is embedded as it is; larger ones become JPEGs of the same resolution


def html(sweeps: list[Sweep], whole: Table) -> str:
    """The whole page. Names, docs and values are escaped."""
    title = ', '.join(sweep.name for sweep in sweeps)
    body = [_head(title, sweeps, whole), _table(whole), _charts(whole), _samples(whole.rows), _settings(whole.rows)]
    template = string.Template(Path(__file__).with_name('page.html').read_text(encoding='utf-8'))
    return template.substitute(title=escape(title), body='\n'.join(body))


def _head(title: str, sweeps: list[Sweep], whole: Table) -> str:
    states = [run.status for row in whole.rows for run in row.runs]
    counts = [f'{states.count(state):,} {state}' for state in dict.fromkeys(['done', *sorted(set(states))])]
    parts = [f'<h1>{escape(title)}</h1>']
    parts.append(f'<p class="soft">{len(whole.rows):,} rows, {len(states):,} runs: {", ".join(counts)}</p>')
    for sweep in sweeps:
        parts.append(f'<h3>{escape(sweep.name)}</h3>' if len(sweeps) > 1 else '')
        parts += [f'<pre>{escape(text)}</pre>' for text in (sweep.doc.strip(), f'$ {sweep.command}') if text]
    return '\n'.join(parts)


def _table(whole: Table) -> str:
    span = lambda metric: sum(column.metric == metric for column in whole.columns)
    over = ''.join(
        f'<th colspan="{span(column.metric)}" class="first" scope="colgroup">{escape(column.title)}</th>'
        for column in whole.first_columns()
    )
    heads = [_sortable_header(0, 'row'), _sortable_header(1, 'seeds done', 'class="text"')]
    for i, column in enumerate(whole.columns, 2):
        first = 'ascending' if better(column.metric) == 'lower' else 'descending'
        edge = 'class="first"' if column.when == WHENS[0] else ''
        heads.append(_sortable_header(i, column.place, f'data-number {edge}', first))
    lines = []
    for row in whole.rows:
        cells = [f'<th scope="row">{escape(row.name)}</th><td class="text">{escape(row.progress())}</td>']
        for column in whole.columns:
            cell = whole.cell(row, column)
            kind = f'{"first" if column.when == WHENS[0] else ""} {cell.mark}'.strip()
            cells.append(f'<td class="{kind}" data-value="{_value(cell)}">{_emphasize(cell, cell.text)}</td>')
        lines.append(f'<tr>{"".join(cells)}</tr>')
    lost = ''.join(f'<li><code>{escape(name)}</code>: {escape(text)}</li>' for name, text in notes(whole.rows))
    lost = f'<details open><summary>Not in the means</summary><ul class="soft">{lost}</ul></details>' if lost else ''
    odd = ''.join(f'<li><code>{escape(name)}</code>: {escape(text)}</li>' for name, text in protocols(whole))
    lost += f'<details open><summary>Not ranked, ‡</summary><ul class="soft">{odd}</ul></details>' if odd else ''
    shown = f'<p><b>{escape(undecided(whole))}</b></p>' if undecided(whole) else ''
    return f"""<h2>Results</h2>
<div class="wide"><table id="results"><thead><tr><th></th><th></th>{over}</tr><tr>{''.join(heads)}</tr></thead>
<tbody>
{chr(10).join(lines)}
</tbody></table></div>
{shown}<p class="soft">{escape(rule(whole))}</p>{lost}"""


def _charts(whole: Table) -> str:
    """For each metric: the matrix of a product, the seeds, the curves."""
    names = plots.plottable(whole.rows)
    options = ''.join(f'<option value="{escape(name)}">{escape(name.removeprefix(PREFIX))}</option>' for name in names)
    parts = [
        f'<h2>By metric</h2><div class="bar" hidden><label>metric <select id="metric">{options}</select></label></div>'
    ]
    for i, name in enumerate(names):
        columns = [column for column in whole.columns if column.metric == name]
        parts.append(f'<section data-metric="{escape(name)}"><h3>{escape(columns[0].title if columns else name)}</h3>')
        if whole.grid and columns:
            tables = [_matrix(whole, whole.grid, column, page) for page in whole.grid.pages for column in columns]
            parts.append(f'<div class="side">{"".join(tables)}</div>')
        if columns:
            parts.append(_ranking(whole, columns[0]))
            svg = plots.strips(whole.rows, name, {column.when: column.place for column in columns})
            parts.append(f'<h3>Each seed</h3><p class="soft">One dot per finished seed, and a bar at their mean.</p>'
                         f'<div class="strip"><svg viewBox="{svg.box}">{svg.inner}</svg></div>')  # fmt: skip
        parts.append(_curves(whole.rows, name, f'axes{i}') + '</section>')
    return '\n'.join(parts)


def _ranking(whole: Table, column: Column) -> str:
    """The order of the rows, all but the first in a fold; of a grid the best of each line."""
    ranked = ranking(whole, column)
    if not ranked:
        return ''

    def line(rank: Rank, *names: str) -> str:
        words = ''.join(f'<td class="text">{escape(name)}</td>' for name in names)
        numbers = whole.cell(rank.row, column).text, f'{rank.place}', rank.ends
        return f'<tr>{words}{"".join(f"<td>{escape(number)}</td>" for number in numbers)}</tr>'

    lines = [line(rank, rank.row.name) for rank in ranked]
    first, rest = (_small_table(['row'], some) for some in (lines[:FIRST], lines[FIRST:]))
    more = f'<details><summary>{len(lines) - FIRST} more</summary>{rest}</details>' if lines[FIRST:] else ''
    parts = [f'<div>{first}{more}</div>']
    if whole.grid:
        heads = whole.grid.lines.title, whole.grid.heads.title or 'its best'
        for page in whole.grid.pages:
            best = [line(rank, name, head) for name, head, rank in best_of_lines(whole.grid, page, ranked)]
            parts.append(f'<div><p class="soft">{escape(page.title)}</p>{_small_table(heads, best)}</div>')
    return f"""<h3>Ranking</h3><p class="soft">By the mean, {escape(column.place)}; and the ranks of the middle 90 % of
{DRAWS:,} draws of the seeds with replacement (bootstrap).</p><div class="side">{''.join(parts)}</div>"""


def _small_table(names: Iterable[str], lines: Sequence[str]) -> str:
    words = ''.join(f'<th class="text">{escape(name)}</th>' for name in names)
    heads = f'<tr>{words}<th>score</th><th>rank</th><th>of 90 %</th></tr>'
    return f'<div class="wide"><table><thead>{heads}</thead><tbody>{"".join(lines)}</tbody></table></div>'


def _curves(rows: tuple[Row, ...], metric: str, key: str) -> str:
    axes, own = plots.curves(rows, metric)
    panels = [
        f'<figure><figcaption>{_breakable_name(row)}</figcaption><svg viewBox="{axes.box}"><use href="#{key}"/>'
        f'{svg.inner}</svg></figure>'
        for row, svg in zip(rows, own, strict=True)
    ]
    points = max(len(found.steps) for found in (plots.curve(row, metric) for row in rows))
    key_of = 'eval.every' if metric.startswith(PREFIX) else 'train.log_every'
    few = f' Only {points} point{"s" * (points > 1)} each: a smaller {key_of} gives more.' if points < FEW else ''
    return f"""<h3>Over the steps</h3>
<p class="soft">Blue: the mean over seeds, in a band from the lowest to the highest seed. Gray: the means of all
rows. A red cross: the last value of a seed that was stopped.{few}</p>
<svg class="symbols"><symbol id="{key}" viewBox="{axes.box}">{axes.inner}</symbol></svg>
<div class="panels{' few' * (len(rows) <= 6)}">{''.join(panels)}</div>"""


def _matrix(whole: Table, grid: Grid, column: Column, page: Page) -> str:
    """A table of lines x heads; deeper blue is better."""
    depths = whole.depths(column)

    def box(row: Row) -> str:
        cell = whole.cell(row, column)
        title = escape(f'{row.name}: {cell.text}, {row.progress()}')
        color = f'rgba(24,100,171,{0.45 * depths.get(row.name, 0):.3f})'
        return f'<td style="background:{color}" title="{title}">{_emphasize(cell, cell.short(row))}</td>'

    body = ''.join(
        f'<tr><th scope="row">{escape(label)}</th>{"".join(map(box, rows))}</tr>'
        for label, rows in zip(grid.lines.levels, page.rows, strict=True)
    )
    top = ''.join(f'<th scope="col">{escape(head)}</th>' for head in grid.heads.levels)
    order = 'higher' if better(column.metric) is None else 'better'
    about = ', '.join(filter(None, [page.title, column.place]))
    return f"""<div><p class="soft">{escape(about)}: deeper is {order}; {footnote(whole)}</p>
<div class="wide"><table><thead><tr><th>{escape(grid.corner)}</th>{top}</tr></thead>
<tbody>{body}</tbody></table></div></div>"""


def _samples(rows: tuple[Row, ...]) -> str:
    figures = []
    for row in rows:
        found = [(run, picture) for run in row.runs if (picture := _last_picture(run.folder / 'samples'))]
        if found:
            run, path = found[0]
            where = f'seed {run.seed}, step {int(path.stem.removeprefix("step_")):,}'
            alt = escape(f'samples of {row.name}, {where}')
            figures.append(f'<figure><figcaption>{_breakable_name(row)} <span class="soft">{where}</span></figcaption>'
                           f'<img alt="{alt}" src="{_data_uri(path)}"></figure>')  # fmt: skip
    if not figures:
        return ''
    return f"""<h2>Samples</h2>
<p class="soft">The last picture of the first seed that has one. With the same seed, rows sample the same latents
(if they have the same size). Click to enlarge.</p>
<div class="panels{' few' * (len(figures) <= 6)}">{''.join(figures)}</div>"""


def _settings(rows: tuple[Row, ...]) -> str:
    keys = differing_keys(list(rows))
    heads = ''.join(
        _sortable_header(i, key, 'class="text"') for i, key in enumerate(['row', *keys, 'command for this row only'])
    )
    lines = []
    for row in rows:
        values = ''.join(f'<td class="text key">{escape(format_value(row.settings.get(key)))}</td>' for key in keys)
        command = f'<td class="text"><code>{escape(row.command)}</code></td>'
        lines.append(f'<tr><th scope="row">{_breakable_name(row)}</th>{values}{command}</tr>')
    return f"""<h2>Rows</h2><p class="soft">Differences between their configs; - is off.</p>
<div class="wide"><table><thead><tr>{heads}</tr></thead><tbody>
{chr(10).join(lines)}
</tbody></table></div>"""


def _breakable_name(row: Row) -> str:
    """A row's name that can wrap after its separators."""
    return re.sub(r'([_+/])', r'\1<wbr>', escape(row.name))


def _sortable_header(column: int, text: str, attributes: str = '', first: str = 'ascending') -> str:
    label = escape(text).replace('.', '.<wbr>')
    return f'<th scope="col" data-column="{column}" data-first="{first}" {attributes}><button>{label}</button></th>'


def _value(cell: Cell) -> str:
    return '' if math.isnan(cell.mean) else repr(cell.mean)


def _emphasize(cell: Cell, text: str) -> str:
    tag = {'best': 'b', 'lead': 'u'}.get(cell.mark)
    return f'<{tag}>{escape(text)}</{tag}>' if tag else escape(text)


def _last_picture(folder: Path) -> Path | None:
    return max(folder.glob('step_*.png'), default=None)


def _data_uri(path: Path) -> str:
    data, kind = path.read_bytes(), 'png'
    if len(data) > MAX_PNG:
        from PIL import Image

        file = io.BytesIO()
        Image.open(path).convert('RGB').save(file, 'JPEG', quality=90)
        data, kind = file.getvalue(), 'jpeg'
    return f'data:image/{kind};base64,{base64.b64encode(data).decode()}'
