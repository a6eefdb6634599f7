"""Self-attention against numpy, where it begins, and that penalties can go through it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gans.core import Compute
from gans.errors import UserError
from gans.ops.attention import SelfAttention, attend
from gans.penalties import squared_gradient_norm

X = np.random.default_rng(0).normal(size=(2, 4, 6, 16)).astype(np.float32)


def layer(sigma=0.0, **compute):
    """The layer's function of x, and its variables, of which the kernels are numpy's."""
    made = SelfAttention(Compute(**compute))
    shapes = jax.eval_shape(made.init, jax.random.key(0), X)
    rng = np.random.default_rng(1)
    drawn = jax.tree.map(lambda leaf: rng.normal(size=leaf.shape).astype(np.float32), shapes)
    drawn['params']['sigma'] = np.float32(sigma)
    return lambda x: made.apply(drawn, x, train=False), drawn


def unit(x):
    return x / np.linalg.norm(x)


def test_attention_against_numpy():
    """Zhang 2019, 1805.08318, eqs. 1 to 3: a softmax over the keys, of which the maxima of 2 x 2 pixels are left."""
    function, variables = layer(0.7)

    def kernel(name):
        matrix, u = variables['params'][name]['kernel'][0, 0], variables['batch_stats'][name]['u']
        return matrix / (unit(matrix @ u) @ matrix @ u)  # one power iteration

    def pooled(x):
        return np.stack([x[:, i::2, j::2] for i in (0, 1) for j in (0, 1)]).max(0)

    theta, phi, g = (X @ kernel(name) for name in ('queries', 'keys', 'values'))
    assert (theta.shape[-1], phi.shape[-1], g.shape[-1]) == (2, 2, 8)
    wanted = X.copy()
    for image, queries, keys, values in zip(wanted, theta, pooled(phi), pooled(g), strict=True):
        for row in range(4):
            for column in range(6):
                weights = np.exp(keys.reshape(-1, 2) @ queries[row, column])
                seen = (weights[:, None] * values.reshape(-1, 8)).sum(0) / weights.sum()
                image[row, column] += 0.7 * (seen @ kernel('out'))
    np.testing.assert_allclose(function(X), wanted, rtol=1e-4, atol=1e-4)
    assert not any('bias' in part for part in variables['params'].values() if isinstance(part, dict))


def test_a_net_is_as_it_was_where_attention_begins():
    np.testing.assert_array_equal(layer(0.0)[0](X), X)


def test_weights_do_not_depend_on_a_shift_of_products():
    """Large scores neither overflow nor lose the softmax's sum."""
    queries, keys = jnp.full((1, 1, 1), 1e4), jnp.array([[[1.0], [1.0]]])
    np.testing.assert_allclose(attend(queries, keys, jnp.array([[[1.0], [3.0]]])), 2.0)


def test_r1_through_attention_has_a_finite_gradient():
    function, variables = layer(0.7)

    def penalty(sigma, x):
        variables['params']['sigma'] = sigma
        return squared_gradient_norm(lambda x: (function(x) ** 2).sum((1, 2, 3)), x).sum()

    for sigma in (0.0, 0.7):  # and at the start it reaches sigma
        value, grads = jax.jit(jax.value_and_grad(penalty, (0, 1)))(sigma, X)
        assert np.isfinite(value) and all(np.isfinite(grad).all() for grad in grads) and grads[0] != 0


def test_half_precision_stays_where_it_was_asked_for():
    x = jnp.asarray(X, jnp.bfloat16)
    out = jax.eval_shape(layer(dtype=jnp.bfloat16)[0], x)
    assert out.dtype == jnp.bfloat16


def test_sizes_that_cannot_be_pooled_are_told():
    with pytest.raises(UserError, match='maxima of 2 x 2 pixels, so not 3 x 4'):
        SelfAttention().init(jax.random.key(0), X[:, :3, :4])
