"""Sweeps of runs of several stages: what is one program, and that a member is the run that it would be alone."""

import itertools
import json
import signal
from pathlib import Path

import jax
import numpy as np
import pytest
from ml_collections import ConfigDict

from experiments import common
from gans.configs import override
from gans.errors import Stopped
from gans.sweep import plan, results, rows, run
from gans.training import draw, loop
from gans.training.checkpoints import Checkpoints
from gans.training.logs import read_metrics
from gans.training.workdir import read_config

pytestmark = pytest.mark.usefixtures('compiled')

ROWS = """
def sweep(add):
    add('base')
    add('fast', **{'optimizer.critic.learning_rate': 1e-3})
    add('later', **{'stages.batch.optimizer.critic.learning_rate': 5e-4})
    add('wild', **{'stages.batch.optimizer.critic.learning_rate': 1e30})
"""


def base() -> ConfigDict:
    config = common.get_config()
    config.data.name = 'ring'
    config.latents.size = 4
    config.generator = ConfigDict({'net': 'mlp', 'widths': (8,)})
    config.critic = ConfigDict({'net': 'mlp', 'widths': (8,)})
    config.train.update(steps=12, batch_size=8, log_every=2, steps_per_call=2)
    common.every(config, 2)
    config.eval.samples = 32
    stages = {'batch': {'begin': 4, 'train': {'batch_size': 16}}, 'wide': {'begin': 8, 'critic': {'widths': (8, 6)}}}
    return override(config, {'stages': stages}, 'of a test')


def write(folder: Path, text: str = ROWS) -> Path:
    path = folder / 'staged.py'
    path.write_text(text)
    return path


@pytest.fixture(scope='module')
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('sweep')
    run.run(write(folder), base(), folder / 'out', 1, None, 'python launch.py --sweep=staged.py')
    return folder / 'out'


def test_floats_of_base_and_stages_are_traced_together(tmp_path: Path) -> None:
    extra = "    add('structure', **{'stages.batch.train.batch_size': 32})\n"
    extra += "    add('border', **{'stages.batch.begin': 6})\n"
    members = rows.load(write(tmp_path, ROWS + extra), base()).members(1)
    first, *others = plan.plan(members, plan.Sources())
    assert [member.row for member in first.members] == ['base', 'fast', 'later', 'wild']
    assert first.numbers == (('optimizer.critic.learning_rate',),) * 3
    assert [[member.row for member in group.members] for group in others] == [['structure'], ['border']]


def test_a_member_is_the_run_that_it_would_be_alone(trained: Path, tmp_path: Path, monkeypatch) -> None:
    """One whose number is another one from the second stage on."""
    monkeypatch.setattr(jax, 'device_count', lambda: 1)
    place = trained / 'rows' / 'later' / 'seed_0'
    config = read_config(place / 'config.json')
    loop.train(config, tmp_path)
    ours, alone = read_metrics(place / 'metrics.csv'), read_metrics(tmp_path / 'metrics.csv')
    assert ours.keys() == alone.keys() and ours['step'][-1] == 12
    for name in ours:
        np.testing.assert_allclose(ours[name], alone[name], rtol=1e-3, atol=1e-4, err_msg=name)
    states = [Checkpoints(each / 'checkpoints').restore(None).state for each in (place, tmp_path)]
    assert states[0].keys() == states[1].keys()
    for path, leaf in states[0].items():
        np.testing.assert_allclose(leaf, states[1][path], rtol=1e-3, atol=1e-4, err_msg=path)


def test_a_member_that_diverges_in_a_stage_ends_where_it_began(trained: Path, tmp_path: Path) -> None:
    """Its last finite state is that of the stage before, and can be sampled."""
    place = trained / 'rows' / 'wild' / 'seed_0'
    summary = json.loads((place / 'summary.json').read_text())
    assert summary['stopped'].startswith('step ') and summary['steps'] == 4
    _, _, step = draw.restored(read_config(place / 'config.json'), place, 'latest')
    assert step == 4


def test_the_best_of_a_run_is_of_its_last_stage(trained: Path) -> None:
    (found,) = results.read([trained])
    by_row = {row.own_name: row.runs[0] for row in found.rows}
    assert all(by_row[name].best_step > 8 for name in ('base', 'fast', 'later'))


@pytest.mark.parametrize('step', [4, 6])
def test_an_interrupted_population_goes_on_in_any_stage(trained: Path, tmp_path: Path, monkeypatch, step: int) -> None:
    text = ROWS.replace("    add('wild'", "    # add('wild'")
    args = (write(tmp_path, text), base(), tmp_path / 'out', 1, None, 'python launch.py --sweep=staged.py')
    calls = itertools.count(2, 2)  # steps done after each call
    with monkeypatch.context() as patch:
        patch.setattr(loop.Signals, 'received', lambda self: signal.SIGTERM if next(calls) == step else None)
        with pytest.raises(Stopped, match=f'SIGTERM: saved step {step}'):
            run.run(*args)
    run.run(*args)
    for row in ('base', 'fast', 'later'):
        ours, straight = (
            read_metrics(f / 'rows' / row / 'seed_0' / 'metrics.csv') for f in (tmp_path / 'out', trained)
        )
        assert ours.keys() == straight.keys()
        for name in straight:
            np.testing.assert_allclose(ours[name], straight[name], rtol=1e-4, atol=1e-5, err_msg=name)
