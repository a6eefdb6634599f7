"""Dynamics of games on the Dirac-GAN, where they are matrices: extragradient, consensus, optimism, look-ahead."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import systems
from ml_collections import ConfigDict

from experiments import gan_ring8
from experiments.sweeps import dirac, game_dynamics
from gans.configs import apply_defaults, override
from gans.core import Compute, Spec
from gans.errors import UserError
from gans.ops.random import example_keys
from gans.step import due_updates, make_train_step, repeats
from gans.systems.build import build

H, STEPS, GAMMA, EVERY, ALPHA = 0.2, 60, 0.5, 5, 0.4
SECTIONS = {'consensus': {'gamma': GAMMA}, 'lookahead': {'every': EVERY, 'alpha': ALPHA}}
UNIT = np.eye(2)
# In the Wasserstein game theta descends -psi theta and psi descends psi theta: their gradient is TURN (theta, psi).
TURN = np.array([[0.0, -1.0], [1.0, 0.0]])
ALTERNATING = np.array([[1.0, H], [0.0, 1.0]]) @ np.array([[1.0, 0.0], [-H, 1.0]])  # the critic's step, then theta's


def configured(dynamics, base, **overrides):
    sections = {name: section for name, section in SECTIONS.items() if name in dynamics}
    return override(apply_defaults(base, 'of a test'), {'dynamics': dynamics, **sections, **overrides}, 'of a test')


def trajectory(dynamics, **overrides):
    """(theta, psi) after each step, [STEPS, 2]."""
    config = configured(dynamics, dirac.get_config(), **{'game': 'wasserstein', **overrides})
    with jax.enable_x64(True):
        made = build(config, Spec((1,)), Compute())
        batch = {'real': jnp.zeros((repeats(made), 2, 1))}
        step = make_train_step(made)
        rows, state = [], systems.first(made)
        jitted = jax.jit(lambda state, due: step(state, batch, due)[0], static_argnums=1)
        for t in range(STEPS):
            state = jitted(state, due_updates(made, t))
            rows.append((float(state.params['generator']['theta']), float(state.params['critic']['psi'])))
    return np.array(rows)


def powers(matrix):
    rows = [np.ones(2)]
    for _ in range(STEPS):
        rows.append(matrix @ rows[-1])
    return np.array(rows[1:])


@pytest.mark.parametrize(
    'dynamics, matrix, size',
    [
        ('simultaneous', UNIT - H * TURN, np.sqrt(1 + H**2)),
        ('extragradient', UNIT - H * TURN @ (UNIT - H * TURN), np.sqrt(1 - H**2 + H**4)),
        ('consensus', UNIT - H * (TURN + GAMMA * UNIT), np.sqrt((1 - H * GAMMA) ** 2 + H**2)),
    ],
)
def test_linear_game(dynamics, matrix, size):
    """Step by step the powers of a matrix, whose eigenvalues say whether they come in."""
    np.testing.assert_allclose(abs(np.linalg.eigvals(matrix)), size)
    assert (size < 1) == (dynamics != 'simultaneous')
    np.testing.assert_allclose(trajectory(dynamics), powers(matrix), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(
    'dynamics, matrix, size',
    [
        ('lookahead', ALTERNATING, 1.0),
        ('simultaneous,lookahead', UNIT - H * TURN, np.sqrt(1 + H**2)),
        ('extragradient,lookahead', UNIT - H * TURN @ (UNIT - H * TURN), np.sqrt(1 - H**2 + H**4)),
    ],
)
def test_look_ahead_on_the_linear_game(dynamics, matrix, size):
    """k steps, on a closed curve if players take turns, then a return: the matrix of k steps is
    (1 - alpha) 1 + alpha M^k, which comes in. Over other dynamics too.
    """
    k_steps = (1 - ALPHA) * UNIT + ALPHA * np.linalg.matrix_power(matrix, EVERY)
    np.testing.assert_allclose(abs(np.linalg.eigvals(matrix)), size)
    assert abs(np.linalg.eigvals(k_steps)).max() < 0.95
    x, slow, rows = np.ones(2), np.ones(2), []
    for t in range(1, STEPS + 1):
        x = matrix @ x
        if t % EVERY == 0:
            x = slow = slow + ALPHA * (x - slow)
        rows.append(x)
    np.testing.assert_allclose(rows[EVERY - 1 :: EVERY][3], np.linalg.matrix_power(k_steps, 4) @ np.ones(2))
    np.testing.assert_allclose(trajectory(dynamics), rows, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize('game, slope', [('minimax', 0.5), ('wasserstein', 1.0)])
def test_the_sweeps_docstring_has_the_largest_eigenvalue(game, slope):
    """Of the linear game of that slope; the sweep's h, gamma, k and alpha."""
    config, turn = game_dynamics.get_config(), slope * TURN
    numbers = {key: value for row in game_dynamics.METHODS.values() for key, value in row.items()}
    h, gamma, k, alpha = 0.2, *(numbers[key] for key in ('consensus.gamma', 'lookahead.every', 'lookahead.alpha'))
    alternating = np.array([[1.0, h * slope], [0.0, 1.0]]) @ np.array([[1.0, 0.0], [-h * slope, 1.0]])
    matrices = {
        'simultaneous': UNIT - h * turn,
        'alternating': alternating,
        'optimism': np.block([[UNIT - 2 * h * turn, h * turn], [UNIT, 0 * UNIT]]),
        'extragradient': UNIT - h * turn @ (UNIT - h * turn),
        'consensus': UNIT - h * (turn + gamma * slope**2 * UNIT),
        'lookahead': (1 - alpha) * UNIT + alpha * np.linalg.matrix_power(alternating, k),
    }
    assert set(matrices) == set(game_dynamics.METHODS) and config.optimizer.critic.learning_rate == h
    for method, matrix in matrices.items():
        size = abs(np.linalg.eigvals(matrix)).max() ** (1 / k if method == 'lookahead' else 1)
        line = re.search(rf'^  {method} +([\d. ]+)$', game_dynamics.__doc__, re.MULTILINE)
        assert line[1].split()[game_dynamics.GAMES.index(game)] == f'{size:.4f}'


def test_look_ahead_counts_generator_steps():
    made = build(configured('lookahead', gan_ring8.get_config('smoke'), **{'train.n_critic': 3}), Spec((2,)), Compute())
    assert repeats(made) == 3
    assert [('lookahead' in due_updates(made, t)) for t in range(10)] == ([False] * 4 + [True]) * 2


def test_consensus_of_a_game_that_is_not_linear():
    """Of minimax f = log(1 + e^(psi theta)): v = s (-psi, theta) and L = s^2 (theta^2 + psi^2) / 2, s the sigmoid."""
    x, rows = np.ones(2), []
    for _ in range(STEPS):
        theta, psi = x
        s = 1 / (1 + np.exp(-theta * psi))
        slope = s**2 * (1 - s) * (x @ x) * np.array([psi, theta]) + s**2 * x  # of L
        x = x - H * (s * TURN @ x + GAMMA * slope)
        rows.append(x)
    np.testing.assert_allclose(trajectory('consensus', game='minimax'), rows, rtol=1e-6, atol=1e-9)


def test_consensus_of_nets():
    """L is half the squared norm of the very gradient that is stepped along, if gamma is 0."""
    base = gan_ring8.get_config('smoke')
    made = build(configured('consensus', base, **{'consensus.gamma': 0.0, 'terms.r1': None}), Spec((2,)), Compute())
    real = jnp.asarray(np.random.default_rng(0).normal(size=(1, 8, 2)), jnp.float32)
    state = systems.first(made)
    _, metrics = jax.jit(lambda state: make_train_step(made)(state, {'real': real}, ('both',)))(state)
    assert float(metrics['both/consensus']) == pytest.approx(float(metrics['both/grad_norm']) ** 2 / 2, rel=1e-4)
    assert float(metrics['both/consensus']) > 1e-3


def test_extrapolation_and_update_see_a_batch_each():
    """The second step starts where the first did: by SGD, at w - h g(second batch, w - h g(first batch, w))."""
    config = configured('extragradient', gan_ring8.get_config('smoke'), **{'terms.r1': None})
    for role in ('generator', 'critic'):
        config.optimizer[role] = ConfigDict({'name': 'sgd', 'learning_rate': 0.5})
    made, real = build(config, Spec((2,)), Compute()), np.random.default_rng(0).normal(size=(2, 8, 2))
    config.dynamics = 'simultaneous'
    plain = build(config, Spec((2,)), Compute())
    state = systems.first(made)
    step = jax.jit(lambda state, real: make_train_step(made)(state, {'real': real}, ('both',))[0])

    def moved(at, params, real, repeat):
        key = state.rng
        for fold in (0, 0, repeat):  # step, update, repeat
            key = jax.random.fold_in(key, fold)
        keys = example_keys(key, jnp.arange(8))
        (update,) = plain.updates
        grads = jax.grad(lambda p: update.loss(p, state, {'real': real}, keys)[0])(params)
        return jax.tree.map(lambda p, g: p - 0.5 * g, at, grads)

    real = jnp.asarray(real, jnp.float32)
    jitted = jax.jit(moved)
    away = jitted(state.params, state.params, real[0], 0)
    wanted = jitted(state.params, away, real[1], 1)
    done = step(state, real)
    assert not done.opt['both'].extrapolated  # a step takes both, so that checkpoints and stages begin at w
    after = done.params
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), after, wanted)
    assert max(abs(a - b).max() for a, b in zip(*map(jax.tree.leaves, (wanted, away)), strict=True)) > 1e-3


@pytest.mark.parametrize('dynamics', ['extragradient', 'consensus'])
def test_what_moves_at_once_refuses_what_does_not(dynamics):
    with pytest.raises(UserError, match=r'train\.n_critic=2, but these dynamics update all players simultaneously'):
        build(configured(dynamics, gan_ring8.get_config('smoke'), **{'train.n_critic': 2}), Spec((2,)), Compute())


def test_sections_of_other_dynamics_are_refused():
    config = configured('simultaneous', gan_ring8.get_config('smoke'), **{'consensus.gamma': 1.0})
    with pytest.raises(UserError, match='the section consensus has no meaning'):
        build(config, Spec((2,)), Compute())
