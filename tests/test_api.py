"""What `import gans` gives: the example of its docstring as it stands, and what it says of mistakes."""

import doctest
import json
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import jax
import launching
import numpy as np
import pytest
import test_translation

import gans
from gans import api, configs, signatures
from gans.data import blank, feed, load
from gans.errors import UserError
from gans.training import remembered, setup, workdir

LABELED = {
    'data': {'name': 'ring', 'labels': True},
    'generator': {'net': 'mlp', 'widths': (8,), 'condition': 'concat'},
    'critic': {'net': 'mlp', 'widths': (8,), 'condition': 'projection'},
}


@pytest.fixture(scope='module')
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder in which the example has been run: it has runs/mine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jax, 'device_count', lambda: 1)
        patch.chdir(tmp_path_factory.mktemp('api'))
        handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
        found = doctest.testmod(gans)
        assert found.attempted > 9 and not found.failed
        assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers
        yield Path.cwd()


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Path:
    """A copy of the run, to be damaged."""
    return Path(shutil.copytree(made / 'runs' / 'mine', tmp_path / 'copy'))


def run_of(config: dict) -> gans.Run:
    """An untrained run, which has no folder."""
    config = configs.apply_defaults(config, 'of a test')
    (experiment,) = setup.setup_stages(config, devices=1)
    return gans.Run(Path('nowhere'), config, experiment, experiment.init(), 0)


def test_what_is_public_is_listed_and_explained() -> None:
    assert set(gans.__all__) < set(dir(gans))
    assert all(getattr(gans, name).__doc__ for name in gans.__all__)
    own = signatures.functions(Path(api.__file__))
    assert {name for name in own if not name.startswith('_')} < set(gans.__all__)
    assert all(getattr(gans.Run, name).__doc__ for name in vars(gans.Run) if not name.startswith('_'))
    assert not doctest.testmod(api).failed
    assert (Path(gans.__file__).parent / 'py.typed').exists() and gans.__version__[0].isdecimal()
    with pytest.raises(AttributeError, match="module 'gans' has no attribute 'trian'"):
        gans.trian  # noqa: B018
    for error in (gans.UserError, gans.Stopped):
        assert f'{error.__module__}.{error.__name__}' in ('gans.UserError', 'gans.Stopped')
    shown = [error._render_traceback_() for error in (gans.UserError('no'), gans.Stopped('saved', 130))]
    assert shown == [['gans.UserError: no'], ['gans.Stopped: saved']], 'all that a notebook shows'


def test_a_run_is_loaded_without_its_data(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And draws what `--mode=sample` draws."""
    assert launching.main('--workdir=runs/mine', '--mode=sample', '--num=5', '--seed=3', '--out=x.npz') == 0

    def read(config: object) -> None:
        raise AssertionError('the data set is read')

    monkeypatch.setattr(load, 'load', read)
    run = gans.load(made / 'runs' / 'mine', step='best')
    np.testing.assert_array_equal(run.sample(5, seed=3), np.load('x.npz')['samples'])
    assert run.sample().shape == (64, 2) and np.abs(run.sample(5, seed=4) - run.sample(5, seed=3)).max() > 0
    scores = run.critic(run.sample(3))
    assert scores.dtype == np.float32 and len(np.unique(scores)) == 3 and run.critic(np.zeros((0, 2))).shape == (0,)
    assert run.config.data.name == 'ring' and run.config.is_locked and run.summary['steps'] == run.step == 2
    assert repr(run) == f"gans.load('{made}/runs/mine', step=2)"


def test_a_row_of_a_sweep_is_a_run(copy: Path, tmp_path: Path) -> None:
    row = tmp_path / 'rows' / 'r1'
    shutil.copytree(copy, row / 'seed_0')
    assert gans.load(row, step=2).folder == row / 'seed_0'
    shutil.copytree(copy, row / 'seed_1')
    with pytest.raises(gans.UserError, match=r'r1 holds 2 runs: name one, such as .*r1/seed_0'):
        gans.load(row)


@pytest.mark.parametrize(
    'name, text, said',
    [
        ('config.json', '{"seed": ', 'config.json is not valid JSON'),
        ('config.json', '{"trian": 1}', "unknown key of .*config.json 'trian'; did you mean 'train"),
        ('data.json', '[]', 'data.json does not hold what is written there'),
        ('data.json', '{"examples": 1, "digest": "", "stages": {"": 1}}', 'data.json does not hold what is written'),
        ('checkpoints/2/about/metadata', '', 'every checkpoint in .* is damaged'),
    ],
)
def test_what_is_damaged_is_said_in_a_line(copy: Path, name: str, text: str, said: str) -> None:
    (copy / name).write_text(text)
    with pytest.raises(gans.UserError, match=said) as error:
        gans.load(copy)
    assert '\n' not in str(error.value)


def test_of_a_run_that_is_older_the_data_are_read(copy: Path, capsys: pytest.CaptureFixture) -> None:
    held = json.loads((copy / 'data.json').read_text())
    workdir.write_json(copy / 'data.json', {key: held[key] for key in ('examples', 'digest')})
    assert gans.load(copy).sample(2).shape == (2, 2)
    assert capsys.readouterr().err.count('its data set is read') == 1


@pytest.mark.parametrize(
    'call, said',
    [
        (lambda run: gans.load(run.folder, step=1), 'no checkpoint of step 1 in .*; steps there: \\[2\\]'),
        (lambda run: gans.load(run.folder, step='last'), "step='last' is neither a number nor 'latest' nor 'best'"),
        (lambda run: gans.load(run.folder / 'samples'), 'samples holds no run'),
        (lambda run: run.sample(0), 'num=0 must be at least 1'),
        (lambda run: run.sample(seed=-1), 'seed=-1 must'),
        (lambda run: run.sample(labels=3), "labels=3: system 'gan' knows no classes; leave them out"),
        (lambda run: run.sample(inputs=np.zeros((1, 2))), 'made from latents alone: leave inputs out'),
        (lambda run: run.critic(np.zeros((4, 3))), r'examples have the shape \[4, 3\]; of this run it is \[N, 2\]'),
        (
            lambda run: run.critic(np.zeros((4, 2)), labels=0),
            'the examples of this run have no classes; leave them out',
        ),
        (lambda run: gans.evaluate(run.folder, num=1), 'num=1 must be at least 2'),
        (lambda run: gans.evaluate(run.folder, num=4, truncation='1,0.5'), '--truncation=1,0.5 is not PSI'),
        (
            lambda run: gans.train('gan_ring8', 'x'),
            r"config='gan_ring8' is no config: give what gans.config\(NAME\) returns",
        ),
        (lambda run: gans.config('gan_ring88'), "unknown experiment 'gan_ring88'"),
        (lambda run: gans.config('gan_ring8', 'smok'), "unknown variant of gan_ring8 'smok'"),
        (lambda run: gans.train({'train': {'stepz': 1}}, 'x'), "of the config 'train.stepz'; did you mean 'train.st"),
    ],
)
def test_mistakes_are_said_in_a_line(made: Path, call: object, said: str) -> None:
    with pytest.raises(gans.UserError, match=said) as error:
        call(gans.load('runs/mine'))
    assert '\n' not in str(error.value)


def test_classes_are_asked_for_by_name_or_number() -> None:
    run = run_of(LABELED)
    assert run.classes[3] == 'mode 3'
    by_name, in_turn = run.sample(8, labels=['mode 3', '5']), run.sample(8)
    np.testing.assert_array_equal(by_name, run.sample(labels=[3, 5] * 4))
    assert np.array_equal(in_turn[5], by_name[5]) and not np.array_equal(in_turn[4], by_name[4])
    by_number, all_three = run.critic(by_name, labels=[3, 5] * 4), run.critic(by_name, labels='mode 3')
    assert by_number[0] == all_three[0] and by_number[1] != all_three[1]
    for call, said in (
        (lambda: run.sample(labels='mode 9'), "unknown label 'mode 9'; did you mean 'mode"),
        (lambda: run.critic(by_name), 'this critic is told the class of each example: give labels'),
        (lambda: run.critic(by_name, labels=[]), 'there are 0 labels for 8 examples'),
        (lambda: run.critic(by_name, labels=[1, 2]), 'there are 2 labels for 8 examples'),
        (lambda: run.sample(labels=[]), 'num=0 must be at least 1'),
    ):
        with pytest.raises(UserError, match=said):
            call()


def test_samples_are_made_from_images_that_are_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """As floats or as uint8; of a critic that is told images nothing is known."""
    monkeypatch.setattr(setup, 'build', test_translation.translator)
    run = run_of({'data': test_translation.PAIRED, 'eval': {'features': None}})
    pixels = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 1), np.uint8)
    pixels = np.repeat(pixels, run._experiment.source.spec.fields['source'].shape[-1], -1)
    painted = run.sample(inputs=pixels)
    assert painted.shape == (3, 8, 8, 3) and np.ptp(painted, 0).max() > 0
    np.testing.assert_allclose(run.sample(2, inputs={'source': pixels / 127.5 - 1}), painted[:2], atol=1e-5)
    for call, said in (
        (lambda: run.sample(4), "samples of this run are made from 'source' of examples: give inputs="),
        (lambda: run.sample(4, inputs=pixels), 'num=4 samples are made from as many inputs, and there are 3'),
        (lambda: run.sample(inputs={'real': pixels}), "are made from 'source' of examples"),
        (lambda: run.sample(inputs=pixels[:, :4]), r'inputs of source have the shape \[3, 4, 8, '),
        (lambda: run.critic(painted), 'has no critic that judges one example by itself'),
    ):
        with pytest.raises(UserError, match=said):
            call()


def test_each_stage_of_a_run_looks_as_it_did(tmp_path: Path) -> None:
    net = {'net': 'mlp', 'widths': (8,)}
    given = {'data': {'name': 'openmoji', 'size': 16}, 'generator': net, 'critic': net, 'train': {'steps': 4}}
    config = configs.apply_defaults({**given, 'stages.big': {'begin': 2, 'data': {'size': 32}}}, 'of a test')
    trained = setup.setup_stages(config, devices=1)
    workdir.write_json(tmp_path / 'data.json', {'examples': 1, 'digest': '', 'stages': setup.looks(trained)})
    loaded = setup.setup_stages(config, devices=1, sources=remembered.sources(tmp_path, config))
    assert [stage.source.spec.shape for stage in loaded] == [(16, 16, 3), (32, 32, 3)]
    assert [stage.abstract() for stage in loaded] == [stage.abstract() for stage in trained]


@pytest.mark.parametrize('data', [LABELED['data'], test_translation.PAIRED, test_translation.UNPAIRED])
def test_a_blank_set_looks_like_the_one_it_stands_for(data: dict) -> None:
    source = load.load(data)
    stand_in = blank.blank(json.loads(json.dumps(blank.describe(source))))
    assert stand_in.absent
    assert stand_in.spec == source.spec and feed.shapes(stand_in, 3) == feed.shapes(source, 3)
    assert not any(array.any() for array in feed.examples(stand_in, 3, feed.fixed_key()).values())
