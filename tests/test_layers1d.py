"""Layers of sequences are PyTorch's, with its parameters."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gans.core import Compute
from gans.ops.layers1d import ConvTranspose1d, Gru, Lstm

BATCH, STEPS, GIVEN, FEATURES = 3, 5, 4, 6


def made(module, *inputs):
    """Its parameters and what it makes of arrays of these shapes, which come with it."""
    rng = np.random.default_rng(0)
    inputs = [rng.normal(size=shape).astype(np.float32) for shape in inputs]
    params = module.init(jax.random.key(0), *inputs)['params']
    return params, inputs, jax.jit(module.apply)({'params': params}, *inputs)


def as_torch(torch, x):
    return torch.tensor(np.array(x))


@pytest.mark.parametrize('kernel, stride', [(4, 2), (1, 1)])
def test_transposed_convolution(kernel, stride):
    torch = pytest.importorskip('torch')
    layer = ConvTranspose1d(FEATURES, kernel=kernel, stride=stride)
    params, (x,), y = made(layer, (BATCH, STEPS, GIVEN))
    assert y.shape == (BATCH, stride * STEPS, FEATURES)
    theirs = torch.nn.functional.conv_transpose1d(
        as_torch(torch, x.swapaxes(1, 2)),
        as_torch(torch, params['kernel'][::-1].transpose(1, 2, 0)),  # a gradient's kernel: flipped
        as_torch(torch, params['bias']),
        stride,
        (kernel - 1) // 2,
    )
    np.testing.assert_allclose(y.swapaxes(1, 2), theirs, atol=1e-5)


def paired(torch, theirs, params):
    """PyTorch's recurrent layer with our parameters."""
    names = {'kernel': 'weight_ih_l0', 'state_kernel': 'weight_hh_l0', 'bias': 'bias_ih_l0', 'state_bias': 'bias_hh_l0'}
    assert sum(x.size for x in params.values()) == sum(x.numel() for x in theirs.parameters())
    for ours, name in names.items():
        getattr(theirs, name).data.copy_(as_torch(torch, params[ours].T))
    return theirs


def test_gru():
    """Its states, and their gradient in the first one, which goes through all steps."""
    torch = pytest.importorskip('torch')
    params, (x, h), y = made(Gru(FEATURES, Compute()), (BATCH, STEPS, GIVEN), (BATCH, FEATURES))
    state = as_torch(torch, h[None]).requires_grad_()
    theirs, _ = paired(torch, torch.nn.GRU(GIVEN, FEATURES, batch_first=True), params)(as_torch(torch, x), state)
    np.testing.assert_allclose(y, theirs.detach(), atol=1e-5)
    theirs.square().sum().backward()
    ours = jax.grad(lambda h: jnp.square(Gru(FEATURES, Compute()).apply({'params': params}, x, h)).sum())(h)
    np.testing.assert_allclose(ours, state.grad[0], atol=1e-5)


def test_lstm():
    torch = pytest.importorskip('torch')
    params, (x,), y = made(Lstm(FEATURES, Compute()), (BATCH, STEPS, GIVEN))
    theirs, _ = paired(torch, torch.nn.LSTM(GIVEN, FEATURES, batch_first=True), params)(as_torch(torch, x))
    np.testing.assert_allclose(y, theirs.detach(), atol=1e-5)
