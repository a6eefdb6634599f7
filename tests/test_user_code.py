"""A loss, a term, a net, a data set and a system of the user's own: 'FILE.py:NAME' in a config."""

import os
import signal
from pathlib import Path

import jax
import launching
import numpy as np
import pytest

from gans import api, config_file, configs, losses, terms, user_code
from gans.core import Spec
from gans.data import load
from gans.errors import Stopped, UserError
from gans.sweep import rows
from gans.training import report, setup, workdir

PARTS = '''
import flax.linen as nn
import jax.numpy as jnp

from gans.core import Array, Aux, Compute, Spec
from gans.data.base import Source
from gans.losses import Game
from gans.ops import random
from gans.parts import Term
from gans.systems import gan


def lazy_wasserstein(targets):
    return Game(critic=lambda real, fake: targets.real * (fake - real), generator=lambda real, fake: -fake)


def drift(*, weight: float = 0.5, power: int = 2) -> Term:
    return Term(lambda scene, keys: (jnp.abs(scene.real_scores) ** power, Aux()), weight)


def center(*, weight: float = 0.1) -> Term:
    return Term(lambda scene, keys: (jnp.sum(scene.fake**2, -1), Aux()), weight, role='generator')


def cross(*, sigma: float = 0.1) -> Source:
    def finish(raw, keys):
        real = jnp.array([1.0, 0.0, 0.0]) + sigma * random.normal(keys, (3,))
        return {'real': real}

    return Source(Spec((3,)), finish)


class Small(nn.Module):
    shape: tuple[int, ...]
    compute: Compute
    width: int = 4

    @nn.compact
    def __call__(self, z: Array, train: bool = True) -> Array:
        return nn.Dense(self.shape[0])(nn.relu(nn.Dense(self.width)(z)))


def tired(config, spec, compute, *, factor: float = 0.5):
    system = gan.build(config, spec, compute)
    critic, generator = system.updates
    half = lambda *args: (lambda loss, aux: (factor * loss, aux))(*generator.loss(*args))
    return system._replace(updates=(critic, generator._replace(loss=half)))


class Bare:
    pass


class Shapeless(nn.Module):
    compute: Compute


number = 3
'''
CONFIG = '''
def get_config():
    return {
        'data': {'name': 'parts.py:cross', 'sigma': 0.2},
        'game': 'parts.py:lazy_wasserstein',
        'tired': {},
        'system': 'parts.py:tired',
        'generator': {'net': 'parts.py:Small', 'width': 8},
        'critic': {'net': 'mlp', 'widths': (8,)},
        'terms': {'held': {'weight': 0.25, 'term': 'parts.py:drift'}, 'center': {'term': 'parts.py:center'}},
        'train': {'steps': 2, 'batch_size': 8, 'log_every': 1, 'sample_every': 2, 'checkpoint_every': 2},
        'eval': {'every': 2, 'samples': 16},
    }
'''


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """The config file of a user's, outside of the repository, beside the file that it names."""
    (tmp_path / 'parts.py').write_text(PARTS)
    (tmp_path / 'mine.py').write_text(CONFIG)
    return tmp_path / 'mine.py'


def test_it_trains_is_interrupted_goes_on_and_is_loaded(
    own: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    """Each part does its work; nothing of it need be imported before; where its file has gone, a line says so."""
    monkeypatch.setattr(jax, 'device_count', lambda: 1)
    tell, folder, config = report.Reporter.report, own.parent / 'run', api.config(own)
    assert config.game == f'{own.parent}/parts.py:lazy_wasserstein' and config.tired.factor == 0.5

    def interrupt(*args: object) -> None:
        tell(*args)
        os.kill(os.getpid(), signal.SIGINT)

    handler = signal.getsignal(signal.SIGINT)
    with monkeypatch.context() as patch, pytest.raises(Stopped, match=r'SIGINT: saved step 1 in .*run'):
        patch.setattr(report.Reporter, 'report', interrupt)
        api.train(config, folder)
    assert signal.getsignal(signal.SIGINT) is handler
    final = api.train(config, folder)['final']
    assert final['critic/loss'] == pytest.approx(final['critic/game'] + 0.25 * final['critic/held'], rel=1e-4)
    whole = final['generator/game'] + 0.1 * final['generator/center']
    assert final['generator/loss'] == pytest.approx(0.5 * whole, rel=1e-4)
    samples = api.load(folder).sample(4)
    user_code._import.cache_clear()
    capsys.readouterr()
    assert launching.main(f'--workdir={folder}', '--mode=sample', '--num=4', f'--out={folder}/x.npz') == 0
    np.testing.assert_allclose(np.load(folder / 'x.npz')['samples'], samples, atol=1e-6)
    assert samples.shape == (4, 3) and api.load(folder).critic(samples).shape == (4,)
    (own.parent / 'new').mkdir()
    for name in ('parts.py', 'mine.py'):
        (own.parent / name).rename(own.parent / 'new' / name)
    with pytest.raises(UserError, match=r'system=.*/parts.py:tired: there is no file .*/parts.py; put it there, or'):
        api.load(folder)
    workdir.check(folder, config_file.read(f'{own.parent}/new/mine.py'), load.load({'name': 'ring'}), 2)


def test_its_name_is_the_place_from_the_file_that_says_it(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A config file, a row of a sweep, a stage; from Python and the command line it is where one stands."""
    absolute = f'{own.parent}/parts.py'
    (own.parent / 'rows.py').write_text(
        f"""{CONFIG}

def sweep(add):
    add('own', game='parts.py:lazy_wasserstein', **{{'terms.more.term': 'parts.py:drift'}})
"""
    )
    (row,) = rows.load(own.parent / 'rows.py', config_file.read(f'{own.parent}/rows.py')).rows
    assert row.config.game == f'{absolute}:lazy_wasserstein'
    assert row.config.terms.more.to_dict() == {'term': f'{absolute}:drift', 'weight': 0.5, 'power': 2}
    monkeypatch.chdir(own.parent)
    given = {'data.name': 'ring', 'terms.held.power': 3, 'terms.held.term': 'parts.py:drift', 'game': '~/x.py:soft'}
    given |= {'stages.late': {'begin': 1, 'terms': {'held': {'weight': 2.0}, 'late': {'term': './parts.py:center'}}}}
    config = configs.apply_defaults(given, 'of a test')
    assert config.terms.held.to_dict() == {'term': f'{absolute}:drift', 'weight': 0.5, 'power': 3}
    assert config.game == os.path.expanduser('~/x.py:soft')
    late = configs.of_one_stage(config, 'late')
    assert late.terms.held.weight == 2.0 and late.terms.late.to_dict() == {'term': f'{absolute}:center', 'weight': 0.1}
    other = configs.override(config, {'terms.held.term': 'parts.py:center', 'terms.r1.term': 'parts.py:drift'}, 'here')
    assert other.terms.held.to_dict() == {'term': f'{absolute}:center', 'weight': 0.5}
    assert configs.override(config, {'terms.held': None}, 'of a test').terms.to_dict() == {}
    assert configs.apply_defaults(config.to_dict(), 'of a test').to_dict() == config.to_dict()


def test_it_is_read_again_where_it_has_changed(own: Path) -> None:
    name = f'{own.parent}/parts.py:lazy_wasserstein'
    one = user_code._load('game', name)
    assert user_code._load('game', name) is one
    (own.parent / 'parts.py').write_text(PARTS.replace('-fake)', '2 * fake)'))
    assert losses.game(name).generator(0.0, 1.0) == 2.0


def test_a_term_says_whose_loss_it_is_added_to(own: Path) -> None:
    section = {'center': {'term': f'{own.parent}/parts.py:center'}, 'held': {'term': f'{own.parent}/parts.py:drift'}}
    both = {**section, 'r1': {}, 'feature_matching': {}}
    assert list(terms.build(both, 'critic', '', Spec((2,)))) == ['r1', 'held']
    assert list(terms.build(both, 'generator', '', Spec((2,)))) == ['feature_matching', 'center']


@pytest.mark.parametrize(
    'given, said',
    [
        ({'game': 'gone.py:x'}, r'game=.*/gone.py:x: there is no file .*/gone.py; put it there'),
        (
            {'game': 'parts.py:lazy_wassersteen'},
            "unknown game: name in .*parts.py 'lazy_wassersteen'; did you mean 'lazy_wasserstein'",
        ),
        ({'game': 'parts.py:number'}, 'game=.*parts.py:number: this is no function, but a int'),
        (
            {'game': 'parts.py:cross'},
            r'game=.*cross: too many positional arguments; it is cross\(\*, sigma: float = 0.1\)',
        ),
        ({'game': 'broken.py:x'}, r'broken.py, line 2: SyntaxError'),
        ({'game': 'parts.py:Small'}, "game=.*Small: missing a required argument: 'compute'; it is Small\\("),
        ({'data.name': 'parts.py:drift'}, 'data.name=.*drift must return a Source, and returns a Term'),
        ({'data.name': 'parts.py:cross', 'data.sgma': 1.0}, "unknown key of the data set '.*cross' 'sgma'"),
        ({'generator.net': 'parts.py:Bare'}, 'generator.net=.*Bare: this is no class of flax.Module'),
        ({'generator.net': 'parts.py:Shapeless'}, "Shapeless' has no fields shape, which it is to be given"),
        ({'generator.net': 'parts.py:drift'}, 'generator.net=.*drift: this is no class of flax.Module'),
        ({'generator': {'net': 'parts.py:Small', 'wdth': 4}}, "unknown key of generator for the net '.*Small' 'wdth'"),
        (
            {'generator': {'net': 'parts.py:Small', 'width': 'x'}},
            r"generator.width='x' of a test does not fit: expected a whole",
        ),
        ({'terms.held.term': 'parts.py:drft'}, 'terms.held.term=.*: .*parts.py has no function of that name'),
        ({'terms.held.term': 'parts.py:drift', 'terms.held.wait': 1}, "unknown key .*'terms.held.wait'; did you mean"),
        ({'terms.held.term': 'parts.py:cross'}, 'terms.held.term=.*cross must return a Term, and returns a Source'),
        ({'terms.r1.term': 'r2'}, "unknown key of a test 'terms.r1.term'"),
        ({'system': 'parts.py:drift'}, 'system=.*drift: too many positional arguments'),
        ({'system': 'broken.py:x'}, r'broken.py, line 2: SyntaxError'),
        ({'system': 'named.py:ema'}, 'system=.*named.py:ema: every config has a key ema; give the function another'),
        ({'system': 'named.py:odd'}, 'system=.*named.py:odd: defaults of its keyword arguments must be numbers, words'),
    ],
)
def test_mistakes_are_said_in_a_line(own: Path, monkeypatch: pytest.MonkeyPatch, given: dict, said: str) -> None:
    monkeypatch.chdir(own.parent)
    Path('broken.py').write_text('x = 1\ndef x(:\n')
    Path('named.py').write_text('def ema(config): ...\n\ndef odd(config, *, x=print): ...\n')
    base = {'data.name': 'ring', 'generator.net': 'mlp', 'critic.net': 'mlp'}
    with pytest.raises(UserError, match=said) as error:
        setup.setup(configs.override(configs.apply_defaults(base, 'of it'), given, 'of a test'), devices=1)
    assert '\n' not in str(error.value)
