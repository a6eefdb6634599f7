"""BEGAN: losses, gradients and the control of k against numpy; devices change nothing."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawing import draw, inputs_of
from ml_collections import ConfigDict

from experiments import common
from gans.configs import override
from gans.core import Compute, Spec
from gans.errors import UserError
from gans.ops import random
from gans.ops.random import example_keys
from gans.step import init_state, make_train_step
from gans.systems.build import build

SHAPE = (8, 8, 1)


def made(**overrides):
    config = common.get_config()
    config.system = 'began'
    config.latents.size = 6
    for role in ('generator', 'critic'):
        config[role] = ConfigDict({'net': 'infogan', 'width': 4, 'norm': 'none', 'init_std': 0.3})
    config.began = {'gamma': 0.75, 'rate': 0.1}
    return build(override(config, overrides, 'of a test'), Spec(SHAPE), Compute())


def batches(steps=1, repeats=1, size=8):
    x = np.random.default_rng(0).uniform(-1, 1, (steps, repeats, size, *SHAPE))
    return jnp.asarray(x, jnp.float32)


def run(system, reals):
    """The state after each step, and the metrics."""
    step = jax.jit(make_train_step(system), static_argnums=2)
    state, states, metrics = jax.jit(lambda: init_state(system, jax.random.key(0)))(), [], []
    for real in reals:
        state, logged = step(state, {'real': real}, ('critic', 'generator'))
        states.append(state), metrics.append({name: float(value) for name, value in logged.items()})
    return states, metrics


SYSTEM = made()
LOSSES = {update.name: update.loss for update in SYSTEM.updates}
KEYS = example_keys(jax.random.key(3), jnp.arange(8))
# Of what the fakes are made from in each player's loss with KEYS.
INPUTS = {'critic': random.split(random.split(KEYS, 3)[0], 4)[0], 'generator': random.split(KEYS, 4)[0]}


@functools.partial(jax.jit, static_argnums=0)
def loss_of(which, state, real):
    """((value, Aux), gradients of the player's net) of an update's loss."""
    loss = lambda own: LOSSES[which]({**state.params, which: own}, state, {'real': real}, KEYS)
    return jax.value_and_grad(loss, has_aux=True)(state.params[which])


@jax.jit
def outputs(state, real, keys):
    """Images, and what the autoencoder makes of them: real ones, and those of the latents of these keys."""
    fake = draw(SYSTEM, state.params, state.stats, inputs_of(SYSTEM, keys))
    return [(x, SYSTEM.nets['critic'].apply(state.params['critic'], {}, x, train=False)[0]) for x in (real, fake)]


def errors(state, real, which='critic'):
    """L(x) and L(G(z)) by numpy, of the fakes in that player's loss."""
    return tuple(np.abs(np.asarray(x) - np.asarray(copy)).mean() for x, copy in outputs(state, real, INPUTS[which]))


def first_state(k=0.0):
    return jax.jit(lambda: init_state(SYSTEM, jax.random.key(0)))().replace(memory={'k': jnp.float32(k)})


@pytest.mark.parametrize('k, bounded', [(0.0, 0.0), (0.4, 0.4), (1.7, 1.0), (-0.3, 0.0)])
def test_losses(k, bounded):
    real, state = batches()[0, 0], first_state(k)
    on_real, on_fake = errors(state, real)
    (value, aux), _ = loss_of('critic', state, real)
    assert value == pytest.approx(on_real - bounded * on_fake, rel=1e-5)
    assert float(aux.metrics['k']) == float(aux.memory['k']) == pytest.approx(bounded)
    for name, error in (('real', on_real), ('fake', on_fake)):
        assert float(aux.metrics[f'{name}_error']) == pytest.approx(error, rel=1e-5)
        assert float(aux.metrics[f'{name}_score']) == pytest.approx(-error, rel=1e-5)
    on_real, on_fake = errors(state, real, 'generator')
    (value, aux), _ = loss_of('generator', state, real)
    assert value == pytest.approx(on_fake, rel=1e-5)
    assert float(aux.metrics['convergence']) == pytest.approx(on_real + abs(0.75 * on_real - on_fake), rel=1e-5)
    assert float(aux.memory['k']) == pytest.approx(k + 0.1 * (0.75 * on_real - on_fake), rel=1e-5)


def test_signs_of_the_gradients():
    """The critic learns to copy real images and, if k > 0, to fail on fake ones; the generator to be copied."""
    real, state = batches()[0, 0], first_state()
    before = {which: errors(state, real, which) for which in INPUTS}

    def after(which, k):
        _, grads = loss_of(which, first_state(k), real)
        norm = np.sqrt(sum(float((leaf**2).sum()) for leaf in jax.tree.leaves(grads)))
        moved = jax.tree.map(lambda p, g: p - 0.01 / norm * g, state.params[which], grads)
        return errors(state.replace(params={**state.params, which: moved}), real, which)

    on_real, on_fake = before['critic']
    assert after('critic', 0.0)[0] < on_real
    assert after('critic', 1.0)[1] - after('critic', 1.0)[0] > on_fake - on_real
    assert after('critic', 1.0)[1] > after('critic', 0.0)[1]
    assert after('generator', 0.0)[1] < before['generator'][1]


@pytest.mark.parametrize('gamma, end', [(0.0, 0.0), (3.0, 1.0)])
def test_k_follows_numpy(gamma, end):
    """k + rate (gamma L(x) - L(G(z))), bounded to [0, 1] wherever it is used; driven to either bound."""
    system = made(**{'began.gamma': gamma})
    states, metrics = run(system, batches(12))
    k = 0.0
    for state, logged in zip(states, metrics, strict=True):
        assert logged['critic/k'] == pytest.approx(np.clip(k, 0, 1), abs=1e-6)
        # the generator's loss is L(G(z)), and M has |gamma L(x) - L(G(z))| beside L(x): solved for L(x)
        fake, measure = logged['generator/loss'], logged['generator/convergence']
        real = (measure + fake) / (1 + gamma)
        if gamma * real < fake:
            real = (measure - fake) / (1 - gamma)
        k = np.clip(k, 0, 1) + 0.1 * (gamma * real - fake)
        assert float(state.memory['k']) == pytest.approx(k, abs=1e-6)
    assert metrics[-1]['critic/k'] == end


DUE = ('critic', 'generator')
alone = jax.jit(make_train_step(SYSTEM), static_argnums=2)
on_two = functools.partial(jax.pmap, axis_name='device', in_axes=(None, 0), static_broadcasted_argnums=2)


@functools.cache
def on_devices():
    """The step of both devices; they are looked for when it is asked for."""
    return on_two(make_train_step(SYSTEM, 'device'), devices=jax.devices()[:2])


def assert_same(a, b):
    assert float(a.memory['k']) == pytest.approx(float(b.memory['k']), abs=1e-6)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), a.params, b.params)


@pytest.mark.parametrize('k', [0.0, 0.5, 1.0])
def test_devices_are_one(k):
    """At the bounds too: each device adds to the same k, and it is bounded after they are averaged."""
    real = batches()[0]  # [1, 8, ...]
    shares = jnp.stack([real[:, :4], real[:, 4:]])
    two = on_devices()(first_state(k), {'real': shares}, DUE)[0]
    for device in (0, 1):
        assert_same(alone(first_state(k), {'real': real}, DUE)[0], jax.tree.map(lambda x: x[device], two))  # noqa: B023


def test_k_stays_while_the_critic_repeats():
    states, metrics = run(made(**{'train.n_critic': 3}), batches(2, 3))
    assert metrics[1]['critic/k'] == pytest.approx(np.clip(float(states[0].memory['k']), 0, 1))


@pytest.mark.parametrize(
    'overrides, said',
    [
        ({'game': 'hinge'}, "game='hinge' has no meaning in system 'began', which has its own game"),
        ({'targets.real': 0.9}, "targets.real=0.9 has no meaning in system 'began'"),
        ({'critic.condition': 'concat'}, "critic.condition='concat' has no meaning in system 'began'"),
        ({'critic.net': 'dcgan'}, "critic.net='dcgan' has no Autoencoder"),
        ({'latents.distribution': 'cauchy'}, 'cauchy'),
    ],
)
def test_what_has_no_meaning_is_refused(overrides, said):
    with pytest.raises(UserError, match=said):
        made(**overrides)
