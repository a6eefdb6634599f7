"""TGAN: clipping of singular values, and its nets."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import systems

from experiments import tgan_ucf101
from gans.configs import apply_defaults, override
from gans.core import Compute, Spec
from gans.errors import UserError
from gans.nets import tgan
from gans.ops.singular import excess, excesses
from gans.step import make_train_step
from gans.systems.build import build


@pytest.mark.parametrize('shape', [(4, 4, 4, 2, 5), (3, 3, 1, 20), (30, 1), (6, 6)])
def test_singular_values_are_clipped_as_by_a_full_decomposition(shape):
    kernel = np.random.default_rng(len(shape)).normal(size=shape).astype(np.float32)
    u, s, v = np.linalg.svd(kernel.reshape(-1, shape[-1]).T.astype(np.float64), full_matrices=False)
    middle = np.median(s) if len(s) > 1 else s[0] / 2
    kernel, s = kernel / np.float32(middle), s / middle  # some are above 1, and some below
    over, largest = jax.jit(excess)(kernel)
    want = ((u * np.minimum(s, 1)) @ v).T.reshape(shape)
    np.testing.assert_allclose(kernel - over, want, atol=1e-5)
    np.testing.assert_allclose(largest, s[0], rtol=1e-5)
    assert not np.any(excess(kernel / np.float32(1.001 * s[0]))[0])  # nothing is above 1: it stays, to the bit
    flat = np.outer(np.ones(4), np.arange(5)).astype(np.float32)  # of rank 1
    np.testing.assert_allclose(flat - excess(flat)[0], flat / np.linalg.norm(flat), atol=2e-6)


def test_scales_of_batch_norm_lie_within_the_running_deviation():
    """Negative ones are lifted, shifts and biases stay."""
    norm = {'scale': jnp.array([-3.0, 0.5, 5.0, 0.001]), 'bias': jnp.full(4, 9.0)}
    params = {'norm_8': norm, 'layer_norm': norm, 'out': {'kernel': jnp.eye(2) / 2, 'bias': jnp.full(2, 9.0)}}
    stats = {'batch_stats': {'norm_8': {'mean': jnp.zeros(4), 'var': jnp.full(4, 4.0)}}}
    over, largest = excesses(params, stats)
    allowed = jax.tree.map(jnp.subtract, params, over)
    np.testing.assert_allclose(allowed['norm_8']['scale'], [0.02, 0.5, 2.0, 0.02], rtol=1e-6)
    systems.assert_close({**allowed, 'norm_8': None}, {**params, 'norm_8': None}, 0, 0)
    assert np.array_equal(allowed['norm_8']['bias'], norm['bias']) and np.isclose(largest, 0.5)


def smoke(**overrides):
    config = override(apply_defaults(tgan_ucf101.get_config('smoke'), 'of a test'), overrides, 'of a test')
    return build(config, Spec((8, 8, 8, 1), ('0', '1'), 'clips'), Compute())


SMALL = {'generator.widths': (8, 8, 8), 'generator.base': 4, 'tgan.clip_every': 5}
SMALL |= {'critic.base': 4, 'critic.init_limit': None}


def test_clipping_is_an_update_of_its_own_after_the_critics():
    system = smoke(**SMALL)
    assert [(update.name, update.every) for update in system.updates] == [('critic', 1), ('clip', 5), ('generator', 1)]
    state = systems.first(system)
    wide = jax.tree.map(lambda x: 10 * x, state.params['critic'])
    state = state.replace(params=state.params | {'critic': wide})
    batch = {'real': jnp.zeros((1, 2, 8, 8, 8, 1)), 'label': jnp.zeros((1, 2), jnp.int32)}
    after, metrics = jax.jit(make_train_step(system), static_argnums=2)(state, batch, ('clip',))
    over, largest = excesses(wide, state.stats['critic'])
    systems.assert_close(after.params['critic'], jax.tree.map(jnp.subtract, wide, over), 1e-4, 1e-5)
    assert systems.changed(after.params, state.params) == {'critic'} and largest > 1
    assert float(metrics['clip/singular_value']) == pytest.approx(float(largest))
    assert float(excesses(after.params['critic'], state.stats['critic'])[1]) <= 1 + 1e-5
    assert [update.name for update in smoke(**SMALL | {'tgan.clip_every': None}).updates] == ['critic', 'generator']


def count(net, *inputs):
    variables = jax.eval_shape(lambda: net.init(jax.random.key(0), *inputs, train=True))
    return sum(leaf.size for leaf in jax.tree.leaves(variables['params']))


def test_the_papers_nets():
    """100 -> 512-256-128-128-100 in time; 256@4 twice, 256@8, 128@16, 64@32, 32@64; 64-128-256-512, 4 x 4."""
    shape = (16, 64, 64, 3)
    times = 100 * 512 + 4 * (512 * 256 + 256 * 128 + 128 * 128 + 128 * 100) + 512 + 256 + 128 + 128 + 100
    images = 2 * 100 * 4096 + 16 * (512 * 256 + 256 * 128 + 128 * 64 + 64 * 32) + 9 * 32 * 3 + 3
    images += 2 * (2 * 4096 + 256 + 128 + 64 + 32)
    assert count(tgan.Generator(shape, Compute()), jnp.zeros((2, 100))) == times + images
    refined = tgan.Generator(shape, Compute(), convs=1)
    added = sum(9 * width**2 + 2 * width for width in (256, 128, 64, 32))
    assert count(refined, jnp.zeros((2, 100))) == times + images + added
    critic = 64 * (3 * 64 + 64 * 128 + 128 * 256 + 256 * 512) + 64 + 128 + 256 + 512 + 16 * 512 + 1
    assert count(tgan.Critic(shape, Compute()), jnp.zeros((2, *shape))) == critic


def test_conditional_norms_see_the_latents_of_the_clip():
    """Where nothing comes of the latents but by the norms, frames of a clip are alike, and clips are not."""
    rng = np.random.default_rng(0)
    net = tgan.Generator((4, 8, 8, 1), Compute(), 4, (4, 4), norm='conditional')
    z = jnp.asarray(rng.normal(size=(3, 5)), jnp.float32)
    params = jax.eval_shape(net.init, jax.random.key(0), z)['params']
    assert params['norm_8_shifts']['kernel'].shape == (5, 4) and 'norm_8' not in params and 'norm_clip' in params
    drawn = lambda path, x: 0.3 * jnp.asarray(rng.normal(size=x.shape), jnp.float32)
    params = jax.tree_util.tree_map_with_path(drawn, params)
    params = params | {name: jax.tree.map(jnp.zeros_like, params[name]) for name in ('clip', 'frame')}
    clips = jax.jit(lambda z: net.apply({'params': params}, z, mutable=['batch_stats'])[0])(z)
    np.testing.assert_allclose(clips, jnp.repeat(clips[:, :1], 4, 1), atol=1e-6)
    assert min(np.abs(clips[i] - clips[i - 1]).max() for i in range(3)) > 0.01


def test_a_generator_of_an_lstm_makes_as_many_frames_as_are_asked_for():
    net = tgan.Generator((6, 8, 8, 1), Compute(), 4, (5,), temporal='lstm')
    clips, variables = jax.jit(net.init_with_output)(jax.random.key(0), jnp.ones((2, 3)))
    assert clips.shape == (2, 6, 8, 8, 1)
    assert variables['params']['lstm']['state_kernel'].shape == (5, 20)
    assert np.any(clips[:, 0] != clips[:, 1])


def test_clips_of_other_sizes_are_refused_in_a_line():
    for shape, line in (
        ((12, 8, 8, 1), r'widths=\(512, 256, 128, 128\) makes 16 frames, not 12'),
        ((16, 12, 12, 1), 'base=4 does not support 12 pixels'),
        ((8, 8, 1), 'supports clips'),
    ):
        with pytest.raises(UserError, match=line):
            count(tgan.Generator(shape, Compute()), jnp.zeros((2, 4)))
    with pytest.raises(UserError, match=r'set data\.frames to a multiple of 4'):
        count(tgan.Critic((6, 16, 16, 1), Compute()), jnp.zeros((2, 6, 16, 16, 1)))
