"""Optimizers against a plain transcription of PyTorch's formulas."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from common import adam, rmsprop

from gans import optimizers
from gans.errors import UserError

A = np.array([[3.0, 0.5, 0.1], [0.5, 1.0, -0.4], [0.1, -0.4, 0.3]])  # the slope of x.A x / 2 is A x
START = np.array([1.0, -2.0, 0.5])
STEPS = 20


def ours(config, steps=STEPS, **kwargs):
    """The trajectory [steps, 3] under the optimizer that the config describes."""
    tx = optimizers.build(config, 'critic', **kwargs)
    with jax.enable_x64(True):
        x, rows = jnp.asarray(START), []
        state = tx.init(x)
        for _ in range(steps):
            change, state = tx.update(jnp.asarray(A) @ x, state, x)
            x = optax.apply_updates(x, change)
            rows.append(np.asarray(x))
    return np.stack(rows)


def numpy_adam(lr, b1, b2, eps):
    x, m, v, rows = START.copy(), 0.0, 0.0, []
    for t in range(1, STEPS + 1):
        g = A @ x
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
        x = x - lr * (m / (1 - b1**t)) / (np.sqrt(v) / np.sqrt(1 - b2**t) + eps)
        rows.append(x)
    return np.stack(rows)


def numpy_rmsprop(lr, alpha, eps):
    x, v, rows = START.copy(), 0.0, []
    for _ in range(STEPS):
        g = A @ x
        v = alpha * v + (1 - alpha) * g**2
        x = x - lr * g / (np.sqrt(v) + eps)
        rows.append(x)
    return np.stack(rows)


def numpy_sgd(lr, momentum):
    x, buffer, rows = START.copy(), 0.0, []
    for _ in range(STEPS):
        buffer = momentum * buffer + A @ x
        x = x - lr * buffer
        rows.append(x)
    return np.stack(rows)


def test_adam():
    # An epsilon that matters, and a beta1 of GANs.
    np.testing.assert_allclose(ours(adam(0.1, 0.5, 0.9, 1e-2)), numpy_adam(0.1, 0.5, 0.9, 1e-2), rtol=1e-9)
    np.testing.assert_allclose(ours(adam(0.1, 0.0, 0.99)), numpy_adam(0.1, 0.0, 0.99, 1e-8), rtol=1e-9)


def test_rmsprop():
    np.testing.assert_allclose(ours(rmsprop(0.01, 0.99, 1e-2)), numpy_rmsprop(0.01, 0.99, 1e-2), rtol=1e-9)


def test_sgd():
    config = {'name': 'sgd', 'learning_rate': 0.1, 'momentum': 0.8}
    np.testing.assert_allclose(ours(config), numpy_sgd(0.1, 0.8), rtol=1e-9)


@pytest.mark.parametrize('config', [adam(0.1, 0.5, 0.9, 1e-2), rmsprop(0.01, 0.99, 1e-2)], ids=['adam', 'rmsprop'])
def test_pytorch_itself(config):
    torch = pytest.importorskip('torch')
    x = torch.tensor(START, requires_grad=True)
    numbers = {'lr': config.learning_rate, 'eps': config.eps}
    if config.name == 'adam':
        tx = torch.optim.Adam([x], betas=(config.b1, config.b2), **numbers)
    else:
        tx = torch.optim.RMSprop([x], alpha=config.decay, **numbers)
    rows = []
    for _ in range(STEPS):
        tx.zero_grad()
        (0.5 * x @ torch.tensor(A) @ x).backward()
        tx.step()
        rows.append(x.detach().numpy().copy())
    np.testing.assert_allclose(ours(config), rows, rtol=1e-9)


def test_defaults_are_those_of_the_experiments():
    for name, config in {'adam': adam(), 'rmsprop': rmsprop()}.items():
        np.testing.assert_array_equal(ours({'name': name}, 3), ours(config, 3))


# Clipping.


def apply(config, grads, params):
    tx = optimizers.build(config, 'critic')
    change, _ = tx.update(grads, tx.init(params), params)
    return optax.apply_updates(params, change)


def test_clip_weights_clips_the_sum():
    rng = np.random.default_rng(0)
    limit = np.float32(0.01)
    config = {'name': 'sgd', 'learning_rate': 1.0, 'clip_weights': 0.01}
    for scale in (0.005, 0.02, 1.0):  # from inside, from around, and from far outside, as at the start
        p, u = (rng.normal(0, s, 20_000).astype(np.float32) for s in (scale, 0.01))
        new = np.asarray(apply(config, {'w': jnp.asarray(-u)}, {'w': jnp.asarray(p)})['w'])
        np.testing.assert_allclose(new, np.clip(p + u, -limit, limit), rtol=0, atol=np.spacing(np.float32(scale * 4)))
        assert (np.abs(p + u) > limit).mean() > 0.05


def test_clip_weights_never_exceeds_the_limit_but_by_rounding():
    rng = np.random.default_rng(0)
    tx = optimizers.build({**rmsprop(1e-2), 'clip_weights': 0.01}, 'critic')
    params = {'w': jnp.asarray(rng.normal(0, 0.02, 20_000), jnp.float32)}
    state = tx.init(params)
    for _ in range(5):
        grads = {'w': jnp.asarray(rng.normal(size=20_000), jnp.float32)}
        change, state = tx.update(grads, state, params)
        params = optax.apply_updates(params, change)
        assert np.abs(params['w']).max() <= 0.01 * (1 + 1e-6)
        assert np.abs(params['w']).max() > 0.0099


def test_clip_value():
    grads = jnp.array([0.3, -4.0, 5.0])
    new = apply({'name': 'sgd', 'learning_rate': 1.0, 'clip_value': 0.5}, grads, jnp.zeros(3))
    np.testing.assert_allclose(new, [-0.3, 0.5, -0.5])


def test_clip_norm_is_of_all_parameters_together():
    grads = {'a': jnp.array([3.0, 0.0]), 'b': jnp.array([[4.0]])}  # norm 5
    zeros = jax.tree.map(jnp.zeros_like, grads)
    new = apply({'name': 'sgd', 'learning_rate': 1.0, 'clip_norm': 1.0}, grads, zeros)
    np.testing.assert_allclose(new['a'], [-0.6, 0.0], rtol=1e-6)
    np.testing.assert_allclose(new['b'], [[-0.8]], rtol=1e-6)
    new = apply({'name': 'sgd', 'learning_rate': 1.0, 'clip_norm': 7.0}, grads, zeros)
    np.testing.assert_allclose(new['a'], [-3.0, 0.0], rtol=1e-6)


def test_gradients_are_clipped_before_the_optimizer():
    """Momentum of clipped gradients: two steps of -5 clipped to -1 give 1 + 1.5."""
    tx = optimizers.build({'name': 'sgd', 'learning_rate': 1.0, 'momentum': 0.5, 'clip_value': 1.0}, 'critic')
    x = jnp.zeros(1)
    state = tx.init(x)
    for _ in range(2):
        change, state = tx.update(jnp.array([-5.0]), state, x)
        x += change
    np.testing.assert_allclose(x, [2.5])


@pytest.mark.parametrize('optimizer', ['sgd', 'adam'])
def test_historical_averaging(optimizer):
    """The gradient of weight |theta - mean|^2, the mean being of all theta until now, this one too."""
    adam_step, x, past, rows = NumpyAdam(), START, [], []
    for _ in range(STEPS):
        past.append(x)
        gradient = A @ x + 2 * 0.3 * (x - np.mean(past, 0))
        x = x + (adam_step(gradient) if optimizer == 'adam' else -0.1 * gradient)
        rows.append(x)
    config = adam(0.1, 0.5, 0.9) if optimizer == 'adam' else {'name': 'sgd', 'learning_rate': 0.1}
    np.testing.assert_allclose(ours({**config, 'historical_averaging': 0.3}), rows, rtol=1e-7)


# Steps for games.

TURN = np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 0.3]])  # x y, of which x goes down and y up; z^2


class NumpyAdam:
    """The step that Adam takes, b1 = 0.5, b2 = 0.9."""

    def __init__(self):
        self.m, self.v, self.t = 0.0, 0.0, 0

    def __call__(self, g, rate=0.1):
        self.m, self.v, self.t = 0.5 * self.m + 0.5 * g, 0.9 * self.v + 0.1 * g**2, self.t + 1
        return -rate * (self.m / (1 - 0.5**self.t)) / (np.sqrt(self.v / (1 - 0.9**self.t)) + 1e-8)


def walk(tx, steps=STEPS):
    """The trajectory down the vector field TURN x."""
    with jax.enable_x64(True):

        def body(carry, _):
            x, state = carry
            change, state = tx.update(jnp.asarray(TURN) @ x, state, x)
            x = optax.apply_updates(x, change)
            return (x, state), x

        return np.asarray(jax.jit(lambda x: jax.lax.scan(body, (x, tx.init(x)), None, steps)[1])(jnp.asarray(START)))


@pytest.mark.parametrize('rate', [0.5, 1.0])
def test_optimistic_adam(rate):
    adam_step, x, before, rows = NumpyAdam(), START, None, []
    for _ in range(STEPS):
        step = adam_step(TURN @ x)
        x = x + step + rate * (step - (step if before is None else before))
        before = step
        rows.append(x)
    found = walk(optimizers.build({**adam(0.1, 0.5, 0.9), 'optimism': rate}, 'critic'))
    np.testing.assert_allclose(found, rows, rtol=1e-7)


def test_optimism_turns_in_where_descent_turns_out():
    """x+ = x - 2 h T x + h T x-, whose four eigenvalues are those of the matrix below (Daskalakis 2018, section 3)."""
    h, turn, unit = 0.2, TURN[:2, :2], np.eye(2)
    companion = np.block([[unit - 2 * h * turn, h * turn], [unit, 0 * unit]])
    size = abs(np.linalg.eigvals(companion)).max()
    assert size < 1 < abs(np.linalg.eigvals(unit - h * turn)).max()
    config = {'name': 'sgd', 'learning_rate': h}
    lengths = {b: np.linalg.norm(walk(optimizers.build({**config, 'optimism': b}, ''), 400)[:, :2], axis=1)
               for b in (None, 1.0)}  # fmt: skip
    assert lengths[None][-1] / lengths[None][199] == pytest.approx((1 + h**2) ** 100, rel=1e-6)
    assert lengths[1.0][-1] / lengths[1.0][199] == pytest.approx(size**200, rel=1e-6)


def test_extra_adam():
    """Algorithm 4 of 1802.10551: both steps advance the moments, and both start at the anchor."""
    adam_step, x, rows = NumpyAdam(), START, []
    for _ in range(STEPS // 2):
        away = x + adam_step(TURN @ x)
        x = x + adam_step(TURN @ away)
        rows += [away, x]
    found = walk(optimizers.extragradient(optimizers.build(adam(0.1, 0.5, 0.9), 'both')))
    np.testing.assert_allclose(found, rows, rtol=1e-7)


def test_extragradient_clips_the_weights_of_the_step_from_the_anchor():
    tx = optimizers.extragradient(optimizers.build({'name': 'sgd', 'learning_rate': 1.0, 'clip_weights': 0.5}, 'both'))
    x, state = jnp.array([0.4, -0.4]), tx.init(jnp.zeros(2))
    for grad, wanted in (([-0.3, 0.0], [0.5, -0.4]), ([-0.3, 0.3], [0.5, -0.5]), ([0.3, 0.0], [0.2, -0.5])):
        change, state = tx.update(jnp.array(grad), state, x)
        x = x + change
        np.testing.assert_allclose(x, wanted, rtol=1e-6)


def test_look_ahead_goes_back():
    tx = optimizers.backtrack(0.25)
    phi = {'a': jnp.array([1.0, 2.0])}
    state = tx.init(phi)
    for theta, wanted in (([5.0, 2.0], [2.0, 2.0]), ([0.0, 6.0], [1.5, 3.0])):
        theta = {'a': jnp.array(theta)}
        change, state = tx.update({'a': jnp.array([9.0, 9.0])}, state, theta)
        np.testing.assert_allclose(theta['a'] + change['a'], wanted)
        np.testing.assert_allclose(state['a'], wanted)


# Lazy terms.


def test_lazy_steps_rescale_adam():
    c = 16 / 17
    expected = numpy_adam(0.1 * c, 0.5**c, 0.9**c, 1e-8)
    np.testing.assert_allclose(ours(adam(0.1, 0.5, 0.9), every=[16]), expected, rtol=1e-9)
    assert np.abs(ours(adam(0.1, 0.5, 0.9)) - expected).max() > 1e-3


def test_lazy_steps_rescale_numbers_left_out():
    np.testing.assert_array_equal(ours({'name': 'adam'}, 3, every=[4]), ours(adam(), 3, every=[4]))


def test_lazy_steps_of_several_terms_rescale_adam_by_how_many_there_are():
    """Terms every 4 and every 2 steps make 4 + 1 + 2 steps of 4."""
    c = 4 / 7
    expected = numpy_adam(0.1 * c, 0.5**c, 0.9**c, 1e-8)
    np.testing.assert_allclose(ours(adam(0.1, 0.5, 0.9), every=[4, 2]), expected, rtol=1e-9)


def test_no_lazy_steps_no_rescaling():
    np.testing.assert_array_equal(ours(adam(0.1), 3, every=[]), ours(adam(0.1), 3))


def test_lazy_steps_are_for_adam():
    with pytest.raises(
        UserError,
        match=r"every=4\) needs Adam, whose hyperparameters it rescales, but optimizer\.critic\.name is 'rmsprop'",
    ):
        optimizers.build(rmsprop(), 'critic', [4])


# Mistakes, and numbers of a sweep.


def test_unknown_name():
    with pytest.raises(UserError, match=r"unknown optimizer\.critic\.name 'adm'; did you mean 'adam'"):
        optimizers.build({'name': 'adm'}, 'critic')


@pytest.mark.parametrize('key, near', [('learning_rat', 'learning_rate'), ('clip_wights', 'clip_weights')])
def test_unknown_key(key, near):
    with pytest.raises(
        UserError, match=f"unknown key of optimizer.generator for 'adam' '{key}'; did you mean '{near}'"
    ):
        optimizers.build({'name': 'adam', key: 0.1}, 'generator')


def test_key_of_another_optimizer():
    with pytest.raises(UserError, match="for 'rmsprop' 'b1'"):
        optimizers.build({'name': 'rmsprop', 'b1': 0.5}, 'critic')


def test_rates_may_be_tracers():
    def first(rate):
        return apply({'name': 'adam', 'learning_rate': rate}, jnp.ones(2), jnp.zeros(2))

    np.testing.assert_allclose(jax.vmap(first)(jnp.array([0.1, 0.3])), [[-0.1] * 2, [-0.3] * 2], rtol=1e-5)
