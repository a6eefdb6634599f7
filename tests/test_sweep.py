"""Sweeps: what is trained, what is kept, what goes on; from the file to the run folders."""

import itertools
import json
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
import pytest
from sweeping import ROWS
from sweeping import small_config as base
from sweeping import write_file as write

from gans import api
from gans.errors import Stopped
from gans.sweep import run, train
from gans.training import draw, leaves, loop, setup
from gans.training.checkpoints import Checkpoints
from gans.training.logs import read_metrics
from gans.training.workdir import read_config

pytestmark = pytest.mark.usefixtures('compiled')


@pytest.fixture(scope='module')
def trained(tmp_path_factory) -> Path:
    """A sweep, trained without a break."""
    folder = tmp_path_factory.mktemp('sweep')
    run.run(write(folder), base(), folder / 'out', 2, None, 'python launch.py --sweep=some.py')
    return folder / 'out'


def test_every_member_has_a_run_folder(trained: Path) -> None:
    for row in ('base', 'heavy', 'hinge'):
        for seed in (0, 1):
            place = trained / 'rows' / row / f'seed_{seed}'
            summary = json.loads((place / 'summary.json').read_text())
            assert summary['steps'] == 12 and summary['seed'] == seed and 'stopped' not in summary
            assert np.isfinite(list(summary['final'].values())).all()
            assert read_metrics(place / 'metrics.csv')['step'].tolist() == [0, 2, 4, 6, 8, 10, 12]
            assert (place / 'samples' / 'step_00000012.png').is_file()
    assert not list((trained / 'populations').iterdir())
    assert [row['name'] for row in json.loads((trained / 'sweep.json').read_text())['rows']] == [
        'base', 'heavy', 'wild', 'hinge',
    ]  # fmt: skip
    assert (trained / 'report' / 'report.html').is_file()


def test_what_the_seconds_went_to(trained: Path) -> None:
    found = json.loads((trained / 'summary.json').read_text())
    whole, parts = found['seconds'].pop('all'), found['seconds']
    assert (found['programs'], found['runs']) == (2, 8) and parts.keys() >= {'planning', 'compiling', 'report'}
    assert sum(parts.values()) == pytest.approx(whole, abs=0.5) and parts['compiling'] > 0.1


def test_waiting_for_the_device_is_training(tmp_path: Path, monkeypatch) -> None:
    """It works after it is called: what a report waits for is not the report's own time."""
    really = train.population

    def late(members: list, numbers: tuple[str, ...]) -> object:
        made = really(members, numbers)
        return made._replace(metrics=lambda tree: time.sleep(0.5) or made.metrics(tree))

    monkeypatch.setattr(train, 'population', late)
    text = "'''One row.'''\n\n\ndef sweep(add):\n    add('base')\n"
    run.run(write(tmp_path, text), base(), tmp_path / 'out', 1, None, 'python launch.py')
    seconds = json.loads((tmp_path / 'out' / 'summary.json').read_text())['seconds']
    assert seconds['training'] > seconds['scoring']


def test_members_can_be_sampled_as_any_run(trained: Path, tmp_path: Path) -> None:
    place = trained / 'rows' / 'heavy' / 'seed_1'
    for step in ('latest', 'best'):
        said = draw.sample(
            read_config(place / 'config.json'), place, draw.Options(8, 0, step, str(tmp_path / f'{step}.npz'))
        )
        assert '8 samples of step' in said
    np.testing.assert_array_equal(api.load(place, 'best').sample(8), np.load(tmp_path / 'best.npz')['samples'])
    scores = read_metrics(place / 'metrics.csv')
    column = scores['eval/sliced_wasserstein'][1:]  # step 0 has no checkpoint
    best = int(scores['step'][1:][np.nanargmin(column)])
    assert f'of step {best}' in said and best in Checkpoints(place / 'checkpoints').steps()


def test_a_member_is_the_run_that_it_would_be_alone(trained: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(jax, 'device_count', lambda: 1)
    place = trained / 'rows' / 'heavy' / 'seed_1'
    loop.train(read_config(place / 'config.json'), tmp_path)
    ours, alone = read_metrics(place / 'metrics.csv'), read_metrics(tmp_path / 'metrics.csv')
    assert ours.keys() == alone.keys()
    for name in ours:
        np.testing.assert_allclose(ours[name], alone[name], rtol=1e-3, atol=1e-4, err_msg=name)


def test_a_member_that_diverges_is_reported_and_the_others_go_on(trained: Path) -> None:
    place = trained / 'rows' / 'wild' / 'seed_0'
    summary = json.loads((place / 'summary.json').read_text())
    assert summary['stopped'].startswith('step ') and 'is' in summary['stopped']
    experiment = setup.setup(read_config(place / 'config.json'), devices=1)
    restored = Checkpoints(place / 'checkpoints').restore(experiment.abstract())
    assert restored.step == summary['steps'] < 12
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(restored.state.params))
    assert 'wild' in (trained / 'report' / 'results.md').read_text()


def bytes_of(folder: Path) -> dict[str, bytes]:
    """What a run leaves, but for the clock."""
    files = [*folder.glob('rows/*/*/metrics.csv'), *folder.glob('rows/*/*/samples/*.png'), folder / 'report/results.md']
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def params_of(place: Path) -> dict[str, np.ndarray]:
    experiment = setup.setup(read_config(place / 'config.json'), devices=1)
    return leaves.by_path(Checkpoints(place / 'checkpoints').restore(experiment.abstract()).state.replace(rng=()))


def interrupted(step: int, monkeypatch, *args) -> None:
    """`run.run`, with a SIGTERM after so many steps of the first program."""
    done = itertools.count(2, 2)  # steps after each call
    with monkeypatch.context() as patch:
        patch.setattr(loop.Signals, 'received', lambda self: signal.SIGTERM if next(done) == step else None)
        with pytest.raises(Stopped, match=f'SIGTERM: saved step {step}'):
            run.run(*args)


def test_interrupted_goes_on_to_the_same_bits(trained: Path, tmp_path: Path, monkeypatch) -> None:
    args = (write(tmp_path), base(), tmp_path / 'out', 2, None, 'python launch.py --sweep=some.py')
    interrupted(6, monkeypatch, *args)
    assert len(list((tmp_path / 'out' / 'populations').iterdir())) == 1
    args[1].population.max_size = 7  # from now on
    run.run(*args)
    wanted, found = bytes_of(trained), bytes_of(tmp_path / 'out')
    assert found.keys() == wanted.keys()
    assert not [name for name in wanted if found[name] != wanted[name]]
    ours, theirs = (params_of(folder / 'rows' / 'base' / 'seed_1') for folder in (trained, tmp_path / 'out'))
    for path in ours:
        np.testing.assert_array_equal(ours[path], theirs[path], err_msg=path)


def test_a_changed_file_trains_what_is_new(trained: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    """An interrupted sweep whose file has then changed: a row stays, one is changed, one is gone, one is new."""
    folder = tmp_path / 'out'
    text = ROWS.replace("    add('hinge', **{'game': 'hinge', 'train.n_critic': 2})\n", '')
    interrupted(6, monkeypatch, write(tmp_path, text), base(), folder, 1, None, 'python launch.py')
    text = text.replace("add('heavy', **{'terms.r1.weight': 1.0})", "add('heavy', **{'terms.r1.weight': 2.0})")
    text = text.replace("add(name='wild', **{'optimizer.critic.learning_rate': 1e30})", "add('new', flip_targets=0.1)")
    begun = []
    really = train.population
    monkeypatch.setattr(
        train, 'population', lambda members, numbers: begun.append(len(members)) or really(members, numbers)
    )
    run.run(write(tmp_path, text), base(), folder, 1, None, 'python launch.py')
    assert begun == [1, 1, 1]  # base goes on, heavy and new begin
    told = re.findall(r'program (\d) of 3(, about \d+ s left)?, 1 runs: (\w+)', capsys.readouterr().err)
    assert [(number, bool(left)) for number, left, _ in told] == [('1', False), ('2', True), ('3', True)]
    assert [path.name for path in (folder / 'replaced').iterdir()] == ['001-heavy-seed_0']
    held = json.loads((folder / 'rows' / 'heavy' / 'seed_0' / 'config.json').read_text())
    assert held['terms']['r1']['weight'] == 2.0
    went_on, straight = (read_metrics(f / 'rows' / 'base' / 'seed_0' / 'metrics.csv') for f in (folder, trained))
    for name in straight:
        np.testing.assert_allclose(went_on[name], straight[name], rtol=1e-4, atol=1e-5, err_msg=name)
    begun.clear()
    run.run(write(tmp_path, text), base(), folder, 1, None, 'python launch.py')
    assert begun == []  # all is done
    run.run(write(tmp_path, text), base(), folder, 2, 'base', 'python launch.py')
    assert begun == [1]  # one more seed of one row
    assert not (folder / 'rows' / 'new' / 'seed_1').exists()


def test_one_row_of_an_interrupted_sweep_leaves_the_others_where_they_stand(tmp_path: Path, monkeypatch) -> None:
    args = (write(tmp_path), base(), tmp_path / 'out', 1)
    interrupted(6, monkeypatch, *args, None, 'python launch.py')
    saved = []
    monkeypatch.setattr(train.Checkpoints, 'restore', _noted(train.Checkpoints.restore, saved))
    run.run(*args, 'heavy', 'python launch.py')
    assert (tmp_path / 'out/rows/heavy/seed_0/summary.json').is_file()
    assert not (tmp_path / 'out/rows/base/seed_0/summary.json').exists()
    saved.clear()
    run.run(*args, None, 'python launch.py')
    assert 6 in saved  # base and wild went on from there
    assert read_metrics(tmp_path / 'out/rows/base/seed_0/metrics.csv')['step'][-1] == 12
    assert not any((tmp_path / 'out' / 'populations').iterdir())


def _noted(restore: Callable, saved: list[int]) -> Callable:
    """`Checkpoints.restore`, of which is noted what steps it finds."""

    def noting(*args):
        found = restore(*args)
        saved.append(found.step if found else 0)
        return found

    return noting


def test_when_all_diverge_the_sweep_still_ends(tmp_path: Path) -> None:
    config = base()
    config.optimizer.critic.learning_rate = 1e30
    run.run(write(tmp_path, "def sweep(add):\n    add('a')"), config, tmp_path / 'out', 2, None, 'python launch.py')
    for seed in (0, 1):
        assert 'stopped' in json.loads((tmp_path / f'out/rows/a/seed_{seed}/summary.json').read_text())
