"""Numbers that change over the steps: their values, who reads them, what cannot move."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict

from experiments import common
from gans import configs, schedules
from gans.data import feed
from gans.errors import UserError
from gans.optimizers import ema
from gans.step import due_updates, make_train_step
from gans.sweep import population
from gans.training import program, setup

TO = {  # key: where it starts and arrives
    'terms.r1.weight': (2.0, 0.5),
    'optimizer.critic.learning_rate': (1e-2, 1e-3),
    'optimizer.generator.b2': (0.9, 0.99),
    'ema.half_life': (0.0, 8.0),
    'instance_noise.sigma': (0.4, 0.1),
}


def tiny(**overrides: object) -> ConfigDict:
    config = common.get_config()
    config.data.name, config.data.mean = 'gaussian1d', 1.0
    config.latents.size = 2
    config.generator = config.critic = ConfigDict({'net': 'mlp', 'widths': (4,)})
    config.terms.r1 = {'weight': 2.0}
    config.optimizer.critic.learning_rate = 1e-2
    config.optimizer.generator.b2 = 0.9
    config.ema.half_life, config.ema.warmup = 0.0, 1.0
    config.instance_noise.sigma = 0.4
    config.train.batch_size = 4
    return configs.override(configs.apply_defaults(config, 'of a test'), overrides, 'of a test')


def moving(**more: object) -> ConfigDict:
    made = {
        f'schedules.{i}': {'of': key, 'to': to, 'begin': 10, 'end': 20} for i, (key, (_, to)) in enumerate(TO.items())
    }
    return tiny(**made, **more)


@pytest.mark.parametrize(('shape', 'quarter'), [('cosine', 0.5 + 0.5 * np.cos(np.pi / 4)), ('linear', 0.75)])
def test_values(shape, quarter) -> None:
    steps, left = (0, 10, 15, 20, 30, 1_000), (1, 1, quarter, 0.5, 0, 0)
    move = jax.jit(lambda step: schedules.move(8.0, step, to=2.0, begin=10, end=30, shape=shape))
    np.testing.assert_allclose([move(step) for step in steps], [2 + 6 * share for share in left], rtol=1e-6)


def test_config_at_a_step_is_the_config_but_for_what_moves() -> None:
    config = moving()
    found = configs.flatten(schedules.config_at(config, jnp.int32(15)))
    for key, value in configs.flatten(config).items():
        if key in TO:
            assert found[key] == pytest.approx(sum(TO[key]) / 2)
        else:
            assert found[key] == value
    assert configs.flatten(config)['terms.r1.weight'] == 2.0  # which stays as it is


def step_at(config: ConfigDict, step: int) -> tuple:
    """(state after it, metrics) of the step after `step` steps from the first state; by the program that runs train."""
    experiment = setup.setup(config, devices=1)
    state = experiment.init().replace(step=jnp.int32(step))
    call = jax.jit(program.make_steps(experiment), compiler_options=setup.unoptimized())
    return call(state, feed.held_arrays(experiment.source), program.counts(experiment, step))


def test_a_step_is_that_of_a_config_with_the_values_of_that_step() -> None:
    """Terms, optimizers, averages and views; also half-way, where a run may have been resumed."""
    there = tiny(**{key: float(sum(ends) / 2) for key, ends in TO.items()})
    (moved, metrics), (still, wanted) = step_at(moving(), 15), step_at(there, 15)
    other, _ = step_at(tiny(), 15)
    for ours, theirs in zip(jax.tree.leaves((moved, metrics)), jax.tree.leaves((still, wanted)), strict=True):
        if not jnp.issubdtype(ours.dtype, jax.dtypes.prng_key):
            np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=1e-7)
    for tree in (lambda state: state.params['critic'], lambda state: state.opt['generator'], lambda state: state.ema):
        ours, theirs = (jnp.concatenate([jnp.ravel(x) for x in jax.tree.leaves(tree(s))]) for s in (moved, other))
        assert np.abs(ours - theirs).max() > 1e-5


def test_where_a_number_arrives_may_be_a_tracer() -> None:
    """As in a sweep whose rows differ in it."""
    experiment = setup.setup(moving(), devices=1)
    raw, counts = program.abstract_raw(experiment), program.counts(experiment, 0)
    numbers = {key: jax.ShapeDtypeStruct((), jnp.float32) for key in ('schedules.0.to', 'terms.r1.weight')}

    def steps(numbers, state, raw):
        return program.make_steps(population.overlay(experiment, numbers))(state, raw, counts)

    after, _ = jax.eval_shape(steps, numbers, experiment.abstract(), raw)
    assert jax.tree.map(lambda x: x.shape, after) == jax.tree.map(lambda x: x.shape, experiment.abstract())


def test_half_lives() -> None:
    """Of 0 steps: the weights themselves; of 5: after 5 steps half."""
    decay = lambda half_life, t: ema(ConfigDict({'decay': None, 'half_life': half_life, 'warmup': 1.0})).decay(t)
    assert decay(0.0, 3) == 0
    assert decay(5.0, 3) ** 5 == pytest.approx(0.5)
    with pytest.raises(
        UserError, match=r'ema\.decay=0.5 and ema.half_life=0.0 both say how long weights count: set one'
    ):
        setup.setup(tiny(**{'ema.decay': 0.5}), devices=1)


REFUSED = [
    (
        {'of': 'terms.r1.weigth'},
        "unknown key in schedules.a.of 'terms.r1.weigth'; did you mean 'terms.r1.weight'",
    ),
    ({'of': 'ema.decay'}, "schedules.a.of='ema.decay': 'ema.decay' is not on; set the number that it starts from"),
    (
        {'of': 'data.mean'},
        "'data.mean' cannot change in a run; what can are numbers that training alone reads, such as",
    ),
    ({'of': 'train.steps'}, "'train.steps' cannot change in a run"),
    ({'of': 'latents.scale'}, "'latents.scale' cannot change in a run"),
    ({}, "unknown key in schedules.a.of ''"),
    ({'of': 'terms.r1.weight', 'shape': 'cosin'}, "unknown schedules.a.shape 'cosin'; did you mean 'cosine'"),
    ({'of': 'terms.r1.weight', 'begin': 30}, 'schedules.a.end=20 must be a step after begin=30'),
    ({'of': 'terms.r1.weight', 'end': 0}, 'schedules.a.end=0 must be at least 1'),
    ({'of': 'optimizer.critic.b2', 'to': 1.0}, 'schedules.a.to=1 must lie in [0, 1)'),
    (
        {'of': 'ema.half_life, ema.half_life'},
        "'ema.half_life' is moved by schedules.a already; leave it off one of them",
    ),
    ({'of': 'terms.r1.weight', 'final': 1.0}, "unknown key of a test 'schedules.a.final'"),
    ({'of': 'terms.r1.weight', 'to': 'low'}, "schedules.a.to='low' of a test does not fit: expected a number"),
]


def test_averages_are_copies_until_they_begin() -> None:
    """And warm up from there."""
    decay = ema(ConfigDict({'decay': 0.9, 'warmup': 2.0, 'begin': 3})).decay
    assert [float(decay(jnp.int32(t))) for t in (1, 2, 3, 4, 100)] == pytest.approx([0, 0, 1 / 2, 2 / 3, 0.9])


@pytest.mark.parametrize(('section', 'said'), REFUSED, ids=[said for _, said in REFUSED])
def test_what_cannot_move_is_refused_in_a_line(section, said) -> None:
    with pytest.raises(UserError) as error:
        setup.setup(tiny(**{f'schedules.a.{key}': value for key, value in {'end': 20, **section}.items()}), devices=1)
    assert said in str(error.value) and '\n' not in str(error.value)


def test_adapted_augmentation_cannot_move() -> None:
    config = tiny(**{'schedules.a.of': 'augment.probability', 'schedules.a.end': 5, 'augment.target': 0.6})
    with pytest.raises(UserError, match=r'augment\.target=0.6 moves it; leave one of them off'):
        schedules.check(config)


def test_sections_on_the_command_line() -> None:
    """One key makes the section; None takes it off; a longer run says that its schedules stay."""
    config = tiny(**{'schedules.a.of': 'ema.half_life', 'schedules.a.end': 10_000})
    assert dict(config.schedules.a) == {'of': 'ema.half_life', 'to': 0.0, 'begin': 0, 'end': 10_000, 'shape': 'cosine'}
    assert not configs.override(config, {'schedules.a': None}, 'of a test').schedules
    assert schedules.describe(config) == ['ema.half_life 0 to 0 from step 0 to 10,000, cosine']
    longer = configs.override(config, {'train.steps': 20_000}, 'of a test')
    assert configs.consequences(config, longer) == [
        'schedules.a.end=10000 stays, where the run ended before train.steps=20000'
    ]


def test_a_config_without_schedules_has_one_system() -> None:
    experiment = setup.setup(tiny(), devices=1)
    assert experiment.system_at(jnp.int32(3)) is experiment.system
    assert due_updates(experiment.system, 0) and make_train_step(experiment.system)
