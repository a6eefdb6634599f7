"""R3GAN's nets: parameters, init, blocks that begin as the identity; grouped convolutions; R1 + R2 in one pass."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from ml_collections import ConfigDict

from experiments import common
from gans.core import Compute, Spec
from gans.errors import UserError
from gans.nets import build, r3gan
from gans.ops.conv import conv
from gans.ops.random import example_keys
from gans.training import setup

LAX = Compute(conv='lax')
SLOPE = 0.2


def shapes(net) -> dict:
    return jax.eval_shape(net.init, jax.random.key(0))[0]


def count(tree) -> int:
    return sum(leaf.size for leaf in jax.tree.leaves(tree))


def expected(widths: tuple[int, ...], group: int, classes: int) -> tuple[int, int]:
    """Generator and critic, from the layers: two blocks a stage, latents of 64, RGB."""
    block = lambda c: c * 2 * c + 2 * c + 9 * group * 2 * c + 2 * c + 2 * c * c
    body = sum(2 * block(c) for c in widths) + sum(a * b for a, b in itertools.pairwise(widths) if a != b)
    first, last = widths[0], widths[-1]
    told = classes * 64 if classes else 0
    generator = body + 16 * first + (64 + (64 if classes else 0)) * first + told + 3 * last
    critic = body + 3 * last + 16 * first + ((first + classes) * first if classes else first)
    return generator, critic


@pytest.mark.parametrize(
    ('size', 'widths', 'group', 'classes'),
    [(32, (768,) * 4, 16, 10), (256, (768,) * 4 + (384, 192, 96), 16, 0), (64, (1536,) * 5, 32, 1000)],
    ids=['cifar10', 'ffhq256', 'imagenet64'],
)
def test_parameters_of_the_papers_sizes(size, widths, group, classes) -> None:
    spec, options = Spec((size, size, 3), ('',) * classes), {'net': 'r3gan', 'widths': widths, 'group': group}
    conditions = ('embedding', 'projection') if classes else (None, None)
    generator = build.generator({**options, 'condition': conditions[0]}, spec, 64, LAX)
    critic = build.critic({**options, 'condition': conditions[1]}, spec, LAX)
    assert (count(shapes(generator)), count(shapes(critic))) == expected(widths, group, classes)


def nets(shape=(8, 16, 3), **options):
    options = {'net': 'r3gan', 'widths': (32, 16), 'blocks': 2, **options}
    return build.generator(options, Spec(shape), 6, LAX), build.critic(options, Spec(shape), LAX)


def test_blocks_begin_as_the_identity() -> None:
    """Without them, and with linear resampling, both nets are linear at first; no biases but of blocks."""
    key = jax.random.key(1)
    for net, shape in zip(nets(), ((6,), (8, 16, 3)), strict=True):
        params, stats = jax.jit(net.init)(key)
        a, b = jax.random.normal(key, (2, 1, *shape))
        out = jax.jit(lambda x, net=net, p=params, s=stats: net.apply(p, s, x, train=True)[0])
        both = np.asarray(out(jnp.concatenate([a, b, a + b, 0 * a])))
        np.testing.assert_allclose(both[2], both[0] + both[1], atol=1e-4 * np.abs(both).max())
        assert np.abs(both[0]).min() > 0 and (both[3] == 0).all()
        assert {path.partition('/')[0] for path in _biases(params)} == {
            f'block_{n}_{i}' for n in (4, 8) for i in (1, 2)
        }


def test_bounded_images_are_the_others_behind_a_tanh() -> None:
    options = {'net': 'r3gan', 'widths': (32, 16)}
    free, bounded = (build.generator(options | {'bounded': it}, Spec((8, 8, 3)), 6, LAX) for it in (False, True))
    params, stats = free.init(jax.random.key(0))
    z = 3 * jax.random.normal(jax.random.key(1), (4, 6))
    wide, narrow = jax.jit(lambda: [net.apply(params, stats, z, train=False)[0] for net in (free, bounded)])()
    assert jnp.abs(wide).max() > 1.5
    np.testing.assert_allclose(narrow, jnp.tanh(wide), atol=1e-6)


def _biases(params) -> list[str]:
    found = jax.tree_util.tree_leaves_with_path(params)
    names = (jax.tree_util.keystr(path, simple=True, separator='/') for path, _ in found)
    return [name for name in names if name.endswith('bias')]


def test_scales_at_the_start() -> None:
    """sqrt(2 / (1 + .2^2)) L^(-1/4) / sqrt(fan in), L blocks in the net, in a block; 1 / sqrt(fan in) elsewhere."""
    generator, critic = nets(widths=(128, 64), group=16)
    params = jax.jit(generator.init)(jax.random.key(0))[0]
    gain = np.sqrt(2 / (1 + SLOPE**2)) * 4**-0.25
    block = params['block_4_2']
    wanted = {'wide': gain / np.sqrt(128), 'grouped': gain / np.sqrt(9 * 16)}
    for name, std in wanted.items():
        assert np.std(block[name]['kernel']) == pytest.approx(std, rel=0.03)
        assert not np.any(block[name]['bias'])
    assert block['grouped']['kernel'].shape == (3, 3, 16, 256) and not np.any(block['narrow']['kernel'])
    assert np.std(params['basis']) == pytest.approx(1, rel=0.05) and params['basis'].shape == (4, 8, 128)
    assert np.std(params['to_8']['kernel']) == pytest.approx(1 / np.sqrt(128), rel=0.05)
    pool = jax.jit(critic.init)(jax.random.key(0))[0]['pool']
    assert np.std(pool) == pytest.approx(1 / np.sqrt(4 * 8), rel=0.05)


def test_a_conditional_score_is_the_features_times_the_labels_vector() -> None:
    critic = r3gan.Critic((8, 8, 3), LAX, (16, 16), 1)
    x, label = jax.random.normal(jax.random.key(0), (3, 8, 8, 3)), jnp.eye(5)[:3]
    variables = jax.jit(critic.init)(jax.random.key(1), x, label)
    scores = jax.jit(lambda *labels: [critic.apply(variables, x, label) for label in labels])
    none, one, other, both = scores(0 * label, label, label[::-1], label + label[::-1])
    assert (none == 0).all()
    np.testing.assert_allclose(both, one + other, rtol=1e-5)
    vectors = variables['params']['projection']['kernel']
    assert vectors.shape == (5, 16) and np.std(vectors) == pytest.approx(1 / np.sqrt(16 * 5), rel=0.25)


def test_halves_of_a_size_that_is_not_divisible_are_refused() -> None:
    with pytest.raises(UserError, match=r'generator.widths=\(8, 8, 8, 8\) halve images 3 times, so their sides must be'
                                        r' multiples of 8, not \(28, 28, 1\): change data.size'):  # fmt: skip
        shapes(nets((28, 28, 1), widths=(8,) * 4)[0])
    with pytest.raises(UserError, match='a width of 20 has 40 channels inside of blocks, no multiple of group=16'):
        shapes(nets(widths=(20,))[1])


# Grouped convolutions


@pytest.mark.parametrize('form', ['auto', 'loop'])
@pytest.mark.parametrize('groups', [2, 6])  # 6: several groups a piece
def test_grouped_convolutions_are_laxs_with_gradients_of_both_orders(form, groups) -> None:
    x, w, g = (
        jax.random.normal(jax.random.key(i), shape)
        for i, shape in enumerate([(2, 5, 4, 2 * groups), (3, 3, 2, 3 * groups), (2, 5, 4, 3 * groups)])
    )
    theirs = lambda x, w: lax.conv_general_dilated(
        x, w, (1, 1), 'SAME', dimension_numbers=('NHWC', 'HWIO', 'NHWC'), feature_group_count=groups
    )

    def all_of(of):
        slope = lambda x, w: (jax.grad(lambda x: (jnp.sin(of(x, w)) * g).sum())(x) ** 2).sum()
        return jax.jit(lambda x, w: (of(x, w), jax.vjp(of, x, w)[1](g), jax.grad(slope, (0, 1))(x, w)))(x, w)

    both = all_of(lambda x, w: conv(x, w, form=form, groups=groups)), all_of(theirs)
    for ours, other in zip(*map(jax.tree.leaves, both), strict=True):
        np.testing.assert_allclose(ours, other, rtol=1e-3, atol=1e-4 * np.abs(other).max())


def test_groups_that_do_not_divide_are_refused() -> None:
    with pytest.raises(ValueError, match='conv: 5 outputs cannot be divided into 2 groups'):
        conv(jnp.zeros((1, 4, 4, 4)), jnp.zeros((3, 3, 2, 5)), groups=2)


# R1 + R2


def test_r1_r2_is_the_sum_of_both() -> None:
    """Losses and gradients, without a view, which shows fakes to `r2` with other draws, and without statistics."""
    found = []
    for terms in ({'r1': {'weight': 3.0}, 'r2': {'weight': 3.0}}, {'r1_r2': {'weight': 3.0}}):
        config = common.get_config()
        config.data.name, config.terms = 'ring', terms
        config.generator = config.critic = ConfigDict({'net': 'mlp', 'widths': (8, 8), 'activation': 'tanh'})
        experiment = setup.setup(config, devices=1)
        state, update = experiment.init(), experiment.system.updates[0]
        batch = {'real': jax.random.normal(jax.random.key(1), (8, 2))}
        keys = example_keys(jax.random.key(2), jnp.arange(8))
        loss = lambda critic, state=state, update=update, batch=batch, keys=keys: update.loss(
            {**state.params, 'critic': critic}, state, batch, keys
        )
        (value, aux), slope = jax.jit(jax.value_and_grad(loss, has_aux=True))(state.params['critic'])
        found.append((value, aux.metrics['game'], slope))
    both = [jax.tree.leaves(each) for each in found]
    assert float(both[0][0]) > float(both[0][1]) + 1e-3  # penalties count
    for one, other in zip(*both, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)
