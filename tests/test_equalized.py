"""Equalized layers and what goes with them, against PyTorch and numpy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

pytest.importorskip('torch')

import torch
import torch.nn.functional as F

from gans.core import Compute
from gans.errors import UserError
from gans.ops.equalized import (
    SQRT2,
    EqualizedConv,
    EqualizedDense,
    conv_down,
    feature_maps,
    lrelu,
    pixel_norm,
    sizes,
    up_conv,
)
from gans.ops.minibatch import with_std
from gans.ops.nearest import pool, upsample

RNG = np.random.default_rng(0)


def normal(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


def nchw(x: np.ndarray) -> torch.Tensor:
    return torch.tensor(np.asarray(x)).permute(0, 3, 1, 2)


def kernel_of(w: np.ndarray) -> torch.Tensor:
    return torch.tensor(np.asarray(w)).permute(3, 2, 0, 1)


def test_a_dense_layer_is_stored_at_unit_scale_and_used_at_that_of_its_fan_in():
    layer, x = EqualizedDense(400, gain=SQRT2, lrmul=0.01, bias=1.0), normal(3, 200)
    params = layer.init(jax.random.key(0), x)['params']
    assert float(params['kernel'].std()) == pytest.approx(100, rel=0.02)
    np.testing.assert_array_equal(params['bias'], 1)
    wanted = x @ (np.asarray(params['kernel']) * 0.01 * np.sqrt(2 / 200)) + 0.01
    np.testing.assert_allclose(layer.apply({'params': params}, x), wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('resample', ['none', 'up', 'down'])
def test_a_convolution_is_that_of_pytorch_and_its_gradients_too(resample: str):
    x, layer = normal(2, 6, 4, 3), EqualizedConv(5, Compute(), gain=2.0, lrmul=0.5, resample=resample)
    params = layer.init(jax.random.key(1), x)['params']
    w, b = params['kernel'], normal(5)
    theirs = [nchw(x), kernel_of(w), torch.tensor(b)]
    for tensor in theirs:
        tensor.requires_grad_()
    image = F.interpolate(theirs[0], scale_factor=2, mode='nearest') if resample == 'up' else theirs[0]
    out = F.conv2d(image, theirs[1] * 2.0 * 0.5 / np.sqrt(27), padding=1)
    out = (F.avg_pool2d(out, 2) if resample == 'down' else out) + 0.5 * theirs[2][:, None, None]
    out.square().sum().backward()
    apply = lambda x, w, b: layer.apply({'params': {'kernel': w, 'bias': b}}, x)
    np.testing.assert_allclose(apply(x, w, b), out.detach().permute(0, 2, 3, 1), rtol=1e-4, atol=1e-5)
    found = jax.grad(lambda *args: (apply(*args) ** 2).sum(), (0, 1, 2))(x, w, b)
    for ours, tensor, order in zip(found, theirs, [(0, 2, 3, 1), (2, 3, 1, 0), (0,)], strict=True):
        np.testing.assert_allclose(ours, tensor.grad.permute(order), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize('kernel', [1, 3, 5])
@pytest.mark.parametrize('form', ['auto', 'matmul', 'lax'])
def test_fused_resampling_is_the_unfused_one_to_the_border(kernel: int, form: str):
    x, w = normal(2, 4, 6, 3), normal(kernel, kernel, 3, 4)
    plain = lambda x: np.asarray(F.conv2d(nchw(x), kernel_of(w), padding=kernel // 2).permute(0, 2, 3, 1))
    np.testing.assert_allclose(up_conv(x, w, form), plain(upsample(jnp.asarray(x))), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(conv_down(x, w, form), pool(jnp.asarray(plain(x))), rtol=1e-4, atol=1e-4)


def test_pixel_norm_and_leaky_relu():
    x = normal(2, 3, 3, 8)
    wanted = x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-8)
    np.testing.assert_allclose(pixel_norm(jnp.asarray(x)), wanted, rtol=1e-5)
    np.testing.assert_allclose(lrelu(jnp.asarray(x), SQRT2), np.where(x > 0, x, 0.2 * x) * 2**0.5, rtol=1e-6)


def test_groups_of_minibatch_deviation_are_interleaved_and_its_planes_come_last():
    x, group, planes = normal(6, 2, 2, 4), 3, 2
    found = np.asarray(with_std(jnp.asarray(x), group, planes))
    np.testing.assert_array_equal(found[..., :4], x)
    for i in range(6):
        members = [j for j in range(6) if j % 2 == i % 2]  # 6 / 3 groups
        for plane in range(planes):
            std = np.sqrt(x[members][..., 2 * plane : 2 * plane + 2].var(0) + 1e-8).mean()
            np.testing.assert_allclose(found[i, ..., 4 + plane], std, rtol=1e-5)
    whole = with_std(jnp.asarray(x), 16)  # no more than there are
    np.testing.assert_array_equal(whole, with_std(jnp.asarray(x)))


def test_what_does_not_divide_is_a_line():
    with pytest.raises(UserError, match=r'critic.group=4 cannot divide the 6 examples'):
        with_std(jnp.zeros((6, 2, 2, 4)), 4)
    with pytest.raises(UserError, match='4 channels cannot be cut in 3 parts'):
        with_std(jnp.zeros((6, 2, 2, 4)), 2, 3)
    for shape in [(48, 48, 3), (2, 2, 3), (32, 16, 3), (7,)]:
        with pytest.raises(UserError, match="net 'progan' supports square images of 4, 8, 16, "):
            sizes(shape, 'progan')


def test_resolutions_and_their_channels():
    assert sizes((32, 32, 3), 'progan') == [4, 8, 16, 32]
    assert sizes((4, 4, 3), 'progan') == [4]
    table = [feature_maps(size, 8192, 512) for size in (4, 32, 64, 128, 256, 512, 1024)]
    assert table == [512, 512, 256, 128, 64, 32, 16]
    assert feature_maps(64, 16384, 512) == 512 and feature_maps(128, 16384, 512) == 256
