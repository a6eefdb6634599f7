"""What every system promises the trainer, and every dynamics to every system.

A file in gans/systems/ or gans/dynamics/ is held to it by being there: a system's smallest experiment is what is run.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np
import pytest
import systems
from systems import DYNAMICS, SYSTEMS

from gans.configs import flatten, override
from gans.core import Array, Batch, Keys, TrainState
from gans.data import feed
from gans.errors import UserError
from gans.ops.random import example_keys
from gans.sweep import plan
from gans.sweep.population import population
from gans.training import program, sampling
from gans.training.checkpoints import Checkpoints
from gans.training.setup import Experiment, check_later

FIRST = np.zeros(1, np.int32)  # the call of the first step alone, in which all updates of these are due


class Alone(NamedTuple):
    """A system that one device trains."""

    experiment: Experiment
    step: Callable[[TrainState], tuple]  # compiled: (state) -> (state a step later, its metrics)


def step_of(experiment: Experiment) -> Callable[[TrainState, tuple[str, ...]], tuple]:
    """(state, updates that are due) -> (state a step later, its metrics)."""
    raw = feed.held_arrays(experiment.source)
    return lambda state, due: program.make_steps(experiment, due)(state, raw, FIRST)


@functools.cache
def alone(name: str) -> Alone:
    experiment = systems.experiment(systems.tiny(name))
    step, due = jax.jit(step_of(experiment), static_argnums=1), systems.updates_of(experiment.system)
    return Alone(experiment, lambda state: step(state, due))


@functools.cache
def begun(name: str, seed: int = 0) -> TrainState:
    """At step 0."""
    return systems.first(alone(name).experiment.system, seed)


@functools.cache
def stepped(name: str, seed: int = 0) -> tuple:
    return alone(name).step(begun(name, seed))


def like(name: str) -> str:
    """The system that is run for all that have its mechanism: one of MLPs, if there is one."""
    return min(
        (other for other in SYSTEMS if systems.mechanism(other) == systems.mechanism(name)),
        key=lambda other: systems.smoke(other).generator.net != 'mlp',
    )


def skip_others(name: str) -> None:
    """But the first system of each mechanism."""
    if like(name) != name:
        pytest.skip(f'compiled as {like(name)} is; its step is traced in test_experiments.py')


def stirred(state: TrainState) -> TrainState:
    """With tenths in place of what begins at 0, as gains do, so that all of a net is heard."""
    return state.replace(params=jax.tree.map(lambda x: x if x.any() else np.full_like(x, 0.1), state.params))


@pytest.mark.parametrize('name', SYSTEMS)
def test_an_update_moves_what_its_player_owns_and_nothing_else(name: str) -> None:
    system, state = alone(name).experiment.system, alone(name).experiment.abstract()
    step = step_of(alone(name).experiment)
    for update in system.updates:
        anew = systems.computed(lambda state, due=(update.name,): step(state, due), state)
        assert anew['params'] == set(system.players[update.player].nets), update.name
        assert anew['opt'] == {update.player}, update.name


@pytest.mark.parametrize('name', SYSTEMS)
def test_all_that_is_owned_moves_at_once(name: str) -> None:
    """With all updates due, each kernel that a player owns moves."""
    skip_others(name)
    system, state = alone(name).experiment.system, stirred(begun(name))
    after, metrics = alone(name).step(state)
    assert all(np.isfinite(value).all() for value in metrics.values())
    owned = {net for player in system.players.values() for net in player.nets}
    assert systems.changed(after.params, state.params) == owned and int(after.step) == 1
    for path, leaf in jax.tree.leaves_with_path({net: after.params[net] for net in owned}):
        if path[-1].key == 'kernel':
            before = functools.reduce(lambda tree, key: tree[key.key], path, state.params)
            assert not np.array_equal(leaf, before), jax.tree_util.keystr(path)


@pytest.mark.parametrize('name', SYSTEMS)
def test_four_devices_equal_one(name: str) -> None:
    """With two micro-batches on each of them, unless nets have statistics of batches, which devices alone share; where
    another system has the same mechanism, a step is traced and losses are means over the parts of a batch.
    """
    pieces = systems.tiny(name, **{'train.micro': 2, 'train.sync_batch_norm': True})
    if not systems.builds(pieces):
        pytest.skip('the system refuses micro-batches: its loss is no mean over pieces of a batch')
    whole = override(pieces, {'train.micro': 1}, 'of a test')
    nets = alone(name).experiment.system.nets
    if any(map(systems.sees_the_batch, nets.values())):
        pytest.skip('examples of a batch see each other')
    spread = systems.experiment(whole if systems.with_statistics(alone(name).experiment) else pieces, devices=4)
    if like(name) != name:
        check_later([spread], -1)  # traces a step
        assert_means(alone(name).experiment, begun(name))
        return
    state, raw = program.place(spread, begun(name)), next(program.raws(spread, 0))
    placed = jax.tree.map(lambda x: x.sharding, state)
    state, metrics = program.make_call(spread)(state, raw, FIRST)
    assert jax.tree.map(lambda x: x.sharding, state) == placed  # else the second call is compiled anew
    after, wanted = stepped(name)
    for device in (0, 3):
        systems.assert_close(jax.tree.map(lambda x: x[device], state), after)  # noqa: B023
    systems.assert_close(jax.tree.map(lambda x: x[0], metrics), wanted, atol=1e-5)


def assert_means(experiment: Experiment, state: TrainState) -> None:
    whole = feed.examples(experiment.source, 4, feed.fixed_key()), example_keys(jax.random.key(0), np.arange(4))
    first, last = (jax.tree.map(lambda x, part=part: x[part], whole) for part in (np.s_[:2], np.s_[2:]))

    @jax.jit
    def losses(state: TrainState, batch: Batch, keys: Keys) -> list[Array]:
        return [update.loss(state.params, state, batch, keys)[0] for update in experiment.system.updates]

    state = state.replace(params=jax.tree.map(lambda x: 4 * x, state.params))  # so that critics tell examples apart
    of = (losses(state, *some) for some in (whole, first, last))
    for update, loss, one, other in zip(experiment.system.updates, *of, strict=True):
        np.testing.assert_allclose(loss, (one + other) / 2, rtol=1e-5, err_msg=update.name)
        assert one != other


@pytest.mark.parametrize('name', SYSTEMS)
def test_a_restored_state_goes_on_to_the_same_bits(name: str, tmp_path) -> None:
    skip_others(name)
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
    system, state = alone(name).experiment.system, alone(name).experiment.abstract()
    batch, keys = feed.shapes(alone(name).experiment.source, 4), example_keys(jax.random.key(0), np.arange(4))
    for update in system.updates:
        known = state.replace(opt={player: state.opt[player] for player in update.looks_ahead})
        jax.eval_shape(lambda known, batch: update.loss(known.params, known, batch, keys), known, batch)  # noqa: B023


def floats(experiment: Experiment) -> tuple[str, ...]:
    """The numbers of its config, but for those of its data, which the host reads."""
    config = flatten(experiment.config)
    return tuple(key for key, value in config.items() if isinstance(value, float) and not key.startswith('data.'))


@pytest.mark.parametrize('name', SYSTEMS)
def test_a_population_of_two_equals_its_solo_runs(name: str) -> None:
    """Its numbers are traced, and are those of the solo runs."""
    skip_others(name)
    experiment = alone(name).experiment
    members = [
        systems.experiment(override(experiment.config, {'seed': seed}, 'of a test'), mapped=True) for seed in (0, 1)
    ]
    made = population(members, floats(experiment))
    state, metrics = made.call(made.init(), next(made.raws(0)), FIRST)
    state, metrics = made.fetch(state), made.metrics([metrics])[0]
    for seed in (0, 1):
        after, wanted = stepped(name, seed)
        systems.assert_close(jax.tree.map(lambda x: x[seed], state), after)  # noqa: B023
        systems.assert_close(jax.tree.map(lambda x: x[seed], metrics), wanted, atol=1e-5)  # noqa: B023


@pytest.mark.parametrize('name', SYSTEMS)
def test_every_float_may_be_a_tracer(name: str) -> None:
    """Of the experiment as it is, whose optional terms are on."""
    experiment = systems.experiment(systems.smoke(name), mapped=True)
    assert floats(experiment)
    plan.trace([experiment], floats(experiment))


def rows(inputs: dict) -> list[bytes]:
    """The inputs of each example, as bytes."""
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(inputs)]
    return [b''.join(leaf[i].tobytes() for leaf in leaves) for i in range(len(leaves[0]))]


@pytest.mark.parametrize('name', SYSTEMS)
def test_samplers_draw_the_same_for_the_same_seed(name: str) -> None:
    """In any number, and an example looks the same whatever is made beside it."""
    experiment, state, made = alone(name).experiment, stirred(begun(name)), set()
    for sampler in experiment.system.samplers.values():
        draw = lambda num, s=sampler: sampling.fixed_inputs(experiment, num, seed=7, sampler=s)
        few, many = draw(2), draw(3)
        assert set(rows(few)) < set(rows(many))
        assert sampler is not sampling.main_sampler(experiment.system) or rows(few) == rows(many)[:2]
        if sampler.make in made:
            continue
        made.add(sampler.make)
        make = jax.jit(lambda state, inputs, s=sampler: s.make(sampling.use_averages(state), inputs))
        half, rest = np.array_split(np.arange(len(rows(few))), 2)
        twice = [jax.tree.map(lambda x, part=part: x[np.tile(part, 2)], few) for part in (half, rest)]
        apart = np.concatenate([np.split(make(state, inputs), 2)[0] for inputs in twice])  # some make more
        np.testing.assert_allclose(make(state, few), apart, rtol=1e-5, atol=1e-5)


# Dynamics


@pytest.mark.parametrize('system', SYSTEMS)
@pytest.mark.parametrize('dynamics', DYNAMICS)
def test_dynamics_move_every_system(dynamics: str, system: str) -> None:
    """All nets still have owners, and a step of each mechanism is traced, with its numbers as tracers; or they are
    refused in one line.
    """
    config = systems.tiny(system, dynamics=dynamics)
    try:
        experiment = systems.experiment(config, mapped=True)
    except UserError as error:
        assert '\n' not in str(error) and dynamics in str(error)
        return
    if like(system) == system:
        plan.trace([experiment], floats(experiment))
    before, after = alone(system).experiment.system, experiment.system
    owned = lambda system: {net for player in system.players.values() for net in player.nets}
    assert owned(after) == owned(before) and after.samplers.keys() == before.samplers.keys()
