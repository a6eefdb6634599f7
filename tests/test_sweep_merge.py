"""Rows that lack each other's terms: when they are one program, and that each is the run that it would be alone."""

from pathlib import Path

import jax
import numpy as np
import pytest
from sweeping import groups_of
from sweeping import small_config as base
from sweeping import write_file as write

from gans.sweep import merge, plan
from gans.sweep.population import population
from gans.training import program
from gans.training.setup import setup_stages

ROWS = """
def sweep(add):
    add('none', **{'terms.r1': None})
    add('r1', **{'terms.r1.weight': 1.0})
    add('both', **{'terms.r1.weight': 2.0, 'terms.wgan_gp.weight': 0.5})
"""


def rows_of(groups: list[plan.Group]) -> list[list[str]]:
    return [list(dict.fromkeys(member.row for member in group.members)) for group in groups]


def test_merged_where_it_pays(tmp_path: Path, monkeypatch) -> None:
    """Compiling is most of few steps, training of many."""
    path, config = write(tmp_path, ROWS), base()
    (group,) = groups_of(path, config, 2)
    assert rows_of([group]) == [['none', 'r1', 'both']] and len(group.members) == 6
    assert {*group.terms} == {'r1', 'wgan_gp'} and group.saved > 0
    assert set(group.numbers[0]) == {'terms.r1.weight', 'terms.wgan_gp.weight'}
    monkeypatch.setattr(merge, 'SPEED', {'cpu': 1e8})
    config.train.steps = 1_000_000
    assert rows_of(groups_of(path, config, 2)) == [['none'], ['r1'], ['both']]
    config.train.steps = 12
    assert len(groups_of(path, config, 2)) == 1


def test_rows_keep_their_own_configs(tmp_path: Path) -> None:
    (group,) = groups_of(write(tmp_path, ROWS), base(), 1)
    assert [{*member.config.terms} for member in group.members] == [set(), {'r1'}, {'r1', 'wgan_gp'}]
    runs = plan.runs_of(group, group.members, plan.Sources())
    weights = [[run.config.terms[name].weight for name in ('r1', 'wgan_gp')] for (run,) in runs]
    assert weights == [[0.0, 0.0], [1.0, 0.0], [2.0, 0.5]]


@pytest.mark.parametrize(
    'overrides',
    [
        {'terms.dragan': {'weight': 1.0, 'every': 2}},  # lazy: an update of its own
        {'terms.lecam.weight': 0.3},  # it has a memory
        {'terms.feature_matching.weight': 1.0},  # it replaces the game
    ],
)
def test_terms_that_cannot_have_a_weight_of_0(overrides: dict, tmp_path: Path) -> None:
    text = f"def sweep(add):\n    add('a')\n    add('b', **{overrides!r})"
    assert rows_of(groups_of(write(tmp_path, text), base(), 1)) == [['a'], ['b']]


def test_rows_that_differ_in_something_else_stay_apart(tmp_path: Path) -> None:
    text = """
def sweep(add):
    add('a', **{'terms.r1': None})
    add('b', **{'train.n_critic': 2})
"""
    assert rows_of(groups_of(write(tmp_path, text), base(), 1)) == [['a'], ['b']]


def test_members_are_their_solo_runs(tmp_path: Path) -> None:
    """Parameters, optimizers and averages after 20 steps, to 1e-4."""
    config = base()
    config.train.update(steps=20, steps_per_call=20, log_every=20, sample_every=20, checkpoint_every=20)
    config.eval.every = 20
    (group,) = groups_of(write(tmp_path, ROWS), config, 1)
    runs = [run for (run,) in plan.runs_of(group, group.members, plan.Sources())]

    def train(made: program.Program) -> object:
        first = made.members[0]
        return made.fetch(made.call(made.init(), next(made.raws(0)), program.counts(first, 0))[0])

    together = train(population(runs, group.numbers[0]))
    for i, member in enumerate(group.members):
        alone = train(program.solo(setup_stages(member.config, devices=1)[0]))
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a[i], b, atol=1e-4, rtol=1e-4),  # noqa: B023
            together.replace(rng=()),
            alone.replace(rng=()),
        )
