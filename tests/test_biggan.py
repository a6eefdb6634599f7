"""BigGAN's nets and BigGAN-deep's: published counts, what each part does, and errors."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict

from gans.configs import override
from gans.core import Compute, Spec, TrainState
from gans.defaults import get_config, sgd
from gans.errors import UserError
from gans.nets import _residual, biggan, biggan_deep, build
from gans.ops import random
from gans.step import make_train_step
from gans.systems.build import build as build_system

CLASSES = tuple(map(str, range(1000)))


PARTS = {'label_size': 128, 'hierarchical': True}


def generator(size=32, latents=8, net='biggan', classes=CLASSES[:3], compute=Compute(), **options):
    own = {**({'condition': 'norm'} if classes else {}), **(PARTS if net == 'biggan' else {})}
    return build.generator({'net': net, **own, **options}, Spec((size, size, 3), classes), latents, compute)


def critic(size=32, net='biggan', classes=CLASSES[:3], compute=Compute(), **options):
    condition = {'condition': 'projection'} if classes else {}
    return build.critic({'net': net, **condition, **options}, Spec((size, size, 3), classes), compute)


@functools.cache
def shapes(net):
    return jax.eval_shape(net.init, jax.random.key(0))


def count(net):
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(shapes(net)[0]))


def drawn(net):
    """(params, stats) of numpy's making, but for the variances, 1: nothing to compile."""
    rng = np.random.default_rng(0)
    draw = lambda leaf: rng.normal(0, 0.3, leaf.shape).astype(np.float32)
    own = lambda path, leaf: np.ones(leaf.shape, np.float32) if path[-1].key == 'var' else draw(leaf)
    return jax.tree.map(draw, shapes(net)[0]), jax.tree_util.tree_map_with_path(own, shapes(net)[1])


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


def test_plans_end_at_their_size():
    """Each block doubles images, each second one of the deep nets; critics end at 4 pixels, those for 32 at 8 or 2."""
    for size, plan in biggan.PLANS.items():
        assert biggan.BASE << len(plan.generator) - 1 == size and size >> plan.halvings == (8 if size == 32 else 4)
    for size, plan in biggan_deep.PLANS.items():
        assert biggan.BASE << (len(plan.generator) - 1) // 2 == size
        assert size >> len(plan.critic) // 2 == (2 if size == 32 else 4)


@pytest.mark.parametrize('net', ['biggan', 'biggan_deep'])
def test_images_and_scores_without_labels_in_half_precision(net):
    of = {'net': net, 'classes': (), 'compute': Compute(jnp.bfloat16), 'width': 2}
    run = lambda net, x: net.module.init_with_output(jax.random.key(0), x, train=True)[0]
    images = jax.eval_shape(functools.partial(run, generator(**of)), jnp.zeros((5, 8)))
    scores = jax.eval_shape(functools.partial(run, critic(**of)), images)
    assert (images.shape, images.dtype) == ((5, 32, 32, 3), jnp.float32)
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
        kernel_init: _residual.Initializer | None

        @_residual.nn.compact
        def __call__(self, x, c):
            own = {'compute': Compute(), 'kernel_init': self.kernel_init}
            return _residual.conditional_norm(x, c, True, name='norm', **own)

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
    """All of class 1 is class 1, in a net that is linear half of each of two is their mean."""
    config = {'net': 'mlp', 'widths': (4,), 'activation': 'identity', 'condition': 'concat', 'embedding': 2}
    net = build.generator(config, Spec((2,), CLASSES[:3]), 3, Compute())
    weights, z = drawn(net), np.ones((1, 3), np.float32)
    make = lambda label: net.apply(*weights, z, np.array(label), train=False)[0]
    np.testing.assert_array_equal(make(np.float32([[0, 1, 0]])), make([1]))
    np.testing.assert_allclose(make(np.float32([[0, 0.5, 0.5]])), (make([1]) + make([2])) / 2, rtol=1e-5)


@pytest.mark.parametrize('make, line', [
    (lambda: generator(48), "net 'biggan' supports square images of 32, 64, 128, 256, 512 pixels, not (48, 48, 3)"),
    (lambda: critic(48, 'biggan_deep'), "net 'biggan_deep' supports square images"),
    (lambda: generator(latents=10), 'latents.size=10 does not fall into 4 equal shares'),
    (lambda: generator(attention=(64,)), 'generator.attention=(64,): no block ends at 64 pixels, they end at 8'),
    (lambda: critic(attention=(32,)), 'critic.attention=(32,): no block ends at 32 pixels, they end at 16, 8'),
    (lambda: critic(kernel_init='orthogonl'), "unknown critic.kernel_init 'orthogonl'; did you mean 'orthogonal'"),
])  # fmt: skip
def test_mistakes_are_told(make, line):
    with pytest.raises(UserError) as error:
        shapes(make())
    assert line in str(error.value)


def small(axis=None, **overrides):
    """A game of two nets of one channel, of which the critic attends, for the devices of `axis`."""
    config = get_config()
    config.latents.size, config.game = 8, 'hinge'
    config.generator = ConfigDict({'net': 'biggan', 'width': 1, 'condition': 'norm', **PARTS})
    config.critic = ConfigDict({'net': 'biggan', 'width': 1, 'attention': (8,), 'condition': 'projection'})
    config.optimizer.generator = config.optimizer.critic = sgd(1.0)
    spec = Spec((32, 32, 3), CLASSES[:3])
    return build_system(override(config, overrides, 'of a test'), spec, Compute(axis_name=axis))


def begun(system):
    """The state of drawn weights, and eight examples."""
    weights = {name: drawn(net) for name, net in system.nets.items()}
    params, stats = ({name: each[i] for name, each in weights.items()} for i in (0, 1))
    opt = {name: player.tx.init({net: params[net] for net in player.nets}) for name, player in system.players.items()}
    state = TrainState(jnp.int32(0), params, stats, opt, {}, {}, jax.random.key(0))
    real = np.random.default_rng(2).uniform(-1, 1, (8, 32, 32, 3)).astype(np.float32)
    return state, {'real': real, 'label': np.arange(8, dtype=np.int32) % 3}


def assert_same(found, wanted):
    """Trees of one device's leaves, within rounding of the largest of them."""
    scale = max(float(abs(x).max()) for x in jax.tree.leaves(wanted))
    for (path, ours), theirs in zip(jax.tree.leaves_with_path(found), jax.tree.leaves(wanted), strict=True):
        np.testing.assert_allclose(ours[0], theirs, rtol=1e-3, atol=1e-5 * scale, err_msg=jax.tree_util.keystr(path))


def test_four_devices_with_common_statistics_equal_one():
    """The generator's gradients and statistics, with a critic that attends: of two examples each, as of eight."""
    one, four = small(), small('devices')
    state, batch = begun(one)

    def gradients(system, own, batch, keys):
        loss = lambda own: system.updates[1].loss({**state.params, 'generator': own}, state, batch, keys)
        grads, aux = jax.grad(loss, has_aux=True)(own)
        return grads, aux.stats['generator']

    def shared(own, batch, keys):
        return jax.tree.map(lambda x: jax.lax.pmean(x, 'devices'), gradients(four, own, batch, keys))

    own, keys = state.params['generator'], random.example_keys(jax.random.key(0), jnp.arange(8))
    split = lambda x: x.reshape(4, 2, *x.shape[1:])
    wanted = jax.jit(functools.partial(gradients, one))(own, batch, keys)
    found = jax.pmap(shared, 'devices', in_axes=(None, 0, 0))(own, *jax.tree.map(split, (batch, keys)))
    assert_same(found[0], wanted[0])
    assert_same(found[1], wanted[1])


def test_micro_batches_on_four_devices_equal_one_large_batch(monkeypatch):
    """Both players' gradients, of one example at a time, where no net has statistics of a batch: norms read their
    running ones, and singular vectors have converged, so that a second micro-batch finds those of the first.
    """
    for module in (_residual, biggan):
        fixed = lambda x, train, batch_norm=module.batch_norm, **how: batch_norm(x, False, **how)
        monkeypatch.setattr(module, 'batch_norm', fixed)
    at_once = {'dynamics': 'simultaneous'}
    state, batch = begun(small(**at_once))
    of = lambda net: {'batch_stats': converged(state.params[net], state.stats[net]['batch_stats'])}
    state = state.replace(stats={net: of(net) for net in state.stats})

    def moved(micro, devices):
        """How far each parameter goes, on each of the devices."""
        axis = 'devices' if devices > 1 else None
        step = make_train_step(small(axis, **at_once, **{'train.micro': micro}), axis)
        run = lambda batch: jax.tree.map(jnp.subtract, step(state, batch, ('both',))[0].params, state.params)
        shares = {name: x.reshape(devices, 1, -1, *x.shape[1:]) for name, x in batch.items()}
        return jax.pmap(run, axis or 'one')(shares)

    assert_same(moved(2, 4), jax.tree.map(lambda x: x[0], moved(1, 1)))


def converged(params, stats):
    """The statistics of a net, with the singular vectors of all kernels that have one."""
    found = {name: converged(params.get(name, {}), each) for name, each in stats.items() if isinstance(each, dict)}
    if 'u' in stats:
        matrix = params['kernel'].reshape(-1, params['kernel'].shape[-1])
        found['u'] = np.linalg.svd(matrix, full_matrices=False)[2][0]
    return stats | found
