import csv
import io
import re
import shutil
import statistics as stdlib
import warnings
from pathlib import Path

import numpy as np
import pytest
from sweeping import STEPS, marks, report_files, write_head, write_losses, write_run
from sweeping import write_scores as write

from gans.errors import UserError
from gans.metrics.score import SLICED as BEST
from gans.sweep import html, plots
from gans.sweep.report import report
from gans.sweep.results import differing_keys, read
from gans.sweep.table import Column, format_number, notes, table, undecided

MODES = 'eval/modes'


def page_of(folder: Path) -> str:
    sweeps = read([folder])
    return html.html(sweeps, table(sweeps))


# The table


def test_a_winner_is_bold(tmp_path) -> None:
    rows = {'a': [0.1, 0.11, 0.12], 'b': [0.5, 0.52, 0.51], 'c': [0.9, 0.95, 0.97]}
    assert marks(write(tmp_path / 'low', rows)) == {'a': 'best', 'b': '', 'c': ''}
    assert marks(write(tmp_path / 'high', rows, MODES), MODES) == {'a': '', 'b': '', 'c': 'best'}
    assert marks(write(tmp_path / 'none', rows, 'eval/mean'), 'eval/mean') == {'a': '', 'b': '', 'c': ''}


def test_rows_as_good_as_the_best_are_marked(tmp_path) -> None:
    rows = {'a': [0.10, 0.14, 0.12], 'b': [0.11, 0.13, 0.14], 'c': [0.9, 0.95, 0.97]}
    assert marks(write(tmp_path / 'sweep', rows)) == {'a': 'group', 'b': 'group', 'c': ''}
    full = {name: [8.0] * 5 for name in 'abcdef'} | {'g': [1.0] * 5}
    assert marks(write(tmp_path / 'modes', full, MODES), MODES) == dict.fromkeys('abcdef', 'group') | {'g': ''}


def test_where_no_difference_is_shown_one_line_says_so(tmp_path) -> None:
    """And the best mean is marked, unless all are equal."""
    said = lambda folder: undecided(table(read([folder])))
    few = write(tmp_path / 'few', {'a': [0.3, 0.32, 0.38], 'b': [0.29, 0.33, 0.35], 'c': [0.36, 0.35, 0.3]})
    assert marks(few) == {'a': '', 'b': 'lead', 'c': ''} and said(few) == 'No difference shown over 3 seeds.'
    one = write(tmp_path / 'one', {'a': [0.1], 'b': [0.9]})
    assert marks(one) == {'a': 'lead', 'b': ''} and said(one) == 'No difference shown by one seed a row.'
    same = write(tmp_path / 'same', {'a': [8.0, 8.0], 'b': [8.0, 8.0]}, MODES)
    assert marks(same, MODES) == {'a': '', 'b': ''}
    assert said(write(tmp_path / 'clear', {'a': [0.1, 0.11, 0.12], 'b': [0.5, 0.52, 0.51]})) == ''
    some = write(tmp_path / 'some', {'a': [0.1, 0.11, 0.12], 'b': [0.5, 0.52, 0.51]}, MODES)
    assert said(some) == 'No difference shown over 3 seeds: sliced_wasserstein (final = best).'
    files = report_files([few], tmp_path / 'out')
    assert 'No difference shown over 3 seeds.' in files['results.md'] and '†' not in files['results.md']
    assert '<b>No difference shown over 3 seeds.</b>' in files['report.html']
    assert '<u>0.323 ± 0.031</u>' in files['report.html'] and '<u>0.323 ± 0.031</u>' in files['results.md']


def test_one_column_where_final_and_best_are_one(tmp_path) -> None:
    """The last value of each row is its lowest; of modes the value at that step."""
    folder = write(tmp_path / 'sweep', {'a': [0.1, 0.11], 'b': [0.5, 0.52]})
    assert [(column.metric, column.place) for column in table(read([folder])).columns] == [(BEST, 'final = best')]
    page = page_of(folder)
    assert page.count('colspan="1"') == 1 and 'best checkpoint' not in page
    worse = folder / 'rows/b/seed_1/metrics.csv'
    worse.write_text(worse.read_text().replace('0.52', '2.52'))
    assert [column.place for column in table(read([folder])).columns] == ['final', 'best checkpoint']


def test_rows_that_are_not_complete_are_not_ranked(tmp_path) -> None:
    rows = {'a': [0.01, 0.011, 0.012], 'b': [0.5, 0.52, 0.51], 'c': [0.9, 0.95, 0.97]}
    nan = {'stopped': 'step 1,234: critic/loss is nan', 'steps': 1234}
    for end, standing in ((nan, '2/3, 1 stopped'), (None, '2/3, 1 unfinished')):
        folder = write(tmp_path / standing[-4:], rows, ends={('a', 1): end})
        assert marks(folder) == {'a': '', 'b': 'best', 'c': ''}
        found = table(read([folder]))
        cell = found.cell(found.rows[0], Column(BEST, 'final'))
        assert (found.rows[0].progress(), cell.n) == (standing, 2)
        assert cell.mean == pytest.approx(0.011) and cell.std == pytest.approx(stdlib.stdev([0.01, 0.012]))
    folder = write(tmp_path / 'nan', rows | {'a': [0.01, np.nan, 0.012]})  # done, but its last score is no number
    assert marks(folder) == {'a': '', 'b': 'best', 'c': ''}
    assert '0.0110 ± 0.0014 (n = 2)' in report_files([folder], tmp_path / 'out')['results.md']


@pytest.mark.parametrize(
    ('mean', 'std', 'text'),
    [
        (0.059231, 0.00213, '0.0592 ± 0.0021'),
        (7.8, 0.447, '7.80 ± 0.45'),
        (8.0, 0.0, '8 ± 0'),
        (123.4, 56.7, '123 ± 57'),
        (0.5, np.nan, '0.5'),
        (1e-9, 2.34e-10, '1e-09 ± 2.3e-10'),
        (1e7, 2e6, '1e+07 ± 2e+06'),
    ],
)
def test_numbers(mean, std, text) -> None:
    assert format_number(mean, std) == text


# Files


def test_results_csv(tmp_path) -> None:
    folder = tmp_path / 'sweep'
    write_head(folder, {'a': {'terms.r1.weight': 0.5, 'ema.decay': None}, 'b': {'game': 'hinge'}}, 3)
    scores = {BEST: [0.3, 0.125, 0.25], MODES: [1, 2, 3]}
    write_run(folder / 'rows/a/seed_0', scores, {}, {})
    write_run(folder / 'rows/a/seed_1', scores, {'stopped': 'step 3,456: critic/loss is nan', 'steps': 3456}, {})
    write_run(folder / 'rows/a/seed_2', {name: values[:1] for name, values in scores.items()}, None, {})
    lines = list(csv.DictReader(io.StringIO(report_files([folder], tmp_path / 'out')['results.csv'])))
    assert [line['status'] for line in lines] == ['done', 'stopped', 'unfinished', *['missing'] * 3]
    assert [line['steps'] for line in lines] == [str(STEPS[-1]), '3456', str(STEPS[0]), '0', '0', '0']
    done = {'final/sliced_wasserstein': '0.25', 'best/sliced_wasserstein': '0.125', 'final/modes': '3.0',
            'best/modes': '2.0', 'best_step': str(STEPS[1]), 'config.terms.r1.weight': '0.5', 'config.ema.decay': '',
            'row': 'a', 'seed': '0', 'seconds': '1.5', 'config.game': ''}  # fmt: skip
    assert {key: lines[0][key] for key in done} == done
    assert (lines[1]['final/modes'], lines[1]['best/modes']) == ('', '2.0')
    assert (lines[2]['final/modes'], lines[2]['best/modes']) == ('', '1.0')
    assert (lines[3]['row'], lines[3]['config.game'], lines[3]['best/modes']) == ('b', 'hinge', '')


def test_results_md(tmp_path) -> None:
    rows = {'a|b': [0.1, 0.11, 0.12], 'c': [0.5, 0.52, 0.51]}
    folder = write(tmp_path / 'sweep', rows, ends={('c', 0): {'stopped': 'step 7: critic/loss is inf'}})
    lines = report_files([folder], tmp_path / 'out')['results.md'].splitlines()
    assert '| row | seeds done | sliced_wasserstein ↓ final = best |' in lines
    assert '| `a\\|b` | 3/3 | 0.110 ± 0.010 |' in lines  # alone: there is nobody to be better than
    assert '| `c` | 2/3, 1 stopped | 0.5150 ± 0.0071 |' in lines
    assert '- `c`: seed 0 stopped at step 7: critic/loss is inf' in lines


def test_a_file_without_a_docstring_leaves_no_empty_box(tmp_path) -> None:
    folder = write(tmp_path / 'sweep', {'a': [0.1]})
    write_head(folder, {'a': {}}, 1, doc='')
    files = report_files([folder], tmp_path / 'out')
    assert files['report.html'].count('<pre>') == 1 and '<pre>$ python launch.py' in files['report.html']
    assert files['results.md'].startswith('# sweep\n\n```text\n$ python launch.py')


def test_rows_that_miss_the_same_seeds_are_named_together(tmp_path) -> None:
    folder = write(tmp_path / 'sweep', {'a': [0.1, 0.11]}, ends={('a', 1): {'stopped': 'step 7: critic/loss is inf'}})
    names = ['a', 'b', 'c', 'd', 'e']
    write_head(folder, {name: {} for name in names}, 2)
    stopped = 'seed 1 stopped at step 7: critic/loss is inf'
    assert notes(read([folder])[0].rows) == [('a', stopped), ('b, c, d and 1 more', 'seeds 0, 1 missing')]


def test_several_sweeps(tmp_path) -> None:
    one = write(tmp_path / 'one', {'a': [0.1, 0.11], 'b': [0.2, 0.21]})
    two = write(tmp_path / 'two', {'a': [5.0, 6.0], 'c': [7.0, 8.0]}, MODES)
    files = report_files([one, two], tmp_path / 'out')
    header, *lines = csv.reader(io.StringIO(files['results.csv']))
    assert header[:3] == ['sweep', 'row', 'seed'] and [line[:3] for line in lines][2:5] == [
        ['one', 'b', '0'],
        ['one', 'b', '1'],
        ['two', 'a', '0'],
    ]
    assert all(f'`{name}`' in files['results.md'] for name in ('one/a', 'one/b', 'two/a', 'two/c'))
    sweeps = read([one, two, one])  # the same twice counts once
    assert [row.name for sweep in sweeps for row in sweep.rows] == ['one/a', 'one/b', 'two/a', 'two/c']
    assert sweeps[0].rows[1].command.endswith('sweeps/one.py --seeds=2 --row=b')


def test_settings_that_differ(tmp_path) -> None:
    folder = tmp_path / 'sweep'
    names = {'a': {'terms.r1.weight': 0.5}, 'b': {}, 'late': {'game': 'hinge'}}
    write_head(folder, names, 1)
    config = {'game': 'minimax', 'same': 1, 'seed': 0, 'terms': {}}
    write_run(folder / 'rows/b/seed_0', {BEST: [1.0]}, {}, config)
    write_run(folder / 'rows/a/seed_0', {BEST: [1.0]}, {}, config | {'terms': {'r1': {'weight': 0.5, 'every': 1}}})
    rows = read([folder])[0].rows
    assert differing_keys(list(rows)) == ['game', 'terms.r1.every', 'terms.r1.weight']
    assert [row.settings.get('terms.r1.weight') for row in rows] == [0.5, None, None]
    # The last has no run yet: the others' base, without a term that one of them has added, and its own overrides.
    assert rows[2].settings == {'game': 'hinge', 'same': 1, 'seed': 0}
    write_head(folder, names | {'like a': {'terms.r1.weight': 2.0}}, 1)  # with the other keys of that term
    found = read([folder])[0].rows[3].settings
    assert found == {'game': 'minimax', 'same': 1, 'seed': 0, 'terms.r1.weight': 2.0, 'terms.r1.every': 1}


def test_the_same_sweep_gives_the_same_bytes(tmp_path) -> None:
    folder = write_losses(tmp_path / 'sweep', ['minimax', 'hinge'], ['none', 'r1'], seeds=2)
    first = report_files([folder], folder / 'report')
    shutil.copytree(folder, tmp_path / 'elsewhere' / 'sweep')
    assert report_files([tmp_path / 'elsewhere' / 'sweep'], tmp_path / 'out') == first
    assert sorted(first) == ['grid.png', 'report.html', 'results.csv', 'results.md', 'results.tex']
    assert not any(str(tmp_path) in text for text in first.values())


def test_errors(tmp_path) -> None:
    with pytest.raises(UserError, match='which sweep'):
        report([], tmp_path)
    with pytest.raises(UserError, match=r'nothing contains no sweep'):
        report([tmp_path / 'nothing'], tmp_path)
    empty = tmp_path / 'empty'
    write_head(empty, {'a': {}}, 2)
    (empty / 'rows/a/seed_0').mkdir(parents=True)
    with pytest.raises(UserError, match=r'empty contains no results yet: .*--sweep=experiments/sweeps/empty.py'):
        report([empty], tmp_path)
    write_run(empty / 'rows/a/seed_1', {BEST: [np.nan]}, {'stopped': 'step 7: critic/loss is nan'}, {})
    report([empty], tmp_path)  # that all has diverged is a result
    assert 'seed 1 stopped at step 7: critic/loss is nan' in (tmp_path / 'results.md').read_text()
    (empty / 'sweep.json').write_text('{"name": "x"}')
    with pytest.raises(UserError, match='does not hold what is written there'):
        report([empty], tmp_path)
    (empty / 'sweep.json').write_text('{')
    with pytest.raises(UserError, match='is no JSON'):
        report([empty], tmp_path)
    same = [write(tmp_path / part / 'sweep', {'a': [0.1, 0.2]}) for part in 'xy']
    with pytest.raises(UserError, match='two of the sweeps have the name sweep'):
        report(same, tmp_path)
    (tmp_path / 'file').write_text('')
    with pytest.raises(UserError, match=r'cannot write to .*file'):
        report(same[:1], tmp_path / 'file' / 'report')


# The page


def test_curves_are_means_and_extremes_over_seeds(tmp_path) -> None:
    folder = tmp_path / 'sweep'
    write_head(folder, {'a': {}}, 2)
    write_run(folder / 'rows/a/seed_0', {BEST: [1.0, 2.0, 5.0]}, {}, {})
    write_run(folder / 'rows/a/seed_1', {BEST: [3.0, 8.0]}, {'stopped': 'step 2,345: x is nan', 'steps': 2345}, {})
    (row,) = read([folder])[0].rows
    found = plots.curve(row, BEST)
    assert found.steps.tolist() == STEPS[:3] and found.mean.tolist() == [2, 5, 5]
    assert found.low.tolist() == [1, 2, 5] and found.high.tolist() == [3, 8, 5] and found.stops == [(STEPS[1], 8.0)]
    assert plots.plottable((row,)) == [BEST, 'critic/loss']


@pytest.mark.parametrize(
    'values', [[1.0], [3.0, 3.0, 3.0], [1e-3, 1.0, 2.0], [-1e7, 1.0, -2.0, 0.5], [np.nan, -2.0, np.inf], [0.0, 0.0]]
)
def test_plots_of_any_values(tmp_path, values) -> None:
    folder = tmp_path / 'sweep'
    write_head(folder, {'a': {}, 'late': {}}, 2)
    for seed in range(2):
        write_run(folder / 'rows/a' / f'seed_{seed}', {BEST: [1.0] * len(values), MODES: values}, {}, {})
    rows = read([folder])[0].rows
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        axes, (own, late) = plots.curves(rows, MODES)
        strips = plots.strips(rows, MODES, {'final': 'final', 'best': 'best'})
    assert axes.box == own.box and '<path' in axes.inner and '<path' in own.inner and '<path' not in late.inner
    assert 'nan' not in (axes.inner + own.inner + strips.inner).lower() and 'late' in strips.inner


def test_the_page_needs_nothing_and_escapes_everything(tmp_path) -> None:
    folder, name = tmp_path / 'sweep', 'a<i>&"$x$'
    write_head(folder, {name: {'game': '<u>'}, 'b': {}}, 2, '</pre><script>alert(1)</script>')
    for row in (name, 'b'):
        for seed in range(2):
            write_run(
                folder / 'rows' / row / f'seed_{seed}', {BEST: [1.0 + seed]}, {}, {'game': '<u>' * (row != 'b')}, 24
            )
    page = page_of(folder)
    for raw in ('<script>alert', '<i>', '<u>'):
        assert raw not in page
    assert 'a&lt;i&gt;&amp;&quot;$x$' in page and "--row=&#x27;a&lt;i&gt;&amp;&quot;$x$&#x27;" in page
    links = re.findall(r'(?:src|href)\s*=\s*"([^"]*)"|url\(([^)]*)\)', page)
    assert links and all(re.match(r'data:|#', ''.join(link)) for link in links)
    assert page.count('src="data:image/png;base64,') == 2 and '@import' not in page


def test_large_pictures_become_smaller_files(tmp_path) -> None:
    folder = write(tmp_path / 'sweep', {'a': [0.1, 0.2]})
    shutil.rmtree(folder / 'rows/a/seed_1')
    write_run(folder / 'rows/a/seed_1', {BEST: [0.2]}, {}, {}, picture=300)  # noise: 270 kB
    page = page_of(folder)
    assert 'src="data:image/jpeg;base64,' in page and 'seed 1, step 2,000' in page
