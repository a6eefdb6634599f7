"""Dirac-GAN (Mescheder 2018, 1801.04406, section 2): data are a point at 0, the generator is a point theta, the critic
is the line psi x. Our games, penalties, optimizers and train step must walk the trajectory that a pencil would.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gans import losses, optimizers, penalties
from gans.core import Aux, Net, Player, System, Update
from gans.step import init_state, make_train_step

STEPS, RATE = 500, 0.2


def net(apply):
    """A net of one parameter that starts at 1."""
    return Net(lambda rng: (jnp.ones(()), {}), lambda params, stats, x, train: (apply(params, x), stats), None, ())


GENERATOR = net(lambda theta, z: jnp.full_like(z, theta))  # [B, 1] -> [B, 1]
CRITIC = net(lambda psi, x: psi * x[:, 0])  # [B, 1] -> [B]


def losses_of(game, penalty=None, weight=0.0):
    """(critic's loss, generator's loss) of the parameters {'generator': theta, 'critic': psi}."""
    game = losses.game(game)

    def scores(params, x):
        fake = GENERATOR.apply(params['generator'], {}, x, train=True)[0]
        critic_fn = lambda x: CRITIC.apply(params['critic'], {}, x, train=True)[0]
        return critic_fn, fake, critic_fn(x), critic_fn(fake)

    def critic(params, x, keys):
        critic_fn, fake, *pair = scores(params, x)
        value = game.critic(*pair).mean()
        return value if penalty is None else value + weight * penalty(critic_fn, x, fake, keys).mean()

    def generator(params, x, keys):
        return game.generator(*scores(params, x)[2:]).mean()

    return critic, generator


def system(game, penalty=None, weight=0.0, n_critic=1, clip=None, simultaneous=False):
    critic, generator = losses_of(game, penalty, weight)
    as_update = lambda f: lambda params, state, batch, keys: (f(params, batch['real'], keys), Aux())

    def both(params, x, keys):
        """Each player's loss in its own parameter alone: one player who owns both nets moves them at once."""
        still = jax.lax.stop_gradient(params)
        ours = critic({**still, 'critic': params['critic']}, x, keys)
        return ours + generator({**still, 'generator': params['generator']}, x, keys)

    sgd = {'name': 'sgd', 'learning_rate': RATE}
    if simultaneous:
        players = {'both': Player(('generator', 'critic'), optimizers.build(sgd, 'both'))}
        updates = (Update('both', 'both', as_update(both)),)
    else:
        players = {
            'critic': Player(('critic',), optimizers.build({**sgd, 'clip_weights': clip}, 'critic')),
            'generator': Player(('generator',), optimizers.build(sgd, 'generator')),
        }
        updates = (
            Update('critic', 'critic', as_update(critic), repeats=n_critic),
            Update('generator', 'generator', as_update(generator)),
        )
    return System({'generator': GENERATOR, 'critic': CRITIC}, players, updates, {})


def ours(n_critic=1, **kwargs):
    """(theta, psi) after each step, [STEPS, 2]."""
    the_system = system(n_critic=n_critic, **kwargs)
    due = tuple(update.name for update in the_system.updates)
    with jax.enable_x64(True):
        step = make_train_step(the_system)
        batch = {'real': jnp.zeros((n_critic, 3, 1))}

        def body(state, _):
            state, _ = step(state, batch, due)
            return state, jnp.stack([state.params['generator'], state.params['critic']])

        state = init_state(the_system, jax.random.key(0))
        return np.asarray(jax.jit(lambda s: jax.lax.scan(body, s, None, STEPS)[1])(state))


SIGMOID = lambda t: 1 / (1 + np.exp(-t))
ONE = lambda t: 1.0


def pencil(slope, regularizer=lambda psi: 0.0, n_critic=1, clip=np.inf, simultaneous=False):
    """The same by hand: the critic descends f(psi theta) + its regularizer, the generator ascends f; `slope` is f'."""
    theta, psi, rows = 1.0, 1.0, []
    for _ in range(STEPS):
        before = psi
        for _ in range(n_critic):
            psi = np.clip(psi - RATE * (slope(psi * theta) * theta + regularizer(psi)), -clip, clip)
        faced = before if simultaneous else psi
        theta = theta + RATE * slope(faced * theta) * faced
        rows.append((theta, psi))
    return np.array(rows)


GAN, WGAN = {'game': 'minimax'}, {'game': 'wasserstein'}
R1 = {'game': 'minimax', 'penalty': penalties.r1(), 'weight': 1.0}
GP = {'game': 'wasserstein', 'penalty': penalties.wgan_gp(), 'weight': 0.5}
PSI = lambda psi: psi  # the slope of R1
CASES = {  # what to build, f' with the regularizer's slope, and what both ways of computing share
    'gan, alternating': (GAN, (SIGMOID,), {}),
    'gan, simultaneous': (GAN, (SIGMOID,), {'simultaneous': True}),
    'gan, five to one': (GAN, (SIGMOID,), {'n_critic': 5}),
    'wgan, clipped': (WGAN, (ONE,), {'clip': 1.0}),
    'wgan, clipped, five to one': (WGAN, (ONE,), {'clip': 1.0, 'n_critic': 5}),
    'wgan-gp': (GP, (ONE, lambda psi: (abs(psi) - 1) * np.sign(psi)), {}),
    'r1, alternating': (R1, (SIGMOID, PSI), {}),
    'r1, simultaneous': (R1, (SIGMOID, PSI), {'simultaneous': True}),
    'r1, five to one': (R1, (SIGMOID, PSI), {'n_critic': 5}),
}


@pytest.fixture(scope='module')
def trajectories():
    found = {}

    def trajectory(case):
        if case not in found:
            found[case] = ours(**CASES[case][0], **CASES[case][2])
        return found[case]

    return trajectory


@pytest.mark.parametrize('case', CASES)
def test_trajectory(case, trajectories):
    _, formulas, options = CASES[case]
    np.testing.assert_allclose(trajectories(case), pencil(*formulas, **options), atol=1e-5)


@pytest.mark.parametrize('case', [case for case in CASES if case.startswith('r1')])
def test_r1_converges(case, trajectories):
    assert np.linalg.norm(trajectories(case)[-1]) < 1e-6


@pytest.mark.parametrize('case', [case for case in CASES if not case.startswith('r1')])
def test_the_others_do_not(case, trajectories):
    """They circle: far from the equilibrium to the end, and theta keeps changing sides."""
    last = trajectories(case)[-150:]
    assert np.linalg.norm(last, axis=1).max() > 0.5
    assert last[:, 0].min() < -0.1 and last[:, 0].max() > 0.1


def test_simultaneous_descent_moves_away(trajectories):
    norms = np.linalg.norm(trajectories('gan, simultaneous'), axis=1)
    assert norms[-1] > 2 * np.sqrt(2) and (np.diff(norms) > 0).all()


def eigenvalues(*args):
    """Of the flow's Jacobian at the equilibrium (0, 0), in the order of their imaginary, then real, parts."""
    critic, generator = losses_of(*args)
    data, keys = jnp.zeros((1, 1)), jax.random.split(jax.random.key(0), 1)

    def flow(at):
        params = {'generator': at[0], 'critic': at[1]}
        return -jnp.stack(
            [
                jax.grad(generator)(params, data, keys)['generator'],
                jax.grad(critic)(params, data, keys)['critic'],
            ]
        )

    return sorted(np.linalg.eigvals(jax.jacobian(flow)(jnp.zeros(2))), key=lambda v: (v.imag, v.real))


@pytest.mark.parametrize('game, size', [('minimax', 0.5), ('non_saturating', 0.5), ('wasserstein', 1.0)])
def test_without_regularization_the_flow_turns(game, size):
    np.testing.assert_allclose(eigenvalues(game), [-size * 1j, size * 1j], atol=1e-6)


@pytest.mark.parametrize('weight', [0.3, 0.9, 1.5, 4.0])
def test_r1_pulls_the_flow_inwards(weight):
    root = np.emath.sqrt(weight**2 / 4 - 0.25)
    expected = sorted([-weight / 2 - root, -weight / 2 + root], key=lambda v: (np.imag(v), np.real(v)))
    np.testing.assert_allclose(eigenvalues('minimax', penalties.r1(), weight), expected, atol=1e-6)
