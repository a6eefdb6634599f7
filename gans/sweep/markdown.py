"""results.md: the table of a report, and of a grid a table for each score."""

from gans.sweep.grid import Grid
from gans.sweep.results import Sweep
from gans.sweep.table import Cell, Column, Table, footnote, notes, protocols, rule, undecided


def markdown(sweeps: list[Sweep], whole: Table) -> str:
    """The text of results.md."""
    heads = ['row', 'seeds done', *(f'{column.title} {column.place}' for column in whole.columns)]
    lines = []
    for row in whole.rows:
        cells = [whole.cell(row, column) for column in whole.columns]
        lines.append([_code(row.name), row.progress(), *(_emphasize(cell, cell.text) for cell in cells)])
    parts = [f'# {", ".join(sweep.name for sweep in sweeps)}']
    for sweep in sweeps:
        said = '\n\n'.join(filter(None, [_plain(sweep.doc), f'$ {_plain(sweep.command)}']))
        parts.append(f'```text\n{said}\n```')
    parts += [_table(heads, lines, left=2), undecided(whole), rule(whole)]
    if apart := protocols(whole):
        parts.append('Not ranked, ‡:\n\n' + '\n'.join(f'- {_code(name)}: {text}' for name, text in apart))
    if lost := notes(whole.rows):
        parts.append('Not in the means:\n\n' + '\n'.join(f'- {_code(name)}: {text}' for name, text in lost))
    if whole.grid:
        parts.append(f'## As a grid\n\n{_escape(footnote(whole).capitalize())}.')
        parts += [part for column in whole.first_columns() for part in _grid(whole, whole.grid, column)]
    return '\n\n'.join(filter(None, parts)) + '\n'


def _grid(whole: Table, grid: Grid, column: Column) -> list[str]:
    """A heading and a table for each page."""
    parts = []
    for page in grid.pages:
        heads = [grid.corner, *grid.heads.levels]
        lines = []
        for label, rows in zip(grid.lines.levels, page.rows, strict=True):
            cells = [(whole.cell(row, column), row) for row in rows]
            lines.append([_escape(label), *(_emphasize(cell, cell.short(row)) for cell, row in cells)])
        parts.append('### ' + ', '.join(filter(None, [f'{column.title} {column.place}', page.title])))
        parts.append(_table([_escape(head) for head in heads], lines, left=1))
    return parts


def _table(heads: list[str], lines: list[list[str]], left: int) -> str:
    """A table whose first columns are aligned to the left."""
    rules = ['---'] * left + ['---:'] * (len(heads) - left)
    return '\n'.join(f'| {" | ".join(line)} |' for line in [heads, rules, *lines])


def _emphasize(cell: Cell, text: str) -> str:
    text = text.replace('*', '\\*')
    return {'best': f'**{text}**', 'lead': f'<u>{text}</u>'}.get(cell.mark, text)


def _plain(text: str) -> str:
    return text.strip().replace('```', "'''")  # it is put between such


def _code(name: str) -> str:
    """A name as code in a cell of a Markdown table."""
    return '`' + name.replace('|', '\\|').replace('`', "'") + '`'


def _escape(text: str) -> str:
    """A label in a cell of a Markdown table."""
    return text.replace('|', '\\|').replace('*', '\\*').replace('<', '&lt;')
