"""results.tex: the tables of a report for a paper, in booktabs' style; to be copied, or read by \\input."""

import re

from gans.metrics.score import PREFIX
from gans.sweep.grid import Page
from gans.sweep.results import Sweep
from gans.sweep.table import Cell, Column, Table, footnote, notes, protocols, rule, undecided

SPECIAL = {character: f'\\{character}' for character in '&%$#_{}'} | {
    '\\': r'\textbackslash{}', '~': r'\textasciitilde{}', '^': r'\textasciicircum{}', '<': r'\textless{}',
    '>': r'\textgreater{}', '|': r'\textbar{}', '"': r'\textquotedbl{}', '±': r'$\pm$', '↓': r'$\downarrow$',
    '↑': r'$\uparrow$', '–': '--', '†': r'$^\dagger$', '‡': r'$^\ddagger$',
}  # fmt: skip


def latex(sweeps: list[Sweep], whole: Table) -> str:
    """The text of results.tex; what a caption has to say stands in comments."""
    said = [sweep.command for sweep in sweeps] + [undecided(whole), rule(whole)]
    said += [f'Not ranked: {name}: {text}' for name, text in protocols(whole)]
    said += [f'Not in the means: {name}: {text}' for name, text in notes(whole.rows)]
    parts = ['% In the preamble: \\usepackage{booktabs}', '\n'.join(f'% {_comment(line)}' for line in said if line)]
    parts.append(_rows(whole))
    for column in whole.first_columns() if whole.grid else ():
        for page in whole.grid.pages:
            about = ', '.join(filter(None, [f'{column.metric.removeprefix(PREFIX)} {column.place}', page.title]))
            parts.append(f'% {_comment(about)}: {footnote(whole)}\n{_grid(whole, column, page)}')
    return '\n\n'.join(parts) + '\n'


def escape(text: str) -> str:
    """Text as LaTeX prints it."""
    return ''.join(SPECIAL.get(character, character) for character in text)


def _rows(whole: Table) -> str:
    """A line a row, a column a score, at the end and at the best checkpoint."""
    complete = not notes(whole.rows)
    first = ['row'] if complete else ['row', 'seeds']
    over, rules, at = [''] * len(first), [], len(first) + 1
    for column in whole.first_columns():
        span = sum(each.metric == column.metric for each in whole.columns)
        over.append(f'\\multicolumn{{{span}}}{{c}}{{{escape(column.title)}}}')
        rules.append(f'\\cmidrule(lr){{{at}-{at + span - 1}}}')
        at += span
    heads = first + [escape(column.place) for column in whole.columns]
    lines = []
    for row in whole.rows:
        cells = [whole.cell(row, column) for column in whole.columns]
        name = [escape(row.name)] if complete else [escape(row.name), escape(row.progress())]
        lines.append(name + [_number(cell, cell.text) for cell in cells])
    return _tabular('l' * len(first) + 'r' * len(whole.columns), [over], rules, [heads], lines)


def _grid(whole: Table, column: Column, page: Page) -> str:
    """The lines and heads of a grid, in each cell the mean."""
    lines, heads, _ = whole.grid
    over = ['', f'\\multicolumn{{{len(heads.levels)}}}{{c}}{{{escape(heads.title)}}}']
    top = [escape(lines.title), *map(escape, heads.levels)]
    body = [
        [escape(label), *(_number(whole.cell(row, column), whole.cell(row, column).short(row)) for row in rows)]
        for label, rows in zip(lines.levels, page.rows, strict=True)
    ]
    titled = [over] if heads.title else []
    rules = [f'\\cmidrule(lr){{2-{len(top)}}}'] * len(titled)
    return _tabular('l' + 'r' * len(heads.levels), titled, rules, [top], body)


def _tabular(
    columns: str, over: list[list[str]], rules: list[str], heads: list[list[str]], lines: list[list[str]]
) -> str:
    line = lambda cells: f'{" & ".join(cells)} \\\\'
    body = [*map(line, over), *([' '.join(rules)] if rules else []), *map(line, heads), r'\midrule', *map(line, lines)]
    return '\n'.join([f'\\begin{{tabular}}{{{columns}}}', r'\toprule', *body, r'\bottomrule', r'\end{tabular}'])


def _number(cell: Cell, text: str) -> str:
    """'$0.0592 \\pm 0.0021$', the best in bold, what leads underlined."""
    if not cell.n:
        return escape(text)
    number, few, rest = re.fullmatch(r'([-\d.e+naif ±]+?)( \(n = \d+\))?([†‡*]*)', text).groups()
    number = re.sub(r'e([+-])0*(\d+)', lambda e: f' \\cdot 10^{{{e[1].strip("+")}{e[2]}}}', number)
    number = number.replace('±', r'\pm')
    number = f'$\\mathbf{{{number}}}$' if cell.mark == 'best' else f'${number}$'
    number = f'\\underline{{{number}}}' if cell.mark == 'lead' else number
    return number + escape(few or '') + escape(rest)


def _comment(text: str) -> str:
    return ' '.join(text.split())
