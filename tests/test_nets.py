"""Nets: parameter counts, shapes, names, precision, and the pure functions made of them."""

import functools
import importlib
import inspect
import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gans import signatures
from gans.core import Compute, Spec
from gans.errors import UserError
from gans.nets import build

SHAPE = (16, 16, 3)


def generator(shape=SHAPE, latents=6, compute=Compute(), net='dcgan', **options):
    if net == 'dcgan':
        options = {'width': 4, **options}
    return build.generator({'net': net, **options}, Spec(shape), latents, compute)


def critic(shape=SHAPE, compute=Compute(), net='dcgan', **options):
    if net == 'dcgan':
        options = {'width': 4, **options}
    return build.critic({'net': net, **options}, Spec(shape), compute)


def weights(net):
    """(params, stats) as shapes alone."""
    return jax.eval_shape(net.init, jax.random.key(0))


def drawn(net, std=0.3):
    """(params, stats) of numpy's making: nothing to compile, and no zeros or ones that hide a mistake."""
    rng = np.random.default_rng(0)

    def draw(path, leaf):
        name, value = path[-1].key, rng.normal(0, std, leaf.shape)
        value = {'scale': 1 + value, 'var': 1 + abs(value), 'u': value / np.linalg.norm(value)}.get(name, value)
        return jnp.asarray(value, jnp.float32)

    return jax.tree_util.tree_map_with_path(draw, weights(net))


def normal(*shape):
    return jnp.asarray(np.random.default_rng(1).normal(size=shape), jnp.float32)


def count(net):
    return sum(math.prod(p.shape) for p in jax.tree.leaves(weights(net)[0]))


def output(net, *inputs, train=True):
    return jax.eval_shape(lambda w: net.apply(*w, *inputs, train=train)[0], weights(net))


# Parameter counts.


def test_dcgan_64_has_as_many_parameters_as_pytorchs():
    """The PyTorch tutorial's nets have 3,576,704 and 2,765,568 and no biases; ours have them at the images' ends."""
    assert count(generator((64, 64, 3), 100, width=64)) == 3_576_704 + 3
    assert count(critic((64, 64, 3), width=64)) == 2_765_568 + 64 + 1


@pytest.mark.parametrize('size, base, width, channels', [(32, 4, 8, 3), (64, 4, 4, 1), (56, 7, 6, 3)])
@pytest.mark.parametrize('norm', ['batch', 'none'])
def test_dcgan_counts(size, base, width, channels, norm):
    blocks = int(math.log2(size // base))
    extra = 2 if norm == 'batch' else 1  # scale and shift, or a bias, a channel
    widths = [width * 2**i for i in range(blocks)]  # from the image inwards
    inner = sum(16 * a * b for a, b in itertools.pairwise(widths))
    stem = 6 * base**2 * widths[-1]
    expected = stem + inner + 16 * width * channels + extra * sum(widths) + channels
    # The stem is followed by a norm of its channels, but a bias of its own would be one a pixel.
    expected += 0 if norm == 'batch' else (base**2 - 1) * widths[-1]
    assert count(generator((size, size, channels), width=width, base=base, norm=norm)) == expected
    expected = 16 * channels * width + width + inner + extra * sum(widths[1:]) + base**2 * widths[-1] + 1
    assert count(critic((size, size, channels), width=width, base=base, norm=norm)) == expected


def test_resizing_takes_odd_kernels():
    blocks = weights(generator((16, 16, 3), kernel=4, upsample='resize'))[0]
    assert blocks['block_8']['kernel'].shape == (3, 3, 8, 4)
    blocks = weights(generator((16, 16, 3), kernel=5, upsample='resize'))[0]
    assert blocks['block_16']['kernel'].shape == (5, 5, 4, 3)


@pytest.mark.parametrize('norm, hidden', [('none', 5 + 7), ('batch', 2 * (5 + 7)), ('layer', 2 * (5 + 7))])
def test_mlp_counts(norm, hidden):
    net = generator((4, 4, 3), net='mlp', widths=(5, 7), norm=norm)
    assert count(net) == 6 * 5 + 5 * 7 + hidden + 7 * 48 + 48
    net = critic((4, 4, 3), net='mlp', widths=(5, 7), norm=norm)
    assert count(net) == 48 * 5 + 5 * 7 + hidden + 7 + 1


# Shapes and values.

SIZES = [(8, 4), (16, 4), (32, 4), (128, 4), (7, 4), (14, 4), (28, 4), (14, 7), (28, 7), (56, 7)]


@pytest.mark.parametrize('size, base', SIZES)
@pytest.mark.parametrize('upsample', ['transposed', 'resize'])
@pytest.mark.parametrize('channels', [1, 3])
def test_dcgan_shapes(size, base, upsample, channels):
    shape = (size, size, channels)
    images = output(generator(shape, base=base, upsample=upsample), jnp.zeros((5, 6)))
    assert images.shape == (5, *shape) and images.dtype == jnp.float32
    scores = output(critic(shape, base=base), jnp.zeros((5, *shape)))
    assert scores.shape == (5,) and scores.dtype == jnp.float32


@pytest.mark.parametrize('kernel', [3, 4, 5])
@pytest.mark.parametrize('size', [16, 28])
def test_dcgan_kernels(kernel, size):
    shape = (size, size, 1)
    assert output(generator(shape, kernel=kernel), jnp.zeros((2, 6))).shape == (2, *shape)
    assert output(critic(shape, kernel=kernel), jnp.zeros((2, *shape))).shape == (2,)


@pytest.mark.parametrize('norm', ['none', 'batch', 'layer', 'instance', 'spectral'])
def test_norms(norm):
    scores = output(critic(norm=norm), jnp.zeros((2, *SHAPE)))
    assert scores.shape == (2,)
    if norm != 'spectral':
        assert output(generator(norm=norm), jnp.zeros((2, 6))).shape == (2, *SHAPE)
    if norm != 'instance':
        assert output(critic((2,), net='mlp', norm=norm), jnp.zeros((5, 2))).shape == (5,)


def test_mlp_shapes():
    assert output(generator((2,), net='mlp'), jnp.zeros((5, 6))).shape == (5, 2)
    assert output(generator((4, 4, 3), net='mlp'), jnp.zeros((5, 6))).shape == (5, 4, 4, 3)
    assert output(critic((4, 4, 3), net='mlp'), jnp.zeros((5, 4, 4, 3))).shape == (5,)


@pytest.mark.parametrize('options', [{}, {'upsample': 'resize'}, {'net': 'mlp', 'widths': (8,)}])
def test_images_lie_between_minus_one_and_one(options):
    net = generator((8, 8, 1), **options)
    images = net.apply(*drawn(net), normal(64, 6), train=True)[0]
    assert -1 <= images.min() < -0.5 and 0.5 < images.max() <= 1


def test_points_are_not_squashed():
    net = generator((2,), net='mlp', widths=(16,))
    assert abs(net.apply(*drawn(net, 1.0), 10 * normal(64, 6), train=True)[0]).max() > 5


def test_layers_are_named_by_resolution():
    params, stats = weights(generator((28, 28, 1)))
    assert set(params) == {'stem_4', 'norm_4', 'block_7', 'norm_7', 'block_14', 'norm_14', 'block_28'}
    assert set(stats['batch_stats']) == {'norm_4', 'norm_7', 'norm_14'}
    params, stats = weights(critic((28, 28, 1)))
    assert set(params) == {'block_28', 'block_14', 'norm_14', 'block_7', 'norm_7', 'out'}
    assert set(stats['batch_stats']) == {'norm_14', 'norm_7'}


def test_initial_values_are_those_of_dcgan():
    params, _ = jax.jit(generator((8, 8, 8), width=32).init)(jax.random.key(0))
    assert abs(params['block_8']['kernel'].std() - 0.02) < 0.001
    assert abs(params['norm_4']['scale'] - 1).max() < 0.1 and abs(params['norm_4']['scale'].std() - 0.02) < 0.01


# Computing.


@functools.cache
def trained(compute):
    """Images, scores, a gradient penalty and the derivatives in all parameters, of both nets together."""
    nets = {'generator': generator((14, 14, 3), width=2), 'critic': critic((14, 14, 3), width=2, norm='none')}
    params, stats = ({name: drawn(net)[i] for name, net in nets.items()} for i in (0, 1))
    nets = {
        'generator': generator((14, 14, 3), width=2, compute=compute),
        'critic': critic((14, 14, 3), width=2, norm='none', compute=compute),
    }

    def loss(params):
        apply = lambda name, x: nets[name].apply(params[name], stats[name], x, train=True)[0]
        images = apply('generator', normal(4, 6))
        scores = apply('critic', images)
        slope = jax.grad(lambda x: apply('critic', x).sum())(images)
        penalty = jnp.sqrt((slope**2).sum((1, 2, 3)))
        return (scores**2).sum() + ((penalty - 1) ** 2).sum(), {'images': images, 'scores': scores, 'penalty': penalty}

    (_, out), slopes = jax.jit(jax.value_and_grad(loss, has_aux=True))(params)
    return out, slopes


@pytest.mark.parametrize('form', ['lax', 'matmul'])
def test_forms_of_convolution_agree(form):
    """In values, and in first and second derivatives."""
    for ours, other in zip(trained(Compute()), trained(Compute(conv=form)), strict=True):
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4 * abs(a).max()), ours, other)


def test_16_bits():
    compute = Compute(jnp.bfloat16)
    for net in (generator((14, 14, 3), compute=compute), critic((14, 14, 3), compute=compute)):
        assert {leaf.dtype for leaf in jax.tree.leaves(weights(net))} == {jnp.dtype('float32')}
    (plain, slopes), (other, other_slopes) = trained(Compute()), trained(compute)
    assert {leaf.dtype for leaf in jax.tree.leaves((other, other_slopes))} == {jnp.dtype('float32')}
    for name, value in plain.items():
        error = abs(value - other[name]).max() / abs(value).max()
        assert 1e-4 < error < 0.1  # really computed in fewer bits, and right
    for a, b in zip(jax.tree.leaves(slopes), jax.tree.leaves(other_slopes), strict=True):
        assert abs(a - b).mean() < 0.1 * abs(a).max()


# Pure functions of linen modules.


@pytest.mark.parametrize('net, x', [(critic((16, 16, 1)), (4, 16, 16, 1)), (generator((8, 8, 1)), (4, 6))])
def test_statistics_advance_in_training_alone(net, x):
    params, stats = drawn(net)
    x = normal(*x)
    same = net.apply(params, stats, x, train=False)[1]
    assert jax.tree.structure(same) == jax.tree.structure(stats)
    jax.tree.map(np.testing.assert_array_equal, same, stats)
    advanced = net.apply(params, stats, x, train=True)[1]
    assert jax.tree.structure(advanced) == jax.tree.structure(stats)
    moved = jax.tree.map(lambda a, b: bool((a != b).any()), advanced, stats)
    assert all(jax.tree.leaves(moved)) and jax.tree.leaves(moved)


def test_spectral_statistics_advance_in_training_alone():
    net = critic((8, 8, 1), norm='spectral')
    params, stats = drawn(net)
    assert set(stats['batch_stats']) == {'block_8', 'out'}
    x = normal(4, 8, 8, 1)
    jax.tree.map(np.testing.assert_array_equal, net.apply(params, stats, x, train=False)[1], stats)
    advanced = net.apply(params, stats, x, train=True)[1]
    assert abs(advanced['batch_stats']['block_8']['u'] - stats['batch_stats']['block_8']['u']).max() > 1e-3


def test_a_trained_batch_norm_is_read_when_sampling():
    """An example's sample does not depend on the batch around it."""
    net = generator((8, 8, 1))
    params, stats = drawn(net)
    z = normal(8, 6)
    whole, part = (net.apply(params, stats, x, train=False)[0] for x in (z, z[:2]))
    np.testing.assert_allclose(whole[:2], part, atol=1e-6)
    whole, part = (net.apply(params, stats, x, train=True)[0] for x in (z, z[:2]))
    assert abs(whole[:2] - part).max() > 1e-4


def test_a_critic_without_norm_has_no_statistics():
    net = critic((8, 8, 1), norm='none')
    params, stats = drawn(net)
    assert stats == {}
    assert net.apply(params, {}, jnp.zeros((2, 8, 8, 1)), train=True)[1] == {}


# Mistakes.


@pytest.mark.parametrize('make', [generator, critic])
@pytest.mark.parametrize(
    'shape, options, match',
    [
        ((10, 10, 3), {}, 'does not support 10 pixels'),
        ((96, 96, 3), {}, 'does not support 96 pixels'),
        ((28, 28, 1), {'base': 6}, 'with base=6 does not support 28'),
        ((4, 4, 1), {}, 'does not support 4 pixels'),
        ((16, 32, 3), {}, 'supports square images'),
        ((2,), {}, "use the net 'mlp'"),
    ],
)
def test_impossible_images(make, shape, options, match):
    with pytest.raises(UserError, match=match):
        weights(make(shape, **options))


@pytest.mark.parametrize(
    'make, options, match',
    [
        (generator, {'net': 'dcgn'}, r"unknown generator\.net 'dcgn'; did you mean 'dcgan'"),
        (critic, {'net': 'build'}, r"unknown critic\.net 'build'"),
        (critic, {'widht': 3}, "key of critic for the net 'dcgan' 'widht'; did you mean 'width'"),
        (generator, {'norm': 'spectral'}, r"unknown generator\.norm 'spectral'"),
        (critic, {'norm': 'bach'}, r"unknown critic\.norm 'bach'; did you mean 'batch'"),
        (generator, {'upsample': 'nearest'}, r"unknown generator\.upsample 'nearest'"),
        (critic, {'activation': 'rel'}, "unknown activation 'rel'; did you mean 'relu'"),
        (generator, {'net': 'mlp', 'norm': 'spectral'}, "'spectral'"),
        (critic, {'net': 'mlp', 'norm': 'bach'}, "'bach'; did you mean 'batch'"),
    ],
)
def test_mistakes(make, options, match):
    with pytest.raises(UserError, match=match):
        weights(make((8, 8, 1), **options))


def test_the_shape_is_the_datas():
    with pytest.raises(UserError, match="key of critic for the net 'mlp' 'shape'"):
        build.critic({'net': 'mlp', 'shape': (3,)}, Spec((2,)), Compute())


def test_lists_of_widths():
    """Command lines and ConfigDicts give lists where the nets want tuples."""
    assert set(weights(generator((2,), net='mlp', widths=[5, 7]))[0]) == {'dense_0', 'dense_1', 'out'}


@pytest.mark.parametrize('kind, known', [('Generator', {'norm', 'embedding'}), ('Critic', {'projection'})])
def test_nets_list_the_conditions_that_their_layers_implement(kind, known):
    for name in signatures.files('gans.nets'):
        net = getattr(importlib.import_module(f'gans.nets.{name}'), kind, None)
        if net is not None:
            takes_labels = 'label' in inspect.signature(net.__call__).parameters
            own = getattr(net, 'conditions', ())
            assert len(own) == takes_labels and {*own} <= known, name
