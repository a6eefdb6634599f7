"""Nets of image translation and super-resolution: sizes, parameters, receptive fields, what has a norm or a bias."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import ShapeDtypeStruct

from gans.core import Compute
from gans.errors import UserError
from gans.nets import cyclegan, esrgan, patchgan, srgan, unet
from gans.ops.dropout import dropout, noise_shape, noise_words
from gans.ops.random import example_keys
from gans.ops.reflect import reflect
from gans.ops.shuffle import pixel_shuffle

RGB = (256, 256, 3)


def image(side, channels=3, batch=2):
    return ShapeDtypeStruct((batch, side, side, channels), jnp.float32)


def outline(module, *inputs):
    """The shapes of the output and of the parameters, of which nothing is computed."""
    out, variables = jax.eval_shape(lambda *x: module.init_with_output(jax.random.key(0), *x), *inputs)
    return out.shape, variables['params']


def count(params):
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(params))


def test_parameters_of_the_papers_sizes():
    """As the authors' codes count them: 54.414 M, 2.769 M, 11.378 M, 2.765 M, and so on."""
    noise, compute = noise_shape(), Compute()
    of = lambda module, *inputs: count(outline(module, *inputs)[1])
    for norm in ('batch', 'instance'):
        assert of(unet.Translator(RGB, compute, norm=norm), image(256), noise) == 54_413_955
        assert of(patchgan.Critic(RGB, compute, norm=norm), image(256, 6)) == 2_768_705
    assert of(cyclegan.Translator(RGB, compute), image(256)) == 11_378_179
    assert of(cyclegan.Translator((128, 128, 3), compute), image(128)) == 11_378_179 - 6 * 590_080
    assert of(patchgan.Critic(RGB, compute, norm='plain_instance'), image(256)) == 2_764_737
    # Of equal blocks only two are traced.
    assert of(srgan.Upscaler((96, 96, 3), compute, blocks=2), image(24)) + 14 * 73_985 == 1_547_350
    assert of(srgan.Upscaler((96, 96, 3), compute, 2, blocks=2), image(48)) + 14 * 73_985 == 1_547_350 - 147_713
    assert of(esrgan.Upscaler((128, 128, 3), compute, blocks=2), image(32)) + 21 * 719_424 == 16_697_987
    assert of(srgan.Critic((96, 96, 3), compute), image(96)) == 23_563_649
    assert of(srgan.Critic((96, 96, 3), compute, pool=True), image(96)) == 5_215_425 - 1_856  # without dead biases


def test_a_unet_goes_down_to_one_pixel_and_its_steps_up_read_the_skips():
    params = outline(unet.Translator(RGB, Compute(), norm='batch'), image(256, 1), noise_shape())[1]
    kernels = {name: leaf['kernel'].shape[2:] for name, leaf in params.items() if 'kernel' in leaf}
    down = [(1, 64), (64, 128), (128, 256), (256, 512), *[(512, 512)] * 4]
    up = [(128, 3), (256, 64), (512, 128), (1024, 256), *[(1024, 512)] * 3, (512, 512)]
    assert kernels == {
        f'{way}_{i + 1}': channels for way, row in (('down', down), ('up', up)) for i, channels in enumerate(row)
    }
    norms = sorted(name for name in params if 'norm' in name)
    assert norms == [f'down_norm_{i}' for i in range(2, 8)] + [f'up_norm_{i}' for i in range(2, 9)]
    assert [name for name, leaf in params.items() if 'kernel' in leaf and 'bias' in leaf] == ['up_1']


@pytest.mark.parametrize('side, depth', [(32, 5), (64, 6), (128, 7), (512, 8)])
def test_a_unet_for_any_power_of_two(side, depth):
    net = unet.Translator((side, side, 1), Compute(), width=8)
    shape, params = outline(net, image(side), noise_shape())
    assert shape == (2, side, side, 1) and f'down_{depth}' in params and f'down_{depth + 1}' not in params
    oblong = ShapeDtypeStruct((1, side, 2 * side, 3), jnp.float32)  # the same weights serve other multiples
    made = jax.eval_shape(lambda params, *x: net.apply({'params': params}, *x), params, oblong, noise_shape(1))
    assert made.shape == (1, side, 2 * side, 1)


@pytest.mark.parametrize('make, x, line', [
    (lambda: unet.Translator((16, 16, 3), Compute()), image(16), 'use 32 pixels or more, or set generator.depth'),
    (lambda: unet.Translator((96, 96, 3), Compute()), image(96), 'are 96 x 96: their sides must be multiples of 64'),
    (lambda: unet.Translator((64, 64, 3), Compute(), norm='btch'), image(64), "unknown generator.norm 'btch'"),
    (lambda: unet.Translator((64, 64, 3), Compute(), norm='batch'), image(64, batch=1), "set norm='instance'"),
    (lambda: cyclegan.Translator((30, 30, 3), Compute()), image(30), 'multiples of 4'),
    (lambda: patchgan.Critic((64, 64, 3), Compute(), patch=60), image(64), 'patch=60: a patch is of 1, 16, 34, 70'),
    (lambda: patchgan.Critic((16, 16, 3), Compute()), image(16), 'needs images of 24 pixels or more'),
    (lambda: srgan.Upscaler((48, 48, 3), Compute(), scale=3), image(16), 'scale=3: images can be made 2, 4 or 8'),
    (lambda: srgan.Upscaler((48, 48, 3), Compute()), image(12, batch=1), "set norm='instance'"),
])  # fmt: skip
def test_what_cannot_be_ends_in_one_line(make, x, line):
    with pytest.raises(UserError, match=line):
        outline(make(), x)


@pytest.mark.parametrize('patch, scores', [(1, 256), (16, 126), (34, 62), (70, 30), (142, 14), (286, 6)])
def test_scores_of_a_patchgan(patch, scores):
    net = patchgan.Critic(RGB, Compute(), patch=patch, norm='batch')
    shape, params = outline(net, image(256, 4))
    assert shape == (2, scores, scores) and net.receptive_field == patch
    widths = [params[f'conv_{i + 1}']['kernel'].shape[-1] for i in range(len(params) // 2)]
    assert widths == [64, 128, 256, 512, 512, 512][: max(2, patchgan.DEPTHS[patch] + 1)]
    assert {name for name in params if 'bias' in params[name] and 'kernel' in params[name]} == {'conv_1', 'out'}
    assert 'norm_1' not in params and f'norm_{len(widths)}' in params


@pytest.mark.parametrize('patch, side', [(1, 8), (16, 40), (34, 80), (70, 152)])
def test_receptive_fields_by_a_gradient(patch, side):
    """Measured at a score of the middle; a norm would have each score read the whole image."""
    critic = patchgan.Critic((side, side, 1), Compute(conv='lax'), patch=patch, width=1, norm='none')
    x = jax.random.normal(jax.random.key(1), (1, side, side, 1))

    @jax.jit
    @jax.grad
    def gradient(x):
        scores, _ = critic.init_with_output(jax.random.key(0), x)
        return scores[0, scores.shape[1] // 2, scores.shape[2] // 2]

    rows, columns = np.nonzero(np.asarray(gradient(x))[0, ..., 0])
    assert np.ptp(rows) + 1 == np.ptp(columns) + 1 == patch


def test_layers_of_cyclegans_generator():
    shape, params = outline(cyclegan.Translator((64, 64, 1), Compute()), image(64, 3, 1))
    assert shape == (1, 64, 64, 1) and {'block_6', 'up_2', 'out'} < params.keys() and 'block_7' not in params
    assert not [name for name in (*params, *params['block_1']) if 'norm' in name]  # no scales, no shifts
    assert all('bias' in params[name] for name in ('stem', 'down_2', 'up_1', 'out'))
    affine = outline(cyclegan.Translator((64, 64, 1), Compute(), norm='instance'), image(64))[1]
    assert 'bias' not in affine['stem'] and affine['block_6']['norm_2']['scale'].shape == (256,)


def test_layers_of_srgan():
    shape, params = outline(srgan.Upscaler((96, 96, 3), Compute(), scale=2, blocks=1), image(48, 1))
    assert shape == (2, 96, 96, 3) and 'up_1' in params and 'up_2' not in params
    biased = [name for name, leaf in params.items() if 'kernel' in leaf and 'bias' in leaf]
    assert biased == ['out', 'stem', 'up_1'] and params['block_1']['prelu']['slope'].shape == ()
    params = outline(srgan.Critic((96, 96, 3), Compute()), image(96))[1]
    assert params['dense']['kernel'].shape == (6 * 6 * 512, 1024) and 'norm_1' not in params and 'norm_8' in params
    pooled = srgan.Critic((96, 96, 3), Compute(), pool=True)
    shape, params = outline(pooled, image(96))
    assert params['dense']['kernel'].shape == (512, 1024)
    variables = jax.eval_shape(lambda x: pooled.init(jax.random.key(0), x), image(96))
    scores = jax.eval_shape(lambda variables, x: pooled.apply(variables, x, train=False), variables, image(50))
    assert shape == scores.shape == (2,)


def test_slopes_of_prelu_begin_at_a_quarter():
    out, _ = srgan.PReLU().init_with_output(jax.random.key(0), jnp.array([-2.0, 3.0]))
    np.testing.assert_array_equal(out, [-0.5, 3.0])


def test_dropout_is_the_noise_of_a_unet_in_training_and_in_sampling():
    net = lambda **options: unet.Translator((32, 32, 3), Compute(conv='lax'), width=1, **options)
    x = jax.random.normal(jax.random.key(1), (3, 32, 32, 1))
    keys = example_keys(jax.random.key(2), jnp.arange(3))
    variables = jax.jit(net().init)(jax.random.key(0), x, noise_words(keys))

    @functools.partial(jax.jit, static_argnums=(2, 3))
    def make(x, keys, train, options=()):
        return net(**dict(options)).apply(variables, x, noise_words(keys), train=train)

    first = make(x, keys, True)
    np.testing.assert_array_equal(first, make(x, keys, False))
    assert jnp.abs(first - make(x, keys[::-1], True)).max() > 1e-3
    alone = make(x, keys.at[0].set(keys[2]), True)  # an example depends on its own key alone
    np.testing.assert_array_equal(first[1:], alone[1:])
    still = make(x, keys, False, (('test_dropout', False),))
    assert jnp.abs(first - still).max() > 1e-3
    np.testing.assert_array_equal(still, make(x, keys, True, (('dropout', None),)))


def test_dropout_keeps_the_mean():
    keys = example_keys(jax.random.key(0), jnp.arange(4))
    for rate in (0.5, 0.2):
        out = np.asarray(dropout(jnp.ones((4, 50, 50, 7)), rate, keys))
        assert set(np.unique(out)) == {0.0, np.float32(1 / (1 - np.float32(rate)))}
        np.testing.assert_allclose((out == 0).mean((1, 2, 3)), rate, atol=0.02)
        assert abs(np.corrcoef((out == 0).reshape(4, -1))[0, 1:]).max() < 0.03
    np.testing.assert_array_equal(dropout(jnp.ones((4, 3)), 0.0, keys), 1)


def test_reflection_padding_is_that_of_numpy_and_so_is_its_gradient():
    x, g = (jax.random.normal(jax.random.key(i), shape) for i, shape in enumerate([(2, 5, 4, 3), (2, 11, 10, 3)]))
    np.testing.assert_array_equal(reflect(x, 3), np.pad(x, ((0, 0), (3, 3), (3, 3), (0, 0)), mode='reflect'))
    theirs = jax.vjp(lambda x: jnp.pad(x, ((0, 0), (3, 3), (3, 3), (0, 0)), mode='reflect'), x)[1](g)[0]
    np.testing.assert_allclose(jax.vjp(lambda x: reflect(x, 3), x)[1](g)[0], theirs, atol=1e-5)
    with pytest.raises(UserError, match='needs more than 3 on each side, and gets 3 x 5'):
        reflect(jnp.zeros((1, 3, 5, 1)), 3)


def test_pixel_shuffle_moves_whole_pixels():
    x = jnp.arange(2 * 2 * 12.0).reshape(1, 2, 2, 12)
    out = pixel_shuffle(x, 2)
    assert out.shape == (1, 4, 4, 3)
    np.testing.assert_array_equal(out[0, :2, :2].reshape(-1), x[0, 0, 0])
    torch = pytest.importorskip('torch')
    theirs = torch.nn.functional.pixel_shuffle(torch.tensor(np.asarray(x)).permute(0, 3, 1, 2), 2)
    ordered = x.reshape(1, 2, 2, 3, 4).swapaxes(3, 4).reshape(x.shape)  # from PyTorch's order of channels
    np.testing.assert_array_equal(pixel_shuffle(ordered, 2), theirs.permute(0, 2, 3, 1))
