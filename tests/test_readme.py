"""The paper that README adds: its three files, taken from the page as they stand, are a system like any other."""

import importlib.util
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import jax
import numpy as np
import pytest

import experiments
import gans.nets
import gans.systems
from experiments import common
from gans import config_file, configs, defaults, schema
from gans.training import loop, setup

README = (Path(__file__).parent.parent / 'README.md').read_text(encoding='utf-8')
FILES = ('gans/nets/encoder.py', 'gans/systems/regularized.py', 'experiments/regularized_digits.py')


def code_of(name: str) -> str:
    """The block of code that follows the first mention of a file."""
    return re.search(re.escape(f'`{name}`') + r'.*?```python\n(.*?)```', README, re.DOTALL)[1]


def forget() -> None:
    """What is known of systems is read again."""
    for cached in (defaults._functions, schema.whole):
        cached.cache_clear()


@pytest.fixture(scope='module')
def added(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp('paper')
    for name in FILES:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(code_of(name))
    places = {gans.nets: folder / 'gans/nets', gans.systems: folder / 'gans/systems'}
    for package, place in places.items():
        package.__path__.append(str(place))
    spec = importlib.util.spec_from_file_location('experiments.regularized_digits', folder / FILES[2])
    experiments.regularized_digits = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(experiments.regularized_digits)
    forget()
    yield folder
    for package, place in places.items():
        package.__path__.remove(str(place))
    del experiments.regularized_digits
    for name in ('gans.nets.encoder', 'gans.systems.regularized', 'experiments.regularized_digits'):
        sys.modules.pop(name, None)
    forget()


def test_the_paper_trains_with_techniques_and_options(added: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(jax, 'device_count', lambda: 1)
    config = configs.apply_defaults(experiments.regularized_digits.get_config('smoke'), 'of a test')
    overrides = {'regularized.modes': 1.0, 'augment.names': 'translation', 'dynamics': 'lookahead'}
    config = configs.override(config, overrides, 'of a test')
    assert config.regularized.to_dict() == {'copies': 0.2, 'modes': 1.0}
    summary = loop.train(config, tmp_path / 'run')
    found = summary['final']
    assert {'generator/copies', 'generator/modes', 'critic/r1'} <= found.keys()
    game, copies, modes = (found[f'generator/{name}'] for name in ('game', 'copies', 'modes'))
    np.testing.assert_allclose(found['generator/loss'], game + 0.2 * copies + 1.0 * modes, rtol=1e-5)
    assert len(list((tmp_path / 'run' / 'samples').glob('*.png'))) == 2  # before the first step, and after the last


def test_its_own_test_passes(added: Path) -> None:
    held: dict = {}
    exec(compile(code_of('tests/test_regularized.py'), 'README.md', 'exec'), held)
    held['test_the_generator_learns_to_copy']()


def test_an_option_that_it_has_not_is_answered(added: Path) -> None:
    with pytest.raises(Exception, match=r"unknown key .*'regularized.copys'; did you mean 'regularized.copies'"):
        configs.override(common.get_config(), {'regularized.copys': 1.0}, 'of a test')


def test_a_file_of_ones_own_is_an_experiment(tmp_path: Path) -> None:
    (tmp_path / 'mine.py').write_text(code_of('mine.py'))
    config = config_file.read(str(tmp_path / 'mine.py'))
    experiment = setup.setup(config, devices=1)
    assert experiment.source.spec.shape == (2,) and config.terms.near_zero.weight == 0.01
    assert experiment.abstract().params['generator']['Dense_1']['bias'].shape == (128,)


def test_all_experiments_and_sweeps_are_listed() -> None:
    listed = {
        name for row in re.findall(r'^\| (`.*?) \|', README, re.MULTILINE) for name in re.findall(r'`(\w+)`', row)
    }
    assert {*config_file.names(), *config_file.names(swept=True)} <= listed
