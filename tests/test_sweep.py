"""Sweeps: what is grouped, what is trained, what is kept; from the file to the run folders."""

import itertools
import json
import re
import signal
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
import pytest
from ml_collections import ConfigDict

from experiments import common
from gans import api
from gans.configs import override
from gans.errors import Stopped, UserError
from gans.sweep import plan, rows, run, train
from gans.systems import gan
from gans.train import draw, leaves, loop, setup
from gans.train.checkpoints import Checkpoints
from gans.train.logs import read_metrics
from gans.train.workdir import read_config

ROWS = """
'''Three rows and a hinge.'''

def sweep(add):
    add('base')
    add('heavy', **{'terms.r1.weight': 1.0})
    add(name='wild', **{'optimizer.critic.learning_rate': 1e30})
    add('hinge', **{'game': 'hinge'})
"""


def base() -> ConfigDict:
    config = common.get_config()
    config.data.name = 'ring'
    config.latents.size = 4
    config.generator = ConfigDict({'net': 'mlp', 'widths': (8,)})
    config.critic = ConfigDict({'net': 'mlp', 'widths': (8,)})
    config.ema.decay = 0.9
    config.train.update(steps=12, batch_size=8, log_every=2, steps_per_call=2)
    common.every(config, 4)
    config.eval.samples = 32
    return override(config, {'terms.r1.weight': 0.1}, 'of a test')


def write(folder: Path, text: str = ROWS) -> Path:
    path = folder / 'some.py'
    path.write_text(text)
    return path


def groups_of(path: Path, config: ConfigDict, seeds: int = 2) -> list[plan.Group]:
    return plan.plan(rows.load(path, config).members(seeds), plan.Sources())


# Files


@pytest.mark.parametrize(
    'text, said',
    [
        ('x = 1', 'it has no `def sweep(add)`'),
        ('def sweep(add):\n    pass', 'adds no row'),
        ("def sweep(add):\n    add('a')\n    add('a')", "two rows are named 'a'"),
        ("def sweep(add):\n    add('a/b')", "row 'a/b' must be a valid folder name"),
        (
            "def sweep(add):\n    add('a', **{'terms.r1.wait': 1.0})",
            "unknown key of row 'a' 'terms.r1.wait'; did you mean 'terms.r1.weight'",
        ),
        ("def sweep(add):\n    add('a', **{'terms.r1.weight.x': 1.0})", "unknown key of row 'a' 'terms.r1.weight.x'"),
        (
            "def sweep(add):\n    add('a', **{'penalty.weight': 1.0})",
            "no key penalty.weight of row 'a' any more: it is terms.NAME",
        ),
        ("def sweep(add):\n    add('a', zebra=1)", "unknown key of row 'a' 'zebra'"),
        ("def sweep(add):\n    add('a', **{'train.steps': 'many'})", "train.steps='many' of row 'a' does not fit"),
        ("def sweep(add):\n    add('a', seed=3)", 'use --seeds'),
        ("def sweep(add):\n    add('a')\n    1 / 0", 'line 3: ZeroDivisionError: division by zero'),
        ('import nothing_like_it', "line 1: ModuleNotFoundError: No module named 'nothing_like_it'"),
        ("def sweep(add):\n    add('a', game='hindge')", "row 'a': unknown game 'hindge'; did you mean 'hinge'"),
        (
            "def sweep(add):\n    add('a', **{'critic.nrm': 'batch'})",
            "row 'a': unknown key of critic for the net 'mlp'",
        ),
        ("def sweep(add):\n    add('a', **{'train.batch_size': 0})", "row 'a': train.batch_size=0 must be at least 1"),
    ],
)
def test_mistakes_in_a_file(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        groups_of(write(tmp_path, text), base())
    assert said in str(error.value) and '\n' not in str(error.value)


def test_other_mistakes(tmp_path: Path) -> None:
    path = write(tmp_path)
    with pytest.raises(UserError, match='--seeds=0 must be at least 1'):
        groups_of(path, base(), 0)
    with pytest.raises(UserError, match=r"unknown row of .* 'heavi'; did you mean 'heavy'"):
        run.dry_run(path, base(), 1, 'heavi')
    with pytest.raises(UserError, match='contains no sweep'):
        run.rewrite_report([tmp_path], None)
    with pytest.raises(UserError, match=r'population.max_size=0 must be at least 1'):
        groups_of(path, override(base(), {'population.max_size': 0}, 'of a test'))


def test_rows_are_variants_of_the_base(tmp_path: Path) -> None:
    text = """
from experiments import common
def sweep(add):
    add('rms', **{'optimizer.critic': common.rmsprop(1e-4), 'critic.norm': 'spectral', 'ema.decay': None})
    add('int', **{'terms.r1.weight': 10, 'generator.widths': (4, 4)})
"""
    config = base()
    rms, whole = (row.config for row in rows.load(write(tmp_path, text), config).rows)
    assert rms.optimizer.critic.name == 'rmsprop' and rms.optimizer.generator.name == 'adam'
    assert rms.critic.norm == 'spectral' and rms.ema.decay is None
    assert isinstance(whole.terms.r1.weight, float) and whole.generator.widths == (4, 4)
    assert config.to_dict() == base().to_dict()
    seeds = [member.config.seed for member in rows.load(write(tmp_path, text), config).members(3)]
    assert seeds == [0, 1, 2, 0, 1, 2]


# Groups


def test_rows_that_differ_in_numbers_are_one_group(tmp_path: Path) -> None:
    first, second = groups_of(write(tmp_path), base())
    assert [member.folder.as_posix() for member in first.members] == [
        f'rows/{row}/seed_{seed}' for row in ('base', 'heavy', 'wild') for seed in (0, 1)
    ]
    assert set(first.numbers[0]) == {'terms.r1.weight', 'optimizer.critic.learning_rate'}
    assert [member.row for member in second.members] == ['hinge', 'hinge'] and second.numbers == ((),)


@pytest.mark.parametrize(
    'overrides',
    [
        {'game': 'hinge'},
        {'train.batch_size': 16},
        {'train.n_critic': 2},
        {'train.steps': 16},
        {'ema.decay': None},
        {'critic.widths': (4,)},
        {'instance_noise.sigma': 0.1},
        {'terms.r1.every': 2},
        {'terms.r1': None},
        {'terms.lecam.weight': 0.3},
        {'dynamics': 'simultaneous'},
    ],
)
def test_what_is_structure_is_a_group_of_its_own(overrides: dict, tmp_path: Path) -> None:
    path = write(tmp_path, f"def sweep(add):\n    add('a')\n    add('b', **{overrides!r})")
    assert [group.numbers for group in groups_of(path, base())] == [((),)] * 2


def test_a_number_that_cannot_be_traced_is_structure(tmp_path: Path, monkeypatch) -> None:
    """Somebody's system looks at a number: found out by tracing, and the other numbers stay traced."""
    honest = gan.ema
    monkeypatch.setattr(gan, 'ema', lambda config: honest(config) if config.decay > 0.5 else None)
    text = """
def sweep(add):
    for decay in (0.9, 0.8):
        for weight in (1.0, 2.0):
            add(f'{decay}-{weight}', **{'ema.decay': decay, 'terms.r1.weight': weight})
"""
    groups = groups_of(write(tmp_path, text), base())
    assert [group.numbers for group in groups] == [(('terms.r1.weight',),)] * 2
    assert [[member.row for member in group.members] for group in groups] == [
        ['0.9-1.0', '0.9-1.0', '0.9-2.0', '0.9-2.0'],
        ['0.8-1.0', '0.8-1.0', '0.8-2.0', '0.8-2.0'],
    ]


def test_numbers_of_a_held_set_are_structure(tmp_path: Path) -> None:
    config = base()
    config.data = ConfigDict({'name': 'digits', 'size': 8, 'on_device_max_mb': 2000.0})
    path = write(tmp_path, "def sweep(add):\n    add('a')\n    add('b', **{'data.on_device_max_mb': 3000.0})")
    assert [group.numbers for group in groups_of(path, config)] == [((),)] * 2


def test_slices_are_even_and_whole(tmp_path: Path) -> None:
    group = groups_of(write(tmp_path), base(), 3)[0]
    parts = plan.slices(group, 4)
    assert [len(part.members) for part in parts] == [3, 3, 3]
    assert tuple(member for part in parts for member in part.members) == group.members
    assert plan.slices(group, 64) == [group]


def test_dry_run_says_what_would_be_trained(tmp_path: Path) -> None:
    said = run.dry_run(write(tmp_path), base(), 3, None)
    assert '12 runs in 2 structures, 2 programs' in said
    assert 'base, heavy, wild; seeds 0, 1, 2; traced: seed, optimizer.critic.learning_rate, terms.r1.weight' in said
    time = r'\d[\d.]* (s|min|h)'
    assert re.search(rf'1    9 runs, about {time}, 0\.\d MB of state', said)
    assert re.search(rf'about {time} on \d+ x cpu, .*; {time} of it compiling', said)
    assert re.search(r'about \d+\.\d GB of memory of the process', said)
    assert 'leaves curves' not in said  # so few steps are but a trial


# Training


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


def test_members_can_be_sampled_as_any_run(trained: Path, tmp_path: Path) -> None:
    place = trained / 'rows' / 'heavy' / 'seed_1'
    for step in ('latest', 'best'):
        said = draw.sample(read_config(place / 'config.json'), place, 8, 0, step, str(tmp_path / f'{step}.npz'))
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
    text = ROWS.replace("    add('hinge', **{'game': 'hinge'})\n", '')
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
