"""Penalties against closed forms and finite differences."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gans import penalties
from gans.penalties import dragan, r1, r2, wgan_gp

SHAPE = (3, 2, 2)  # of an image


@pytest.fixture
def images():
    """real, fake [8, *SHAPE] and keys [8]."""
    rng = np.random.default_rng(0)
    real, fake = rng.normal(0, 1, (8, *SHAPE)), rng.normal(2, 1, (8, *SHAPE))
    return jnp.asarray(real, jnp.float32), jnp.asarray(fake, jnp.float32), jax.random.split(jax.random.key(1), 8)


def linear(w):
    return lambda x: jnp.tensordot(x, w, x.ndim - 1) + 3.0


def weights(norm: float):
    w = np.random.default_rng(2).normal(size=SHAPE)
    return jnp.asarray(norm * w / np.linalg.norm(w), jnp.float32)


def watched(critic):
    """The critic, and the list of the batches that it is shown."""
    seen = []

    def critic_fn(x):
        jax.debug.callback(lambda value: seen.append(np.array(value)), x)
        return critic(x)

    return critic_fn, seen


@pytest.mark.parametrize('norm', [0.25, 1.0, 2.0, 5.0])
@pytest.mark.parametrize('target', [1.0, 2.0, 0.0])
@pytest.mark.parametrize('one_sided', [False, True])
@pytest.mark.parametrize('penalty', [wgan_gp, dragan])
def test_linear_critic_deviates_from_the_target(images, penalty, norm, target, one_sided):
    value = penalty(target, one_sided)(linear(weights(norm)), *images)
    excess = max(norm - target, 0.0) if one_sided else norm - target
    np.testing.assert_allclose(value, np.full(8, excess**2), rtol=1e-5, atol=1e-6)
    if one_sided and norm < target:
        np.testing.assert_array_equal(value, np.zeros(8))


@pytest.mark.parametrize('penalty', [r1, r2])
def test_linear_critic_has_the_same_gradient_everywhere(images, penalty):
    value = penalty()(linear(weights(3.0)), *images)
    np.testing.assert_allclose(value, np.full(8, 0.5 * 9.0), rtol=1e-5)


def quadratic():
    """critic(x) = x.A x / 2 + b.x with symmetric A; its gradient A x + b as a numpy function."""
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=(12, 12)), rng.normal(size=12)
    a = (a + a.T) / 2
    flat = lambda x: x.reshape(len(x), -1)
    critic = lambda x: jnp.einsum('bi,ij,bj->b', flat(x), a.astype(np.float32), flat(x)) / 2 + flat(x) @ b.astype('f')
    return critic, lambda x: flat(np.asarray(x, np.float64)) @ a + b


def test_quadratic_critic(images):
    real, fake, keys = images
    critic, gradient = quadratic()
    at_real, at_fake = ((gradient(x) ** 2).sum(1) / 2 for x in (real, fake))
    np.testing.assert_allclose(r1()(critic, real, fake, keys), at_real, rtol=1e-4)
    np.testing.assert_allclose(r2()(critic, real, fake, keys), at_fake, rtol=1e-4)
    for penalty in (wgan_gp, dragan):
        critic_fn, seen = watched(critic)
        value = penalty(2.0)(critic_fn, real, fake, keys)
        jax.effects_barrier()
        np.testing.assert_allclose(value, (np.linalg.norm(gradient(seen[0]), axis=1) - 2.0) ** 2, rtol=1e-4)


def test_wgan_gp_looks_between_real_and_fake_with_one_coefficient_an_image(images):
    real, fake, keys = images
    critic_fn, seen = watched(linear(weights(1.0)))
    wgan_gp()(critic_fn, real, fake, keys)
    jax.effects_barrier()
    (between,) = seen
    # Least squares for the coefficient of each image, then the rest must be nothing: the point is on the segment.
    step, way = (np.asarray(x - real, np.float64).reshape(8, -1) for x in (between, fake))
    coefficient = (step * way).sum(1) / (way * way).sum(1)
    np.testing.assert_allclose(step, coefficient[:, None] * way, atol=1e-6)
    assert ((coefficient >= 0) & (coefficient <= 1)).all()
    assert np.ptp(coefficient) > 0.3 and len(np.unique(coefficient.round(4))) == 8


def test_wgan_gp_coefficients_are_uniform():
    n = 2000
    critic_fn, seen = watched(lambda x: x.sum(1))
    wgan_gp()(critic_fn, jnp.zeros((n, 1)), jnp.ones((n, 1)), jax.random.split(jax.random.key(0), n))
    jax.effects_barrier()
    gap = np.abs(np.sort(seen[0][:, 0]) - (np.arange(n) + 0.5) / n).max()
    assert gap < 1.6 / np.sqrt(n)  # Kolmogorov-Smirnov


def test_dragan_looks_around_the_real_images_alone():
    rng = np.random.default_rng(0)
    real = jnp.asarray(rng.normal(0.3, 0.8, (400, 8, 8, 1)), jnp.float32)
    nowhere = jnp.full_like(real, jnp.nan)
    critic_fn, seen = watched(lambda x: x.sum((1, 2, 3)))
    value = dragan()(critic_fn, real, nowhere, jax.random.split(jax.random.key(1), 400))
    jax.effects_barrier()
    assert jnp.isfinite(value).all()
    # Noise a pixel U(0, 1) times a coefficient an image U(0, 1), in units of half the standard deviation of the batch.
    noise = (seen[0] - np.asarray(real)) / (0.5 * np.asarray(real).std())
    assert noise.min() >= -1e-6 and noise.max() <= 1
    assert abs(noise.mean() - 0.25) < 0.03
    assert abs(noise.mean((1, 2, 3)).std() - 0.5 / np.sqrt(12)) < 0.02  # were the coefficients one a pixel: 0.03
    within = noise.std((1, 2, 3)) / noise.mean((1, 2, 3))
    assert abs(within.mean() - 1 / np.sqrt(3)) < 0.03  # were the noise one an image: 0


@pytest.mark.parametrize('penalty', [wgan_gp, r1, r2])
def test_an_example_is_penalized_by_itself(images, penalty):
    critic, _ = quadratic()
    whole = penalty()(critic, *images)
    part = penalty()(critic, *(x[2:5] for x in images))
    np.testing.assert_allclose(part, whole[2:5], rtol=1e-6)


def tanh_critic(params, x):
    w, b, v = params
    return jnp.tanh(x.reshape(len(x), -1) @ w + b) @ v


def tanh_penalty(params, points, of_norm):
    """Its penalty written by hand in numpy: the mean over the points of of_norm(|gradient|)."""
    w, b, v = params
    total = 0.0
    for x in points:
        slope = (1 - np.tanh(x.reshape(len(x), -1) @ w + b) ** 2) * v  # [B, hidden]
        total += of_norm(np.linalg.norm(slope @ w.T, axis=1)).mean()
    return total


@pytest.mark.parametrize(
    'penalty, of_norm',
    [(make(0.7), lambda n: (n - 0.7) ** 2) for make in (wgan_gp, dragan)]
    + [(make(), lambda n: n**2 / 2) for make in (r1, r2)],
    ids=['wgan_gp', 'dragan', 'r1', 'r2'],
)
def test_derivative_in_the_critics_parameters_against_finite_differences(images, penalty, of_norm):
    rng = np.random.default_rng(4)
    params = [rng.normal(size=s) for s in ((12, 5), (5,), (5,))]
    with jax.enable_x64(True):
        real, fake = (jnp.asarray(np.asarray(x, np.float64)) for x in images[:2])

        def loss(params):
            critic_fn, seen = watched(lambda x: tanh_critic(params, x))
            return penalty(critic_fn, real, fake, images[2]).mean(), seen

        (value, seen), slopes = jax.value_and_grad(loss, has_aux=True)([jnp.asarray(p) for p in params])
        jax.effects_barrier()
    points = {p.tobytes(): p for p in seen}.values()
    np.testing.assert_allclose(value, tanh_penalty(params, points, of_norm), rtol=1e-6)
    step = 1e-5
    for i, p in enumerate(params):
        for where in np.ndindex(p.shape):
            shifted = []
            for sign in (1, -1):
                moved = [q.copy() for q in params]
                moved[i][where] += sign * step
                shifted.append(tanh_penalty(moved, points, of_norm))
            difference = (shifted[0] - shifted[1]) / (2 * step)
            np.testing.assert_allclose(slopes[i][where], difference, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    'penalty, expected',
    [(make(1.0, one_sided), float(not one_sided)) for make in (wgan_gp, dragan) for one_sided in (False, True)]
    + [(r1(), 0.0), (r2(), 0.0)],
)
def test_a_dead_critic_has_a_finite_derivative(images, penalty, expected):
    w = jnp.ones((12, 4))
    critic = lambda w: lambda x: jax.nn.relu(x.reshape(len(x), -1) @ w - 1e3).sum(1)
    value, slope = jax.value_and_grad(lambda w: penalty(critic(w), *images).mean())(w)
    np.testing.assert_allclose(value, expected, atol=1e-5)
    assert jnp.isfinite(slope).all()


def test_a_norm_of_16_bit_gradients_is_summed_in_32_bits():
    """300^2 of each of 4,096 pixels: bfloat16's eight bits would lose most of the summands."""
    x = jnp.ones((2, 4096), jnp.bfloat16)
    value = penalties.squared_gradient_norm(lambda x: 300 * x.sum(1), x)
    assert value.dtype == jnp.float32
    np.testing.assert_allclose(value, 4096 * 300.0**2, rtol=1e-6)


def test_numbers_may_be_tracers(images):
    critic = linear(weights(3.0))
    value = jax.jit(lambda target: wgan_gp(target)(critic, *images))(2.0)
    np.testing.assert_allclose(value, np.ones(8), rtol=1e-5)
