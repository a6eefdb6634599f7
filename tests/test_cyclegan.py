"""CycleGAN: losses against its nets, the pool against the authors' algorithm, devices, resuming, what it refuses."""

import functools
from types import SimpleNamespace

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict
from systems import assert_close, first

from experiments import common
from gans.configs import override
from gans.core import Array, Compute, Spec
from gans.cost.describe import flops
from gans.errors import UserError
from gans.ops import random
from gans.ops.pixels import to_float, to_pixels
from gans.step import init_state, make_train_step
from gans.systems._pool import image_pool
from gans.systems.build import build
from gans.training import sampling, setup, targets
from gans.training.checkpoints import Checkpoints

SIDE = 8
LINES, COLORS = Spec((SIDE, SIDE, 1)), Spec((SIDE, SIDE, 3))


def spec_of(a: Spec = COLORS, b: Spec = COLORS) -> Spec:
    return a._replace(fields={'a': a, 'b': b})


class Translator(nn.Module):
    """Colors anew, pixel by pixel; quick to compile."""

    shape: tuple[int, ...]
    compute: Compute

    @nn.compact
    def __call__(self, x: Array, train: bool = True) -> Array:
        return jnp.tanh(nn.Dense(self.shape[2], name='out')(x))


class Critic(nn.Module):
    """A score for each pixel."""

    shape: tuple[int, ...]
    compute: Compute
    batchwise = False

    @nn.compact
    def __call__(self, x: Array, train: bool = True) -> Array:
        return nn.Dense(1, name='out')(jnp.tanh(nn.Dense(3, name='hidden')(x)))[..., 0]


def config_of(**overrides: object) -> ConfigDict:
    config = common.get_config()
    config.system, config.game = 'cyclegan', 'least_squares'
    config.cyclegan = ConfigDict({'adversarial': 2.0})
    config.generator = ConfigDict({'net': f'{__file__}:Translator'})
    config.critic = ConfigDict({'net': f'{__file__}:Critic'})
    return override(config, overrides, 'of a test')


def images(num: int, channels: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, (num, SIDE, SIDE, channels)).astype(np.float32)


def keys_of(num: int, seed: int = 0) -> jax.Array:
    return random.example_keys(jax.random.key(seed), jnp.arange(num))


# Losses


@pytest.mark.parametrize('weights', [{}, {'cyclegan.identity': None}], ids=['identity', 'without'])
def test_losses_are_those_of_the_authors(weights: dict) -> None:
    """With the gradients of all four nets: a cycle moves both generators."""
    system = build(config_of(**weights), spec_of(), Compute())
    state, batch, keys = first(system), {'a': images(2), 'b': images(2, seed=1)}, keys_of(2)

    def losses(params: dict) -> tuple:
        call = lambda net: lambda x: system.nets[net].apply(params[net], state.stats[net], x, train=True)[0]
        g, f, d_b, d_a = map(call, ('generator_a_to_b', 'generator_b_to_a', 'critic_a_to_b', 'critic_b_to_a'))
        a, b, error = batch['a'], batch['b'], lambda x, y: jnp.abs(x - y).mean()
        game = ((d_b(g(a)) - 1) ** 2).mean() + ((d_a(f(b)) - 1) ** 2).mean()
        identity = error(g(b), b) + error(f(a), a)
        generators = game + 10 * (error(f(g(a)), a) + error(g(f(b)), b)) + (0 if weights else 5 * identity)
        critic = lambda d, real, fake: 0.5 * (((d(real) - 1) ** 2).mean() + (d(fake) ** 2).mean())
        return {'critic': critic(d_b, b, g(a)) + critic(d_a, a, f(b)), 'generator': generators}

    for update in system.updates:
        own = {net: state.params[net] for net in system.players[update.player].nets}
        ours = lambda own, update=update: update.loss({**state.params, **own}, state, batch, keys)[0]
        wanted = lambda own, update=update: losses({**state.params, **own})[update.name]
        found, expected = (jax.jit(jax.value_and_grad(of))(own) for of in (ours, wanted))
        assert_close(found, expected, rtol=1e-4, atol=1e-6)
        assert len(own) == 2 and all(np.abs(x).max() > 0 for net in own.values() for x in [net['out']['kernel']])


def test_dropout_in_both_directions_and_channels_that_differ() -> None:
    """Traced: each of the three uses of a generator draws noise of its own."""
    net = {'generator.net': 'cyclegan', 'generator.width': 2, 'generator.blocks': 1, 'generator.dropout': 0.5}
    system = build(config_of(**net, **{'cyclegan.identity': None, 'ema.decay': 0.9}), spec_of(LINES), Compute())
    batch = {'a': images(2, 1)[None], 'b': images(2)[None]}
    state = jax.eval_shape(lambda: init_state(system, jax.random.key(0)))
    step = lambda state, batch: make_train_step(system)(state, batch, ('critic', 'generator'))
    after, metrics = jax.eval_shape(step, state, batch)
    assert set(after.ema) == {'generator_a_to_b', 'generator_b_to_a'}
    assert {'generator/a_to_b_cycle', 'generator/b_to_a_game'} <= set(metrics)
    flat = {'a': batch['a'][0], 'b': batch['b'][0]}
    made = lambda name: jax.eval_shape(
        lambda state: system.samplers[name].make(state, system.samplers[name].inputs(flat, keys_of(2))), state
    )
    assert [made(name).shape for name in system.samplers] == [
        (2, SIDE, SIDE, 3), (2, SIDE, SIDE, 1), (12, SIDE, SIDE, 3),
    ]  # fmt: skip


# The pool


def by_hand(pool: list, size: int, fakes: np.ndarray, exchanged: np.ndarray, which: np.ndarray) -> np.ndarray:
    """The authors' algorithm, with a list."""
    shown = []
    for fake, other, place in zip(fakes, exchanged, which, strict=True):
        if len(pool) < size:
            pool.append(fake)
            shown.append(fake)
        elif other:
            shown.append(pool[place])
            pool[place] = fake
        else:
            shown.append(fake)
    return np.stack(shown)


def pool_of(size: int, axis: str | None = None) -> tuple:
    """(its initial memory; (memory, fakes, keys) -> (what the critic is given, memory))."""
    pool = image_pool('pool', size, COLORS, axis, 'cyclegan.pool')

    mix = lambda memory, fakes, keys: pool.mix(fakes, {}, SimpleNamespace(memory=memory), keys)
    return jax.tree.map(jnp.asarray, dict(pool.memory)), mix


def test_the_pool_is_the_authors() -> None:
    """Filled, and exchanged from, within one batch and over many; some exchange twice for the same place."""
    size, batch, held = 6, 4, []
    memory, mix = pool_of(size)
    mix = jax.jit(mix)
    twice = 0
    for step in range(12):
        fakes, keys = np.asarray(to_float(to_pixels(images(batch, seed=step)))), keys_of(batch, step)
        k_if, k_which = random.split(keys, 2)
        exchanged, which = np.asarray(random.uniform(k_if) < 0.5), np.asarray(random.integers(k_which, size))
        twice += step > 1 and len(set(which[exchanged])) < exchanged.sum()
        shown, memory = mix(memory, fakes, keys)
        np.testing.assert_allclose(shown, by_hand(held, size, fakes, exchanged, which), atol=1e-6)
        np.testing.assert_allclose(to_float(memory['pool']['images'][: len(held)]), np.stack(held), atol=1e-6)
        assert memory['pool']['count'] == len(held)
    assert twice


def test_fresh_fakes_are_not_rounded_and_past_ones_are_pixels() -> None:
    memory, mix = pool_of(1)
    fakes = images(8)
    shown, memory = mix(memory, fakes, keys_of(8))
    fresh = np.array([np.array_equal(x, y) for x, y in zip(shown, fakes, strict=True)])
    assert fresh[0] and 0 < fresh[1:].sum() < 7
    rounded = np.asarray(to_float(to_pixels(fakes)))
    for image in np.asarray(shown)[~fresh]:
        assert np.abs(rounded - image).max((1, 2, 3)).min() < 1e-6


def test_four_devices_share_a_pool() -> None:
    """Each holds that of one device, also where it is full within the batch."""
    memory, mix = pool_of(6)
    spread = jax.pmap(pool_of(6, 'device')[1], 'device')
    theirs = jax.tree.map(lambda x: jnp.stack([x] * 4), memory)
    for step in range(3):
        fakes, keys = images(8, seed=step), keys_of(8, step)
        shown, memory = mix(memory, fakes, keys)
        each, theirs = spread(theirs, fakes.reshape(4, 2, *fakes.shape[1:]), keys.reshape(4, 2))
        np.testing.assert_array_equal(each.reshape(shown.shape), shown)
        for device in range(4):
            assert_close(jax.tree.map(lambda x: x[device], theirs), memory, 0, 0)  # noqa: B023


def test_a_step_on_several_devices_is_counted_as_on_one(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    config = config_of(**{'data.name': common.DOMAINS, 'data.size': 8, 'train.batch_size': 4})
    one, two = (flops(setup.setup(config, devices=devices)) for devices in (1, 2))
    assert one == two > 0


def test_resumed_with_a_full_pool_to_the_same_bits(tmp_path) -> None:
    system = build(config_of(**{'cyclegan.pool': 3, 'train.batch_size': 2}), spec_of(), Compute())
    batch = lambda step: {'a': images(2, seed=step)[None], 'b': images(2, seed=100 + step)[None]}
    step = jax.jit(lambda state, batch: make_train_step(system)(state, batch, ('critic', 'generator'))[0])
    state = functools.reduce(lambda state, i: step(state, batch(i)), range(3), first(system))
    assert state.memory['pool_a_to_b']['count'] == state.memory['pool_b_to_a']['count'] == 3
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(3, jax.device_get(state))
    checkpoints.close()
    restored = Checkpoints(tmp_path).restore(jax.eval_shape(lambda: state)).state
    straight, resumed = (functools.reduce(lambda s, i: step(s, batch(i)), range(3, 6), s) for s in (state, restored))
    assert not np.array_equal(straight.memory['pool_a_to_b']['images'], state.memory['pool_a_to_b']['images'])
    assert_close(resumed, straight, 0, 0)


# What it is compared with, and what it refuses


def test_it_is_scored_on_held_out_images_of_the_other_domain() -> None:
    """And on hidden partners of what it is given, in each direction; training reads none of them."""
    lines = {'name': 'openmoji', 'size': 16, 'split': 'train', 'num': 40, 'style': 'line', 'source': 'color'}
    config = config_of(**{'cyclegan.identity': None, 'train.batch_size': 4})
    config.data.update(name='joined', a=ConfigDict(lines), b=ConfigDict({**lines, 'style': 'color', 'source': 'line'}))
    experiment = setup.setup(config, devices=1)
    for name, to, shape in (('a_to_b', 'b', (3, 16, 16, 3)), ('b_to_a', 'a', (3, 16, 16, 1))):
        directed = sampling.directed(experiment, name)
        main, truth = sampling.main_sampler(directed.system), sampling.truth(directed)
        (of,) = sampling.fields_read(main, experiment.source)
        assert {of, to} == {'a', 'b'} and main.target == f'{of}_source' and sampling.is_given_examples(directed)
        assert truth.split == 'test' and truth.source is experiment.held_out().parts[to]
        assert truth.examples(3).shape == targets.targets(directed, 3).examples.shape == shape
        assert sampling.batch_of(directed, main, 3).keys() == {of}
    batch = {'a': np.zeros((2, 16, 16, 1), np.float32), 'b': np.zeros((2, 16, 16, 3), np.float32)}  # no other field
    state = jax.eval_shape(lambda: init_state(experiment.system, jax.random.key(0)))
    for update in experiment.system.updates:
        jax.eval_shape(lambda state, u=update: u.loss(state.params, state, batch, keys_of(2))[0], state)


def test_what_it_is_compared_with_in_a_folder_of_two_domains(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    config = config_of(**{'data.name': common.DOMAINS, 'data.size': 8, 'train.batch_size': 4})
    truth = sampling.truth(setup.setup(config, devices=1))
    assert truth.split == 'test' and truth.source.size == 2 and truth.data['domain'] == 'b'


@pytest.mark.parametrize(('overrides', 'spec', 'line'), [
    ({}, COLORS, 'this data set has not both: take unpaired:FOLDER'),
    ({}, spec_of(LINES), 'a and b are of 1 and 3 channels: set it to None'),
    ({}, spec_of(Spec((16, 16, 3))), r'images of one size, not \(16, 16, 3\) and \(8, 8, 3\)'),
    ({}, spec_of(Spec((2,)), Spec((2,))), 'images of one size'),
    ({'replay.size': 64}, spec_of(), 'replay.size=64 has no meaning .* cyclegan.pool keeps past fakes'),
    ({'pack': 2}, spec_of(), 'pack=2 has no meaning'),
])  # fmt: skip
def test_refusals_are_one_line(overrides: dict, spec: Spec, line: str) -> None:
    with pytest.raises(UserError, match=line) as found:
        build(config_of(**overrides), spec, Compute())
    assert '\n' not in str(found.value)


def test_without_a_pool_nothing_is_remembered() -> None:
    for pool in (0, None):
        assert not build(config_of(**{'cyclegan.pool': pool}), spec_of(), Compute()).memory
