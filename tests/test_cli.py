"""The command line: every mistake is one line and exit code 2; the modes that read a run; describe."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import launching
import numpy as np
import pytest
from launching import ROOT, finished
from ml_collections import ConfigDict
from PIL import Image

from experiments import common

CONFIG = """
from ml_collections import ConfigDict
from experiments import common

def get_config(variant=''):
    config = common.get_config()
    config.data.name = 'openmoji'
    config.data.size = 16
    config.latents.size = 8
    config.generator = ConfigDict({'net': 'mlp', 'widths': (8,)})
    config.critic = ConfigDict({'net': 'mlp', 'widths': (8,)})
    config.ema.decay = 0.9
    config.train.update(steps=4, batch_size=16, log_every=2, sample_every=4, checkpoint_every=2)
    config.eval.update(every=4, samples=32, features='pixels')
    return config
"""


@pytest.fixture(scope='module')
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp('config') / 'small.py'
    path.write_text(CONFIG)
    return path


@pytest.fixture
def run(config: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch):
    """Runs launch.main in this process: (*args) -> (exit code, standard output, standard error)."""
    monkeypatch.chdir(ROOT)

    def call(*args: str) -> tuple[int, str, str]:
        code = launching.main(*(arg.replace('CONFIG', str(config)) for arg in args))
        out, errors = capsys.readouterr()
        return code, out, errors

    return call


@pytest.mark.parametrize(
    'args, said',
    [
        ((), 'which experiment? set --config=NAME, such as quickstart'),
        (('--config=experiments/quickstat.py',), 'nearest: quickstart, '),
        (('--config', 'quickstat'), 'nearest: quickstart, '),
        (('--config=common',), "unknown experiment 'common'"),
        (('--config=dirac',), "'dirac' is a sweep: --sweep=dirac"),
        (('--sweep=quickstart',), "'quickstart' is an experiment: --config=quickstart"),
        (('--config=experiments/quickstart.py:smok',), "unknown variant of quickstart 'smok'; did you mean 'smoke'?"),
        (('--config=CONFIG', '--config.train.stepz=3'), "did you mean 'train.steps'?"),
        (('--config=CONFIG', '--config.train.stepz', '3'), "did you mean 'train.steps'?"),
        (('--config=CONFIG', '--config.zebra=3'), "unknown key on the command line 'zebra'"),
        (('--config.pack=3', '--report=x'), '--config.pack overrides a key of which config?'),
        (('--config=CONFIG', '--config.critic.nrm=spectral'), "unknown key of critic for the net 'mlp' 'nrm'; did you"),
        (('--config=CONFIG', '--config.data.color=red'), "unknown key of the data set 'openmoji' 'color'"),
        (('--config=CONFIG', '--config.train.steps=many'), 'many'),
        (('--config=CONFIG', '--config.train.batch_size=None'), 'cannot be turned off; its value is 16'),
        (('--config=CONFIG', '--config.critic=None'), 'critic=None on the command line does not fit'),
        (('--config=CONFIG', '--config.terms.r1.wait=3'), "did you mean 'terms.r1.weight'"),
        (
            ('--config=CONFIG', '--config.penalty.name=r1'),
            'no key penalty.name on the command line any more: it is terms.NAME',
        ),
        (('--config=CONFIG', '--config.dynamics=lookahed'), "unknown dynamics 'lookahed'; did you mean 'lookahead'"),
        (('--config=CONFIG', '--config.lookahead.every=3'), "the section lookahead has no meaning in system 'gan'"),
        (
            ('--config=CONFIG', '--config.critic.norm=None'),
            "critic.norm=None does not fit: the net 'mlp' expects a name",
        ),
        (
            ('--config=CONFIG', '--config.critic.widths=(8, 0)'),
            'expects whole numbers in [1, 2147483647], as (64, 64)',
        ),
        (('--config=CONFIG', '--config.critic.widths=99999999999'), 'critic.widths=(99999999999,) does not fit'),
        (
            ('--config=CONFIG', '--config.critic.init_std=abc'),
            "critic.init_std='abc' must be a finite number, greater than 0",
        ),
        (('--config=CONFIG', '--config.critic.pieces=True'), "critic.pieces='True' on the command line does not fit"),
        (('--config=CONFIG', '--config.critic.minibatch=foo'), "unknown critic.minibatch 'foo'"),
        (('--config=CONFIG', '--config.eval.samples=1'), 'eval.samples=1 must be at least 2'),
        (('--config=CONFIG', '--config.train.batch_size=0'), 'train.batch_size=0 must be at least 1'),
        (('--config=CONFIG', '--config.train.batch_size=18'), 'train.batch_size=18 cannot be divided'),
        (('--config=CONFIG', '--config.train.micro=3'), 'cannot be divided'),
        (('--config=CONFIG', '--config.train.steps_per_call=3'), 'must be a multiple of train.steps_per_call=3'),
        (('--config=CONFIG', '--config.train.precision=float8'), "unknown train.precision 'float8'"),
        (('--config=CONFIG', '--config.train.conv=fast'), "unknown train.conv 'fast'"),
        (('--config=CONFIG', '--config.system=gans'), "unknown system 'gans'; did you mean 'gan'"),
        (('--config=CONFIG', '--config.generator.net=dcgam'), "unknown generator.net 'dcgam'; did you mean 'dcgan'"),
        (
            ('--config=CONFIG', '--config.critic.net=dcgan', '--config.critic.widths=8,8'),
            "'widths'; did you mean 'width'",
        ),
        (('--config=CONFIG', '--config.game=hindge'), "unknown game 'hindge'; did you mean 'hinge'"),
        (('--config=CONFIG', '--config.game=hinge', '--config.targets.real=0.9'), 'has no meaning'),
        (
            ('--config=CONFIG', '--config.terms.r9.weight=3'),
            "'terms.r9.weight'; did you mean 'terms.r",
        ),
        (('--config=CONFIG', '--config.latents.distribution=gauss'), "unknown latents.distribution 'gauss'"),
        (('--config=CONFIG', '--config.optimizer.critic.name=adan'), "did you mean 'adam'"),
        (('--config=CONFIG', '--config.data.name=openmoj'), "did you mean 'openmoji'"),
        (('--config=CONFIG', '--config.data.name=folder:/nowhere'), "there is no folder '/nowhere'"),
        (('--config=CONFIG', '--config.data.size=20'), 'openmoji comes in 4, 8, 16, 32 and 64 pixels'),
        (('--config=CONFIG', '--config.data.name=mnist', '--config.data.size=28'), 'no mnist here'),
        (('--config=CONFIG', '--config.train.steps=900000000'), 'the limit is'),
        (
            ('--config=CONFIG', '--mode=dance'),
            'interpolate|project|directions|evaluate|anomaly|describe|benchmark|compare',
        ),
        (
            ('--config=CONFIG', '--truncation=0.7'),
            '--truncation is for --mode=sample and --mode=interpolate and --mode=',
        ),
        (('--config=CONFIG', '--mode=interpolate', '--space=w', '--path=linear'), '--path is of latents'),
        (('--config=CONFIG', '--mode=sample', '--input=x', '--edit=a:1'), '--input=x is of images: leave out'),
        (('--config=CONFIG', '--profile'), '--profile is for --mode=benchmark'),
        (('--config=CONFIG', '--direction=x'), '--direction is for --mode=sample and --mode=evaluate only'),
        (('--config=CONFIG', '--mode=benchmark', '--config.train.steps_per_call=3'), 'must be a multiple of'),
        (('--config=CONFIG', '--nonsense'), "'nonsense'"),
        (('--config=CONFIG', '--train.steps=100'), 'flag --train.steps; did you mean --config.train.steps=100?'),
        (('--config=CONFIG', '--steps=100'), 'unknown flag --steps; did you mean --config.train.steps=100?'),
        (('--config=CONFIG', '--batch-size=8'), 'did you mean --config.train.batch_size=8?'),
        (('--config=CONFIG', '--train.stepz', '3'), 'flag --train.stepz; did you mean --config.train.steps=3?'),
        (('--config=CONFIG', '--widths=8'), 'did you mean --config.critic.widths=8 or --config.generator.widths=8?'),
        (('--steps=100',), 'did you mean --config.train.steps=100?'),
        (('--config=CONFIG', '--config.steps=100'), "key on the command line 'steps'; did you mean 'train.steps'?"),
        (('--config=CONFIG', '--config.train=100'), 'set --config.train.KEY=100, where KEY is batch_size, '),
        (('--config=CONFIG', '--seed=1'), 'to train with this seed set --config.seed=1'),
        (('--config=CONFIG', '--mode=sample', '--num=2.5'), "'2.5' is no whole number"),
        (('--config=CONFIG', 'word'), "unexpected argument 'word'"),
        (('--config=CONFIG', '--mode=sample'), 'contains no run'),
        (('--config=CONFIG', '--distributed=here'), '--distributed=here'),
        (('--sweep=experiments/sweeps/losses_ring.py',), 'nearest: losses_ring8, '),
        (('--sweep=CONFIG',), 'is not a sweep: it has no `def sweep(add)`'),
        (('--sweep=CONFIG', '--config=CONFIG'), 'has its own config'),
        (('--sweep=CONFIG', '--sweep=CONFIG'), 'has its own config'),
        (('--sweep=CONFIG', '--mode=sample'), '--sweep only trains; for other modes set --workdir alone'),
        (('--sweep=CONFIG', '--distributed=auto'), 'a sweep runs in one process'),
        (('--report=nowhere',), 'nowhere contains no sweep'),
    ],
)
def test_mistakes(run, tmp_path: Path, args: tuple[str, ...], said: str) -> None:
    code, _, errors = run(f'--workdir={tmp_path}/run', *args)
    assert code == 2, errors
    assert said in errors
    assert errors.startswith('error: ') and errors.count('\n') == 1


def test_folder_that_cannot_be_made(run, tmp_path: Path) -> None:
    (tmp_path / 'file').write_text('')
    code, _, errors = run('--config=CONFIG', f'--workdir={tmp_path}/file/run')
    assert code == 2 and 'cannot write to' in errors and errors.count('\n') == 1


@pytest.fixture(scope='module')
def trained(config: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with which the tests below do as a user would; trained in a process of its own, on one device."""
    folder = tmp_path_factory.mktemp('trained')
    out, _ = finished(launching.launch(config, folder))
    first, *following = out.splitlines()
    assert all(name in first for name in ('samples', 'curves', 'checkpoints')) and following[0] == 'next:'
    assert [line.partition('launch.py')[2] for line in following[1:]] == [
        f' --workdir={folder} --mode={mode}' for mode in ('sample', 'evaluate')
    ]
    return folder


def test_what_lies_in_the_folder(trained: Path) -> None:
    names = {path.name for path in trained.iterdir()}
    assert names == {
        'config.json',
        'data.json',
        'checkpoints',
        'samples',
        'metrics.csv',
        'stamps.json',
        'tensorboard',
        'curves.png',
        'reals.png',
        'strip.png',
        'progress.webp',
        'summary.json',
    }
    assert {path.name for path in (trained / 'samples').iterdir()} == {'step_00000000.png', 'step_00000004.png'}


def test_a_run_from_before_a_key_was_there(run, trained: Path, tmp_path: Path) -> None:
    """It has the value of the config now; training it on is refused, since that might change it."""
    folder = tmp_path / 'old'
    shutil.copytree(trained, folder)
    config = json.loads((folder / 'config.json').read_text())
    del config['pack'], config['eval']['features'], config['ema']['decay']
    (folder / 'config.json').write_text(json.dumps(config))
    code, _, errors = run('--config=CONFIG', f'--workdir={folder}', '--mode=sample', '--num=2')
    assert code == 0 and 'is older than' in errors
    assert all(f'{key} (taken as ' in errors for key in ('pack', 'eval.features', 'ema.decay'))
    assert 'data' not in errors.split('older than')[1]
    code, _, errors = run('--config=CONFIG', f'--workdir={folder}')
    assert code == 2 and 'pack (absent there, 1 now)' in errors


def test_none_turns_off_what_an_experiment_turned_on(run, tmp_path: Path) -> None:
    assert run('--config=CONFIG', '--config.ema.decay=None', f'--workdir={tmp_path}/out')[0] == 0
    assert json.loads((tmp_path / 'out/config.json').read_text())['ema']['decay'] is None


def test_sample(run, trained: Path, tmp_path: Path) -> None:
    """The same seed draws the same, from the averaged weights; --config only names the folder."""
    arrays = []
    for name, seed in (('a', 0), ('b', 0), ('c', 1)):
        out = tmp_path / f'{name}.npz'
        code, said, errors = run('--config=CONFIG', f'--workdir={trained}', '--mode=sample', '--num=5', f'--out={out}', f'--seed={seed}')  # fmt: skip  # noqa: E501
        assert code == 0 and str(out) in said, errors
        arrays.append(np.load(out)['samples'])
    assert arrays[0].shape == (5, 16, 16, 3) and arrays[0].dtype == np.uint8
    np.testing.assert_array_equal(arrays[0], arrays[1])
    assert (arrays[0] != arrays[2]).any()
    assert run('--config=CONFIG', f'--workdir={trained}', '--mode=sample', '--num=3', f'--out={tmp_path}/many/')[0] == 0
    assert len(list((tmp_path / 'many').iterdir())) == 3


def test_interpolate(run, trained: Path, tmp_path: Path) -> None:
    pictures = []
    for path in ('spherical', 'linear'):
        out = tmp_path / f'{path}.png'
        args = (f'--workdir={trained}', '--mode=interpolate', f'--path={path}')
        assert run(*args, f'--out={out}')[0] == 0
        pictures.append(np.asarray(Image.open(out)))
    assert pictures[0].shape[1] == 10 * 66 - 2  # columns, each enlarged to 64
    assert pictures[0].shape == pictures[1].shape and (pictures[0] != pictures[1]).any()


@pytest.mark.parametrize(
    'args, said',
    [
        (('--step=3',), 'no checkpoint of step 3'),
        (('--step=last',), '--step=last is neither'),
        (('--out=x.gif',), 'x.gif'),
        (('--out=x.svg',), 'x.svg: images are made of pixels'),
        (('--num=0',), '--num=0 must be at least 1'),
        (('--config.train.batch_size=32',), 'train.batch_size (16 there, 32 now)'),
        (('--config=TRAINED',), 'this is the folder of a run: --workdir='),
        (('--config=gan_ring8',), 'a run of another experiment than --config: data.name (openmoji there, ring now), '),
    ],
)
def test_mistakes_about_a_run(run, trained: Path, args: tuple[str, ...], said: str) -> None:
    args = (arg.replace('TRAINED', str(trained)) for arg in args)
    code, _, errors = run(f'--workdir={trained}', '--mode=sample', *args)
    assert code == 2 and said in errors and errors.count('\n') == 1


def test_missing_checkpoint_is_an_error(run, trained: Path, tmp_path: Path) -> None:
    (tmp_path / 'config.json').write_bytes((trained / 'config.json').read_bytes())
    code, _, errors = run('--config=CONFIG', f'--workdir={tmp_path}', '--mode=sample')
    assert code == 2 and 'has no checkpoint' in errors and not list(tmp_path.glob('*.png'))


def test_describe(run) -> None:
    code, out, _ = run('--config=CONFIG', '--mode=describe', '--workdir=unused')
    assert code == 0
    assert 'generator  6,984' in out and 'critic     6,161' in out  # 8*8+8 + 8*768+768, 768*8+8 + 8+1
    assert '1 x, every step, moves critic' in out and 'parameters   13,145' in out and 'FLOP per step' in out
    assert 'state        186 kB' in out  # three numbers a parameter, and averages of the generator's


def test_divergence_is_named_and_keeps_the_last_finite_state(config: Path, tmp_path: Path) -> None:
    from gans.errors import Stopped
    from gans.training.loop import train

    diverging = common.get_config()
    diverging.data.name = 'ring'
    diverging.latents.size = 2
    diverging.generator = ConfigDict({'net': 'mlp', 'widths': (8,)})
    diverging.critic = ConfigDict({'net': 'mlp', 'widths': (8,)})
    diverging.game = 'least_squares'
    for player in ('generator', 'critic'):
        diverging.optimizer[player] = ConfigDict({'name': 'sgd', 'learning_rate': 1.0})
    diverging.train.update(steps=400, batch_size=16, log_every=2, sample_every=400, checkpoint_every=2)
    diverging.eval.update(every=400, samples=32)
    with pytest.raises(
        Stopped, match=r'step \d+: (critic|generator)/\w+ is (nan|inf); the last finite checkpoint'
    ) as stop:
        train(diverging, tmp_path)
    assert stop.value.code == 1
    assert any(path.name.isdecimal() for path in (tmp_path / 'checkpoints').iterdir())


def test_import_is_light() -> None:
    """`import gans` and its command line start no backend, and import neither jax nor anything heavy."""
    code = "import sys, gans, gans.cli; sys.exit(any(m in sys.modules for m in ('jax', 'flax', 'orbax', 'matplotlib')))"
    assert subprocess.run([sys.executable, '-c', code], cwd=ROOT).returncode == 0
