"""Lazy updates are conditions inside one program, which change nothing but how often it compiles."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict

from experiments import gan_ring8
from gans.configs import override
from gans.data import feed
from gans.step import due_updates, make_train_step
from gans.sweep import population
from gans.training import program, report
from gans.training.setup import Experiment, setup

EVERY, STEPS = 3, 4  # of a call, so that no two of its calls do the same in a row


def experiment(mapped: bool = False, **more: object) -> Experiment:
    config: ConfigDict = gan_ring8.get_config('smoke')
    lazy = {'terms.r1': {'weight': 1.0, 'every': EVERY}, 'train.steps': 12, 'train.steps_per_call': STEPS}
    return setup(override(config, lazy | {'train.log_every': 4, **more}, 'of a test'), devices=1, mapped=mapped)


def step_by_step(made: Experiment, count: int) -> tuple:
    """(state, metrics of each step), each step with what is due in it and nothing else."""
    step = jax.jit(make_train_step(made.system), static_argnums=2)
    state, key, found = made.init(), jax.random.fold_in(jax.random.key(made.config.seed), 2**32 - 2), []
    for done in range(count):
        batch = feed.fetch(made.source, feed.held_arrays(made.source), key, done, **made.shares)
        state, metrics = step(state, batch, due_updates(made.system, done))
        found.append(metrics)
    return state, found


@pytest.mark.parametrize('dynamics', [None, 'lookahead'])
def test_one_program_does_what_is_due(dynamics: str | None) -> None:
    made = experiment(dynamics=dynamics)
    (wanted, each), call, state = step_by_step(made, 2 * STEPS), program.make_call(made), made.init()
    lazy = [update for update in made.system.updates if update.every > 1]
    assert len(lazy) == 1 + (dynamics is not None)
    for start in (0, STEPS):
        state, metrics = call(state, feed.held_arrays(made.source), program.counts(made, start))
        for i, found in enumerate(each[start : start + STEPS]):
            now = {name: float(value[i]) for name, value in metrics.items()}
            assert now == pytest.approx(
                dict.fromkeys(now, 0.0) | {name: float(value) for name, value in found.items()}, rel=1e-4, abs=1e-5
            )
    assert call._cache_size() == 1
    close = lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    jax.tree.map(close, state.replace(rng=()), wanted.replace(rng=()))


def test_members_of_a_population_share_the_condition() -> None:
    """Mapped over, it would be a selection between both sides, each of which is computed."""
    made = experiment(mapped=True)
    stacked = population.abstract(made, 3)
    counts = jax.ShapeDtypeStruct((STEPS,), jnp.int32)
    advance = lambda state, counts: population.advance(made, state, {}, {}, counts)
    traced = jax.make_jaxpr(jax.vmap(advance, (0, None)))(stacked, counts)
    assert conditions(traced.jaxpr) == 1


def conditions(jaxpr: jax.extend.core.Jaxpr) -> int:
    found = 0
    for equation in jaxpr.eqns:
        inner = [leaf for leaf in jax.tree.leaves(list(equation.params.values())) if hasattr(leaf, 'eqns')]
        found += (equation.primitive.name == 'cond') + sum(conditions(getattr(x, 'jaxpr', x)) for x in inner)
    return found


def test_what_did_not_run_is_not_logged() -> None:
    names = ['critic/loss', 'generator/loss', 'r1/loss']
    assert report._of_due(experiment().system, 4, names) == ['critic/loss', 'generator/loss']
    assert report._of_due(experiment().system, 6, names) == names
