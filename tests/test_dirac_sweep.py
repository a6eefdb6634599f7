"""The sweep of the Dirac-GAN: our train step, on the systems of the sweep's rows, has the rates that a pencil derives.

Near the equilibrium the critic's loss has the slope a theta + c psi in psi, and the generator's -b psi in theta. So
steps of size h are linear maps of (theta, psi):

    critic      psi <- (1 - h c) psi - h a theta            generator   theta <- theta + h b psi

a and b are the slopes of the two losses in the fake score at 0, since the score is psi theta:
    minimax, non_saturating      sigmoid(0) = 1/2 each; the saturating loss too
    relativistic_pairing         sigmoid(fake - real) = 1/2 each
    wasserstein, hinge           1 each
    least_squares (1, -1, 1)     0 - targets.fake = 1, targets.generator - 0 = 1
c is the curvature of weight x penalty in psi, the gradient of the critic being psi everywhere:
    r1                           psi^2 / 2, so c = weight
    r1 and r2                    the sum of both
    wgan_gp with target 0        psi^2, so c = 2 weight

With q = (1 - h c)^n for n critic steps and s = h a (1 + (1 - h c) + ... + (1 - h c)^(n - 1)), eliminating psi gives
theta[t+1] = trace theta[t] - det theta[t-1] with
    simultaneous       trace = 2 - h c              det = 1 - h c + h^2 a b
    alternating, n     trace = 1 + q - h b s        det = q
The eigenvalues are the roots of x^2 - trace x + det.
"""

import functools
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.sweeps import dirac
from gans.configs import override
from gans.core import Compute
from gans.data import feed
from gans.data.load import load
from gans.step import due_updates, init_state, make_train_step, repeats
from gans.systems.build import build

H = 0.2
FORCES = {  # a, b, c
    'minimax': (0.5, 0.5, 0.0),
    'non_saturating': (0.5, 0.5, 0.0),
    'wasserstein': (1.0, 1.0, 0.0),
    'least_squares': (1.0, 1.0, 0.0),
    'hinge': (1.0, 1.0, 0.0),
    'relativistic_pairing': (0.5, 0.5, 0.0),
    'minimax_r1': (0.5, 0.5, 0.5),
    'relativistic_pairing_r1_r2': (0.5, 0.5, 2.0),
    'wasserstein_gp0': (1.0, 1.0, 1.0),
}
ROWS = [(method, schedule) for method in dirac.METHODS for schedule in dirac.SCHEDULES]


def closed_form(method: str, schedule: str) -> tuple[float, float]:
    """(trace, det) by the formulas above."""
    a, b, c = FORCES[method]
    if schedule == 'simultaneous':
        return 2 - H * c, 1 - H * c + H**2 * a * b
    n = 5 if schedule == 'alternating5' else 1
    q, s = (1 - H * c) ** n, H * a * sum((1 - H * c) ** k for k in range(n))
    return 1 + q - H * b * s, q


def eigenvalues(trace: float, det: float) -> np.ndarray:
    root = np.emath.sqrt(trace**2 / 4 - det)
    return np.array([trace / 2 - root, trace / 2 + root])


@functools.cache
def trajectory(method: str, schedule: str, start: float, steps: int) -> np.ndarray:
    """(theta, psi) after 0, 1, ..., steps steps of the row's system, float64 [steps + 1, 2]."""
    config = override(dirac.get_config(), {**dirac.METHODS[method], **dirac.SCHEDULES[schedule]}, 'of a test')
    config.generator.start = config.critic.start = start
    with jax.enable_x64(True):
        source = load(config.data)
        system = build(config, source.spec, Compute())
        step, due, state = make_train_step(system), due_updates(system, 0), init_state(system, jax.random.key(0))
        at = lambda state: jnp.stack([state.params['generator']['theta'], state.params['critic']['psi']])

        def body(state, _):
            shares = {'repeats': repeats(system), 'batch': config.train.batch_size}
            state, _ = step(state, feed.fetch(source, {}, jax.random.key(1), state.step, **shares), due)
            return state, at(state)

        after = jax.jit(lambda state: jax.lax.scan(body, state, None, steps)[1])(state)
        return np.concatenate([at(state)[None], after])


def fitted(theta: np.ndarray) -> np.ndarray:
    """(trace, det) of the recurrence that a trajectory obeys, by least squares; later steps weigh as much as early."""
    rows = np.stack([theta[1:-1], -theta[:-2], theta[2:]], axis=1)
    rows /= np.abs(rows[:, :2]).max(axis=1, keepdims=True)
    return np.linalg.lstsq(rows[:, :2], rows[:, 2], rcond=None)[0]


@pytest.mark.parametrize('method, schedule', ROWS)
def test_rates(method, schedule):
    theta = trajectory(method, schedule, 1e-6, 60)[:, 0]
    expected = closed_form(method, schedule)
    np.testing.assert_allclose(fitted(theta), expected, atol=1e-6)
    np.testing.assert_allclose(eigenvalues(*fitted(theta)), eigenvalues(*expected), atol=1e-4)


@pytest.mark.parametrize('method, schedule', ROWS)
def test_the_docstring_has_the_largest_eigenvalue(method, schedule):
    line = re.search(rf'^  {method} +([\d. ]+)$', dirac.__doc__, re.MULTILINE)
    said = dict(zip(dirac.SCHEDULES, line[1].split(), strict=True))[schedule]
    assert said == f'{np.abs(eigenvalues(*closed_form(method, schedule))).max():.4f}'


@pytest.mark.parametrize('method, schedule', ROWS)
def test_from_afar(method, schedule):
    """The 500 steps of the sweep, from (1, 1), end as its docstring says."""
    rate = np.abs(eigenvalues(*closed_form(method, schedule))).max()
    last = np.linalg.norm(trajectory(method, schedule, 1.0, 500), axis=1)[-100:]
    if rate < 0.9999:
        assert last[-1] < 1e-5
    elif rate > 1.0001:
        assert last[-1] > 2e4 if method == 'wasserstein' else last.min() > 0.6 and last.max() < 4
    elif method in ('minimax', 'wasserstein', 'hinge'):
        assert last.min() > 0.8 and last.max() < 2.4
    else:
        assert last.min() > 0.06 and last.max() < 0.32


@pytest.mark.parametrize('method', ['non_saturating', 'least_squares', 'relativistic_pairing'])
def test_eigenvalues_of_size_1_can_converge_slowly(method):
    """Sizes fall like 1 / sqrt(step): no linear force pulls, a cubic one does."""
    sizes = np.linalg.norm(trajectory(method, 'alternating', 1.0, 8000), axis=1)
    assert sizes[1900:2000].mean() / sizes[7600:8000].mean() == pytest.approx(2, rel=0.05)


@pytest.mark.parametrize('targets', [(1.0, 0.0, 1.0), (1.0, -1.0, 0.0)])
def test_why_the_papers_targets_of_least_squares_are_left_out(targets):
    """One player's force vanishes with the other's number at any distance: a whole line stands still."""
    config = dirac.get_config()
    config.update_from_flattened_dict({'game': 'least_squares', 'dynamics': 'simultaneous'})
    config.targets.real, config.targets.fake, config.targets.generator = targets
    still = 'critic' if targets[1] == 0 else 'generator'  # psi = 0, or theta = 0
    config[still].start = 0.0
    system = build(config, load(config.data).spec, Compute())
    state = init_state(system, jax.random.key(0))
    after, _ = make_train_step(system)(state, {'real': jnp.zeros((1, 2, 1))}, ('both',))
    assert jax.tree.all(jax.tree.map(jnp.array_equal, after.params, state.params))


def test_rows():
    rows = {}
    dirac.sweep(lambda name, **overrides: rows.update({name: overrides}))
    assert len(rows) == 27 and set(rows) == {f'{method}+{schedule}' for method, schedule in ROWS}
