"""Linear layers, spectral norm and the other norms against linen, numpy and explicit formulas."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from gans.core import Compute
from gans.errors import UserError
from gans.ops import layers
from gans.ops.layers import Conv, ConvTranspose, Dense, norm

RNG = np.random.default_rng(0)
X = jnp.asarray(RNG.normal(size=(3, 8, 8, 5)), jnp.float32)


def shapes(params):
    return jax.tree.map(lambda p: p.shape, params)


@pytest.mark.parametrize('bias', [True, False])
@pytest.mark.parametrize(
    'ours, linens, x',
    [
        (lambda b: Dense(7, use_bias=b), lambda b: nn.Dense(7, use_bias=b), X[:, 0, 0]),
        (
            lambda b: Conv(7, use_bias=b, kernel=4, stride=2, padding=1),
            lambda b: nn.Conv(7, (4, 4), (2, 2), padding=1, use_bias=b),
            X,
        ),
        (lambda b: Conv(7, use_bias=b, kernel=3), lambda b: nn.Conv(7, (3, 3), use_bias=b), X),
        (
            lambda b: ConvTranspose(7, use_bias=b, kernel=4, stride=2, size=16),
            lambda b: nn.ConvTranspose(7, (4, 4), (2, 2), padding='SAME', use_bias=b),
            X,
        ),
    ],
    ids=['dense', 'conv_k4s2p1', 'conv_k3_same', 'conv_transpose_k4s2'],
)
def test_linens_own_layers_with_the_same_parameters(ours, linens, x, bias):
    ours, linens = ours(bias), linens(bias)
    params, mine = (jax.eval_shape(layer.init, jax.random.key(0), x)['params'] for layer in (linens, ours))
    assert shapes(mine) == shapes(params)
    params = jax.tree.map(lambda p: jnp.asarray(RNG.normal(size=p.shape), jnp.float32), params)
    np.testing.assert_allclose(
        ours.apply({'params': params}, x), linens.apply({'params': params}, x), rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize('kernel, size', [(4, 8), (3, 7), (5, 8), (5, 7)])
def test_conv_transpose_is_the_transpose_of_the_convolution_that_halves(kernel, size):
    """PyTorch's ConvTranspose2d(kernel, 2, (kernel - 1) // 2), with the output padding that reaches `size`."""
    small = X[:, :4, :4]
    layer = ConvTranspose(6, kernel=kernel, stride=2, size=size)
    params = jax.eval_shape(layer.init, jax.random.key(0), small)['params']
    params = jax.tree.map(lambda p: jnp.asarray(RNG.normal(size=p.shape), jnp.float32), params)
    params['bias'] *= 0
    flipped = params['kernel'][::-1, ::-1].swapaxes(2, 3)  # [kh, kw, 6, 5]: the convolution goes the other way
    pads = [((kernel - 1) // 2,) * 2] * 2
    halve = lambda x: lax.conv_general_dilated(x, flipped, (2, 2), pads, dimension_numbers=('NHWC', 'HWIO', 'NHWC'))
    image = jax.ShapeDtypeStruct((3, size, size, 6), jnp.float32)
    assert jax.eval_shape(halve, image).shape == small.shape
    (expected,) = jax.linear_transpose(halve, image)(small)
    np.testing.assert_allclose(layer.apply({'params': params}, small), expected, rtol=1e-4, atol=1e-4)


# Spectral norm.


def kernel_of(layer, variables, **kwargs):
    """The kernel that the layer really multiplies by, as the matrix [fan in, features], read off unit inputs."""
    shape = variables['params']['kernel'].shape
    fan_in = int(np.prod(shape[:-1]))
    units = jnp.eye(fan_in).reshape(fan_in, *shape[:-1])
    return layer.apply(variables, units, **kwargs).reshape(fan_in, -1)


@pytest.mark.parametrize(
    'layer, fan_in',
    [
        (Dense(6, use_bias=False, spectral=True), (9,)),
        (Conv(6, use_bias=False, spectral=True, kernel=3, padding='VALID'), (3, 3, 4)),
    ],
    ids=['dense', 'conv'],
)
def test_spectral_norm_reaches_one(layer, fan_in):
    x = jnp.asarray(RNG.normal(size=(2, *fan_in)), jnp.float32)
    variables = layer.init(jax.random.key(1), x)
    matrix = np.asarray(variables['params']['kernel']).reshape(-1, 6)
    call = jax.jit(lambda v: layer.apply(v, x, train=True, mutable=['batch_stats'])[1])
    first = variables['batch_stats']['u']
    for _ in range(60):
        variables = {**variables, **call(variables)}
    assert np.abs(variables['batch_stats']['u'] - first).max() > 0.01
    normalized = np.asarray(kernel_of(layer, variables, train=False))
    assert abs(np.linalg.svd(normalized)[1][0] - 1) < 0.01
    np.testing.assert_allclose(normalized, matrix / np.linalg.svd(matrix)[1][0], rtol=0.01, atol=1e-3)


def test_one_power_iteration_a_training_call_and_none_else():
    layer = Dense(6, use_bias=False, spectral=True)
    x = jnp.asarray(RNG.normal(size=(2, 9)), jnp.float32)
    variables = layer.init(jax.random.key(1), x)
    w, u = (np.asarray(variables[a][b], np.float64) for a, b in (('params', 'kernel'), ('batch_stats', 'u')))
    v = w @ u / np.linalg.norm(w @ u)
    advanced = v @ w / np.linalg.norm(v @ w)
    out, stats = layer.apply(variables, x, train=True, mutable=['batch_stats'])
    np.testing.assert_allclose(stats['batch_stats']['u'], advanced, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(out, x @ w / (v @ w @ advanced), rtol=1e-4, atol=1e-5)
    frozen = layer.apply(variables, x, train=False, mutable=False)
    np.testing.assert_allclose(frozen, x @ w / (v @ w @ u), rtol=1e-4, atol=1e-5)
    kept = layer.apply(variables, x, train=False, mutable=['batch_stats'])[1]
    np.testing.assert_array_equal(kept['batch_stats']['u'], variables['batch_stats']['u'])


def test_derivatives_pass_through_sigma():
    """d <C, W / sigma> / dW = C / sigma - <C, W> v u^T / sigma^2 with sigma = v W u: Miyato 2018, eq. 12."""
    layer = Dense(6, use_bias=False, spectral=True)
    variables = layer.init(jax.random.key(1), jnp.ones((1, 9)))
    c = RNG.normal(size=(9, 6))

    def loss(params):
        kernel = layer.apply({**variables, 'params': params}, jnp.eye(9), train=True, mutable=['batch_stats'])[0]
        return (kernel * c.astype(np.float32)).sum()

    slope = jax.grad(loss)(variables['params'])['kernel']
    w, u = (np.asarray(variables[a][b], np.float64) for a, b in (('params', 'kernel'), ('batch_stats', 'u')))
    v = w @ u / np.linalg.norm(w @ u)
    u = v @ w / np.linalg.norm(v @ w)
    sigma = v @ w @ u
    np.testing.assert_allclose(slope, c / sigma - (c * w).sum() * np.outer(v, u) / sigma**2, rtol=1e-4, atol=1e-5)


# The other norms.


class Normed(nn.Module):
    kind: str
    scale_std: float | None = None
    compute: Compute = Compute()

    @nn.compact
    def __call__(self, x, train=True):
        return norm(self.kind, x, train, name='norm_8', compute=self.compute, scale_std=self.scale_std)


def normed(kind, x, train=True, **kwargs):
    module = Normed(kind, **kwargs)
    variables = module.init(jax.random.key(0), x, train=True)
    return module.apply(variables, x, train=train, mutable=['batch_stats']), variables


def standardise(x, axes):
    x = np.asarray(x, np.float64)
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + 1e-5)


@pytest.mark.parametrize('kind, axes', [('batch', (0, 1, 2)), ('layer', (1, 2, 3)), ('instance', (1, 2))])
def test_norms_of_images(kind, axes):
    x = X * 3 + 2 + 0.1 * jnp.arange(5)
    (out, _), variables = normed(kind, x)
    assert shapes(variables['params']) == {'norm_8': {'scale': (5,), 'bias': (5,)}}
    np.testing.assert_allclose(out, standardise(x, axes), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize('kind, axes', [('batch', (0,)), ('layer', (1,))])
def test_norms_of_points(kind, axes):
    x = X[:, 0, 0] * 3 + 2
    np.testing.assert_allclose(normed(kind, x)[0][0], standardise(x, axes), rtol=1e-3, atol=1e-4)


def test_batch_norm_advances_its_statistics_in_training_and_reads_them_otherwise():
    x = X * 3 + 2
    (_, stats), variables = normed('batch', x)
    stats = stats['batch_stats']['norm_8']
    mean, var = np.asarray(x, np.float64).mean((0, 1, 2)), np.asarray(x, np.float64).var((0, 1, 2))
    np.testing.assert_allclose(stats['mean'], 0.1 * mean, rtol=1e-4)
    np.testing.assert_allclose(stats['var'], 0.9 + 0.1 * var, rtol=1e-4)
    still = Normed('batch').apply({**variables, 'batch_stats': {'norm_8': stats}}, x, train=False)
    np.testing.assert_allclose(
        still, (x - stats['mean']) / np.sqrt(np.asarray(stats['var']) + 1e-5), rtol=1e-4, atol=1e-5
    )


def test_scales_of_batch_norm_are_drawn_around_one():
    x = jnp.zeros((2, 4000))
    scale = normed('batch', x, scale_std=0.02)[1]['params']['norm_8']['scale']
    assert abs(scale.mean() - 1) < 0.002 and abs(scale.std() - 0.02) < 0.002
    np.testing.assert_array_equal(normed('batch', x)[1]['params']['norm_8']['scale'], np.ones(4000))


@pytest.mark.parametrize('kind', ['none', 'spectral'])
def test_no_norm(kind):
    (out, _), variables = normed(kind, X)
    np.testing.assert_array_equal(out, X)
    assert not variables


@pytest.mark.parametrize('kind, x', [('btch', X), ('instance', X[:, 0, 0])])
def test_impossible_norms(kind, x):
    with pytest.raises(UserError, match=f"'{kind}'"):
        normed(kind, x)


# Precision, activations, initial values.


@pytest.mark.parametrize(
    'layer, x',
    [
        (Dense(7, Compute(jnp.bfloat16), spectral=True), X[:, 0, 0]),
        (Conv(7, Compute(jnp.bfloat16), spectral=True), X),
        (ConvTranspose(7, Compute(jnp.bfloat16), size=16), X),
        (Normed('batch', compute=Compute(jnp.bfloat16)), X),
    ],
    ids=['dense', 'conv', 'conv_transpose', 'batch_norm'],
)
def test_16_bits_are_for_activations_alone(layer, x):
    variables = jax.eval_shape(layer.init, jax.random.key(0), x)
    assert {leaf.dtype for leaf in jax.tree.leaves(variables)} == {jnp.dtype('float32')}
    out = jax.eval_shape(lambda v: layer.apply(v, x, train=True, mutable=['batch_stats'])[0], variables)
    assert out.dtype == jnp.bfloat16


def test_activations():
    x = jnp.array([-2.0, 0.0, 3.0])
    np.testing.assert_allclose(layers.activation('leaky_relu')(x), [-0.4, 0.0, 3.0], rtol=1e-6)
    np.testing.assert_allclose(layers.activation('relu')(x), [0.0, 0.0, 3.0])
    np.testing.assert_allclose(layers.activation('swish')(x), x / (1 + np.exp(-x)), rtol=1e-6)
    with pytest.raises(UserError, match="unknown activation 'leaky'; did you mean 'leaky_relu'"):
        layers.activation('leaky')


def test_initial_values():
    draw = layers.initializer(0.02)(jax.random.key(0), (100, 100))
    assert abs(draw.std() - 0.02) < 0.001 and abs(draw.mean()) < 0.001
    default = layers.initializer(None)(jax.random.key(0), (100, 100))
    assert abs(default.std() - 0.1) < 0.005  # LeCun: 1 / sqrt(fan in)
