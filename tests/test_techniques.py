"""Techniques that any pair may have, each against its equation; on several devices they stay what they are."""

import functools
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawing import draw, inputs_of
from ml_collections import ConfigDict

from experiments import common
from gans import augment, losses, parts, replay, terms
from gans.configs import override
from gans.core import Compute, Spec
from gans.errors import UserError
from gans.latents import LATENTS
from gans.nets import build as nets
from gans.ops import random
from gans.ops.minibatch import MinibatchDiscrimination, with_std
from gans.ops.noise import Noise, latent_keys
from gans.parts import Scene
from gans.step import init_state, make_train_step
from gans.systems.build import build

SIZE, SHAPE = 8, (4, 4, 1)
DUE = ('critic', 'generator')


def made(shape=SHAPE, **overrides):
    config = common.get_config()
    config.latents.size = 3
    for role in ('generator', 'critic'):
        config[role] = ConfigDict({'net': 'mlp', 'widths': (6,), 'init_std': 0.7})
    config.train.batch_size = SIZE
    config = override(config, overrides, 'of a test')
    return build(config, Spec(shape), Compute())


@functools.cache
def start(shape):
    """The state at step 0 of the system without techniques, whose weights all the others share."""
    return jax.jit(lambda: init_state(made(shape), jax.random.key(0)))()


def first(system, shape=SHAPE, **changes):
    state = jax.tree.map(jnp.copy, start(shape)).replace(memory=dict(system.memory))
    return state.replace(**changes)


def reals(shape=SHAPE, repeats=1):
    return jnp.asarray(np.random.default_rng(0).uniform(-1, 1, (repeats, SIZE, *shape)), jnp.float32)


KEYS = random.example_keys(jax.random.key(3), jnp.arange(SIZE))


def loss_of(system, name, state, real):
    """(value, Aux) of one update on the batch, with KEYS."""
    update = {update.name: update for update in system.updates}[name]
    return update.loss(state.params, state, {'real': real}, KEYS)


Z = np.random.default_rng(4).normal(size=(SIZE, 3)).astype(np.float32)


@pytest.fixture
def same_latents(monkeypatch):
    """All batches of fakes have the latents Z, so that a test knows them."""
    monkeypatch.setitem(LATENTS, 'normal', lambda keys, shape: jnp.asarray(Z))


def judged(system, state, x):
    """(D(x), its features), with the critic of that state."""
    found, _ = system.nets['critic'].apply(state.params['critic'], {}, x, train=True, features=True)
    return tuple(map(np.asarray, found))


def fakes_of(system, state):
    return draw(system, state.params, state.stats, jnp.asarray(Z))


def scene_of(real, fake, critic, **more):
    """A scene by hand, whose critic is that function of packs, shown as they are."""
    return Scene(
        real, fake, critic, critic(real), critic(fake), bare_critic=lambda x, *_: critic(x), shown=(real, fake), **more
    )


def softplus(x):
    return np.log1p(np.exp(x))


STEPS = {}


def stepped(system, state, real, times=1):
    """The state after some steps on the same batches, and the last metrics."""
    if id(system) not in STEPS:
        STEPS[id(system)] = jax.jit(make_train_step(system), static_argnums=2), system
    for _ in range(times):
        state, metrics = STEPS[id(system)][0](state, {'real': real}, DUE)
    return state, metrics


def on_two_devices(system, state, real, times=1):
    """The same with half of the batch on each of two devices, whose states must agree to the bit."""
    step = jax.pmap(
        make_train_step(system, 'device'), 'device', in_axes=(0, 0), static_broadcasted_argnums=2,
        devices=jax.devices()[:2],
    )  # fmt: skip
    state = jax.tree.map(lambda x: jnp.stack([x, x]), state)
    for _ in range(times):
        state, _ = step(state, {'real': jnp.stack([real[:, : SIZE // 2], real[:, SIZE // 2 :]])}, DUE)
    agree = lambda x: np.testing.assert_array_equal(x[0], x[1])
    jax.tree.map(agree, (state.params, state.memory))
    return jax.tree.map(lambda x: x[0], state)


def assert_close(a, b, atol=1e-5):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=atol), a, b)


# LeCam

MEANS = {'real': jnp.float32(0.8), 'fake': jnp.float32(-0.5)}


def test_lecam():
    term = terms.lecam(name='lecam', weight=0.3, decay=0.9)
    real, fake = np.random.default_rng(1).normal(size=(2, SIZE, 1)).astype(np.float32)
    scene = scene_of(real, fake, lambda x: jnp.asarray(x[:, 0]), state=SimpleNamespace(memory={'lecam': MEANS}))
    value, aux = term.value(scene, KEYS)
    np.testing.assert_allclose(value, ((real + 0.5) ** 2 + (fake - 0.8) ** 2)[:, 0], rtol=1e-5)
    assert term.weight == 0.3
    assert float(aux.memory['lecam']['real']) == pytest.approx(0.9 * 0.8 + 0.1 * np.mean(real), rel=1e-5)
    assert float(aux.memory['lecam']['fake']) == pytest.approx(0.9 * -0.5 + 0.1 * np.mean(fake), rel=1e-5)
    assert term.memory == {'lecam': {'real': 0, 'fake': 0}}


def test_lecam_in_the_loss(same_latents):
    system = made(**{'terms.lecam.weight': 0.3, 'terms.lecam.decay': 0.9})
    state = first(system, memory={'lecam': MEANS})
    on_real, on_fake = (judged(system, state, x)[0] for x in (reals()[0], fakes_of(system, state)))
    value, aux = loss_of(system, 'critic', state, reals()[0])
    wanted = np.mean((on_real + 0.5) ** 2) + np.mean((on_fake - 0.8) ** 2)
    assert float(aux.metrics['lecam']) == pytest.approx(wanted, rel=1e-5)
    game = np.mean(softplus(-on_real) + softplus(on_fake))
    assert float(aux.metrics['game']) == pytest.approx(game, rel=1e-5)
    assert float(value) == pytest.approx(game + 0.3 * wanted, rel=1e-5)
    assert float(aux.memory['lecam']['real']) == pytest.approx(0.9 * 0.8 + 0.1 * np.mean(on_real), rel=1e-5)
    assert not np.array(list(first(system).memory['lecam'].values())).any()


# Top-k


@pytest.mark.parametrize('share, step, k', [(0.5, 0, 8), (0.5, 50, 6), (0.5, 100, 4), (0.5, 900, 4), (0.1, 100, 1)])
def test_top_k(share, step, k):
    """k of 8 anneals from 8 by 0.5^(step / 100); 8 x 0.5^0.5 = 5.66."""
    scores = np.random.default_rng(1).normal(size=8).astype(np.float32)
    kept = np.asarray(losses.top_k(jnp.asarray(scores), share, jnp.int32(step), 100))
    assert set(np.flatnonzero(kept)) == set(np.argsort(scores)[-k:]) and kept.max() == 1


def test_the_generator_learns_from_the_best(same_latents):
    system = made(**{'top_k.share': 0.25, 'top_k.until': 1})
    state = first(system).replace(step=jnp.int32(5))
    on_fake, _ = judged(system, state, fakes_of(system, state))
    value, _ = loss_of(system, 'generator', state, reals()[0])
    assert float(value) == pytest.approx(np.mean(softplus(-np.sort(on_fake)[-2:])), rel=1e-4)


# Feature matching


def test_feature_matching():
    term = terms.feature_matching(weight=2.0, alone=True)
    real, fake = np.random.default_rng(1).normal(size=(2, SIZE, 3)).astype(np.float32)
    scene = Scene(None, None, None, real_features=jnp.asarray(real), fake_features=jnp.asarray(fake))
    value, _ = term.value(scene, KEYS)
    assert float(value) == pytest.approx(np.sum((real.mean(0) - fake.mean(0)) ** 2), rel=1e-5)
    ones, zeros = jnp.ones((4, 3)), jnp.zeros((2, 3))
    assert float(term.value(scene._replace(real_features=ones, fake_features=zeros), KEYS)[0]) == 3


@pytest.mark.parametrize('alone', [True, False])
def test_feature_matching_in_place_of_the_game_and_beside_it(alone, same_latents):
    system = made(**{'terms.feature_matching.weight': 2.0, 'terms.feature_matching.alone': alone})
    state = first(system)
    (_, of_real), (on_fake, of_fake) = (judged(system, state, x) for x in (reals()[0], fakes_of(system, state)))
    assert of_real.shape == (SIZE, 6)
    value, aux = loss_of(system, 'generator', state, reals()[0])
    wanted = np.sum((np.mean(of_real, 0) - np.mean(of_fake, 0)) ** 2)
    assert float(aux.metrics['feature_matching']) == pytest.approx(wanted, rel=1e-5) and wanted > 1e-3
    assert float(value) == pytest.approx(2 * wanted + (0 if alone else softplus(-on_fake).mean()), rel=1e-5)
    assert ('game' in aux.metrics) == (not alone)


# Augmentation


def test_the_critic_is_shown_augmented_examples(monkeypatch, same_latents):
    """Of both kinds, in both players' losses, with the probability of the config."""
    monkeypatch.setitem(augment.AUGMENTS, 'test', lambda x, keys, p: p - 2 * x)
    system = made(**{'augment.names': 'test', 'augment.probability': 0.25})
    state, score = first(system), lambda x: system.nets['critic'].apply(state.params['critic'], {}, x, train=True)[0]
    game = losses.game('non_saturating')
    on_real, on_fake = score(0.25 - 2 * reals()[0]), score(0.25 - 2 * fakes_of(system, state))
    value, aux = loss_of(system, 'critic', state, reals()[0])
    assert float(value) == pytest.approx(float(game.critic(on_real, on_fake).mean()), rel=1e-5)
    assert aux.memory == {} and 'augment_p' not in aux.metrics
    value, _ = loss_of(system, 'generator', state, reals()[0])
    assert float(value) == pytest.approx(float(game.generator(on_real, on_fake).mean()), rel=1e-5)


@pytest.mark.parametrize('through, times', [(True, 9), (False, 1)])
def test_r1_through_the_augmentation(through, times, monkeypatch):
    """With T(x) = 3 x: of D(T(x)) at x it is |3 grad D(3 x)|^2 / 2; of D at T(x), |grad D(3 x)|^2 / 2. Lazily too."""
    monkeypatch.setitem(augment.AUGMENTS, 'test', lambda x, keys, p: 3 * x)
    options = {'augment.names': 'test', 'terms.r1.weight': 2.0, 'terms.r1.through_view': through}
    system, lazy = made(**options), made(**options, **{'terms.r1.every': 4})
    state = first(system)
    score = lambda x: system.nets['critic'].apply(state.params['critic'], {}, x, train=True)[0]
    wanted = times * float((jax.grad(lambda x: score(x).sum())(3 * reals()[0]) ** 2).sum((1, 2, 3)).mean()) / 2
    value, aux = loss_of(system, 'critic', state, reals()[0])
    assert float(aux.metrics['r1']) == pytest.approx(wanted, rel=1e-4) and wanted > 1e-3
    assert float(value) == pytest.approx(float(aux.metrics['game']) + 2 * wanted, rel=1e-4)
    assert float(loss_of(lazy, 'r1', state, reals()[0])[0]) == pytest.approx(4 * 2 * wanted, rel=1e-4)
    assert float(loss_of(lazy, 'critic', state, reals()[0])[0]) == pytest.approx(float(aux.metrics['game']), rel=1e-5)


@pytest.mark.parametrize(
    'name, through, around', [('r1', 72, 8), ('r2', 72, 8), ('wgan_gp', 121, 9), ('dragan', 121, 9)]
)
def test_penalties_go_through_the_view_by_default(name, through, around):
    """The critic is the sum of 16 numbers, of norm 4; with the view three times that."""
    total = lambda x: x.sum((1, 2, 3))
    examples = (reals()[0], -reals()[0])
    scene = Scene(*examples, lambda x: total(3 * x), bare_critic=total, shown=examples)
    for section, wanted in (({}, through), ({'through_view': False}, around)):
        term = terms.build({name: section}, 'critic', '', Spec(SHAPE))[name]
        np.testing.assert_allclose(term.value(scene, KEYS)[0], np.full(SIZE, wanted), rtol=1e-5)


ADAPTED = {'augment.names': 'flip_shift', 'augment.probability': 0.0, 'augment.target': 0.6, 'augment.kimg': 0.064}


def test_probability_is_that_of_memory_and_moves():
    """8 of 64 examples are an eighth of the way; the sign is that of the step before."""
    system = made(**ADAPTED)
    plain, _ = loss_of(made(), 'critic', first(system), reals()[0])
    on_real, _ = judged(system, first(system), reals()[0])
    for p, r, after in ((0.0, 0.0, 0.0), (0.5, 0.7, 0.625), (1.0, 0.9, 1.0)):
        state = first(system, memory={'augment': {'p': jnp.float32(p), 'r': jnp.float32(r)}})
        value, aux = loss_of(system, 'critic', state, reals()[0])
        assert float(aux.metrics['augment_p']) == float(aux.memory['augment']['p']) == after
        if p == 0:
            assert float(value) == pytest.approx(float(plain), rel=1e-6)
            assert float(aux.memory['augment']['r']) == pytest.approx(np.sign(on_real).mean())
        else:
            assert abs(float(value - plain)) > 1e-4


# Balanced consistency


def test_balanced_consistency(monkeypatch):
    """Of the critic |x|^2: (|x|^2 - |x / 2 + 1|^2)^2 of each pair."""
    monkeypatch.setitem(augment.AUGMENTS, 'test', lambda x, keys, p: 0.5 * x + p)
    term = terms.consistency(spec=Spec(SHAPE), weight=10.0, names='test', every=1)
    real, fake = np.random.default_rng(2).normal(size=(2, SIZE, *SHAPE)).astype(np.float32)
    scene = scene_of(jnp.asarray(real), jnp.asarray(fake), lambda x: (x**2).sum((1, 2, 3)))
    squares = lambda x: ((x**2).sum((1, 2, 3)) - ((0.5 * x + 1) ** 2).sum((1, 2, 3))) ** 2
    np.testing.assert_allclose(term.value(scene, KEYS)[0], squares(real) + squares(fake), rtol=1e-4)


def test_every_example_of_a_pack_is_moved_by_draws_of_its_own(monkeypatch):
    """Packs of two: T scales an example, the critic is |pack|^2."""
    seen = []

    def scaled(x, keys, p):
        seen.append((np.asarray(x), np.asarray(random.uniform(keys, (1, 1, 1)))))
        return x * seen[-1][1]

    monkeypatch.setitem(augment.AUGMENTS, 'test', scaled)
    term = terms.consistency(spec=Spec(SHAPE), weight=10.0, names='test', every=1)
    real, fake = np.random.default_rng(2).normal(size=(2, SIZE, *SHAPE)).astype(np.float32)
    packs = [parts.pack_examples(jnp.asarray(x), 2) for x in (real, fake)]
    scene = scene_of(*packs, lambda x: (x**2).sum((1, 2, 3)), pack=2)
    value, wanted = term.value(scene, KEYS[::2])[0], 0.0
    for (x, factor), given in zip(seen, (real, fake), strict=True):
        np.testing.assert_array_equal(x, given)
        assert len(np.unique(factor)) == SIZE
        wanted += (((1 - factor**2) * x**2).sum((1, 2, 3)).reshape(-1, 2).sum(1)) ** 2
    np.testing.assert_allclose(value, wanted, rtol=1e-4)


def test_balanced_consistency_in_the_loss(monkeypatch, same_latents):
    monkeypatch.setitem(augment.AUGMENTS, 'test', lambda x, keys, p: 0.5 * x + p)
    system = made(**{'terms.consistency.weight': 10.0, 'terms.consistency.names': 'test', 'terms.r1.weight': 3.0})
    state, score = first(system), lambda x: system.nets['critic'].apply(state.params['critic'], {}, x, train=True)[0]
    value, aux = loss_of(system, 'critic', state, reals()[0])
    wanted = float(sum(jnp.mean((score(x) - score(0.5 * x + 1)) ** 2) for x in (reals()[0], fakes_of(system, state))))
    assert float(aux.metrics['consistency']) == pytest.approx(wanted, rel=1e-4) and wanted > 1e-3
    total = aux.metrics['game'] + 3 * aux.metrics['r1'] + 10 * aux.metrics['consistency']
    assert float(value) == pytest.approx(float(total), rel=1e-6)


def test_what_is_not_moved_is_consistent_under_noise(monkeypatch):
    """Both of a pair are judged under the same noise."""
    monkeypatch.setitem(augment.AUGMENTS, 'test', lambda x, keys, p: x)
    system = made(**{'terms.consistency.names': 'test', 'instance_noise.sigma': 0.5})
    _, aux = loss_of(system, 'critic', first(system), reals()[0])
    assert float(aux.metrics['consistency']) == pytest.approx(0, abs=1e-9)


# Several terms


def test_every_term_counts():
    """Three penalties and LeCam at once add what each of them adds alone: neither is lost, nor are its draws others."""
    weights = {'wgan_gp': 2.0, 'r1': 3.0, 'r2': 5.0, 'lecam': 0.7}

    def loss(*names):
        system = made(**{f'terms.{name}.weight': weights[name] for name in names})
        state = first(system, memory={'lecam': MEANS} if 'lecam' in names else {})
        return loss_of(system, 'critic', state, reals()[0])

    plain, (value, aux) = float(loss()[0]), loss(*weights)
    added = {name: float(loss(name)[0]) - plain for name in weights}
    assert min(added.values()) > 1e-2
    assert float(value) == pytest.approx(plain + sum(added.values()), rel=1e-5)
    for name, weight in weights.items():
        assert weight * float(aux.metrics[name]) == pytest.approx(added[name], rel=1e-3)
    assert float(aux.metrics['game']) == pytest.approx(plain, rel=1e-6) and set(aux.memory) == {'lecam'}


# Experience replay

REPLAY = {'replay.size': 12, 'replay.fresh': 4, 'replay.share': 0.5}


def test_the_pool_is_a_queue():
    """Each step's fresh fakes, as bytes, take the places of the oldest; repeats and pieces of a step agree."""
    system = made(**REPLAY, **{'train.n_critic': 2, 'train.micro': 2})
    state, expected = first(system), np.zeros((12, *SHAPE), np.uint8)
    fresh_of = jax.jit(lambda s: draw(system, s.params, s.stats, inputs_of(system, replay.fresh_keys(s, 4))))
    for t in range(5):
        fresh = np.round((np.asarray(fresh_of(state), np.float64) + 1) * 127.5)
        expected[4 * t % 12 : 4 * t % 12 + 4] = fresh
        state, _ = stepped(system, state, reals(repeats=2))
        assert np.abs(state.memory['replay'].astype(int) - expected).max() <= 1
        assert np.mean(state.memory['replay'] != expected) < 0.02  # ties of rounding
    assert len(np.unique(expected.reshape(12, -1), axis=0)) > 6


def test_the_critic_is_shown_past_fakes_and_the_generator_is_not():
    system = made(**{**REPLAY, 'replay.share': 1.0})
    grey = first(system).replace(step=jnp.int32(7), memory={'replay': jnp.full((12, *SHAPE), 255, jnp.uint8)})
    white = system.nets['critic'].apply(grey.params['critic'], {}, jnp.ones((1, *SHAPE)), train=True)[0]
    assert float(loss_of(system, 'critic', grey, reals()[0])[1].metrics['fake_score']) == pytest.approx(float(white[0]))
    plain = made()
    for name, state in (('generator', grey), ('critic', grey.replace(step=jnp.int32(0)))):  # at first there are none
        values = [loss_of(one, name, state, reals()[0])[0] for one in (system, plain)]
        assert float(values[0]) == pytest.approx(float(values[1]), rel=1e-6)


def test_past_ones_in_the_batch():
    """Half of the fakes; only places that are filled, each as often."""
    keys = random.example_keys(jax.random.key(5), jnp.arange(4000))
    pool = jnp.arange(12, dtype=jnp.float32)[:, None]
    found = np.asarray(replay.mix_in(pool, jnp.full((4000, 1), -1.0), keys, 0.5, jnp.int32(2), 4))[:, 0]
    assert (found == -1).mean() == pytest.approx(0.5, abs=0.04)
    counts = np.bincount(found[found >= 0].astype(int), minlength=12)
    assert (counts[8:] == 0).all() and ((counts[:8] - 250) ** 2 / 250).sum() < 30


def test_points_are_kept_as_they_are():
    system = made((2,), **REPLAY)
    state = first(system, (2,))
    _, aux = loss_of(system, 'critic', state, reals((2,))[0])
    wanted = draw(system, state.params, state.stats, inputs_of(system, replay.fresh_keys(state, 4)))
    np.testing.assert_allclose(aux.memory['replay'][:4], wanted, rtol=1e-5)


# Critics that see the batch, generators with noise

FEATURES = np.random.default_rng(6).normal(size=(5, 2, 2, 3)).astype(np.float32)


def test_minibatch_standard_deviation():
    found = np.asarray(with_std(jnp.asarray(FEATURES)))
    assert found.shape == (5, 2, 2, 4)
    np.testing.assert_array_equal(found[..., :3], FEATURES)
    np.testing.assert_allclose(found[..., 3], FEATURES.std(0).mean(), rtol=1e-5)


def test_minibatch_discrimination():
    x, layer = FEATURES.reshape(5, -1), MinibatchDiscrimination(kernels=4, dims=3)
    tensor = np.random.default_rng(7).normal(size=(12, 12)).astype(np.float32) / 4
    found = np.asarray(layer.apply({'params': {'tensor': tensor}}, x))
    m, near = (x @ tensor).reshape(5, 4, 3), np.zeros((5, 4))
    for i in range(5):
        for j in range(5):
            for kernel in range(4):
                near[i, kernel] += np.exp(-sum(abs(m[i, kernel, c] - m[j, kernel, c]) for c in range(3)))
    np.testing.assert_array_equal(found[:, :12], x)
    np.testing.assert_allclose(found[:, 12:], near, rtol=1e-4)
    assert near.min() > 1.0 and near.std() > 0.01


@pytest.mark.parametrize('kind, more', [(None, 0), ('std', 1), ('discrimination', 100)])
@pytest.mark.parametrize('net', ['mlp', 'dcgan'])
def test_critics_see_the_batch(net, kind, more):
    """The score of an example depends on the others exactly if it should."""
    options = {'widths': (6,)} if net == 'mlp' else {'width': 2, 'norm': 'none', 'init_std': 0.3}
    critic = nets.critic({'net': net, 'minibatch': kind, **options}, Spec((8, 8, 1)), Compute())
    params, stats = jax.jit(critic.init)(jax.random.key(0))
    x = jnp.asarray(np.random.default_rng(8).normal(size=(4, 8, 8, 1)), jnp.float32)
    score = jax.jit(lambda x: critic.apply(params, stats, x, train=True, features=True)[0])
    (before, features), (after, _) = score(x), score(x.at[3].multiply(0.5))
    width = 6 if net == 'mlp' else 2 * 16
    assert features.shape == (4, width + more * (16 if (net, kind) == ('dcgan', 'std') else 1))
    assert (abs(float(before[0] - after[0])) > 1e-5) == (kind is not None)


@pytest.mark.parametrize('net', ['mlp', 'dcgan'])
def test_generators_with_noise(net):
    """Off at first; then an image is a function of its own latents still."""
    options = {'widths': (6, 6)} if net == 'mlp' else {'width': 2, 'norm': 'none', 'init_std': 0.3}
    with_noise = nets.generator({'net': net, 'noise': True, **options}, Spec((8, 8, 1)), 3, Compute())
    without = nets.generator({'net': net, **options}, Spec((8, 8, 1)), 3, Compute())
    params, _ = jax.jit(with_noise.init)(jax.random.key(0))
    quiet = {name: layer for name, layer in params.items() if not name.startswith('noise')}
    names = set(params) - set(quiet)
    assert names == ({'noise_0', 'noise_1'} if net == 'mlp' else {'noise_4'})
    z = random.normal(KEYS, (3,))
    draw = jax.jit(lambda params, z: with_noise.apply(params, {}, z, train=True)[0])
    np.testing.assert_allclose(draw(params, z), without.apply(quiet, {}, z, train=True)[0], atol=1e-6)
    loud = {**quiet, **{name: jax.tree.map(jnp.ones_like, params[name]) for name in names}}
    image = draw(loud, z)
    assert np.abs(image - draw(params, z)).max() > 1e-3
    np.testing.assert_allclose(draw(loud, z[::-1]), image[::-1], atol=1e-6)


def test_noise_is_normal_and_is_that_of_its_latents():
    z = random.normal(random.example_keys(jax.random.key(9), jnp.arange(300)), (4,))
    x, scale = jnp.zeros((300, 5, 5, 2)), jnp.array([1.0, -2.0])
    noise = jax.jit(lambda z: Noise().apply({'params': {'scale': scale}}, x, latent_keys(z, 2)[1]))
    found = np.asarray(noise(z))
    np.testing.assert_allclose(found[..., 1], -2 * found[..., 0])
    assert abs(found[..., 0].mean()) < 0.04 and found[..., 0].std() == pytest.approx(1, abs=0.03)
    flat = found[..., 0].reshape(300, -1)
    assert abs(np.corrcoef(flat.T) - np.eye(25)).max() < 0.3 and abs(np.corrcoef(flat) - np.eye(300)).max() < 0.9
    np.testing.assert_array_equal(noise(z.at[:, 2:].add(1.0)), found)
    assert np.abs(noise(z.at[:, 1].add(1e-6)) - found).max() > 1


# Together, and what cannot be


def test_terms_are_built_by_name():
    """With defaults, in one order, whatever the config's; memories of several pairs bear their names."""
    found = terms.build({'r2': {'weight': 3.0}, 'lecam': {}, 'r1': {}}, 'critic', '8', Spec(SHAPE))
    assert [(name, term.weight, term.every) for name, term in found.items()] == [
        ('r1', 10.0, 1),
        ('r2', 3.0, 1),
        ('lecam', 0.3, 1),
    ]
    assert set(found['lecam'].memory) == {'lecam_8'}
    assert not terms.build({'r1': {}}, 'generator', '', Spec(SHAPE))
    with pytest.raises(UserError, match="unknown term 'wgan-gp'; did you mean 'wgan_gp'"):
        terms.build({'wgan-gp': {}}, 'critic', '', Spec(SHAPE))
    with pytest.raises(UserError, match=r"unknown key of terms\.r1 'wieght'; did you mean 'weight'"):
        terms.build({'r1': {'wieght': 1.0}}, 'critic', '', Spec(SHAPE))


def test_memories_on_devices(monkeypatch):
    """Two devices with half of the batch each are one with all of it."""
    monkeypatch.setitem(augment.AUGMENTS, 'flip_shift', lambda x, keys, p: (1 - p) * x)
    system = made(**{**ADAPTED, **REPLAY, 'terms.lecam.weight': 0.3})
    state = first(system)
    state.memory.update(augment={'p': jnp.float32(0.25), 'r': jnp.float32(0.7)}, lecam=MEANS)
    alone, two = stepped(system, state, reals())[0], on_two_devices(system, state, reals())
    assert_close({**alone.memory, 'replay': 0}, {**two.memory, 'replay': 0})
    assert np.abs(alone.memory['replay'].astype(int) - two.memory['replay'].astype(int)).max() <= 1
    assert_close(alone.params, two.params, 1e-4)
    assert float(alone.memory['augment']['p']) == 0.375 and np.asarray(alone.memory['replay']).any()


def test_off_there_is_nothing_to_remember():
    assert made().memory == {}
    assert set(loss_of(made(), 'critic', first(made()), reals()[0])[1].metrics) == {'real_score', 'fake_score'}


def test_memories_advance_where_both_move_at_once():
    both = made(**{'dynamics': 'simultaneous', 'terms.lecam.weight': 0.1, **REPLAY})
    (update,) = both.updates
    state = first(both)
    _, aux = update.loss(state.params, state, {'real': reals()[0]}, KEYS)
    assert set(aux.memory) == {'lecam', 'replay'}
    assert float(aux.memory['lecam']['real']) != 0 and np.asarray(aux.memory['replay']).any()


@pytest.mark.parametrize(
    'overrides, said',
    [
        ({'augment.target': 0.6}, 'set augment.names'),
        ({'replay.size': 10, 'replay.fresh': 4}, 'replay.size=10 must be a multiple of replay.fresh=4'),
        (
            {'terms.feature_matching.weight': 1.0, 'top_k.share': 0.5},
            'top_k.share=0.5 has no meaning with terms.feature_matching.alone',
        ),
        ({'augment.names': 'colour'}, "did you mean 'color'"),
        ({'critic.minibatch': 'sd'}, "unknown critic.minibatch 'sd'; did you mean 'std'"),
        ({'terms.consistency.names': 'flip'}, "unknown augmentation 'flip'"),
    ],
)
def test_mistakes(overrides, said):
    with pytest.raises(UserError, match=said):
        for net in made(**overrides).nets.values():
            jax.eval_shape(net.init, jax.random.key(0))


def test_augmentations_are_of_images():
    with pytest.raises(UserError, match=r'not examples of shape \(2,\)'):
        made((2,), **{'augment.names': 'color'})
