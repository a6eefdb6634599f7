"""What every system promises the trainer, and every dynamics to every system.

A file in gans/systems/ or gans/dynamics/ is held to it by being there: a system's smallest experiment is what is run.
"""

import functools
from typing import NamedTuple

import jax
import numpy as np
import pytest
import systems
from systems import DYNAMICS, SYSTEMS

from gans.configs import flatten, override
from gans.core import Array, TrainState
from gans.data import feed
from gans.errors import UserError
from gans.ops.random import example_keys
from gans.sweep import plan
from gans.sweep.population import population
from gans.training import program, sampling
from gans.training.checkpoints import Checkpoints
from gans.training.setup import Experiment


class Alone(NamedTuple):
    """A system that one device trains."""

    experiment: Experiment
    states: tuple[TrainState, TrainState]  # at step 0, of seeds 0 and 1
    step: object  # (state) -> (state a step later, its metrics, {update: state after that update alone})


@functools.cache
def alone(name: str) -> Alone:
    experiment = systems.experiment(systems.tiny(name))
    steps, due = program.make_steps(experiment), systems.updates_of(experiment.system)

    @jax.jit
    def step(state: TrainState, raw: dict[str, Array]) -> tuple:
        after, (metrics,) = steps(state, raw, ((due, 1),))
        return after, metrics, {update: steps(state, raw, (((update,), 1),))[0] for update in due}

    raw = feed.held_arrays(experiment.source)
    states = systems.first(experiment.system), systems.first(experiment.system, 1)
    return Alone(experiment, states, lambda state: step(state, raw))


@functools.cache
def stepped(name: str, seed: int = 0) -> tuple:
    return alone(name).step(alone(name).states[seed])


@pytest.mark.parametrize('name', SYSTEMS)
def test_an_update_moves_what_its_player_owns_and_nothing_else(name: str) -> None:
    """And each kernel of it; with all updates due, whatever a player owns moves."""
    system, state = alone(name).experiment.system, alone(name).states[0]
    after, metrics, by_update = stepped(name)
    assert all(np.isfinite(value).all() for value in metrics.values())
    for update in system.updates:
        player, only = system.players[update.player], by_update[update.name]
        assert systems.changed(only.params, state.params) == set(player.nets), update.name
        assert systems.changed(only.opt, state.opt) <= {update.player}, update.name
        for path, leaf in jax.tree.leaves_with_path({net: only.params[net] for net in player.nets}):
            if path[-1].key == 'kernel':
                before = functools.reduce(lambda tree, key: tree[key.key], path, state.params)
                assert not np.array_equal(leaf, before), jax.tree_util.keystr(path)
    owned = {net for player in system.players.values() for net in player.nets}
    assert systems.changed(after.params, state.params) == owned and int(after.step) == 1


@pytest.mark.parametrize('name', SYSTEMS)
def test_four_devices_equal_one(name: str) -> None:
    """With two micro-batches on each of them, unless nets have statistics of batches, which devices alone share."""
    pieces = systems.tiny(name, **{'train.micro': 2, 'train.sync_batch_norm': True})
    if not systems.builds(pieces):
        pytest.skip('the system refuses micro-batches: its loss is no mean over pieces of a batch')
    whole = override(pieces, {'train.micro': 1}, 'of a test')
    nets = alone(name).experiment.system.nets
    if any(map(systems.sees_the_batch, nets.values())):
        pytest.skip('examples of a batch see each other')
    spread = systems.experiment(whole if systems.with_statistics(alone(name).experiment) else pieces, devices=4)
    state, raw = program.place(spread, alone(name).states[0]), next(program.raws(spread, 0))
    due = systems.updates_of(spread.system)
    placed = jax.tree.map(lambda x: x.sharding, state)
    state, (metrics,) = program.make_call(spread)(state, raw, ((due, 1),))
    assert jax.tree.map(lambda x: x.sharding, state) == placed  # else the second call is compiled anew
    after, wanted, _ = stepped(name)
    for device in (0, 3):
        systems.assert_close(jax.tree.map(lambda x: x[device], state), after)  # noqa: B023
    systems.assert_close(jax.tree.map(lambda x: x[0], metrics), wanted, atol=1e-5)


@pytest.mark.parametrize('name', SYSTEMS)
def test_a_restored_state_goes_on_to_the_same_bits(name: str, tmp_path) -> None:
    state, checkpoints = stepped(name)[0], Checkpoints(tmp_path)
    checkpoints.save(1, jax.device_get(state))
    checkpoints.close()
    restored = Checkpoints(tmp_path).restore(alone(name).experiment.abstract()).state
    ours, theirs = (jax.tree.leaves(alone(name).step(jax.device_put(each))[0]) for each in (state, restored))
    for a, b in zip(ours, theirs, strict=True):
        if jax.dtypes.issubdtype(a.dtype, jax.dtypes.prng_key):
            a, b = jax.random.key_data(a), jax.random.key_data(b)
        assert np.asarray(a).tobytes() == np.asarray(b).tobytes()


@pytest.mark.parametrize('name', SYSTEMS)
def test_a_loss_says_whose_optimizers_it_looks_ahead_with(name: str) -> None:
    """It finds no others in its state: dynamics may merge them, and a run may freeze what they move."""
    system, state = alone(name).experiment.system, alone(name).states[0]
    batch, keys = feed.shapes(alone(name).experiment.source, 4), example_keys(jax.random.key(0), np.arange(4))
    for update in system.updates:
        known = state.replace(opt={player: state.opt[player] for player in update.looks_ahead})
        jax.eval_shape(lambda params, batch: update.loss(params, known, batch, keys), state.params, batch)  # noqa: B023


def floats(experiment: Experiment) -> tuple[str, ...]:
    """The numbers of its config, but for those of its data, which the host reads."""
    config = flatten(experiment.config)
    return tuple(key for key, value in config.items() if isinstance(value, float) and not key.startswith('data.'))


@pytest.mark.parametrize('name', SYSTEMS)
def test_a_population_of_two_equals_its_solo_runs(name: str) -> None:
    """Its numbers are traced, and are those of the solo runs."""
    experiment = alone(name).experiment
    members = [
        systems.experiment(override(experiment.config, {'seed': seed}, 'of a test'), mapped=True) for seed in (0, 1)
    ]
    values = flatten(experiment.config)
    made = population(members, {key: np.full(2, values[key]) for key in floats(experiment)})
    due = systems.updates_of(experiment.system)
    state, (metrics,) = made.call(made.init(), next(made.raws(0)), ((due, 1),))
    state, metrics = made.fetch(state), made.metrics([metrics])[0]
    for seed in (0, 1):
        after, wanted, _ = stepped(name, seed)
        systems.assert_close(jax.tree.map(lambda x: x[seed], state), after)  # noqa: B023
        systems.assert_close(jax.tree.map(lambda x: x[seed], metrics), wanted, atol=1e-5)  # noqa: B023


@pytest.mark.parametrize('name', SYSTEMS)
def test_every_float_may_be_a_tracer(name: str) -> None:
    """Of the experiment as it is, whose optional terms are on."""
    experiment = systems.experiment(systems.smokes()[systems.smallest(name)], mapped=True)
    assert floats(experiment)
    plan.trace(experiment, floats(experiment))


def rows(inputs: dict) -> list[bytes]:
    """The inputs of each example, as bytes."""
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(inputs)]
    return [b''.join(leaf[i].tobytes() for leaf in leaves) for i in range(len(leaves[0]))]


@pytest.mark.parametrize('name', SYSTEMS)
def test_samplers_draw_the_same_for_the_same_seed(name: str) -> None:
    """In any number, and made in any pieces."""
    experiment, state = alone(name).experiment, stepped(name)[0]
    for sampler in experiment.system.samplers.values():
        draw = lambda num, s=sampler: sampling.fixed_inputs(experiment, num, seed=7, sampler=s)
        few, many = draw(2), draw(3)
        assert set(rows(few)) < set(rows(many))
        assert sampler is not sampling.main_sampler(experiment.system) or rows(few) == rows(many)[:2]
        make = jax.jit(lambda state, inputs, s=sampler: s.make(sampling.use_averages(state), inputs))
        cut = len(rows(few)) // 2
        pieces = [jax.tree.map(lambda x, part=part: x[part], few) for part in (np.s_[:cut], np.s_[cut:])]
        apart = np.concatenate([make(state, piece) for piece in pieces])
        np.testing.assert_allclose(make(state, few), apart, rtol=1e-5, atol=1e-5)


# Dynamics


@pytest.mark.parametrize('system', SYSTEMS)
@pytest.mark.parametrize('dynamics', DYNAMICS)
def test_dynamics_move_every_system(dynamics: str, system: str) -> None:
    """Traced, with each number a tracer, and every net still has an owner; or it is refused in one line."""
    config = systems.tiny(system, dynamics=dynamics)
    try:
        experiment = systems.experiment(config, mapped=True)
    except UserError as error:
        assert '\n' not in str(error) and dynamics in str(error)
        return
    plan.trace(experiment, floats(experiment))
    before, after = alone(system).experiment.system, experiment.system
    owned = lambda system: {net for player in system.players.values() for net in player.nets}
    assert owned(after) == owned(before) and after.samplers.keys() == before.samplers.keys()
