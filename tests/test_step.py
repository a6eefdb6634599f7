"""The train step: what it leaves alone, the order of its batches, and what its results may not depend on."""

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from common import adam, get_config
from ml_collections import ConfigDict

from gans.configs import override
from gans.core import Aux, Compute, Ema, Net, Player, Spec, System, Update, Weights
from gans.ops import random
from gans.step import due_updates, init_state, make_train_step, repeats
from gans.systems.build import build

BATCH = 8
BOTH = ('critic', 'generator')
POINTS, IMAGES = Spec((2,)), Spec((8, 8, 1))
DEVICES = 4


def experiment(net='mlp', **changes):
    """A config with tiny nets and SGD, which unlike Adam does not blow up what rounding leaves of a gradient."""
    config = get_config()
    config.latents.size = 3
    small = {'net': 'mlp', 'widths': (8,), 'activation': 'tanh'}
    config.generator, config.critic = ConfigDict(small), ConfigDict(small)
    if net == 'dcgan':  # the critic has a batch norm too, and few convolutions to compile
        config.generator = ConfigDict({'net': 'dcgan', 'width': 2})
        config.critic.norm = 'batch'
    for role in BOTH:
        config.optimizer[role] = ConfigDict({'name': 'sgd', 'learning_rate': 0.1, 'momentum': 0.5})
    return override(config, changes, 'of a test')


PENALISED = {'game': 'wasserstein', 'terms.wgan_gp.weight': 0.3, 'instance_noise.sigma': 0.3}


def data(spec=POINTS, n=1, steps=4):
    """Batches for some steps: a list of {'real': [n, BATCH, ...]}."""
    rng = np.random.default_rng(7)
    return [{'real': jnp.asarray(rng.normal(0.2, 0.5, (n, BATCH, *spec.shape)), jnp.float32)} for _ in range(steps)]


@flax.struct.dataclass
class Runner:
    """A system with its compiled step."""

    system: System
    step: object

    @classmethod
    def of(cls, config, spec=POINTS):
        system = build(config, spec, Compute())
        return cls(system, jax.jit(make_train_step(system), static_argnums=2))

    def start(self, seed=0):
        return jax.jit(lambda rng: init_state(self.system, rng))(jax.random.key(seed))

    def run(self, batches, seed=0, due=BOTH):
        state, logs = self.start(seed), []
        for batch in batches:
            state, metrics = self.step(state, batch, due)
            logs.append(metrics)
        return state, logs


def assert_same(a, b):
    assert jax.tree.structure(a) == jax.tree.structure(b)
    jax.tree.map(np.testing.assert_array_equal, numbers(a), numbers(b))


def assert_close(a, b, atol):
    assert jax.tree.structure(a) == jax.tree.structure(b)
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-5, atol=atol), numbers(a), numbers(b))


def numbers(tree):
    """The tree with its random keys as numbers."""
    is_key = lambda x: jnp.issubdtype(x.dtype, jax.dtypes.prng_key)
    return jax.tree.map(lambda x: jax.random.key_data(x) if is_key(x) else x, tree)


def moved(a, b):
    """The largest change of any leaf."""
    return max(jax.tree.leaves(jax.tree.map(lambda x, y: float(abs(x - y).max()), a, b)))


@pytest.fixture(scope='module')
def dcgan():
    """With batch norm, and a moving average."""
    return Runner.of(experiment('dcgan', **{'ema.decay': 0.3, 'ema.warmup': 10.0}), IMAGES)


@pytest.fixture(scope='module')
def penalized():
    """WGAN-GP under instance noise: everything that is random."""
    return Runner.of(experiment(**PENALISED))


# What an update leaves alone.


@pytest.mark.parametrize('player, other', [BOTH, BOTH[::-1]])
def test_an_update_moves_what_its_player_owns_and_nothing_else(dcgan, player, other):
    before = dcgan.start()
    after, metrics = dcgan.step(before, data(IMAGES)[0], (player,))
    for old, new in ((before.params, after.params), (before.stats, after.stats)):
        assert_same(old[other], new[other])
        assert moved(old[player], new[player]) > 1e-5
    assert_same(before.opt[other], after.opt[other])
    assert moved(before.opt[player], after.opt[player]) > 1e-5
    assert_same(before.rng, after.rng)
    assert after.step == before.step + 1
    assert {name.split('/')[0] for name in metrics} == {player}


def simple(loss, update=None, **changes):
    """A system of two numbers, 'mine' and 'frozen', without any net of linen."""
    nets = {name: Net(lambda rng: (jnp.float32(2.0), {}), None, None, ()) for name in ('mine', 'frozen')}
    update = Update('move', 'me', loss, **(update or {}))
    return System(nets, {'me': Player(('mine',), optax.sgd(0.1))}, (update,), {}, **changes)


def test_a_net_without_owner_is_frozen():
    system = simple(lambda params, state, batch, keys: (params['mine'] * params['frozen'] ** 2, Aux()))
    state, metrics = make_train_step(system)(init_state(system, jax.random.key(0)), {'x': jnp.zeros((1, 2))}, ('move',))
    np.testing.assert_allclose(state.params['mine'], 2 - 0.1 * 4)
    assert state.params['frozen'] == 2.0
    np.testing.assert_allclose(metrics['move/loss'], 8.0)
    np.testing.assert_allclose(metrics['move/grad_norm'], 4.0)
    assert 'me' in state.opt and state.ema == {}


def test_memory_passes_through_repeats_and_micro_batches_in_order():
    def loss(params, state, batch, keys):
        digits = state.memory['digits'] * 10 + batch['x'].mean()
        return params['mine'] * batch['x'].mean(), Aux({'x': batch['x'].mean()}, {}, {'digits': digits})

    system = simple(loss, {'repeats': 2, 'micro': 2}, memory={'digits': 0.0, 'other': 5.0})
    step = make_train_step(system)
    state, metrics = step(init_state(system, jax.random.key(0)), {'x': jnp.array([[1.0, 2.0], [3.0, 4.0]])}, ('move',))
    np.testing.assert_allclose(state.memory['digits'], 1234.0)
    assert state.memory['other'] == 5.0
    np.testing.assert_allclose(state.params['mine'], 2 - 0.1 * (1.5 + 3.5), rtol=1e-6)
    np.testing.assert_allclose(metrics['move/x'], 2.5)


def test_an_update_of_fewer_repeats_sees_the_last_batches():
    loss = lambda params, state, batch, keys: (params['mine'] * batch['x'].mean(), Aux({'x': batch['x'].mean()}))
    system = simple(loss)
    updates = tuple(Update(f'r{n}', 'me', loss, repeats=n) for n in (3, 2, 1))
    system = system._replace(updates=updates)
    assert repeats(system) == 3
    batch = {'x': jnp.array([[1.0], [10.0], [100.0]])}
    _, metrics = make_train_step(system)(init_state(system, jax.random.key(0)), batch, ('r3', 'r2', 'r1'))
    means = [metrics[f'r{n}/x'] for n in (3, 2, 1)]
    np.testing.assert_allclose(means, [37.0, 55.0, 100.0], rtol=1e-6)


def test_schedule():
    loss = lambda *args: (jnp.zeros(()), Aux())
    system = simple(loss)
    updates = tuple(Update(f'e{n}', 'me', loss, every=n) for n in (1, 3, 4))
    system = system._replace(updates=updates)
    due = [due_updates(system, step) for step in range(12)]
    for n in (1, 3, 4):  # in the steps n, 2n, ..., counted from 1
        assert [i + 1 for i, names in enumerate(due) if f'e{n}' in names] == list(range(n, 13, n))
    assert due[11] == ('e1', 'e3', 'e4') and due[0] == ('e1',)


# The order of batches and keys, by hand.


def test_critic_updates_by_hand():
    """Three critic updates on three batches and one generator update on the last, written without the train step."""
    config = experiment(**{'train.n_critic': 3})
    runner = Runner.of(config)
    (batch,) = data(n=3, steps=1)
    start = runner.start()
    after, metrics = runner.step(start, batch, BOTH)
    system, params = runner.system, dict(start.params)
    base = jax.random.fold_in(start.rng, 0)  # step 0
    softplus = lambda x: jnp.log1p(jnp.exp(x))
    apply = lambda net, params, x: system.nets[net].apply(params, {}, x, train=True)[0]
    keys = lambda update, repeat: random.example_keys(
        jax.random.fold_in(jax.random.fold_in(base, update), repeat), jnp.arange(BATCH)
    )
    latents = lambda keys: random.normal(random.split(keys, 4)[0], (3,))  # the first of a scene's four uses of a key

    @jax.jit
    def critic_slope(params, real, keys):
        scene_keys = random.split(keys, 3)[0]  # beside those of flips and terms
        fake = apply('generator', params['generator'], latents(scene_keys))
        loss = lambda p: (softplus(-apply('critic', p, real)) + softplus(apply('critic', p, fake))).mean()
        return jax.value_and_grad(loss)(params['critic'])

    @jax.jit
    def generator_slope(params, keys):
        z = latents(keys)
        loss = lambda p: softplus(-apply('critic', params['critic'], apply('generator', p, z))).mean()
        return jax.value_and_grad(loss)(params['generator'])

    values, speed = [], jax.tree.map(jnp.zeros_like, params['critic'])
    for i in range(3):
        value, slope = critic_slope(params, batch['real'][i], keys(0, i))
        speed = jax.tree.map(lambda v, g: 0.5 * v + g, speed, slope)
        params['critic'] = jax.tree.map(lambda p, v: p - 0.1 * v, params['critic'], speed)
        values.append(float(value))
    value, slope = generator_slope(params, keys(1, 0))
    params['generator'] = jax.tree.map(lambda p, g: p - 0.1 * g, params['generator'], slope)
    assert_close(after.params, params, 1e-6)
    np.testing.assert_allclose(metrics['critic/loss'], np.mean(values), rtol=1e-5)
    np.testing.assert_allclose(metrics['generator/loss'], value, rtol=1e-5)
    np.testing.assert_allclose(metrics['generator/grad_norm'], optax.tree.norm(slope), rtol=1e-5)
    # Each repeat sees its own batch: any one of them changed changes the critic.
    for i in range(3):
        other = {'real': batch['real'].at[i].add(1.0)}
        assert moved(after.params['critic'], runner.step(start, other, BOTH)[0].params['critic']) > 1e-4


@pytest.mark.parametrize('condition', [None, 'concat'])
def test_real_and_fake_in_one_batch_are_judged_as_apart(condition):
    """The generator of zeros makes zeros, so the fakes are known."""
    config = experiment(**{'critic.norm': 'layer', 'critic.widths': (8, 8)})
    config.generator.condition = config.critic.condition = condition
    system = build(config, POINTS._replace(classes=('a', 'b')), Compute())
    state = init_state(system, jax.random.key(0))
    state.params['generator'] = jax.tree.map(jnp.zeros_like, state.params['generator'])
    real, label = data()[0]['real'][0], jnp.arange(BATCH) % 2
    told = () if condition is None else (label,)

    def by_hand(params):
        scores = lambda x: system.nets['critic'].apply(params, {}, x, *told, train=True)[0]
        real_scores, fake_scores = scores(real), scores(jnp.zeros_like(real))
        loss = (jax.nn.softplus(-real_scores) + jax.nn.softplus(fake_scores)).mean()
        return loss, {'real_score': real_scores.mean(), 'fake_score': fake_scores.mean()}

    def ours(params):
        keys = random.example_keys(jax.random.key(1), jnp.arange(BATCH))
        both = {**state.params, 'critic': params}
        loss, aux = system.updates[0].loss(both, state, {'real': real, 'label': label}, keys)
        return loss, dict(aux.metrics)

    (loss, metrics), slope = jax.value_and_grad(ours, has_aux=True)(state.params['critic'])
    (expected, apart), by_hand_slope = jax.value_and_grad(by_hand, has_aux=True)(state.params['critic'])
    assert abs(float(apart['real_score'] - apart['fake_score'])) > 1e-2
    np.testing.assert_allclose(loss, expected, rtol=1e-6)
    assert_close(metrics, apart, 1e-6)
    assert_close(slope, by_hand_slope, 1e-6)


@pytest.mark.parametrize(('norm', 'minibatch'), [('batch', None), ('none', 'std')])
def test_what_sees_its_batch_judges_real_and_fake_apart(norm, minibatch):
    """The scores of the real examples are those of a batch without fakes."""
    config = experiment(**{'critic.norm': norm})
    with config.unlocked():
        config.critic.minibatch = minibatch
    system = build(config, POINTS, Compute())
    state, real = init_state(system, jax.random.key(0)), data()[0]['real'][0]
    keys = random.example_keys(jax.random.key(1), jnp.arange(BATCH))
    _, aux = system.updates[0].loss(state.params, state, {'real': real}, keys)
    scores, _ = system.nets['critic'].apply(state.params['critic'], state.stats['critic'], real, train=True)
    np.testing.assert_allclose(aux.metrics['real_score'], scores.mean(), rtol=1e-5)


def test_an_update_draws_anew_at_each_step_and_repeat():
    keys = {}

    def loss(params, state, batch, keys):
        return params['mine'] * 0.0, Aux({'draw': random.uniform(keys)[0]}, {}, {})

    system = simple(loss)._replace(
        updates=(Update('a', 'me', loss, repeats=1), Update('b', 'me', loss)),
    )
    step, state = make_train_step(system), init_state(system, jax.random.key(0))
    for i in range(2):
        state, metrics = step(state, {'x': jnp.zeros((1, 2))}, ('a', 'b'))
        keys |= {(i, name): float(value) for name, value in metrics.items() if name.endswith('draw')}
    assert len(set(keys.values())) == 4


# What the results may not depend on.


def test_micro_batches_equal_the_full_batch(penalized):
    pieces = Runner.of(experiment(**PENALISED, **{'train.micro': 4}))
    (a, logs_a), (b, logs_b) = (runner.run(data()[:3]) for runner in (penalized, pieces))
    assert_close(a.params, b.params, 1e-6)
    assert_close(a.opt, b.opt, 1e-6)
    assert_close(logs_a, logs_b, 1e-6)
    assert moved(a.params, penalized.start().params) > 0.05


@pytest.mark.parametrize('changes', [{}, PENALISED | {'critic.norm': 'layer'}])
def test_what_is_computed_again_is_the_same(changes):
    config, batches = experiment('dcgan', **changes), data(IMAGES, steps=2)
    systems = [build(config, IMAGES, Compute(remat=remat)) for remat in (False, True)]
    steps = [jax.jit(make_train_step(system), static_argnums=2) for system in systems]
    (a, logs_a), (b, logs_b) = (Runner(*pair).run(batches) for pair in zip(systems, steps, strict=True))
    assert_close(a.params, b.params, 1e-6)
    assert_close(a.stats, b.stats, 1e-6)
    assert_close(logs_a, logs_b, 1e-5)


def test_a_run_is_a_function_of_its_seed(penalized):
    (a, logs_a), (b, logs_b), (c, _) = (penalized.run(data(), seed) for seed in (3, 3, 4))
    assert_same(a, b)
    assert_same(logs_a, logs_b)
    assert moved(a.params, c.params) > 1e-3


def test_the_seed_of_the_step_matters_beside_that_of_the_weights(penalized):
    start = penalized.start()
    a, b = (penalized.step(start.replace(rng=jax.random.key(seed)), data()[0], BOTH)[0] for seed in (0, 1))
    assert moved(a.params, b.params) > 1e-4


def test_resuming_is_exact(penalized):
    """The state is all that there is: nothing of a run lives elsewhere."""
    whole, _ = penalized.run(data())
    half, _ = penalized.run(data()[:2])
    half = jax.tree.map(lambda x: jnp.array(x, copy=True), half)
    for batch in data()[2:]:
        half, _ = penalized.step(half, batch, BOTH)
    assert_same(whole, half)


# Lazy terms and moving averages.


def test_lazy_term():
    """A step of its own, `every` times as strong, of the same optimizer."""
    config = experiment(**{'terms.r1.weight': 3.0, 'terms.r1.every': 4})
    config.optimizer.critic = adam()
    system = build(config, POINTS, Compute())
    assert [(u.name, u.player, u.every) for u in system.updates] == [
        ('critic', 'critic', 1),
        ('r1', 'critic', 4),
        ('generator', 'generator', 1),
    ]
    assert [due_updates(system, step) for step in range(4)] == [BOTH] * 3 + [('critic', 'r1', 'generator')]
    # Adam is rescaled, see test_optimizers.py; the size of a step shows better with SGD.
    players = {**system.players, 'critic': Player(('critic',), optax.sgd(0.1, momentum=0.5))}
    system = system._replace(players=players)
    step = jax.jit(make_train_step(system), static_argnums=2)
    start = jax.jit(lambda rng: init_state(system, rng))(jax.random.key(0))
    real = data()[0]['real'][0]

    @jax.jit
    @jax.value_and_grad
    def r1(params):  # by hand
        one = lambda x: system.nets['critic'].apply(params, {}, x[None], train=True)[0][0]
        return 0.5 * (jax.vmap(jax.grad(one))(real) ** 2).sum(1).mean()

    value, slope = r1(start.params['critic'])
    after, metrics = step(start, data()[0], ('r1',))
    expected = jax.tree.map(lambda p, g: p - 0.1 * 3.0 * 4 * g, start.params['critic'], slope)
    assert_close(after.params['critic'], expected, 1e-6)
    assert_same(after.params['generator'], start.params['generator'])
    np.testing.assert_allclose(metrics['r1/loss'], 12 * value, rtol=1e-5)
    again, _ = step(after, data()[0], ('r1',))  # the momentum is of the step before
    expected = jax.tree.map(
        lambda p, g, h: p - 0.1 * (12 * h + 0.5 * 12 * g),
        after.params['critic'],
        slope,
        r1(after.params['critic'])[1],
    )
    assert_close(again.params['critic'], expected, 1e-6)


def test_moving_average_against_numpy(dcgan):
    state = dcgan.start()
    average = Weights(state.params['generator'], state.stats['generator'])
    assert_same(state.ema['generator'], average)
    for t in range(1, 5):
        state, _ = dcgan.step(state, data(IMAGES)[0], BOTH)
        decay = min(0.3, (1 + t) / (10 + t))  # 2/11, 3/12, 4/13 = 0.307...: the warm-up ends at the third step
        now = Weights(state.params['generator'], state.stats['generator'])
        average = jax.tree.map(lambda a, x, d=decay: d * np.asarray(a) + (1 - d) * np.asarray(x), average, now)
        assert_close(state.ema['generator'], average, 1e-6)
    assert set(state.ema) == {'generator'}
    assert moved(state.ema['generator'], now) > 1e-4


def test_moving_average_counts_finished_steps():
    system = simple(
        lambda params, state, batch, keys: (params['mine'], Aux()), ema=Ema(('mine',), lambda t: 1.0 / (t + 1.0))
    )
    step, state = make_train_step(system), init_state(system, jax.random.key(0))
    for _ in range(2):
        state, _ = step(state, {'x': jnp.zeros((1, 2))}, ('move',))
    # 2, then 1/2 of 2 and of 1.9, then 1/3 of that and 2/3 of 1.8
    np.testing.assert_allclose(state.ema['mine'].params, 1.95 / 3 + 2 * 1.8 / 3, rtol=1e-6)


def test_batch_norm_advances_once_an_update(dcgan):
    """By the moments of this update's own fakes: momentum 0.9 from 1 leaves more than 0.9."""
    start = dcgan.start()
    after, _ = dcgan.step(start, data(IMAGES)[0], BOTH)
    for name, stats in after.stats['generator']['batch_stats'].items():
        old = start.stats['generator']['batch_stats'][name]['var']
        np.testing.assert_array_equal(old, np.ones_like(old))
        assert (stats['var'] >= 0.9 - 1e-6).all() and moved(stats['var'], old) > 1e-4


# Several devices.

several = pytest.mark.skipif(jax.local_device_count() < DEVICES, reason=f'needs {DEVICES} devices; see conftest.py')


def parallel(system, batches, state):
    """Runs the system over four devices, each with its slice of every batch; -> (states, metrics) [DEVICES, ...]."""
    devices = jax.local_devices()[:DEVICES]
    step = jax.pmap(
        make_train_step(system, axis_name='device'), 'device', static_broadcasted_argnums=2, devices=devices
    )
    states = jax.tree.map(lambda x: jnp.stack([x] * DEVICES), state)
    logs = []
    for batch in batches:
        slices = jax.tree.map(lambda x: jnp.stack(jnp.split(x, DEVICES, axis=1)), batch)
        states, metrics = step(states, slices, BOTH)
        logs.append(metrics)
    return states, logs


def assert_replicas_agree(states):
    for leaf in jax.tree.leaves(numbers(states)):
        assert leaf.shape[0] == DEVICES
        for i in range(1, DEVICES):
            np.testing.assert_array_equal(leaf[0], leaf[i])


@several
def test_devices_equal_one_device(penalized):
    one, logs_one = penalized.run(data())
    four, logs_four = parallel(penalized.system, data(), penalized.start())
    assert_replicas_agree((four, logs_four))
    first = jax.tree.map(lambda x: x[0], four)
    assert_close(first.params, one.params, 1e-5)
    assert_close(first.opt, one.opt, 1e-5)
    assert first.step == one.step
    assert_close(jax.tree.map(lambda x: x[0], logs_four), logs_one, 1e-5)
    assert moved(one.params, penalized.start().params) > 0.05


@several
@pytest.mark.parametrize('synchronised', [True, False])
def test_batch_norm_over_devices(dcgan, synchronised):
    system = dcgan.system
    if synchronised:
        config = experiment('dcgan', **{'ema.decay': 0.3, 'ema.warmup': 10.0})
        system = build(config, IMAGES, Compute(axis_name='device'))
    one, _ = dcgan.run(data(IMAGES))
    four, logs = parallel(system, data(IMAGES), dcgan.start())
    assert_replicas_agree((four, logs))
    first = jax.tree.map(lambda x: x[0], four)
    if synchronised:
        assert_close((first.params, first.stats, first.ema), (one.params, one.stats, one.ema), 1e-5)
    else:  # moments of two images, not of eight
        assert moved(first.params, one.params) > 1e-4
