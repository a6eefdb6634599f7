"""Grafting: which leaves are carried over, what begins anew, and what is said of it."""

import jax
import numpy as np
import pytest
from ml_collections import ConfigDict

from experiments import common
from gans.core import Compute, Spec, System, TrainState, Weights
from gans.errors import UserError
from gans.step import init_state
from gans.systems.build import build
from gans.training import graft
from gans.training.checkpoints import Checkpoints
from gans.training.leaves import by_path


def config_of(**changes) -> ConfigDict:
    config = common.get_config()
    config.latents.size = 3
    config.generator = ConfigDict({'net': 'mlp', 'widths': (8, 8), 'norm': 'batch'})
    config.critic = ConfigDict({'net': 'mlp', 'widths': (8, 8), 'norm': 'spectral'})
    config.ema.decay = 0.9
    config.update_from_flattened_dict(changes)
    return config


def system_of(**changes) -> System:
    return build(config_of(**changes), Spec((2,)), Compute())


def state_of(system: System, seed: int = 0) -> TrainState:
    return jax.device_get(jax.jit(lambda key: init_state(system, key))(jax.random.key(seed)))


def options(folder: object, **changes) -> ConfigDict:
    return ConfigDict(common.get_config().finetune.to_dict() | {'run': str(folder)} | changes)


@pytest.fixture(scope='module')
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple:
    """The folder of a run that has no averages at step 3 and averages at step 5, where all of its leaves differ."""
    folder = tmp_path_factory.mktemp('run')
    state = state_of(system_of(), 1)
    shifted = lambda tree, by: jax.tree.map(lambda x: x + by, tree)
    state = state.replace(opt=shifted(state.opt, 1), ema=shifted(state.ema, 2))
    checkpoints = Checkpoints(folder / 'checkpoints')
    checkpoints.save(3, state.replace(ema={}), 0.5)
    checkpoints.save(5, state, 0.7)
    checkpoints.close()
    return folder, state


# Trees


def test_graft_carries_what_stands_at_the_same_path() -> None:
    old = {'a': {'w': np.ones(2)}, 'b': {'w': np.ones(3)}, 'gone': np.ones(1)}
    new = {'a': {'w': np.zeros(2), 'bias': np.zeros(4)}, 'b': {'w': np.zeros(3)}, 'c': np.zeros(5)}
    tree, carried, fresh = graft.graft(old, new)
    assert carried == ('a/w', 'b/w') and fresh == ('a/bias', 'c')
    assert jax.tree.structure(tree) == jax.tree.structure(new)
    assert tree['a']['w'] is old['a']['w'] and tree['b']['w'] is old['b']['w']
    assert tree['a']['bias'] is new['a']['bias'] and tree['c'] is new['c']
    flat = graft.graft(by_path(old), new)
    assert flat.tree['b']['w'] is old['b']['w'] and flat[1:] == (carried, fresh)


def test_graft_of_trees_that_share_nothing() -> None:
    new = {'a': np.zeros(2)}
    assert graft.graft({}, new) == (new, (), ('a',))
    assert graft.graft({'a': np.ones(2)}, {}) == ({}, (), ())


@pytest.mark.parametrize('leaf', [np.ones((2, 3)), np.ones(2, np.int32)])
def test_graft_leaves_a_changed_shape_or_type_fresh(leaf: np.ndarray) -> None:
    new = {'net': {'w': np.zeros(2), 'b': np.zeros(1)}}
    tree, carried, fresh = graft.graft({'net': {'w': leaf, 'b': np.ones(1)}}, new)
    assert carried == ('net/b',) and fresh == ('net/w',) and tree['net']['w'] is new['net']['w']


# Runs


def test_averages_are_carried_for_the_generator(run: tuple) -> None:
    folder, state = run
    start, said = graft.read(options(folder), system_of())
    wanted = by_path(
        {'generator': state.ema['generator'], 'critic': Weights(state.params['critic'], state.stats['critic'])}
    )
    assert start.keys() == wanted.keys()
    for path, leaf in wanted.items():
        np.testing.assert_array_equal(start[path], leaf, err_msg=path)
    assert said == (
        f'begins from {folder}, step 5: {len(wanted)} leaves of generator and critic carried over; fresh: none'
    )


@pytest.mark.parametrize('step', ['3', 'best'])
def test_weights_as_they_are_where_there_are_no_averages(run: tuple, step: str) -> None:
    folder, state = run
    start, said = graft.read(options(folder, step=step), system_of())
    assert 'step 3' in said
    path = 'generator/params/dense_0/kernel'
    np.testing.assert_array_equal(start[path], state.params['generator']['dense_0']['kernel'])


def test_all_but_the_nets_begins_anew(run: tuple) -> None:
    """Optimizers, step and key are those of a run of its own; averages begin where the nets do."""
    folder, state = run
    system = system_of()
    start, _ = graft.read(options(folder), system)
    made, untrained = state_of(graft.start_from(system, start), 7), state_of(system, 7)
    same = lambda a, b: jax.tree.map(np.testing.assert_array_equal, a, b)
    weights = lambda state, net: Weights(state.params[net], state.stats[net])
    same(weights(made, 'generator'), state.ema['generator'])
    same(weights(made, 'critic'), weights(state, 'critic'))
    same(made.ema['generator'], state.ema['generator'])
    same(made.opt, untrained.opt)
    assert made.step == 0
    assert jax.random.key_data(made.rng).tolist() == jax.random.key_data(untrained.rng).tolist()


def test_a_net_that_is_left_out_is_untrained(run: tuple) -> None:
    folder, state = run
    system = system_of()
    start, said = graft.read(options(folder, nets=('critic',)), system)
    assert said.endswith('fresh: generator')
    made, untrained = state_of(graft.start_from(system, start), 7), state_of(system, 7)
    jax.tree.map(np.testing.assert_array_equal, made.params['generator'], untrained.params['generator'])
    jax.tree.map(np.testing.assert_array_equal, made.params['critic'], state.params['critic'])


def test_fresh_layers_are_named_and_as_initialised(run: tuple) -> None:
    folder, state = run
    system = system_of(**{'critic.widths': (8, 8, 8)})
    start, said = graft.read(options(folder), system)
    assert 'fresh: critic/params/dense_2/bias, critic/params/dense_2/kernel, critic/stats/batch_stats/dense_2/u' in said
    made, untrained = state_of(graft.start_from(system, start), 7), state_of(system, 7)
    jax.tree.map(np.testing.assert_array_equal, made.params['critic']['dense_2'], untrained.params['critic']['dense_2'])
    np.testing.assert_array_equal(
        made.params['critic']['dense_1']['kernel'], state.params['critic']['dense_1']['kernel']
    )


@pytest.mark.parametrize(
    'changes, system, said',
    [
        ({'run': 'nowhere'}, {}, 'there is no run in nowhere to begin from'),
        ({'step': '4'}, {}, 'no checkpoint of step 4'),
        ({'step': 'last'}, {}, "cannot restore checkpoint 'last'"),
        ({'nets': ('critc',)}, {}, "unknown net of finetune.nets 'critc'; did you mean 'critic'"),
        ({'nets': ()}, {}, 'would begin untrained'),
        (
            {},
            {'generator.widths': (8, 9)},
            'generator/params/dense_1/kernel cannot be carried over: it is float32[8,8]',
        ),
        (
            {'freeze': ('critic/dense_0', 'critic/dense_2')},
            {'critic.widths': (8, 8, 8)},
            'would freeze critic/params/dense_2/',
        ),
    ],
)
def test_mistakes(run: tuple, changes: dict, system: dict, said: str) -> None:
    with pytest.raises(UserError) as error:
        graft.read(options(run[0], **changes), system_of(**system))
    assert said in str(error.value) and '\n' not in str(error.value)


def test_a_net_of_which_the_run_has_nothing(run: tuple) -> None:
    system = system_of()
    other = system._replace(nets=system.nets | {'other': system.nets['critic']})
    with pytest.raises(UserError, match="has nothing for the net 'other', which would begin untrained"):
        graft.read(options(run[0], nets=('critic', 'other')), other)


def test_a_folder_without_checkpoints(tmp_path) -> None:
    with pytest.raises(UserError, match='has no checkpoint to begin from'):
        graft.read(options(tmp_path), system_of())


def test_off() -> None:
    assert graft.read(common.get_config().finetune, system_of()) == ({}, '')
