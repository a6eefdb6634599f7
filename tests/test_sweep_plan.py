"""Sweeps: what a file says, what is grouped, and what is told of it before any training."""

import re
from pathlib import Path

import pytest
from ml_collections import ConfigDict
from sweeping import groups_of
from sweeping import small_config as base
from sweeping import write_file as write

from gans.configs import override
from gans.errors import UserError
from gans.sweep import plan, rows, run
from gans.systems import gan

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


def test_rows_that_differ_in_names_of_closed_sets_are_one_group(tmp_path: Path) -> None:
    text = """
def sweep(add):
    add('a', game='minimax')
    add('b', game='relativistic_average', **{'latents.distribution': 'uniform', 'targets.real': 0.9})
"""
    (group,) = groups_of(write(tmp_path, text), base())
    assert [member.row for member in group.members] == ['a', 'a', 'b', 'b']
    assert set(group.numbers[0]) == {'game', 'latents.distribution', 'targets.real'}


def test_a_name_that_a_system_looks_at_is_structure(tmp_path: Path) -> None:
    """An unrolled critic wants a zero-sum game, by its name."""
    text = "def sweep(add):\n    for game in ('minimax', 'wasserstein'):\n        add(game, game=game)"
    config = override(base(), {'system': 'unrolled'}, 'of a test')
    assert [group.numbers for group in groups_of(write(tmp_path, text), config)] == [((),)] * 2


@pytest.mark.parametrize(
    'overrides',
    [
        {'train.batch_size': 16},
        {'train.n_critic': 2},
        {'train.steps': 16},
        {'ema.decay': None},
        {'critic.widths': (4,)},
        {'instance_noise.sigma': 0.1},
        {'terms.r1.every': 2},
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
