"""Ranges: every number of a config has one, and what lies outside is refused before anything is made."""

import dataclasses
import importlib
import inspect
import math
import re
from pathlib import Path

import gan_ring8
import jax
import launching
import pytest
import test_configs
import test_experiments

from gans import configs, defaults, losses, optimizers, ranges, signatures
from gans.data import load
from gans.errors import UserError
from gans.ranges import RANGES, Range
from gans.sweep import plan, rows
from gans.training import loop
from gans.training.setup import setup

WHOLE_OF_NETS = re.compile(r'(stages\.\w+\.)?(lapgan\.)?(generator|critic)\.')  # checked where nets are built


def is_number(kind: type | None) -> bool:
    return isinstance(kind, type) and issubclass(kind, int | float) and kind is not bool


def test_every_number_has_a_range() -> None:
    """Of the defaults, numbers that are off by default among them; and of all experiments and systems."""
    schema = defaults.get_config()
    schema.update(defaults.systems() | {'terms': defaults.terms()})
    numbers = {key for key in configs.flatten(schema) if is_number(configs.type_of(schema, key))}
    assert {'flip_targets', 'replay.size', 'ema.decay', 'began.gamma', 'terms.r1.every', 'terms.lecam.decay'} <= numbers
    for name in test_configs.NAMES:
        items = configs.flatten(test_experiments.config_of(name)).items()
        numbers |= {
            key for key, value in items if type(value) is float or (type(value) is int and not WHOLE_OF_NETS.match(key))
        }
    assert {key for key in numbers if ranges.range_of(key) is None} == set()


NETS = ('Generator', 'Critic', 'Autoencoder', 'Translator', 'Upscaler')  # classes that a config can name


def test_every_number_that_a_function_takes_has_a_range() -> None:
    """Those of data sets, optimizers and nets."""
    taken = {
        f'data.{key}': default
        for name in [*load.SETS, 'tfds:NAME', *(f'{family}:PATH' for family in load.OF_PATHS)]
        for key, default in load.arguments(name).items()
    }
    for make in optimizers.OPTIMIZERS.values():
        taken |= {f'optimizer.critic.{p.name}': p.default for p in inspect.signature(make).parameters.values()}
    for name in signatures.files('gans.nets'):
        for net in vars(importlib.import_module(f'gans.nets.{name}')).values():
            if dataclasses.is_dataclass(net) and net.__name__ in NETS:
                floats = [field for field in dataclasses.fields(net) if field.type in (float, float | None)]
                taken |= {f'critic.{field.name}': 0.0 for field in floats}
    assert {'data.radius', 'optimizer.critic.momentum', 'critic.init_std', 'critic.start'} <= taken.keys()
    assert {key for key, default in taken.items() if is_number(type(default))} - RANGES.keys() == set()


def test_the_defaults_lie_in_their_ranges() -> None:
    for name in test_configs.NAMES:
        for variant in ('', 'smoke'):
            ranges.check(test_experiments.config_of(name, variant))


@pytest.mark.parametrize(
    'key, value, said',
    [
        ('flip_targets', 2, 'flip_targets=2 must lie in [0, 1]'),
        ('flip_targets', -0.01, 'flip_targets=-0.01 must lie in [0, 1]'),
        ('ema.decay', 99.9, 'ema.decay=99.9 must lie in [0, 1)'),
        ('ema.decay', 1.0, 'ema.decay=1 must lie in [0, 1)'),
        ('optimizer.generator.learning_rate', -1, 'optimizer.generator.learning_rate=-1 must be greater than 0'),
        ('optimizer.critic.learning_rate', 0, 'optimizer.critic.learning_rate=0 must be greater than 0'),
        ('optimizer.critic.b2', 1.0, 'optimizer.critic.b2=1 must lie in [0, 1)'),
        ('optimizer.critic.clip_weights', 0.0, 'optimizer.critic.clip_weights=0 must be greater than 0'),
        ('terms.r1.weight', math.nan, 'terms.r1.weight=nan must be a finite number, at least 0'),
        ('terms.r1.weight', math.inf, 'terms.r1.weight=inf must be a finite number, at least 0'),
        ('terms.r1.weight', 1e39, 'terms.r1.weight=1e+39 must be a finite number, at least 0'),
        ('terms.r1.weight', -1, 'terms.r1.weight=-1 must be at least 0'),
        ('terms.r2.every', 0, 'terms.r2.every=0 must be at least 1'),
        ('terms.wgan_gp.target', -0.5, 'terms.wgan_gp.target=-0.5 must be at least 0'),
        ('terms.lecam.decay', 1.0, 'terms.lecam.decay=1 must lie in [0, 1)'),
        ('terms.consistency.every', 2**31, 'terms.consistency.every=2147483648 must lie in [1, 2147483647]'),
        (
            'terms.feature_matching.weight',
            math.nan,
            'terms.feature_matching.weight=nan must be a finite number, at least 0',
        ),
        ('flip_targets', math.nan, 'flip_targets=nan must be a finite number, in [0, 1]'),
        ('targets.real', math.nan, 'targets.real=nan must be a finite number'),
        ('top_k.share', 0.0, 'top_k.share=0 must lie in (0, 1]'),
        ('latents.scale', 0.0, 'latents.scale=0 must be greater than 0'),
        ('train.steps', 0, 'train.steps=0 must be at least 1'),
        ('train.log_every', 2**31, 'train.log_every=2147483648 must lie in [1, 2147483647]'),
        ('population.max_size', -3, 'population.max_size=-3 must be at least 1'),
        ('data.radius', '2', "data.radius='2' must be a finite number, at least 0"),
        ('data.modes', -2, 'data.modes=-2 must be at least 1'),
        ('critic.embedding', 0, 'critic.embedding=0 must be at least 1'),
        ('critic.init_std', 0.0, 'critic.init_std=0 must be greater than 0'),
        ('unrolled.steps', -1, 'unrolled.steps=-1 must be at least 0'),
        ('lookahead.every', 0, 'lookahead.every=0 must be at least 1'),
        ('infogan.codes', -1, 'infogan.codes=-1 must be at least 0'),
        ('infogan.categories', 1, 'infogan.categories=1 must be at least 2'),
        ('top_k.until', 0, 'top_k.until=0 must be at least 1'),
        ('replay.fresh', 0, 'replay.fresh=0 must be at least 1'),
        ('seed', -1, 'seed=-1 must lie in [0, 4294967295]'),
        ('seed', 2**32, 'seed=4294967296 must lie in [0, 4294967295]'),
        ('seed', 99999999999999999999, 'seed=99999999999999999999 must lie in [0, 4294967295]'),
    ],
)
def test_what_is_outside_is_refused(key: str, value: float, said: str) -> None:
    config = configs.override(gan_ring8.get_config('smoke'), {key: value}, 'of a test')
    with pytest.raises(UserError, match=re.escape(said) + '$'):
        setup(config, devices=1)


def test_the_ends_of_ranges() -> None:
    held = {
        '[]': Range(0, 1),
        '[)': Range(0, 1, '[)'),
        '(]': Range(0, 1, '(]'),
        '()': Range(0, 1, '()'),
    }
    assert {ends for ends, range_ in held.items() if range_.contains(0)} == {'[]', '[)'}
    assert {ends for ends, range_ in held.items() if range_.contains(1.0)} == {'[]', '(]'}
    assert all(range_.contains(0.5) and not range_.contains(-1) and not range_.contains(2) for range_ in held.values())
    assert ranges.count().contains((1, 2)) and not ranges.count().contains((1, 0)) and not ranges.count().contains(1.0)


def test_a_number_that_is_traced_has_no_range_yet() -> None:
    config = gan_ring8.get_config()

    def traced(weight: jax.Array) -> jax.Array:
        with config.ignore_type():
            config.terms.r1.weight = weight
        ranges.check(config)
        return weight

    jax.eval_shape(traced, 1.0)


def test_targets_that_are_probabilities() -> None:
    for game in losses.GAMES.keys() - {'least_squares'}:
        with pytest.raises(UserError, match=r'targets\.fake=-1\.0 '):
            losses.game(game, losses.Targets(fake=-1.0))
    losses.game('least_squares', losses.Targets(fake=-1.0))
    with pytest.raises(UserError, match=r"targets\.real=1\.5 must lie in \[0, 1\] in the game 'non_saturating'"):
        losses.game('non_saturating', losses.Targets(real=1.5))


def test_no_folder_is_claimed(tmp_path: Path) -> None:
    config = configs.override(gan_ring8.get_config('smoke'), {'seed': 2**32}, 'of a test')
    with pytest.raises(UserError, match='seed=4294967296'):
        loop.train(config, tmp_path / 'run')
    assert not (tmp_path / 'run').exists()


def test_rows_and_seeds_of_a_sweep(tmp_path: Path) -> None:
    path, base = tmp_path / 'some.py', gan_ring8.get_config('smoke')
    path.write_text("def sweep(add):\n    add('a')\n    add('b', **{'flip_targets': 2, 'data.modes': -1})\n")
    with pytest.raises(UserError, match=r"row 'b': data.modes=-1 must be at least 1"):
        plan.plan(rows.load(path, base).members(1), plan.Sources())
    path.write_text("def sweep(add):\n    add('a')\n    add('b', **{'flip_targets': 2})\n")
    with pytest.raises(UserError, match=r"row 'b': flip_targets=2 must lie in \[0, 1\]"):
        plan.plan(rows.load(path, base).members(1), plan.Sources())
    base.seed = 2**32 - 2
    members = rows.load(path, base).members(2)
    assert [member.config.seed for member in members] == 2 * [2**32 - 2, 2**32 - 1]
    with pytest.raises(UserError, match=r'--seeds=3, seed=4294967296 must lie in \[0, 4294967295\]'):
        rows.load(path, base).members(3)


@pytest.mark.parametrize('seed', ['-1', '4294967296', '99999999999999999999'])
def test_the_seed_of_latents(seed: str, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    assert launching.main(f'--config={gan_ring8.__file__}', '--mode=sample', f'--seed={seed}') == 2
    assert capsys.readouterr().err == f'error: --seed={seed} must lie in [0, 4294967295]\n'
