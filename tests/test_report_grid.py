"""Rows that are all combinations of some factors, as tables, in LaTeX and as a picture."""

import re
from collections.abc import Iterable
from itertools import product

from sweeping import write_head, write_losses, write_run

from gans.metrics.score import SLICED
from gans.sweep import grid, latex, plots
from gans.sweep.report import report
from gans.sweep.results import Row, read
from gans.sweep.table import table


def row(name: str, sweep: str = 's', **overrides: object) -> Row:
    base = {'game': 'minimax', 'r1': None, 'norm': 'none', 'rate': 1e-3}
    return Row(name, sweep, name, overrides, base | overrides, '', ())


def cross(names: Iterable[str], *factors: dict[str, dict]) -> list[Row]:
    combined = [
        dict(pair for part in parts for pair in part.items()) for parts in product(*(f.values() for f in factors))
    ]
    return [row(name, **overrides) for name, overrides in zip(names, combined, strict=True)]


GAMES = {name: {'game': name} for name in ('minimax', 'hinge', 'wasserstein')}
HOW = {'none': {}, 'r1': {'r1': 0.1}, 'sn': {'norm': 'spectral', 'rate': 1e-4}, 'both': {'r1': 0.1, 'norm': 'spectral'}}
RATES = {'slow': {'rate': 1e-4}, 'fast': {'rate': 1e-2}}


def test_factors_are_found_in_configs_whatever_the_names() -> None:
    names = [f'row {i}' for i in range(12)]
    found = grid.find(cross(names, GAMES, HOW))
    assert found.heads == grid.Factor('game', ('minimax', 'hinge', 'wasserstein'))
    assert found.lines == grid.Factor('', ('base', 'r1=0.1', 'norm=spectral, rate=0.0001', 'norm=spectral, r1=0.1'))
    (page,) = found.pages
    assert page.title == '' and [[each.name for each in line] for line in page.rows] == [names[i::4] for i in range(4)]
    assert grid.find(cross(names, GAMES, HOW)[::-1]).pages[0].rows[0][0].name == names[11]


def test_names_of_rows_are_labels_where_they_have_such_parts() -> None:
    for form in ('{}+{}', '{}/{}', '{}_{}', '{1}-{0}'):
        found = grid.find(cross([form.format(*pair) for pair in product(GAMES, HOW)], GAMES, HOW))
        assert found.lines.levels == tuple(HOW)


def test_further_factors_are_pages() -> None:
    found = grid.find(cross(map(str, range(12)), GAMES, {'a': {}, 'b': {'r1': 1.0}}, RATES))
    assert (found.lines.title, found.heads.title) == ('game', 'r1')
    assert found.heads.levels == ('-', '1.0')
    assert [page.title for page in found.pages] == ['rate=0.0001', 'rate=0.01']
    assert [[each.name for each in line] for line in found.pages[1].rows] == [['1', '3'], ['5', '7'], ['9', '11']]


def test_what_is_no_grid() -> None:
    rows = cross(map(str, range(12)), GAMES, HOW)
    for some in (rows[:11], rows[:4], [], rows[:1], [*rows, row('extra', rate=0.5)]):
        assert grid.find(some) is None
    # Each two of three keys are crossed, all three are not.
    assert grid.find([row(f'{a}{b}', game=a, r1=b, norm=a ^ b) for a, b in product((0, 1), repeat=2)]) is None


def test_the_same_rows_of_two_sweeps_are_a_grid() -> None:
    found = grid.find([row(f'{sweep}/{name}', sweep, game=name) for sweep in ('long', 'short') for name in GAMES])
    assert found.lines.levels == tuple(GAMES) and found.heads == grid.Factor('', ('long', 'short'))


def test_the_tables_of_a_grid(tmp_path) -> None:
    """The last row has no run, the last but one not all seeds; the missing one's settings are those of its like."""
    folder = write_losses(tmp_path / 'losses', ['minimax', 'hinge'], ['none', 'r1', 'gp'], seeds=3, picture=0)
    said = report([folder], folder / 'report')
    assert f'picture {folder / "report" / "grid.png"}' in said and 'LaTeX' in said
    text = (folder / 'report' / 'results.md').read_text()
    assert '| game → | minimax | hinge |' in text and '### modes ↑ final' in text
    whole = table(read([folder]))
    assert whole.grid.lines.levels == ('none', 'r1', 'gp') and whole.grid.heads.levels == ('minimax', 'hinge')
    depths = whole.depths(whole.columns[0])
    means = {each.name: whole.cell(each, whole.columns[0]).mean for each in whole.rows}
    assert depths[min(depths, key=means.get)] == 1 and depths[max(depths, key=means.get)] == 0 and len(depths) == 5
    picture = plots.grid(whole)
    assert picture.ndim == 3 and picture.shape[1] > picture.shape[0]
    blue = (picture[..., 2].astype(int) - picture[..., 0] > 60).mean()
    assert 0.02 < blue < 0.6
    (folder / 'sweep.json').unlink()
    write_head(folder, {'minimax+none': {}}, 3)
    report([folder], folder / 'report')
    assert not (folder / 'report' / 'grid.png').exists()  # one row is no grid


# LaTeX


def test_what_latex_reads_otherwise_is_escaped() -> None:
    assert latex.escape(r'50 % of a_b & {c} #1 $x ~ ^ \d') == (
        r'50 \% of a\_b \& \{c\} \#1 \$x \textasciitilde{} \textasciicircum{} \textbackslash{}d'
    )


def test_the_tables_in_latex(tmp_path) -> None:
    """Each line has the columns that its table says, no special character is left, and all that opens closes."""
    folder = tmp_path / 'sweep'
    rows = {'a_1': [0.1, 0.11, 0.12], 'b_1': [1e-9, 3e-9, 2e-9], 'c_1': [0.9, 0.95, 0.97]}
    write_head(folder, {name: {'game': name[0]} for name in rows}, 3)
    for name, values in rows.items():
        for seed, value in enumerate(values):
            scores = {SLICED: [2 * value, value], 'eval/high_quality': [0.4 + seed / 9, 0.5]}
            end = {'stopped': 'step 7: 50 % & more_'} if (name, seed) == ('c_1', 0) else {}
            write_run(folder / 'rows' / name / f'seed_{seed}', scores, end, {'game': name[0], 'seed': seed})
    report([folder], tmp_path / 'out')
    text = (tmp_path / 'out' / 'results.tex').read_text()
    check_latex(text)
    assert r'$\mathbf{2 \cdot 10^{-9} \pm 1 \cdot 10^{-9}}$' in text and r'c\_1 & 2/3, 1 stopped & $' in text
    assert r'sliced\_wasserstein $\downarrow$' in text and 'seed 0 stopped at step 7' in text
    losses = write_losses(tmp_path / 'losses', ['minimax', 'hinge'], ['none', 'r1', 'gp'], seeds=3, picture=0)
    report([losses], tmp_path / 'out')
    text = (tmp_path / 'out' / 'results.tex').read_text()
    assert check_latex(text) == 5  # all rows, and a table a score


def check_latex(text: str) -> int:
    """The number of tables, each of which is well formed."""
    body = [line for line in text.splitlines() if not line.startswith('%')]
    tables = re.findall(r'\\begin\{tabular\}\{([lr]+)\}\n(.*?)\n\\end\{tabular\}', '\n'.join(body), re.DOTALL)
    for columns, lines in tables:
        assert lines.startswith('\\toprule\n') and lines.endswith('\n\\bottomrule') and '\n\\midrule\n' in lines
        for line in lines.splitlines():
            if re.fullmatch(r'\\(top|mid|bottom)rule|(\\cmidrule\(lr\)\{\d+-\d+\} ?)+', line):
                continue
            assert line.endswith(r' \\'), line
            spans = sum(int(span) - 1 for span in re.findall(r'\\multicolumn\{(\d+)\}', line))
            cells = re.split(r'(?<!\\)&', line)
            assert len(cells) + spans == len(columns), line
            plain = re.sub(r'\\[&%$#_{}]', '', line)
            assert plain.count('{') == plain.count('}') and plain.count('$') % 2 == 0, line
            assert not re.search(r'[%#±†‡↓↑–]', plain), line
            assert '_' not in re.sub(r'\$[^$]*\$', '', plain), line
    return len(tables)
