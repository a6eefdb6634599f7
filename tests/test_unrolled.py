"""Unrolled GAN: the generator's gradient through k updates of the critic, against finite differences."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.flatten_util import ravel_pytree
from ml_collections import ConfigDict
from systems import first

from experiments import common
from experiments.sweeps import unrolled_ring8 as comparison
from gans.configs import override
from gans.core import Compute, Net, Spec
from gans.errors import UserError
from gans.latents import LATENTS
from gans.nets import build as nets
from gans.ops import random
from gans.step import make_train_step
from gans.sweep import rows
from gans.systems.build import build

OPTIMIZERS = {
    'sgd': {'name': 'sgd', 'learning_rate': 0.5, 'momentum': 0.5},
    'adam': {'name': 'adam', 'learning_rate': 0.05, 'b1': 0.5, 'b2': 0.9},
}


def made(net='mlp', shape=(2,), **overrides):
    config = common.get_config()
    config.system, config.game = 'unrolled', 'minimax'
    config.latents.size = 4
    for role in ('generator', 'critic'):
        config[role] = ConfigDict({'net': 'dirac'} if net == 'dirac' else {'net': 'mlp', 'widths': (8,)})
    if 'system' not in overrides:
        overrides = {'unrolled.steps': 3} | overrides
    return build(override(config, overrides, 'of a test'), Spec(shape), Compute())


def batches(steps=1, size=8, shape=(2,)):
    return jnp.asarray(np.random.default_rng(0).normal(size=(steps, 1, size, *shape)), float)


def trained(system, state, reals, due=('critic', 'generator')):
    """The state after a step on each batch, and the last metrics."""
    step, metrics = jax.jit(make_train_step(system), static_argnums=2), {}
    for real in reals:
        state, metrics = step(state, {'real': real}, due)
    return state, metrics


def keys_of(size=8):
    return random.example_keys(jax.random.key(3), jnp.arange(size))


def gradient(system, state, real):
    """(loss, gradient) of the generator."""
    update = system.updates[-1]
    loss = lambda owned: update.loss({**state.params, 'generator': owned}, state, {'real': real}, keys_of(len(real)))[0]
    return jax.jit(jax.value_and_grad(loss))(state.params['generator'])


def assert_trees(a, b, **tolerance):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, **tolerance), a, b)


# Exact gradients

Z = np.random.default_rng(4).normal(size=(8, 4))


@pytest.fixture
def same_latents(monkeypatch):
    """All batches of fakes have these latents: to write out, and quick to compile."""
    monkeypatch.setitem(LATENTS, 'normal', lambda keys, shape: jnp.asarray(Z, float))


def tanh_net(x, params):
    *hidden, last = params
    for kernel, bias in hidden:
        x = jnp.tanh(x @ kernel + bias)
    return x @ last[0] + last[1]


def tanh_nets(role, *sizes):
    """A net of float64 (those of gans/nets/ give float32); the critic's ends in scores [B]."""

    def init(rng):
        draw = np.random.default_rng(len(role))
        return [(draw.normal(size=(a, b)), draw.normal(size=b)) for a, b in itertools.pairwise(sizes)], {}

    def apply(params, stats, x, train, features=False):
        out = tanh_net(x, params)
        return (out[:, 0] if role == 'critic' else out), stats

    return Net(init, apply, None, ())


def surrogate(generator, state, z, real, game, optimizer, steps):
    """f_K written out: the critic's k updates by the optimizers' textbook equations."""
    numbers = OPTIMIZERS[optimizer]
    held = lambda name: ravel_pytree(optax.tree.get(state.opt['critic'], name))[0]
    fake = tanh_net(z, generator)
    critic, unravel = ravel_pytree(state.params['critic'])

    def loss(critic):
        on_real, on_fake = tanh_net(real, unravel(critic))[:, 0], tanh_net(fake, unravel(critic))[:, 0]
        if game == 'wasserstein':
            return (on_fake - on_real).mean()
        return -(jax.nn.log_sigmoid(on_real) + jax.nn.log_sigmoid(-on_fake)).mean()

    if optimizer == 'sgd':
        trace = held('trace')
    else:
        m, v, t = held('mu'), held('nu'), optax.tree.get(state.opt['critic'], 'count')
    for _ in range(steps):
        g, rate = jax.grad(loss)(critic), numbers['learning_rate']
        if optimizer == 'sgd':
            trace = numbers['momentum'] * trace + g
            critic = critic - rate * trace
        else:
            b1, b2, t = numbers['b1'], numbers['b2'], t + 1
            m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
            critic = critic - rate * (m / (1 - b1**t)) / (jnp.sqrt(v / (1 - b2**t)) + 1e-8)
    return -loss(critic)


@pytest.mark.parametrize(
    'game, optimizer, warm, steps',
    [
        ('minimax', 'sgd', True, 1),
        ('minimax', 'sgd', True, 3),
        ('minimax', 'adam', True, 1),
        ('minimax', 'adam', True, 3),
        # Adam's first steps, from moments of 0; the critic's last bias never has a gradient here.
        ('wasserstein', 'adam', False, 3),
    ],
)
def test_gradient_is_that_of_finite_differences(game, optimizer, warm, steps, monkeypatch, same_latents):
    """In float64, from an optimizer that is at its start or somewhere on its way, in random directions, to 1e-6."""
    monkeypatch.setattr(nets, 'generator', lambda *_: tanh_nets('generator', 4, 5, 2))
    monkeypatch.setattr(nets, 'critic', lambda *_: tanh_nets('critic', 2, 6, 1))
    with jax.enable_x64(True):
        system = made(**{'game': game, 'unrolled.steps': steps, 'optimizer.critic': OPTIMIZERS[optimizer]})
        state, real = first(system), batches()[0, 0]
        if warm:
            draw = np.random.default_rng(2)
            used = lambda x: x + 3 if x.dtype == jnp.int32 else jnp.asarray(draw.uniform(0.1, 1, x.shape))
            state = state.replace(opt=jax.tree.map(used, state.opt))
        loss, grads = gradient(system, state, real)
        at, unravel = ravel_pytree(state.params['generator'])
        value = lambda flat: surrogate(unravel(flat), state, Z, real, game, optimizer, steps)
        h, directions = 1e-5, np.random.default_rng(1).normal(size=(6, len(at)))
        here, *values = jax.jit(jax.vmap(value))(jnp.stack([at, *(at + h * directions), *(at - h * directions)]))
        wanted = (np.array(values[:6]) - np.array(values[6:])) / (2 * h)
        assert float(loss) == pytest.approx(float(here), rel=1e-10)
        assert (abs(wanted) > 1e-3).all()
        np.testing.assert_allclose(directions @ ravel_pytree(grads)[0], wanted, rtol=1e-6)


@pytest.mark.parametrize('steps, weight, warmup', [(1, 0.0, 1), (10, 0.0, 1), (10, 2.0, 1), (10, 2.0, 4)])
def test_dirac_gan(steps, weight, warmup):
    """f = -psi theta; after k steps psi - k h theta, so f_K = -psi theta + k h theta^2, which pulls theta to 0.

    R1 is in f: f = -psi theta - w psi^2 / 2, and psi_k = q^k psi - h theta (1 + q + ... + q^(k-1)) with q = 1 - h w.
    A schedule scales h as it does in the critic's own steps.
    """
    numbers = {'game': 'wasserstein', 'unrolled.steps': steps, 'latents.size': 1, 'terms.r1.weight': weight}
    numbers |= {'optimizer.critic': {'name': 'sgd', 'learning_rate': 0.1 * warmup, 'warmup': warmup}}
    system = made('dirac', (1,), **numbers, **{'generator.start': 0.7, 'critic.start': 0.3})
    loss, grads = gradient(system, first(system), jnp.zeros((8, 1)))
    q, theta = 1 - 0.1 * weight, 0.7
    slope = -0.1 * sum(q**i for i in range(steps))  # of psi_k in theta
    psi = q**steps * 0.3 + slope * theta
    assert float(loss) == pytest.approx(-psi * theta - weight * psi**2 / 2, rel=1e-5)
    assert float(grads['theta']) == pytest.approx(-psi - slope * (theta + weight * psi), rel=1e-5)
    if not weight:
        assert float(loss) == pytest.approx(-0.3 * 0.7 + steps * 0.1 * 0.7**2, rel=1e-5)


def test_dead_units_leave_the_gradient_finite_and_right(same_latents):
    """Units that are never on have gradients of 0: the critic is the one without them."""
    wide = made(**{'critic.activation': 'relu', 'optimizer.critic.learning_rate': 0.05})
    narrow = made(**{'critic.activation': 'relu', 'optimizer.critic.learning_rate': 0.05, 'critic.widths': (4,)})
    state = first(wide)
    layers = state.params['critic']
    dead = {**layers, 'dense_0': {**layers['dense_0'], 'bias': jnp.array([0.0] * 4 + [-1e3] * 4)}}
    alive = {
        'dense_0': {'kernel': layers['dense_0']['kernel'][:, :4], 'bias': jnp.zeros(4)},
        'out': {'kernel': layers['out']['kernel'][:4], 'bias': layers['out']['bias']},
    }
    state = state.replace(params={**state.params, 'critic': dead})
    fresh = {'critic': narrow.players['critic'].tx.init({'critic': alive})}
    small = state.replace(params={**state.params, 'critic': alive}, opt=fresh)
    (loss, grads), (wanted, slopes) = gradient(wide, state, batches()[0, 0]), gradient(narrow, small, batches()[0, 0])
    assert np.isfinite(ravel_pytree(grads)[0]).all() and abs(ravel_pytree(grads)[0]).max() > 1e-3
    assert float(loss) == pytest.approx(float(wanted), rel=1e-5)
    assert_trees(grads, slopes, rtol=1e-3, atol=1e-5)


# In the train step


def test_without_steps_it_is_the_plain_gan(same_latents):
    """To the bit."""
    ours = made(**{'unrolled.steps': 0, 'game': 'non_saturating'})
    plain = made(**{'system': 'gan', 'game': 'non_saturating'})
    found, wanted = (trained(system, first(system), batches(3)) for system in (ours, plain))
    jax.tree.map(np.testing.assert_array_equal, found[0].replace(rng=()), wanted[0].replace(rng=()))
    assert found[1] == wanted[1]


def test_the_critic_takes_its_own_step_alone(same_latents):
    """What is unrolled is forgotten: the critic, its optimizer and its statistics are those of the plain GAN."""
    options = {'critic.norm': 'spectral', 'generator.norm': 'batch', 'optimizer.critic.learning_rate': 0.01}
    ours, plain = made(**options), made(system='gan', **options)
    state = first(ours)
    after, metrics = trained(ours, state, batches())
    wanted, _ = trained(plain, state, batches(), ('critic',))
    for part in ('params', 'opt', 'stats'):
        assert_trees(getattr(after, part)['critic'], getattr(wanted, part)['critic'], rtol=1e-5, atol=1e-7)
    assert not jax.tree.all(jax.tree.map(jnp.array_equal, after.stats['generator'], state.stats['generator']))
    assert {'critic/loss', 'critic/real_score', 'generator/loss', 'generator/grad_norm'} <= set(metrics)


def test_statistics_advance_with_the_unrolled_critic():
    """The loss is the critic's after as many updates by hand, each with the statistics that the last one left."""
    system = made(**{'critic.norm': 'spectral', 'optimizer.critic.learning_rate': 0.05})
    state, batch = first(system), {'real': batches()[0, 0]}
    update, tx = system.updates[0], system.players['critic'].tx
    score = jax.jit(
        lambda params, stats: jax.value_and_grad(
            lambda own: update.loss({**state.params, **own}, state.replace(stats=stats), batch, keys_of()), has_aux=True
        )({'critic': params})
    )

    def by_hand(advancing):
        params, stats, opt = state.params['critic'], state.stats, state.opt['critic']
        for _ in range(3):
            (_, aux), grads = score(params, stats)
            stats = {**stats, **aux.stats} if advancing else stats
            change, opt = tx.update(grads, opt, {'critic': params})
            params = optax.apply_updates(params, change['critic'])
        return -float(score(params, stats)[0][0])

    loss = float(gradient(system, state, batch['real'])[0])
    assert loss == pytest.approx(by_hand(True), rel=1e-5)
    assert abs(loss - by_hand(False)) > 1e-3


def test_rows_of_the_comparison():
    found = rows.load(common.Path(comparison.__file__), comparison.get_config())
    assert {row.name: row.config.unrolled.steps for row in found.rows} == {'k-0': 0, 'k-1': 1, 'k-5': 5, 'k-10': 10}


@pytest.mark.parametrize(
    'overrides, said',
    [
        ({'train.micro': 2}, 'train.micro=2'),
        ({'terms.r1.every': 4}, "'r1' is due every 4 steps, but every unrolled update takes the critic's whole loss"),
        ({'terms.feature_matching.weight': 1.0}, "terms.feature_matching has no meaning in system 'unrolled'"),
        ({'top_k.share': 0.5}, "top_k.share has no meaning in system 'unrolled'"),
        ({'game': 'non_saturating'}, "game='non_saturating' cannot be unrolled"),
        ({'game': 'minmax'}, "unknown game 'minmax'; did you mean 'minimax'"),
    ],
)
def test_what_has_no_meaning_is_refused(overrides, said):
    with pytest.raises(UserError, match=said):
        made(**overrides)
