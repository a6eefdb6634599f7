"""BigGAN's nets and BigGAN-deep's: published counts, what each part does, and errors."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gans.core import Compute, Spec
from gans.errors import UserError
from gans.nets import _residual, biggan, biggan_deep, build

CLASSES = tuple(map(str, range(1000)))


def generator(size=32, latents=8, net='biggan', classes=CLASSES[:3], compute=Compute(), **options):
    condition = {'condition': 'norm'} if classes else {}
    return build.generator({'net': net, **condition, **options}, Spec((size, size, 3), classes), latents, compute)


def critic(size=32, net='biggan', classes=CLASSES[:3], compute=Compute(), **options):
    condition = {'condition': 'projection'} if classes else {}
    return build.critic({'net': net, **condition, **options}, Spec((size, size, 3), classes), compute)


@functools.cache
def shapes(net):
    return jax.eval_shape(net.init, jax.random.key(0))


def count(net):
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(shapes(net)[0]))


def drawn(net):
    """(params, stats) of numpy's making: nothing to compile."""
    rng = np.random.default_rng(0)
    params = jax.tree.map(lambda leaf: rng.normal(0, 0.3, leaf.shape).astype(np.float32), shapes(net)[0])
    return params, jax.tree.map(lambda leaf: np.ones(leaf.shape, np.float32), shapes(net)[1])


SAGAN = {'label_size': None, 'hierarchical': False}


@pytest.mark.parametrize('size, latents, options, wanted', [
    (128, 120, {}, 70_433_988),  # the paper's 70.4 M, and compare_gan's test
    (128, 128, {'width': 64, **SAGAN}, 42_017_412),  # these three: notes in the authors' code
    (128, 128, {**SAGAN}, 85_556_164),
    (128, 128, {'hierarchical': False}, 72_664_516 + 1000 * 128),  # which count no embedding
])  # fmt: skip
def test_counts_of_generators(size, latents, options, wanted):
    assert count(generator(size, latents, classes=CLASSES, attention=(64,), **options)) == wanted


@pytest.mark.parametrize('options, wanted', [({}, 87_982_370), ({'width': 64}, 39_448_258)])
def test_counts_of_critics(options, wanted):
    assert count(critic(128, classes=CLASSES, attention=(64,), **options)) == wanted


def test_counts_of_the_deep_nets():
    """50.4 M and 34.6 M in the paper; exactly, in compare_gan's test."""
    options = {'net': 'biggan_deep', 'classes': CLASSES, 'attention': (64,)}
    assert (count(generator(128, 128, **options)), count(critic(128, **options))) == (50_244_484, 34_590_210)


@pytest.mark.parametrize('net, plans', [('biggan', biggan.PLANS), ('biggan_deep', biggan_deep.PLANS)])
@pytest.mark.parametrize('dtype', [jnp.float32, jnp.bfloat16])
def test_every_size_makes_and_scores_images(net, plans, dtype):
    for size in plans:
        for classes in (CLASSES[:3], ()):
            of = {'net': net, 'classes': classes, 'compute': Compute(dtype), 'width': 2}
            made, judge = generator(size, 24 * 35, **of), critic(size, **of)
            labels = (jax.ShapeDtypeStruct((5,), jnp.int32),) if classes else ()
            run = lambda net, *inputs: net.apply(*net.init(jax.random.key(0)), *inputs, train=True)[0]
            z = jax.ShapeDtypeStruct((5, 24 * 35), jnp.float32)
            images = jax.eval_shape(functools.partial(run, made), z, *labels)
            scores = jax.eval_shape(functools.partial(run, judge), images, *labels)
            assert (images.shape, images.dtype) == ((5, size, size, 3), jnp.float32)
            assert (scores.shape, scores.dtype) == ((5,), jnp.float32)


def test_every_kernel_but_the_embedding_is_normalized():
    """The generator's too: also those that make scales and shifts, and the critic's vectors of classes."""
    paths = lambda tree, name: {path[:-1] for path, _ in jax.tree.leaves_with_path(tree) if path[-1].key == name}
    without = lambda found: {path for path in found if path[-1].key != 'embedding'}
    for net in ('biggan', 'biggan_deep'):
        of = {'net': net, 'attention': (16,)}
        for made in (generator(**of), critic(**of)):
            params, stats = shapes(made)
            assert paths(stats['batch_stats'], 'u') == without(paths(params, 'kernel'))
    params, stats = shapes(generator(label_size=None, hierarchical=False))
    tables = {path for path in paths(params, 'kernel') if path[-1].key.endswith(('scales', 'shifts'))}
    assert len(tables) == 12 and not tables & paths(stats['batch_stats'], 'u')


def outputs(net, params, stats, z, *label):
    return np.asarray(net.apply(params, stats, z, *label, train=False)[0])


def test_each_block_has_its_own_share_of_the_latents():
    """Without what a block makes of its share, images do not depend on that share, but on all others."""
    net, z, label = generator(width=1), jnp.ones((1, 8)), np.array([1])
    params, stats = drawn(net)
    make = jax.jit(lambda params, z: net.apply(params, stats, z, label, train=False)[0])

    def deaf(block):
        """The parameters with zeros in the rows of the block's latents, which follow those of the embedding."""
        own = lambda path: path[1].key == block and path[2].key.endswith(('scales', 'shifts'))
        mute = lambda path, x: x.at[128:].set(0) if own(path) else x
        return jax.tree_util.tree_map_with_path(mute, jax.tree.map(jnp.asarray, params))

    for i, block in enumerate(['', 'block_8', 'block_16', 'block_32']):
        muted = deaf(block)
        moved = [bool((make(muted, z.at[:, 2 * j].add(1)) != make(muted, z)).any()) for j in range(4)]
        assert moved == [not block or j != i for j in range(4)], block


def test_conditional_norm_against_numpy():
    """Normalized, times 1 + A c, plus B c, with A and B over their largest singular values."""
    rng = np.random.default_rng(0)
    x, c = rng.normal(size=(4, 2, 2, 3)).astype(np.float32), rng.normal(size=(4, 5)).astype(np.float32)

    class Layer(_residual.nn.Module):
        init: _residual.Initializer | None

        @_residual.nn.compact
        def __call__(self, x, c):
            return _residual.conditional_norm(x, c, True, name='norm', compute=Compute(), kernel_init=self.init)

    normal = (x - x.mean((0, 1, 2))) / np.sqrt(x.var((0, 1, 2)) + 1e-5)
    layer = Layer(_residual.INITS['normal'])
    variables = layer.init(jax.random.key(0), x, c)
    pieces = []
    for name in ('norm_scales', 'norm_shifts'):
        matrix, u = variables['params'][name]['kernel'], variables['batch_stats'][name]['u']
        v = matrix @ u / np.linalg.norm(matrix @ u)
        pieces.append((c @ matrix / np.linalg.norm(v @ matrix))[:, None, None])
    out, _ = layer.apply(variables, x, c, mutable=['batch_stats'])
    np.testing.assert_allclose(out, normal * (1 + pieces[0]) + pieces[1], rtol=1e-3, atol=1e-4)
    tables = Layer(None)  # of SAGAN: 1 and 0 at first
    out, _ = tables.apply(tables.init(jax.random.key(0), x, c), x, c, mutable=['batch_stats'])
    np.testing.assert_allclose(out, normal, atol=1e-5)


def test_kernels_are_orthogonal_if_they_are_to_be():
    """Rows of a kernel's matrix [outputs, inputs], or columns if there are more outputs."""
    params = jax.jit(critic(width=1).init)(jax.random.key(0))[0]
    for path, kernel in jax.tree.leaves_with_path(params):
        if path[-1].key == 'kernel':
            matrix = np.asarray(kernel).reshape(-1, kernel.shape[-1])
            small = matrix.T @ matrix if matrix.shape[1] <= matrix.shape[0] else matrix @ matrix.T
            np.testing.assert_allclose(small, np.eye(len(small)), atol=1e-5)


def test_mixtures_of_classes_lie_between_them():
    """All of class 1 is class 1; halves of two classes are neither."""
    net = generator(width=1)
    weights, z = drawn(net), np.ones((1, 8), np.float32)
    one, two = (outputs(net, *weights, z, np.array([i])) for i in (1, 2))
    np.testing.assert_array_equal(outputs(net, *weights, z, np.float32([[0, 1, 0]])), one)
    half = outputs(net, *weights, z, np.float32([[0, 0.5, 0.5]]))
    assert np.abs(half - one).max() > 1e-3 and np.abs(half - two).max() > 1e-3


@pytest.mark.parametrize('make, line', [
    (lambda: generator(48), "net 'biggan' supports square images of 32, 64, 128, 256, 512 pixels, not (48, 48, 3)"),
    (lambda: critic(48, 'biggan_deep'), "net 'biggan_deep' supports square images"),
    (lambda: generator(latents=10), 'latents.size=10 does not fall into 4 equal shares'),
    (lambda: generator(attention=(64,)), 'generator.attention=(64,): no block ends at 64 pixels, they end at 8'),
    (lambda: critic(attention=(32,)), 'critic.attention=(32,): no block ends at 32 pixels, they end at 16, 8'),
    (lambda: critic(init='orthogonl'), "unknown critic.init 'orthogonl'; did you mean 'orthogonal'"),
])  # fmt: skip
def test_mistakes_are_told(make, line):
    with pytest.raises(UserError) as error:
        shapes(make())
    assert line in str(error.value)
