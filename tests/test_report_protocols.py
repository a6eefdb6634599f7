"""Numbers of different protocols in a report: they are shown, and not ranked."""

import json
from pathlib import Path

from PIL import Image
from sweeping import STEPS, marks, report_files
from sweeping import write_scores as write

from gans.data import load
from gans.metrics import protocol
from gans.metrics.score import SLICED as BEST
from gans.sweep.report import report
from gans.sweep.results import read
from gans.sweep.table import Column, table


def stamp(folder: Path, row: str, seeds: int, **protocol) -> None:
    for seed in range(seeds):
        entry = {BEST: {'protocol': {'fake': 2000, 'ema': True} | protocol, 'floor': None}}
        (folder / 'rows' / row / f'seed_{seed}' / 'stamps.json').write_text(json.dumps(entry))


def test_numbers_of_different_protocols_are_not_ranked(tmp_path) -> None:
    """The row measured with more samples would win; without it the others are compared as ever."""
    rows = {'a': [0.5, 0.52, 0.51], 'b': [0.9, 0.95, 0.97], 'c': [0.1, 0.11, 0.12]}
    folder = write(tmp_path / 'sweep', rows)
    for row in rows:
        stamp(folder, row, 3)
    assert marks(folder) == {'a': '', 'b': '', 'c': 'best'}
    stamp(folder, 'c', 3, fake=9000)
    assert marks(folder) == {'a': 'best', 'b': '', 'c': 'apart'}
    report([folder], tmp_path / 'out')
    said = 'sliced_wasserstein`: protocols differ: fake 2000 or 9000'
    text = (tmp_path / 'out' / 'results.md').read_text()
    assert said in text and '0.110 ± 0.010‡' in text
    page = (tmp_path / 'out' / 'report.html').read_text()
    assert 'protocols differ: fake 2000 or 9000' in page and '0.110 ± 0.010‡' in page
    stamp(folder, 'b', 3, fake=4000)  # no protocol is that of most rows
    assert marks(folder) == dict.fromkeys('abc', 'apart')


def test_twins_are_not_ranked(tmp_path) -> None:
    """Folders of one name with different pictures; and runs from before there was a hash of the data."""
    for place, color in (('A', 'black'), ('B', 'white'), ('C', 'black')):
        (tmp_path / place / 'train').mkdir(parents=True)
        Image.new('RGB', (8, 8), color).save(tmp_path / place / 'train' / '0.png')
    config = lambda place: {'name': f'folder:{tmp_path}/{place}/train', 'size': 8}
    a, b, copy = (protocol.data(config(place), load.load(config(place))) for place in 'ABC')
    folder = write(tmp_path / 'twins', {'a': [0.1, 0.11, 0.12], 'b': [0.5, 0.52, 0.51]})
    old = {key: value for key, value in a.items() if key != 'data hash'}
    for other, mark, said in ((copy, 'best', ''), (b, 'apart', b['data hash']), (old, 'apart', '- or')):
        stamp(folder, 'a', 3, **(old if other is old else a))
        stamp(folder, 'b', 3, **(a if other is old else other))
        text = report_files([folder], tmp_path / 'out')['results.md']
        assert marks(folder)['a'] == mark and said in text
        assert ('**' in text) == (mark == 'best') and ('protocols differ: data hash' in text) == (mark == 'apart')


def test_seeds_of_different_protocols_are_apart(tmp_path) -> None:
    folder = write(tmp_path / 'sweep', {name: [0.5, 0.52] for name in 'abc'})
    for row in 'abc':
        stamp(folder, row, 2)
    stamp(folder, 'a', 1, fake=9000)  # the first seed
    assert marks(folder) == {'a': 'apart', 'b': '', 'c': ''}  # two that are equal


def test_evaluations_are_columns_of_their_own(tmp_path) -> None:
    folder = write(tmp_path / 'sweep', {'a': [0.5, 0.52], 'b': [0.9, 0.95]})
    for row, values in {'a': (11.0, 12.0), 'b': (31.0, 33.0)}.items():
        for seed, value in enumerate(values):
            entries = [
                {'metric': 'fid', 'value': value, 'step': STEPS[-1], 'protocol': {'fake': 50_000}},
                {'metric': 'fid', 'value': 99.0, 'step': STEPS[0] - 1, 'protocol': {'fake': 50_000}},  # not of the end
                {'metric': 'fid/real', 'value': 1.0, 'step': STEPS[-1], 'protocol': {'fake': 50_000}},
                {'metric': 'fid', 'value': 7.0, 'step': STEPS[-1], 'protocol': {'truncation': 'psi 0.5'}},  # not ranked
                {'metric': 'kid', 'value': None, 'step': STEPS[-1], 'protocol': {}},
            ]
            (folder / 'rows' / row / f'seed_{seed}' / 'evaluation.json').write_text(json.dumps(entries))
    found = table(read([folder]))
    assert {column.metric for column in found.columns} == {BEST, 'evaluation/fid'}
    column = Column('evaluation/fid', 'final')
    assert [found.cell(row, column).mean for row in found.rows] == [11.5, 32.0]
    assert [found.cell(row, column).mark for row in found.rows] == ['best', '']
    assert column.title == 'evaluation/fid ↓'
