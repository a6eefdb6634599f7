"""StackGAN: conditioning augmentation, its nets and stages."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gans.core import Compute
from gans.errors import UserError
from gans.losses import divergence
from gans.nets._augmentation import Augmentation
from gans.nets.stackgan import DrawingGenerator, SketchGenerator, StackCritic


def kernels(module, *shapes: tuple) -> tuple[dict, tuple]:
    """Shapes of kernels by path, and the output's shape."""
    inputs = [jax.ShapeDtypeStruct((2, *shape), jnp.float32) for shape in shapes]
    made, variables = jax.eval_shape(module.init_with_output, jax.random.key(0), *inputs)
    leaves = jax.tree_util.tree_leaves_with_path(variables['params'])
    names = {'/'.join(entry.key for entry in path): leaf.shape for path, leaf in leaves}
    return {name.removesuffix('/kernel'): shape for name, shape in names.items() if name.endswith('kernel')}, made.shape


@pytest.mark.parametrize('form', ['leaky_relu', 'relu', 'glu'])
def test_what_is_told_is_drawn_around_the_sentence(form) -> None:
    """In the three published forms, by hand; the divergence is the mean over numbers of the authors' code."""
    draw = np.random.default_rng(0)
    sentences, noise = draw.normal(size=(5, 7)), draw.normal(size=(5, 3))
    module = Augmentation(Compute(), 3, form)
    params = module.init(jax.random.key(0), sentences, noise)
    told, mean, log_variance = module.apply(params, sentences, noise)
    kernel = np.asarray(params['params']['moments']['kernel'])
    x = sentences @ kernel
    if form == 'glu':
        assert kernel.shape == (7, 12)
        x = x[:, :6] / (1 + np.exp(-x[:, 6:]))
        mu, sigma = x[:, :3], np.exp(x[:, 3:] / 2)
    elif form == 'relu':
        mu, sigma = np.maximum(x[:, :3], 0), np.exp(np.maximum(x[:, 3:], 0) / 2)
        assert sigma.min() >= 1
    else:
        x = np.where(x > 0, x, 0.2 * x)
        mu, sigma = x[:, :3], np.exp(x[:, 3:])
    np.testing.assert_allclose(mean, mu, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(told, mu + sigma * noise, rtol=1e-4, atol=1e-5)
    wanted = np.mean(-np.log(sigma) + (sigma**2 + mu**2 - 1) / 2)
    np.testing.assert_allclose(divergence(mean, log_variance).mean() / 3, wanted, rtol=1e-4)


def test_a_form_that_there_is_not_is_told() -> None:
    with pytest.raises(UserError, match="form of conditioning augmentation 'gul'"):
        Augmentation(Compute(), 3, 'gul').init(jax.random.key(0), jnp.zeros((2, 7)), jnp.zeros((2, 3)))


def test_the_nets_have_the_papers_layers() -> None:
    """At 64 and 256 pixels, kernel by kernel."""
    found, made = kernels(SketchGenerator((64, 64, 3), Compute(), 128, 'leaky_relu'), (100,), (1024,), (128,))
    assert made == (2, 64, 64, 3)
    assert found.pop('augmentation/moments') == (1024, 256) and found.pop('stem_4') == (228, 1024 * 16)
    for size, width, narrow in ((4, 1024, 256), (8, 512, 128)):
        assert [found.pop(f'residual_{size}/conv_norm_{i}/conv') for i in (1, 2, 3)] == [
            (1, 1, width, narrow),
            (3, 3, narrow, narrow),
            (3, 3, narrow, width),
        ]
    assert [found.pop(f'up_{size}/conv')[2:] for size in (8, 16, 32)] == [(1024, 512), (512, 256), (256, 128)]
    assert found.pop('image/conv') == (3, 3, 128, 3) and not found

    found, made = kernels(DrawingGenerator((256, 256, 3), Compute(), 128, 'leaky_relu'), (64, 64, 3), (1024,), (128,))
    assert made == (2, 256, 256, 3)
    assert found.pop('augmentation/moments') == (1024, 256) and found.pop('in_64') == (3, 3, 3, 128)
    assert [found.pop(f'down_{size}/conv') for size in (32, 16)] == [(4, 4, 128, 256), (4, 4, 256, 512)]
    assert found.pop('joint/conv') == (3, 3, 640, 512)
    assert [found.pop(f'residual_{i}/conv_norm_{j}/conv') for i in range(4) for j in (1, 2)] == 8 * [(3, 3, 512, 512)]
    assert [found.pop(f'up_{size}/conv')[-1] for size in (32, 64, 128, 256)] == [256, 128, 64, 32]
    assert found.pop('image/conv') == (3, 3, 32, 3) and not found


@pytest.mark.parametrize(('size', 'more'), [(64, 0), (256, 2)])
def test_critics_have_the_papers_layers(size, more) -> None:
    found, made = kernels(StackCritic((size, size, 3), Compute(), 128, more, more > 0), (size, size, 3), (1024,))
    assert made == ((2, 2) if more else (2,))
    downs = [found.pop('in')] + [found.pop(f'down_{n}/conv') for n in (64, 32, 16, 8, 4) if n < size // 2]
    assert [shape[-1] for shape in downs] == [64, 128, 256, 512, 1024, 2048][: 4 + more]
    assert {shape[:2] for shape in downs} == {(4, 4)}
    backs = [found.pop(f'back_{i}/conv') for i in reversed(range(more))]
    assert backs == [(1, 1, 2048, 1024), (1, 1, 1024, 512)][:more]
    assert [found.pop(f'residual_4/conv_norm_{i}/conv')[-1] for i in (1, 2, 3)] == [128, 128, 512]
    assert found.pop('told') == (1024, 128) and found.pop('joint/conv') == (1, 1, 640, 512)
    assert {found.pop(name) for name in list(found)} == {(512 * 16, 1)}
