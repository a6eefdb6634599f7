"""Sweep files: docstrings, rows, overrides; rows are built, and what they are made of is traced, untrained."""

import functools
import json
import math
import re
from pathlib import Path
from types import ModuleType

import pytest
import systems
import test_experiments
import test_matrix
from ml_collections import ConfigDict
from test_configs import SECTIONS

from gans.configs import apply_defaults, flatten, override
from gans.core import Compute
from gans.data import load
from gans.losses import GAMES
from gans.step import repeats
from gans.sweep import grid, plan, results, run
from gans.sweep import rows as sweep_rows
from gans.systems.build import build
from gans.training.setup import setup_stages

FOLDER = Path(__file__).resolve().parent.parent / 'experiments' / 'sweeps'
NAMES = sorted(path.stem for path in FOLDER.glob('*.py'))
ROWS = {  # how many these have
    'adam_settings_sngan': 6,
    'cyclegan_cycle': 2,
    'dcgan_tricks': 8,
    'augment_fashion_mnist': 6,
    'dirac': 27,
    'finetune_openmoji_fashion': 3,
    'game_dynamics': 12,
    'losses_fashion_mnist': 7,
    'losses_grid25': 54,
    'losses_ring8': 54,
    'pacgan_grid25': 4,
    'pix2pix_losses': 8,
    'precision': 2,
    'srgan_openmoji64': 3,
    'unrolled_ring8': 4,
    'wgan_gp_ncritic_lambda': 12,
}


@functools.cache
def module(name: str) -> ModuleType:
    return test_experiments.module(f'sweeps/{name}')


@functools.cache
def rows(name: str) -> list[tuple[str, dict]]:
    found = []
    module(name).sweep(lambda name, **overrides: found.append((name, overrides)))
    return found


@functools.cache
def resolved(name: str, row: str, variant: str = '') -> ConfigDict:
    """The config of a row; not to be changed."""
    base = apply_defaults(module(name).get_config(variant), f'of {name}')
    return override(base, dict(rows(name))[row], 'of a row')


def structure(config: ConfigDict) -> str:
    """What cannot be traced: all of the config but its seed, its data, the schedule of the host and its floats."""
    host = re.compile(
        r'seed|(data|eval|population)\..*|train\.(steps|batch_size|.*_every|steps_per_call|keep.*)|latents\.size'
        r'|.*\.(widths|activation|until)'
    )
    items = ((key, value) for key, value in flatten(config).items() if not host.fullmatch(key))
    kinds = {key: 'float' if isinstance(value, float) else value for key, value in items}
    kinds['shape'] = test_experiments.shape_only(config.data).spec.shape
    return json.dumps(kinds, sort_keys=True, default=str)


LAST = {name: resolved(name, rows(name)[-1][0], 'smoke') for name in NAMES}  # of each; train, or are traced, below


def traced() -> list[tuple[str, str]]:
    """Sweeps and rows that together with these have each game, term and other choice of them all. Nets, systems and
    their options have tests of their own.
    """
    configs = {(name, row): resolved(name, row) for name in NAMES for row, _ in rows(name)}
    of = lambda config: systems.techniques(config) | {f'game={config.game}'}
    known = set().union(*map(of, LAST.values()))
    return systems.cover({row: of(config) for row, config in configs.items()}, known)


@pytest.mark.parametrize('name', NAMES)
def test_docstring_says_how_to_run_it(name) -> None:
    doc = module(name).__doc__
    assert f'Command: python launch.py --sweep=experiments/sweeps/{name}.py --seeds=' in doc
    for word in ('Paper: ', 'Hardware and cost: ', 'Expected: ', 'Deviations: '):
        assert word in doc, word
    assert re.search(r'\d{4}\.\d{5}', doc), 'an arXiv number'


@pytest.mark.parametrize('name', NAMES)
def test_rows_have_names_of_their_own(name) -> None:
    names = [row for row, _ in rows(name)]
    assert len(names) == len(set(names)) == ROWS.get(name, len(names))
    assert all(re.fullmatch(r'[A-Za-z0-9._+=-]+', row) for row in names)
    configs = [json.dumps(resolved(name, row).to_dict(), sort_keys=True) for row, _ in rows(name)]
    assert len(set(configs)) == len(configs), 'two rows are the same'


@pytest.mark.parametrize('name', NAMES)
def test_overrides_name_keys_of_the_config(name) -> None:
    config = module(name).get_config()
    known = SECTIONS | flatten(config) | {f'stages.{stage}': None for stage in config.stages}
    for row, overrides in rows(name):
        for key, value in overrides.items():
            assert key in known, f'{row}: {key}'
            assert None in (value, known[key]) or type(value) is type(known[key]), (
                f'{row}: {key}={value!r}, was {known[key]!r}'
            )
        resolved(name, row)  # a placeholder, shown as None, takes its own type alone


@pytest.mark.parametrize('name', NAMES)
def test_smoke_is_the_same_made_tiny(name) -> None:
    full, smoke = (module(name).get_config(variant) for variant in ('', 'smoke'))
    assert set(flatten(full)) == set(flatten(smoke))
    assert smoke.train.steps <= 4 and smoke.train.batch_size <= 8
    for row, _ in rows(name):
        assert resolved(name, row, 'smoke').train.steps == smoke.train.steps, 'a row that undoes smoke'
    assert load.load(smoke.data).spec.shape == test_experiments.shape_only(full.data).spec.shape


@pytest.mark.parametrize('name', NAMES)
def test_steps_are_cut_evenly(name) -> None:
    for variant in ('', 'smoke'):
        for row, _ in rows(name):
            train = resolved(name, row, variant).train
            for key in ('steps', 'log_every', 'sample_every', 'checkpoint_every'):
                assert train[key] % train.steps_per_call == 0, f'{row}: {key}'
            assert resolved(name, row, variant).eval.every % train.steps_per_call == 0


@pytest.mark.parametrize('name', NAMES)
def test_every_row_is_built(name) -> None:
    for row, _ in rows(name):
        config = resolved(name, row)
        spec = test_experiments.shape_only(config.data).spec
        wanted = 2 if 'extragradient' in (config.dynamics or '') else config.train.n_critic
        assert repeats(build(config, spec, Compute())) == wanted, row


@pytest.mark.parametrize('name, row', traced())
def test_every_choice_of_rows_is_traced(name, row, monkeypatch) -> None:
    """With all floats of the config but those of its data as tracers, as a population has them."""
    monkeypatch.setattr(load, 'load', test_experiments.shape_only)
    for experiment in setup_stages(resolved(name, row), devices=1, mapped=True):
        config = flatten(experiment.config)
        floats = tuple(key for key, value in config.items() if isinstance(value, float) and not key.startswith('data.'))
        plan.trace([experiment], floats)


def test_dcgan_tricks_share_programs() -> None:
    """Rows that differ in numbers alone are one structure: plain, two smoothings and two rates."""
    kinds = [structure(resolved('dcgan_tricks', row)) for row, _ in rows('dcgan_tricks')]
    assert len(set(kinds)) == 5


def test_crosses_are_grids() -> None:
    """A report finds them in the configs; and no grid in rows that are none."""
    crosses = {
        'losses_ring8': (9, 6), 'losses_grid25': (9, 6), 'wgan_gp_ncritic_lambda': (4, 3), 'dirac': (9, 3),
        'game_dynamics': (6, 2), 'r3gan_ablation': (3, 2),
    }  # fmt: skip
    found = {}
    for name in NAMES:
        settings = [(row, overrides, flatten(resolved(name, row))) for row, overrides in rows(name)]
        found[name] = grid.find([results.Row(row, name, row, *of, '', ()) for row, *of in settings])
    sizes = {name: (len(each.lines.levels), len(each.heads.levels)) for name, each in found.items() if each}
    assert sizes == crosses
    games, penalties = found['losses_ring8'].lines, found['losses_ring8'].heads
    assert games == grid.Factor('game', module('losses_ring8').GAMES)
    assert penalties == grid.Factor('', ('none', 'gp', 'r1', 'r1_r2', 'sn', 'clip'))
    assert found['dirac'].lines.levels == tuple(module('dirac').METHODS)
    assert found['dirac'].heads.levels == tuple(module('dirac').SCHEDULES)
    assert [each.title for each in found['wgan_gp_ncritic_lambda'][:2]] == ['terms.wgan_gp.weight', 'train.n_critic']


def test_all_games_are_there() -> None:
    for name in ('losses_ring8', 'losses_grid25'):
        assert {overrides['game'] for _, overrides in rows(name)} == set(GAMES) - {'boundary_seeking'}


# The last row of each, tiny: some train, which run what no experiment's smoke variant and no technique's test does; the
# others are traced


TECHNIQUES = [systems.ingredients(test_matrix.config_of('gan', each)) for each in test_matrix.TECHNIQUES]
TRAINED = systems.cover(
    {name: systems.techniques(config) for name, config in LAST.items()},
    set().union(*systems.of_smokes().values(), *TECHNIQUES),
)


def only_last(name: str, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, ConfigDict]:
    """A sweep of that row alone: how all rows are planned is tested above."""
    load_all = sweep_rows.load
    monkeypatch.setattr(sweep_rows, 'load', lambda *args: (s := load_all(*args))._replace(rows=s.rows[-1:]))
    return FOLDER / f'{name}.py', module(name).get_config('smoke')


@pytest.mark.parametrize('name', TRAINED)
def test_smoke_of_a_row_trains(name, tmp_path, monkeypatch) -> None:
    path, config = only_last(name, monkeypatch)
    row = rows(name)[-1][0]
    said = run.run(path, config, tmp_path, 2, row, 'python launch.py')
    assert str(tmp_path / 'report' / 'report.html') in said
    for seed in (0, 1):
        summary = json.loads((tmp_path / 'rows' / row / f'seed_{seed}' / 'summary.json').read_text())
        assert 'stopped' not in summary and all(map(math.isfinite, summary['final'].values()))


@pytest.mark.parametrize('name', sorted(set(NAMES) - set(TRAINED)))
def test_smoke_of_a_row_is_traced(name, monkeypatch) -> None:
    asked = only_last(name, monkeypatch)
    sweep = sweep_rows.load(*asked)
    (group,) = plan.plan(sweep.members(2), plan.Sources())
    assert [(member.row, member.config.seed) for member in group.members] == [
        (rows(name)[-1][0], seed) for seed in (0, 1)
    ]
