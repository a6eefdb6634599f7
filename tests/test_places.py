"""Places that a user names: `~` is the home folder in flags, configs and rows; a run's config.json is a config."""

import json
from pathlib import Path

import launching
import pytest
from absl import flags
from test_configs import EXPERIMENTS, HEAD, read, write

from experiments import common
from gans import cli, config_file, configs, schema
from gans.errors import UserError

pytestmark = pytest.mark.usefixtures('compiled')


def test_experiments_by_name_and_path_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name is of this repository wherever one stands; a path is from here, or else from there."""
    monkeypatch.chdir(tmp_path)
    found = {
        ('gan_ring8', False): EXPERIMENTS / 'gan_ring8.py',
        ('gan_ring8:smoke', False): EXPERIMENTS / 'gan_ring8.py',
        ('experiments/gan_ring8.py:smoke', False): EXPERIMENTS / 'gan_ring8.py',
        ('experiments/gan_ring8', False): EXPERIMENTS / 'gan_ring8.py',
        ('experiments/sweeps/dirac.py', False): EXPERIMENTS / 'sweeps' / 'dirac.py',
        ('dirac:smoke', True): EXPERIMENTS / 'sweeps' / 'dirac.py',
    }
    assert {given: config_file.find(*given) for given in found} == found
    write(tmp_path, 'x = 1', 'experiments/gan_ring8.py')
    write(tmp_path, 'x = 1', 'gan_ring8.py')
    write(tmp_path, 'x = 1', 'own.py')
    assert config_file.find('experiments/gan_ring8.py') == Path('experiments/gan_ring8.py')
    assert config_file.find('gan_ring8.py') == Path('gan_ring8.py')
    assert config_file.find('gan_ring8') == EXPERIMENTS / 'gan_ring8.py'
    assert config_file.find('own') == config_file.find('own.py') == Path('own.py')
    assert str(cli.default_workdir('dirac:smoke', True)) == 'runs/sweeps/dirac-smoke'
    assert str(cli.default_workdir('gan_ring8:smoke', False, 'seed1')) == 'runs/gan_ring8-smoke-seed1'
    assert str(cli.default_workdir('a/b/config.json', False, 'seed1', 'finetuned')) == 'a/b-seed1-finetuned'
    assert cli.default_workdir('config.json', False, 'seed1') == tmp_path.with_name(f'{tmp_path.name}-seed1')
    with pytest.raises(UserError) as error:
        config_file.find('lsgan_celebA', False)
    assert str(error.value).startswith(
        f"unknown experiment 'lsgan_celebA': there is no file of that name in {tmp_path} or"
    )
    near = str(error.value).partition('nearest: ')[2].split(', ')
    assert near[0] == 'lsgan_celeba' and len(near) == 3


def test_a_file_of_ones_own_imports_experiments_without_this_repository_on_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    path = write(tmp_path, HEAD + "def get_config():\n    return base('smoke')\n")
    for name in [name for name in sys.modules if name.partition('.')[0] == 'experiments']:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, 'path', [each for each in sys.path if each != str(EXPERIMENTS.parent)])
    before = list(sys.path)
    assert config_file.read(str(path)).data.name == 'ring'
    assert sys.path == before


def test_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('HOME', '/home/me')
    expected = {
        '~': '/home/me',
        '~/a': '/home/me/a',
        'folder:~/a/': 'folder:/home/me/a/',
        'classifier:folder:~/a': 'classifier:folder:/home/me/a',
        '~no_such_user/a': '~no_such_user/a',
        'a~/b': 'a~/b',
        '/a/~': '/a/~',
    }
    assert {text: schema.expand_home(text) for text in expected} == expected
    path = write(
        tmp_path,
        "def get_config():\n    return {'data': {'name': 'folder:~/a', 'cache': '~/c', 'folder': '~', 'data_dir': '~'},"
        " 'finetune': {'run': '~/r'}, 'eval.features': 'classifier:folder:~/a'}\n",
    )
    config = configs.flatten(read(path, ('data.of', 'folder:~/b')))
    assert '~' not in json.dumps(config) and config['data.name'] == 'folder:/home/me/a'
    assert config['data.of'] == 'folder:/home/me/b'
    row = configs.override(common.get_config(), {'data.name': 'folder:~/b'}, 'of a test')
    assert row.data.name == 'folder:/home/me/b'


def test_every_flag_that_names_a_place_knows_the_home_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv('HOME', str(tmp_path))
    flags.FLAGS.unparse_flags()
    places = ['config', 'workdir', 'from', 'out', 'weights', 'real', 'fake', 'compilation_cache', 'features']
    cli.parse(['launch.py', '--mode=finetune', *(f'--{name}=~/x' for name in places)])
    assert {flags.FLAGS[name].value for name in places} == {f'{tmp_path}/x'}
    for name in ('sweep', 'report'):
        for flag in flags.FLAGS:
            flags.FLAGS[flag].unparse()
        cli.parse(['launch.py', f'--{name}', '~/x'])
        assert flags.FLAGS[name].value == f'{tmp_path}/x'


def test_a_run_in_the_home_folder_and_its_config(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    """Nothing is called `~`; config.json is a config: of the same run, or of its like in another folder."""
    monkeypatch.setenv('HOME', str(tmp_path / 'home'))
    monkeypatch.setenv('PYTHONPATH', str(EXPERIMENTS.parent))
    monkeypatch.chdir(tmp_path)
    write(tmp_path / 'home', HEAD + "def get_config():\n    return base('smoke')\n", 'plain.py')
    assert launching.main('--config=~/plain.py', '--workdir=~/runs/a') == 0
    run, home = tmp_path / 'home' / 'runs' / 'a', tmp_path / 'home'
    assert (run / 'summary.json').exists() and not (tmp_path / '~').exists()
    assert launching.main(f'--config={run}/config.json', '--mode=sample', '--num=4', '--out=~/a.npz') == 0
    assert launching.main('--workdir=~/runs/a') == 0  # it is done
    assert launching.main('--config=~/plain.py', '--config.seed=1', '--mode=sample') == 2
    assert 'runs/plain-seed1 contains no run' in capsys.readouterr().err
    assert launching.main('--config=~/plain.py', '--mode=finetune', f'--from={run}', '--config.latents.size=3') == 2
    assert 'cannot be carried over' in capsys.readouterr().err and not (tmp_path / 'runs').exists()
    assert (home / 'a.npz').exists()
    assert launching.main('--config=~/runs/a/config.json', '--workdir=again') == 0
    for name in ('config.json', 'metrics.csv'):
        assert (tmp_path / 'again' / name).read_bytes() == (run / name).read_bytes()
    capsys.readouterr()
    assert launching.main('--config=~/runs/a/config.json:smoke', '--workdir=other') == 2
    assert 'has no variants' in capsys.readouterr().err
