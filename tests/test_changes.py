"""What may change in the folder of a run, what may not, and what becomes of it."""

import csv
import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import jax
import numpy as np
import pytest
import sweeping
from ml_collections import ConfigDict
from PIL import Image

from gans import configs
from gans.configs import flatten
from gans.data import load
from gans.errors import Stopped, UserError
from gans.metrics import protocol
from gans.sweep import plan, run
from gans.sweep import rows as sweep_rows
from gans.sweep.take import take
from gans.training import draw, identity, leaves, loop, setup, workdir
from gans.training.checkpoints import Checkpoints
from gans.training.logs import forget

pytestmark = pytest.mark.usefixtures('compiled')


@pytest.fixture(autouse=True)
def one_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jax, 'device_count', lambda: 1)


def config_of(**overrides: object) -> ConfigDict:
    """A toy that reports at 4, 8, ... and is scored at 3, 6, ...."""
    config = sweeping.small_config()
    config.train.update(steps=7, steps_per_call=1, log_every=4, sample_every=4, checkpoint_every=4)
    config.eval.every = 3
    config.update_from_flattened_dict(overrides)
    return config


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob('*') if path.is_file()}


def restored(folder: Path, which: str) -> tuple[int, dict[str, np.ndarray]]:
    experiment = setup.setup(workdir.read_config(folder / 'config.json'), devices=1)
    found = Checkpoints(folder / 'checkpoints').restore(experiment.abstract(), which)
    return found.step, leaves.by_path(found.state.replace(rng=()))


def written(folder: Path, config: ConfigDict, done: int | None, **data: object) -> Path:
    """The folder of a run, as far as `workdir.check` and `claim` look at it."""
    folder.mkdir(exist_ok=True)
    workdir.write_json(folder / 'config.json', config.to_dict())
    workdir.write_json(folder / 'data.json', {'examples': None, 'digest': None} | data)
    if done is not None:
        (folder / 'checkpoints' / str(done)).mkdir(parents=True)
    return folder


SOURCE = load.load({'name': 'ring'})


# Longer training


@pytest.fixture(scope='module')
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 7 steps, which is the step of no report but for its end."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jax, 'device_count', lambda: 1)
        folder = tmp_path_factory.mktemp('short') / 'run'
        loop.train(config_of(), folder)
    return folder


@pytest.mark.usefixtures('drawn')
def test_a_longer_run_is_one_that_was_as_long_from_the_start(short: Path, tmp_path: Path, capsys) -> None:
    longer, straight = tmp_path / 'longer', tmp_path / 'straight'
    shutil.copytree(short, longer)
    assert Checkpoints(longer / 'checkpoints').steps() == [4, 7]
    before = json.loads((longer / 'summary.json').read_text())
    capsys.readouterr()
    summary = loop.train(config_of(**{'train.steps': 16}), longer)
    assert 'train.steps (7 there, 16 now); noted in history.json' in capsys.readouterr().err
    once = loop.train(config_of(**{'train.steps': 16}), straight)
    assert (longer / 'metrics.csv').read_bytes() == (straight / 'metrics.csv').read_bytes()
    wanted, found = (
        {path.name: path.read_bytes() for path in (each / 'samples').iterdir()} for each in (straight, longer)
    )
    assert found == wanted
    assert Checkpoints(longer / 'checkpoints').steps() == Checkpoints(straight / 'checkpoints').steps()
    for which in ('latest', 'best'):
        (step, ours), (other, theirs) = (restored(each, which) for each in (longer, straight))
        assert step == other
        for path in theirs:
            np.testing.assert_array_equal(ours[path], theirs[path], err_msg=path)
    assert summary['steps'] == 16 and summary['final'] == once['final'] != before['final']
    for name in ('curves.png', 'reals.png', 'strip.png', 'progress.webp'):
        assert (longer / name).read_bytes() == (straight / name).read_bytes(), name
    (note,) = json.loads((longer / 'history.json').read_text())
    assert note == {'step': 7, 'was': {'train.steps': 7}, 'summary': before}
    assert workdir.read_config(longer / 'config.json').train.steps == 16


def test_a_finished_run_stays_as_it_is(short: Path) -> None:
    before = contents(short)
    loop.train(config_of(), short)
    assert contents(short) == before


def test_forgetting_the_end(tmp_path: Path) -> None:
    path = tmp_path / 'metrics.csv'
    text = 'step,eval/a,critic/loss,late\n3,1,,\n6,2,0.5,\n7,3,0.25,9\n'
    kept = {
        (True, True): text,
        (False, True): 'step,eval/a,critic/loss\n3,1,\n6,2,0.5\n7,3,\n',
        (True, False): 'step,eval/a,critic/loss,late\n3,1,,\n6,2,0.5,\n7,,0.25,9\n',
        (False, False): 'step,eval/a,critic/loss\n3,1,\n6,2,0.5\n',
    }
    for (logged, scored), wanted in kept.items():
        path.write_text(text)
        forget(path, 7, logged, scored)
        assert path.read_text() == wanted


def test_a_score_is_of_the_step_that_was_scored(tmp_path: Path) -> None:
    """Reports are made beside the training: that of step 3 may end when step 4 is saved."""
    often = {'train.checkpoint_every': 2, 'train.keep': 6, 'train.log_every': 6, 'train.sample_every': 6}
    loop.train(config_of(**{'train.steps': 6, **often}), tmp_path)
    checkpoints = Checkpoints(tmp_path / 'checkpoints')
    scored = {
        int(row['step']): np.float32(row['eval/sliced_wasserstein']) for row in rows(tmp_path) if row['eval/modes']
    }
    assert {step: checkpoints.restore(None, step).score for step in (2, 4, 6)} == {2: None, 4: None, 6: scored[6]}


def rows(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((folder / 'metrics.csv').open()))


# Keys


@pytest.mark.parametrize(
    'key, value',
    [
        ('train.keep', 5),
        ('train.log_every', 2),
        ('train.sample_every', 1),
        ('train.checkpoint_every', 2),
        ('eval.every', 7),
        ('train.steps', 5),
        ('data.on_device_max_mb', 1.0),
        ('population.max_size', 3),
    ],
)
def test_keys_that_may_change(key: str, value: object, tmp_path: Path, capsys) -> None:
    folder, config = written(tmp_path, config_of(), 4), config_of(**{key: value})
    workdir.check(folder, config, SOURCE, 4)
    workdir.claim(folder, config, SOURCE, 4)
    if key.startswith('population.'):
        return
    assert flatten(workdir.read_config(folder / 'config.json'))[key] == value
    was = flatten(config_of())[key]
    assert json.loads((folder / 'history.json').read_text()) == [{'step': 4, 'was': {key: was}, 'summary': {}}]
    assert f'from step 4 on {key} ({was} there, {value} now)' in capsys.readouterr().err
    workdir.claim(folder, config, SOURCE, 4)  # again: nothing is new
    assert len(json.loads((folder / 'history.json').read_text())) == 1


@pytest.mark.parametrize(
    'key, value, said',
    [
        ('train.steps', 4, 'holds 4 steps already: train.steps=4 must be more'),
        ('train.steps', 2, 'holds 4 steps already: train.steps=2 must be more'),
        ('train.batch_size', 16, r'another config: train.batch_size \(8 there, 16 now\)'),
        ('seed', 1, r'another config: seed \(0 there, 1 now\)'),
        ('eval.samples', 64, 'another config'),
        ('data.name', 'grid', 'another config'),
        ('ema.decay', None, r'ema.decay \(0.9 there, None now\)'),
        ('optimizer.critic.learning_rate', 0.5, 'another config'),
        ('instance_noise.until', 5, 'another config'),
    ],
)
def test_keys_that_may_not_change(key: str, value: object, said: str, tmp_path: Path) -> None:
    folder = written(tmp_path, config_of(), 4)
    before = contents(folder)
    with pytest.raises(UserError, match=said) as error:
        workdir.check(folder, config_of(**{key: value}), SOURCE, 4)
    assert 'choose another --workdir' in str(error.value) and 'delete' not in str(error.value)
    assert contents(folder) == before


@pytest.mark.parametrize(
    'asked, typed, said',
    [
        ({}, {'train.keep': 5}, 'train.keep (2 there, 5 now); leave out what is not its own'),
        (
            {'game': 'hinge'},
            {},
            'another experiment than --config: game (non_saturating there, hinge now); leave --config',
        ),
        ({'data.name': 'grid'}, {}, 'data.name (ring there, grid now)'),
        ({'terms.r2.weight': 1}, {}, 'terms.r2 (absent there, on now)'),
        ({'generator.net': 'dirac', 'generator.widths': None}, {}, 'generator.net (mlp there, dirac now)'),
        ({'train.steps': 9, 'generator.widths': (9,), 'eval.every': 1}, {}, ''),
        ({'optimizer.critic.learning_rate': 1.0}, {'train.keep': 2}, ''),
    ],
)
def test_modes_that_read_a_run_want_its_own_config(asked: dict, typed: dict, said: str, tmp_path: Path) -> None:
    """Not another experiment, whatever its numbers are now, and nothing typed that it has not."""
    folder = written(tmp_path, config_of(), 4)
    given = configs.override(config_of(), asked | typed, 'of a test')
    if not said:
        assert flatten(identity.own_config(given, folder, typed, True)) == flatten(config_of())
        return
    with pytest.raises(UserError) as error:
        identity.own_config(given, folder, typed, True)
    assert said in str(error.value) and '\n' not in str(error.value)
    if not typed:  # the folder of the experiment's own name, which an earlier command line may have changed
        identity.own_config(given, folder, {}, False)


def test_a_row_of_a_sweep_is_of_the_experiment_of_its_sweep(tmp_path: Path) -> None:
    folder = tmp_path / 'rows' / 'a' / 'seed_0'
    folder.mkdir(parents=True)
    written(folder, config_of(game='hinge'), None)
    about = {'name': 'x', 'doc': '', 'command': '', 'seeds': [0]}
    rows = [{'name': 'a', 'overrides': {'game': 'hinge'}}, {'name': 'b', 'overrides': {'data.name': 'grid'}}]
    workdir.write_json(tmp_path / 'sweep.json', about | {'rows': rows})
    assert identity.own_config(config_of(), folder, {}, True).game == 'hinge'
    with pytest.raises(UserError, match=r'another experiment than --config: data.name \(ring there, grid now\)'):
        identity.own_config(configs.override(config_of(), {'data.name': 'grid'}, 'of a test'), folder, {}, True)


@pytest.mark.parametrize(
    'final, end, refused', [(None, 7, True), (0.0, 10, True), (0.1, 7, False), (None, 16, False), (None, 5, False)]
)
def test_a_longer_run_whose_rate_has_come_to_nothing(final, end: int, refused: bool, tmp_path: Path) -> None:
    """Unless it was meant: the rate had come to 0 before the run ended."""
    schedule = {'schedule': 'linear', 'schedule_end': end, 'schedule_final': final}
    scheduled = {f'optimizer.critic.{key}': value for key, value in schedule.items()}
    before, after = (configs.override(config_of(**{'train.steps': steps}), scheduled, 'of a test') for steps in (7, 16))
    folder = written(tmp_path, before, 4)
    if not refused:
        workdir.check(folder, after, SOURCE, 4)
        return
    with pytest.raises(
        UserError, match=f'train.steps=16 goes beyond optimizer.critic.schedule_end={end}, where the rate'
    ):
        workdir.check(folder, after, SOURCE, 4)


def test_a_sweep_with_longer_rows_trains_them_anew(tmp_path: Path) -> None:
    """Its members' states lie apart once they are done, so none of them goes on."""
    path = sweeping.write_file(tmp_path, "def sweep(add):\n    add('a')")
    (member,) = sweep_rows.load(path, config_of()).members(1)
    folder = tmp_path / 'out' / member.folder
    folder.mkdir(parents=True)
    written(folder, config_of(), None)
    summary = {'steps': 7, 'seconds': 1.0, 'final': {}}
    workdir.write_json(folder / 'summary.json', summary)
    left = lambda config: take(sweeping.groups_of(path, config, 1), tmp_path / 'out', 64, plan.Sources())
    with left(config_of()) as (parts, _):
        assert not parts  # done
    with left(config_of(**{'train.steps': 16})) as ((part,), _):
        assert part.members[0].config.train.steps == 16
        assert [path.name for path in folder.iterdir()] == ['.lock']
    old = tmp_path / 'out' / 'replaced' / '001-a-seed_0'
    assert workdir.read_json(old / 'summary.json') == summary and not (old / '.lock').exists()


def test_settings_of_jax_are_in_the_stamp() -> None:
    system = SimpleNamespace(ema=None)
    plain = protocol.run({'name': 'ring'}, SOURCE, system)
    with jax.enable_x64(True):
        assert protocol.run({'name': 'ring'}, SOURCE, system) == plain | {'jax_enable_x64': True}


# A run that came to no checkpoint


def test_a_rate_that_diverges_then_the_lower_one(tmp_path: Path, capsys) -> None:
    folder = tmp_path / 'run'
    with pytest.raises(Stopped) as stopped:
        loop.train(config_of(**{'optimizer.critic.learning_rate': 1e30}), folder)
    assert 'Try a lower learning rate, or a penalty: it begins anew in this folder' in str(stopped.value)
    left = (folder / 'metrics.csv').read_bytes()
    assert loop.train(config_of(), folder)['steps'] == 7
    said = 'optimizer.critic.learning_rate (1e+30 there, 0.0002 now)'
    assert f'no checkpoint makes way ({said}): what it has left is in {folder}/replaced/001' in capsys.readouterr().err
    assert (folder / 'replaced' / '001' / 'metrics.csv').read_bytes() == left
    assert json.loads((folder / 'replaced' / '001' / 'config.json').read_text())['optimizer']['critic'][
        'learning_rate'
    ] == pytest.approx(1e30)
    assert [int(row['step']) for row in rows(folder)] == [0, 3, 4, 6, 7]


def test_a_run_that_diverges_after_a_checkpoint_keeps_its_folder(tmp_path: Path) -> None:
    said = loop._advice(tmp_path, 4)
    assert 'in another --workdir' in said and f'--mode=finetune --from={tmp_path} --step=4' in said


# Data


def pictures(folder: Path, names: str, seed: int) -> Path:
    folder.mkdir(exist_ok=True)
    for name, pixels in zip(names, np.random.default_rng(seed).integers(0, 256, (len(names), 8, 8, 3)), strict=True):
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f'{name}.png')
    return folder


def config_on(folder: Path) -> ConfigDict:
    config = config_of(**{'train.steps': 8})
    config.data = ConfigDict({'name': f'folder:{folder}', 'size': 8})
    config.eval.features = None
    return config


def test_data_that_changed_are_told_before_anything_is_trained(tmp_path: Path, capsys) -> None:
    data, folder = pictures(tmp_path / 'data', 'abcdefghijklmnopqrst', 0), tmp_path / 'run'
    final = loop.train(config_on(data), folder)['final']
    shutil.rmtree(folder / 'checkpoints' / '8')
    moved, more, others = (shutil.copytree(data, tmp_path / name) for name in ('moved', 'more', 'others'))
    pictures(more, 'ABCDEFGHIJKLMNOPQRST', 1)
    pictures(others, 'a', 2)
    before = contents(folder)
    for changed, then in ((more, r'20 examples then, 40 now'), (others, r'20 examples then, as many others now')):
        shutil.rmtree(data)
        shutil.copytree(changed, data)
        with pytest.raises(UserError, match=rf'not the data this run began with \({then}\)'):
            loop.train(config_on(data), folder)
        assert contents(folder) == before
        capsys.readouterr()
        draw.sample(config_on(data), folder, draw.Options(4, 0, 'latest', str(tmp_path / 'samples.npz')))
        assert 'not the data this run began with' in capsys.readouterr().err
    # The same data elsewhere will do; and the summary is of the run that wrote it.
    summary = {'steps': 8, 'seconds': 1.0, 'final': {'eval/sliced_wasserstein': -1.0}}
    workdir.write_json(folder / 'summary.json', summary)
    assert loop.train(config_on(moved), folder)['final'] == final
    assert json.loads((folder / 'summary.json').read_text())['final'] == final
    assert 'data.name' in json.loads((folder / 'history.json').read_text())[0]['was']


def test_folders_from_before_data_were_told(tmp_path: Path, capsys) -> None:
    config = config_on(pictures(tmp_path / 'data', 'ab', 0))
    source, folder = load.load(config.data), written(tmp_path / 'run', config, 4)
    (folder / 'data.json').unlink()
    workdir.check(folder, config, source, 4)
    workdir.claim(folder, config, source, 4)
    assert 'older than data.json' in capsys.readouterr().err
    assert workdir.read_json(folder / 'data.json') == {'examples': 2, 'digest': source.digest}


def test_a_sweep_does_not_go_on_with_other_data(tmp_path: Path) -> None:
    data = pictures(tmp_path / 'data', 'abcdefgh', 0)
    path = sweeping.write_file(tmp_path, "def sweep(add):\n    add('a')\n    add('b', game='hinge')")
    config = config_on(data)
    written_run = tmp_path / 'out' / 'rows' / 'b' / 'seed_0'
    written_run.mkdir(parents=True)
    other = config.copy_and_resolve_references()
    other.game = 'hinge'
    written(written_run, other, None, examples=7, digest='another')
    with pytest.raises(UserError, match=r'rows/b/seed_0: not the data this run began with \(7 examples then, 8 now\)'):
        run.run(path, config, tmp_path / 'out', 1, None, 'python launch.py')
    assert not list((tmp_path / 'out').glob('rows/*/*/metrics.csv'))


@pytest.mark.parametrize('name', sorted(workdir.HELD))
def test_files_that_hold_something_else_are_told(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    for text in ('', '{"steps": 1', '3', 'null', '"a"', '["a"]', '[["a"]]', '{"a": 1}', '\udcff'):
        path.write_bytes(text.encode(errors='surrogateescape'))
        with pytest.raises(UserError, match=f'{name} (is no JSON|does not hold what is written there)'):
            workdir.read_json(path, {})
    path.unlink()
    path.mkdir()
    with pytest.raises(UserError, match=f'cannot read .*{name}: Is a directory'):
        workdir.read_json(path, {})
