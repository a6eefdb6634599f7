"""SN-GAN's nets: counts, shapes, names, the residual blocks against numpy, and the spectral norms after training."""

import functools
import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict

from experiments import common
from gans.core import Compute, Spec
from gans.errors import UserError
from gans.nets import _residual, build, resnet, sngan
from gans.ops.layers import Conv, Dense
from gans.ops.nearest import pool, upsample
from gans.penalties import squared_gradient_norm
from gans.step import init_state, make_train_step
from gans.systems.build import build as build_system


def generator(net, size=32, latents=128, compute=Compute(), **options):
    return build.generator({'net': net, **options}, Spec((size, size, 3)), latents, compute)


def critic(net, size=32, compute=Compute(), **options):
    return build.critic({'net': net, **options}, Spec((size, size, 3)), compute)


def weights(net):
    """(params, stats) as shapes alone."""
    return jax.eval_shape(net.init, jax.random.key(0))


def count(net):
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(weights(net)[0]))


def drawn(net):
    """(params, stats) of numpy's making: nothing to compile."""
    rng = np.random.default_rng(0)
    params, stats = weights(net)
    params = jax.tree.map(lambda leaf: rng.normal(0, 0.2, leaf.shape).astype(np.float32), params)
    return params, jax.tree.map(lambda leaf: np.ones(leaf.shape, np.float32), stats)


def kernels(params):
    """The matrices [fan in, features] of all kernels, in the order of the tree."""
    leaves = jax.tree.leaves_with_path(params)
    return [np.asarray(leaf).reshape(-1, leaf.shape[-1]) for path, leaf in leaves if path[-1].key == 'kernel']


def normal(*shape):
    return jnp.asarray(np.random.default_rng(1).normal(size=shape), jnp.float32)


def conv(kernel, a, b):
    """Parameters of a convolution with a bias."""
    return kernel**2 * a * b + b


# Parameter counts, layer by layer.


@pytest.mark.parametrize('size, base', [(32, 4), (48, 6)])
def test_counts_of_the_standard_cnn(size, base):
    pairs = list(itertools.pairwise([512, 256, 128, 64]))
    normed = sum(16 * a * b + 2 * b for a, b in pairs)  # scales and shifts in place of biases
    assert count(generator('sngan', size)) == 128 * base**2 * 512 + 2 * 512 + normed + conv(3, 64, 3)
    thin = [conv(3, a, b) for a, b in [(3, 64), (64, 128), (128, 256), (256, 512)]]
    strided = [conv(4, c, c) for c in (64, 128, 256)]
    assert count(critic('sngan', size)) == sum(thin) + sum(strided) + base**2 * 512 + 1


def up(a, b):
    """Norm, convolution, norm, convolution, shortcut."""
    return 2 * a + conv(3, a, b) + 2 * b + conv(3, b, b) + conv(1, a, b)


def down(a, hidden, b):
    return conv(3, a, hidden) + conv(3, hidden, b) + conv(1, a, b)


def test_counts_of_the_resnet_of_32():
    """4,276,739 and 1,053,825, as the same nets in PyTorch have (mimicry's, with a bias in the critic's last layer)."""
    wanted = conv(1, 128, 16 * 256) + 3 * up(256, 256) + 2 * 256 + conv(3, 256, 3)
    assert count(generator('resnet')) == wanted == 4_276_739
    wanted = down(3, 128, 128) + down(128, 128, 128) + 4 * conv(3, 128, 128) + 128 + 1
    assert count(critic('resnet')) == wanted == 1_053_825


def test_counts_of_the_resnet_of_48():
    wanted = conv(1, 128, 36 * 512) + up(512, 256) + up(256, 128) + up(128, 64) + 2 * 64 + conv(3, 64, 3)
    assert count(generator('resnet', 48)) == wanted
    halving = [down(3, 64, 64), down(64, 64, 128), down(128, 128, 256), down(256, 256, 512)]
    assert count(critic('resnet', 48)) == sum(halving) + down(512, 512, 1024) + 1024 + 1


# Shapes and names.


def output(net, *shape):
    return jax.eval_shape(lambda w, x: net.apply(*w, x, train=True)[0], weights(net), jnp.zeros(shape))


@pytest.mark.parametrize('net, size', [('sngan', 32), ('sngan', 48), ('sngan', 8), ('resnet', 32), ('resnet', 48)])
def test_shapes(net, size):
    images = output(generator(net, size, 6, width=2), 5, 6)
    assert images.shape == (5, size, size, 3) and images.dtype == jnp.float32
    scores = output(critic(net, size, width=2), 5, size, size, 3)
    assert scores.shape == (5,) and scores.dtype == jnp.float32


@pytest.mark.parametrize('norm', ['none', 'layer', 'instance', 'batch'])
@pytest.mark.parametrize('net', ['sngan', 'resnet'])
def test_norms(net, norm):
    assert output(generator(net, 32, 6, width=2, norm=norm), 5, 6).shape == (5, 32, 32, 3)
    made = critic(net, 32, width=2, norm=norm)
    assert output(made, 5, 32, 32, 3).shape == (5,)
    names = [path[-2].key for path, _ in jax.tree.leaves_with_path(weights(made)[0]) if path[-1].key == 'scale']
    assert len(names) == (0 if norm == 'none' else 6 if net == 'sngan' else 7)


def test_names_are_resolutions():
    names = lambda net: {*weights(net)[0]}
    layers = ('down_16', '16', 'down_8', '8', 'down_4', '4')
    stages = {'block_8', 'norm_8', 'block_16', 'norm_16', 'block_32', 'norm_32'}
    assert names(generator('sngan')) == {'stem_4', 'norm_4', *stages, 'out'}
    halves = {'down_16', 'block_16', 'down_8', 'block_8', 'down_4', 'block_4'}
    assert names(critic('sngan')) == {'block_32', *halves, 'out'}
    assert names(critic('sngan', norm='batch')) == {'block_32', *halves, 'out', *(f'norm_{n}' for n in layers)}
    assert names(generator('resnet')) == {'stem_4', 'block_8', 'block_16', 'block_32', 'norm_32', 'out'}
    assert names(critic('resnet')) == {'block_32', 'block_16', 'block_8', 'block_8_2', 'out'}
    assert names(generator('resnet', 48)) == {'stem_6', 'block_12', 'block_24', 'block_48', 'norm_48', 'out'}
    assert names(critic('resnet', 48)) == {'block_48', 'block_24', 'block_12', 'block_6', 'block_3', 'out'}


@pytest.mark.parametrize('net', ['sngan', 'resnet'])
def test_every_kernel_of_the_critic_is_normalized(net):
    params, stats = weights(critic(net))
    paths = lambda tree, leaf: {p[:-1] for p, _ in jax.tree.leaves_with_path(tree) if p[-1].key == leaf}
    assert paths(stats['batch_stats'], 'u') == paths(params, 'kernel')
    assert len(paths(params, 'kernel')) == (8 if net == 'sngan' else 11)
    assert weights(critic(net, norm='none'))[1] == {}


@pytest.mark.parametrize('net', ['sngan', 'resnet'])
def test_images_lie_between_minus_one_and_one(net):
    made = generator(net, latents=6, width=2)
    params, stats = drawn(made)
    params['out']['kernel'] *= 100
    images = jax.jit(functools.partial(made.apply, train=True))(params, stats, normal(4, 6))[0]
    assert -1 <= images.min() < -0.5 and 0.5 < images.max() <= 1


def test_initial_values_of_the_resnet_are_glorots():
    """Uniform with variance 2 / (fan in + fan out) in dense layers and shortcuts, twice that in residual branches."""
    params = generator('resnet', latents=32, width=8).init(jax.random.key(0))[0]['block_8']
    std = math.sqrt(2 / (32 + 32))
    shortcut, residual = params['shortcut']['kernel'], params['conv_1']['kernel']
    np.testing.assert_allclose(shortcut.std(), std, rtol=0.05)
    np.testing.assert_allclose(residual.std(), std * math.sqrt(2) / 3, rtol=0.05)
    np.testing.assert_allclose(abs(residual).max(), residual.std() * math.sqrt(3), rtol=0.05)


# Residual blocks.


def test_upsampling_and_pooling():
    x = np.asarray(normal(2, 4, 6, 3))
    np.testing.assert_array_equal(upsample(x), x.repeat(2, 1).repeat(2, 2))
    mean = (x[:, ::2, ::2] + x[:, 1::2, ::2] + x[:, ::2, 1::2] + x[:, 1::2, 1::2]) / 4
    np.testing.assert_allclose(pool(x), mean, atol=1e-6)


def plain(block, channels, *options, **named):
    """A block without norms, of plain convolutions."""
    conv = functools.partial(Conv, compute=Compute())
    return block(channels, *options, conv, functools.partial(conv, kernel=1), **named)


def apply(block, params, x):
    return block.apply({'params': params}, x, lambda x, name: x, train=True)


def drawn_of(block, x):
    """Parameters of numpy's making."""
    shapes = jax.eval_shape(lambda key: block.init(key, jnp.zeros(x.shape), lambda x, name: x), jax.random.key(0))
    rng = np.random.default_rng(0)
    return jax.tree.map(lambda leaf: rng.normal(0, 0.2, leaf.shape).astype(np.float32), shapes['params'])


def silenced(block, x):
    """The block's output with the second convolution zero, and its parameters."""
    params = drawn_of(block, x)
    params['conv_2'] = jax.tree.map(jnp.zeros_like, params['conv_2'])
    if 'shortcut' in params:
        params['shortcut']['bias'] = normal(block.channels)
    return apply(block, params, x), params


def test_without_its_residual_a_block_is_its_shortcut():
    x = normal(2, 8, 8, 4)
    same = plain(_residual.DownBlock, 4, 4, halve=False)
    out, params = silenced(same, x)
    assert 'shortcut' not in params
    np.testing.assert_array_equal(out, x)
    # Elsewhere, in the authors' order: convolve, then pool; upsample, then convolve.
    line = lambda x, params: x @ params['shortcut']['kernel'][0, 0] + params['shortcut']['bias']
    for first in (True, False):
        out, params = silenced(plain(_residual.DownBlock, 6, 4, first=first), x)
        np.testing.assert_allclose(out, pool(line(x, params)), atol=1e-5)
    out, params = silenced(plain(_residual.DownBlock, 6, 4, halve=False), x)
    np.testing.assert_allclose(out, line(x, params), atol=1e-5)
    out, params = silenced(plain(_residual.UpBlock, 6), x)
    np.testing.assert_allclose(out, line(upsample(x), params), atol=1e-5)


@pytest.mark.parametrize('first', [True, False])
def test_where_the_first_relu_stands(first):
    """What is below zero reaches the residual of a first block alone."""
    block = plain(_residual.DownBlock, 4, 4, first=first)
    x = -abs(normal(1, 8, 8, 4))
    params = drawn_of(block, x)
    params['shortcut']['kernel'] *= 0
    once, twice = (apply(block, params, times * x) for times in (1, 2))
    assert (abs(once - twice).max() > 0.01) == first


def test_features_are_summed_over_pixels():
    """The score's gradient in the last kernel: what the last block gives, through a ReLU, summed over pixels."""
    net = critic('resnet', width=1, norm='none')
    params, stats = drawn(net)
    x = normal(2, 32, 32, 3)
    gradient = jax.grad(lambda out: net.apply({**params, 'out': out}, stats, x, train=True)[0].sum())(params['out'])
    named = net.module.apply({'params': params}, x, capture_intermediates=True, mutable=['intermediates'])[1]
    last = np.asarray(named['intermediates']['block_8_2']['__call__'][0])
    assert last.shape[1:3] == (8, 8)
    np.testing.assert_allclose(gradient['kernel'][:, 0], np.maximum(last, 0).sum((0, 1, 2)), rtol=1e-4, atol=1e-4)


# Training.


def trained(net, size, steps, rate):
    """The state before and after some steps of a tiny SN-GAN on noise, and the metrics of each step."""
    config = common.get_config()
    config.game, config.latents.size = 'hinge', 6
    config.generator = ConfigDict({'net': net, 'width': 2})
    config.critic = ConfigDict({'net': net, 'width': 2, 'norm': 'spectral'})
    config.optimizer.critic.learning_rate = rate
    system = build_system(config, Spec((size, size, 3)), Compute(conv='lax'))
    step = jax.jit(make_train_step(system), static_argnums=2)
    state = jax.jit(lambda: init_state(system, jax.random.key(1)))()
    start, metrics = state, []
    for i in range(steps):
        real = np.tanh(np.random.default_rng(i).normal(0.3, 1, (1, 4, size, size, 3))).astype(np.float32)
        state, measured = step(state, {'real': jnp.asarray(real)}, tuple(update.name for update in system.updates))
        metrics.append(measured)
    return start, state, jax.tree.map(lambda *values: np.stack(values), *metrics)


def largest_singular_values(state):
    """Of each of the critic's kernels, as the layers normalise it: [layers]."""
    values = []
    for matrix, u in zip(kernels(state.params['critic']), jax.tree.leaves(state.stats['critic']), strict=True):
        layer = Dense(matrix.shape[-1], use_bias=False, spectral=True)
        variables = {'params': {'kernel': matrix}, 'batch_stats': {'u': u}}
        values.append(np.linalg.svd(layer.apply(variables, np.eye(len(matrix)), train=False))[1][0])
    return np.array(values)


@pytest.mark.parametrize('net, size, rate', [('sngan', 8, 2e-5), ('resnet', 32, 2e-4)])
def test_singular_values_after_training(net, size, rate):
    """One power iteration a scoring follows the kernels as long as they move slowly for their size: those of the CNN,
    which begin as N(0, 0.02^2), lag by 3 to 11 % at a rate of 2e-4 (as in the first part of the paper's figure 9).
    """
    start, state, metrics = trained(net, size, 100, rate)
    assert all(np.isfinite(values).all() for values in metrics.values())
    before, after = largest_singular_values(start), largest_singular_values(state)
    assert abs(before - 1).max() > 0.05
    assert abs(after - 1).max() < 0.01
    pairs = zip(kernels(start.params['critic']), kernels(state.params['critic']), strict=True)
    assert min(abs(a - b).max() for a, b in pairs) > 5 * rate


@pytest.mark.parametrize('net, size', [('sngan', 8), ('resnet', 32)])
def test_gradient_penalty_passes_through_spectral_norm(net, size):
    """Second derivatives: those of the critic without norm, whose kernels are divided by LAPACK's singular values."""
    plain, normed = (critic(net, size, Compute(conv='lax'), width=2, norm=norm) for norm in ('none', 'spectral'))
    params, stats = drawn(normed)
    us = [np.linalg.svd(matrix)[2][0] for matrix in kernels(params)]  # where power iteration stands still
    stats = jax.tree.unflatten(jax.tree.structure(stats), us)
    x = normal(2, size, size, 3)

    def divided(path, leaf):
        if path[-1].key == 'bias':
            return leaf
        return leaf / jnp.linalg.svd(leaf.reshape(-1, leaf.shape[-1]), full_matrices=False)[1][0]

    def penalty(params, net, stats):
        return squared_gradient_norm(lambda x: net.apply(params, stats, x, train=True)[0], x).mean()

    @jax.jit
    def both(params):
        reference = lambda params: penalty(jax.tree_util.tree_map_with_path(divided, params), plain, {})
        return jax.grad(penalty)(params, normed, stats), jax.grad(reference)(params)

    ours, wanted = both(params)
    for mine, other in zip(jax.tree.leaves(ours), jax.tree.leaves(wanted), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-3, atol=1e-3 * abs(other).max())
    assert min(abs(matrix).max() for matrix in kernels(ours)) > 0


@pytest.mark.parametrize('net', ['sngan', 'resnet'])
def test_16_bits(net):
    """The same images and scores, in fewer bits."""
    for make, x in ((functools.partial(generator, latents=6), normal(4, 6)), (critic, normal(4, 32, 32, 3))):
        plain, short = (make(net, compute=Compute(dtype, 'lax'), width=2) for dtype in (jnp.float32, jnp.bfloat16))
        values = [jax.jit(functools.partial(n.apply, train=True))(*drawn(n), x)[0] for n in (plain, short)]
        assert values[1].dtype == jnp.float32
        assert 1e-4 < abs(values[0] - values[1]).max() / abs(values[0]).max() < 0.1


# Mistakes.


@pytest.mark.parametrize('make', [generator, critic])
@pytest.mark.parametrize('net, size, said', [('sngan', 28, 'divisible by 8'), ('resnet', 64, '32x32 or 48x48')])
def test_impossible_images(make, net, size, said):
    with pytest.raises(UserError, match=said):
        weights(make(net, size))
    module = {'sngan': sngan.sizes, 'resnet': resnet.plan}[net]
    for shape in ((32, 48, 3), (2,)):
        with pytest.raises(UserError, match=said):
            module(shape)


@pytest.mark.parametrize('net', ['sngan', 'resnet'])
def test_unknown_norms(net):
    with pytest.raises(UserError, match=r"unknown generator\.norm 'spectral'"):
        weights(generator(net, norm='spectral'))
    with pytest.raises(UserError, match=r"unknown critic\.norm 'spectra'; did you mean 'spectral'"):
        weights(critic(net, norm='spectra'))
