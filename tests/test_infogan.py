"""InfoGAN's nets: parameter counts by formula, shapes, names, norms; and the autoencoder."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gans.core import Compute, Spec
from gans.errors import UserError
from gans.nets import build


def nets(shape=(28, 28, 1), latents=64, **options):
    """Generator, critic and autoencoder."""
    spec, config = Spec(shape), {'net': 'infogan', **options}
    return (
        build.generator(config, spec, latents, Compute()),
        build.critic(config, spec, Compute()),
        build.autoencoder(config, spec, Compute()),
    )


def weights(net):
    return jax.eval_shape(net.init, jax.random.key(0))


def count(net):
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(weights(net)[0]))


@pytest.mark.parametrize('size, channels, width', [(28, 1, 64), (32, 3, 64), (16, 3, 4)])
@pytest.mark.parametrize('norm', ['none', 'batch'])
def test_counts(size, channels, width, norm):
    generator, critic, autoencoder = nets((size, size, channels), 64, width=width, norm=norm)
    w, pixels = width, (size // 4) ** 2
    extra = 2 if norm == 'batch' else 1  # scale and shift, or a bias
    images = (2 * w * pixels) * extra + 16 * 2 * w * w + extra * w + 16 * w * channels + channels  # from features on
    assert count(generator) == 64 * 16 * w + extra * 16 * w + 16 * w * 2 * w * pixels + images
    down = 16 * channels * w + w + 16 * w * 2 * w
    assert count(critic) == down + extra * 2 * w + 2 * w * pixels * 16 * w + extra * 16 * w + 16 * w + 1
    code = 2 * w * pixels * w + extra * w
    assert count(autoencoder) == down + 2 * w + code + w * 2 * w * pixels + images


def test_counts_that_compare_gan_states():
    """Its BEGAN.py says 8.5 M for the critic and 1.3 M for the autoencoder, which is so at 32 x 32 x 3."""
    _, critic, autoencoder = nets((32, 32, 3), norm='none')
    assert round(count(critic) / 1e6, 1) == 8.5 and round(count(autoencoder) / 1e6, 1) == 1.3


@pytest.mark.parametrize('shape', [(28, 28, 1), (32, 32, 3), (8, 8, 3)])
@pytest.mark.parametrize('norm', ['none', 'batch', 'layer', 'spectral'])
def test_shapes(shape, norm):
    made = nets(shape, 6, width=4, norm=norm if norm != 'spectral' else 'batch')
    output = lambda net, *inputs: jax.eval_shape(lambda w: net.apply(*w, *inputs, train=True)[0], weights(net))
    images = output(made[0], jnp.zeros((5, 6)))
    assert images.shape == (5, *shape) and images.dtype == jnp.float32
    made = nets(shape, 6, width=4, norm=norm)
    assert output(made[1], jnp.zeros((5, *shape))).shape == (5,)
    assert output(made[2], jnp.zeros((5, *shape))).shape == (5, *shape)


def test_names():
    generator, critic, autoencoder = ({*weights(net)[0]} for net in nets(width=4))
    blocks = {'dense_7', 'norm_dense_7', 'block_14', 'norm_block_14', 'block_28'}
    assert generator == {'stem', 'norm_stem', *blocks}
    assert critic == {'block_14', 'block_7', 'norm_block_7', 'dense', 'norm_dense', 'out'}
    decoder = {name.replace('dense', 'decode_dense').replace('block', 'decode_block') for name in blocks}
    assert autoencoder == {'encode_14', 'encode_7', 'code', 'norm_code', *decoder}


def test_images_and_reconstructions_lie_between_minus_one_and_one():
    x = 30 * jnp.asarray(np.random.default_rng(0).normal(size=(16, 8, 8, 1)), jnp.float32)
    generator, _, autoencoder = nets((8, 8, 1), 64, width=4, init_std=0.3)
    for net, inputs in ((generator, x.reshape(16, 64)), (autoencoder, x)):
        out = jax.jit(lambda x, net=net: net.apply(*net.init(jax.random.key(0)), x, train=True)[0])(inputs)
        assert -1 <= out.min() < -0.5 and 0.5 < out.max() <= 1


def test_spectral_norm_bounds_every_layer_of_the_critic():
    _, critic, autoencoder = nets((8, 8, 1), width=4, norm='spectral')
    layers = lambda net: {path[1].key for path, _ in jax.tree_util.tree_leaves_with_path(weights(net)[1])}
    assert layers(critic) == {'block_4', 'block_2', 'dense', 'out'}
    assert {'encode_4', 'encode_2', 'code'} <= layers(autoencoder)


@pytest.mark.parametrize('shape', [(30, 30, 1), (28, 32, 1), (2,)])
def test_wrong_sizes_are_refused(shape):
    with pytest.raises(UserError, match='size is divisible by 4'):
        weights(nets(shape)[1])


@pytest.mark.parametrize('kind, norm', [(0, 'spectral'), (0, 'instance'), (1, 'instance'), (2, 'bach')])
def test_wrong_norms_are_refused(kind, norm):
    with pytest.raises(UserError, match=f"norm of the net 'infogan' '{norm}'"):
        weights(nets(norm=norm)[kind])


def test_nets_without_an_autoencoder_say_so():
    with pytest.raises(UserError, match=r"critic.net='mlp' has no Autoencoder"):
        build.autoencoder({'net': 'mlp'}, Spec((8, 8, 1)), Compute())
