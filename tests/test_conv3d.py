"""3-D convolutions on 2-D ones: values, first and second derivatives are those of lax."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from test_conv import all_orders

from gans.ops.conv3d import NDHWC, conv3d, conv3d_transpose

REFERENCE = {
    conv3d: lambda x, w, s, p: lax.conv_general_dilated(x, w, strides(s), p, dimension_numbers=NDHWC),
    conv3d_transpose: lambda x, w, s, p: lax.conv_transpose(x, w, strides(s), p, dimension_numbers=NDHWC),
}
# kernel, stride, padding, volume: odd and even of each, a remainder, a stride beyond the kernel, cut borders
CASES = [
    ((4, 4, 4), 2, [(1, 1)] * 3, (4, 6, 4)),
    ((3, 3, 3), 1, 'SAME', (3, 4, 2)),
    ((5, 4, 3), 2, 'VALID', (8, 7, 6)),
    ((1, 2, 1), 3, 'SAME', (5, 4, 4)),
    ((3, 3, 3), 2, [(-1, 0), (1, -1), (2, 1)], (7, 6, 5)),
    ((4, 4, 4), (1, 2, 2), [(0, 0), (1, 1), (1, 1)], (6, 4, 4)),
    ((2, 3, 4), (3, 1, 2), 'SAME', (5, 3, 4)),
    ((5, 4, 4), (1, 2, 2), [(2, -1), (1, 1), (1, 1)], (6, 4, 4)),
]


def strides(stride):
    return (stride,) * 3 if isinstance(stride, int) else stride


def arrays(kernel, volume):
    rng = np.random.default_rng(sum(kernel) + sum(volume))
    x, w = rng.normal(size=(2, *volume, 3)), rng.normal(size=(*kernel, 3, 2))
    return jnp.asarray(x), jnp.asarray(w)


@pytest.mark.parametrize('op', [conv3d, conv3d_transpose])
@pytest.mark.parametrize(
    ('kernel', 'stride', 'padding', 'volume', 'form'),
    [*((*case, 'direct') for case in CASES), *((*CASES[i], 'winograd') for i in (0, 5, 7))],
)
def test_equals_lax_in_all_orders(op, kernel, stride, padding, volume, form):
    with jax.enable_x64(True):
        x, w = arrays(kernel, volume)
        ops = [lambda x, w: REFERENCE[op](x, w, stride, padding), lambda x, w: op(x, w, stride, padding, form)]
        fast = {'xla_backend_optimization_level': 0, 'xla_llvm_disable_expensive_passes': True}
        want, got = jax.jit(lambda x, w: [all_orders(some, x, w) for some in ops], compiler_options=fast)(x, w)
        for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9 * np.abs(b).max())


def test_wide_layers_take_fewer_products_and_equal_lax_and_pytorch():
    """By minimal filtering in height and width, in float32, and per member of a population."""
    rng = np.random.default_rng(0)
    x, w = (rng.normal(size=s).astype(np.float32) for s in ((1, 8, 8, 8, 16), (4, 4, 4, 16, 16)))
    ours = jax.vmap(lambda x, w: conv3d(x, w, 2, [(1, 1)] * 3, 'winograd'), (None, 0))(x, np.stack([w, 2 * w]))
    want = REFERENCE[conv3d](x, w, 2, [(1, 1)] * 3)
    for got, scale in zip(ours, (1, 2), strict=True):
        np.testing.assert_allclose(got, scale * want, atol=1e-5 * np.abs(want).max() * scale)
    back = conv3d_transpose(want, w, 2, 'SAME', 'winograd')
    np.testing.assert_allclose(back, REFERENCE[conv3d_transpose](want, w, 2, 'SAME'), rtol=1e-4, atol=1e-3)
    torch = pytest.importorskip('torch')
    theirs = torch.nn.functional.conv3d(
        torch.tensor(x.transpose(0, 4, 1, 2, 3)), torch.tensor(w.transpose(4, 3, 0, 1, 2)), stride=2, padding=1
    )
    np.testing.assert_allclose(ours[0], theirs.numpy().transpose(0, 2, 3, 4, 1), atol=1e-5 * np.abs(want).max())
    # PyTorch's transposed convolution is the gradient of a convolution: its kernels are flipped
    theirs = torch.nn.functional.conv_transpose3d(
        torch.tensor(np.array(want).transpose(0, 4, 1, 2, 3)),
        torch.tensor(np.ascontiguousarray(w[::-1, ::-1, ::-1].transpose(3, 4, 0, 1, 2))),
        stride=2,
        padding=1,
    )
    scale = np.abs(back).max()
    np.testing.assert_allclose(back, theirs.numpy().transpose(0, 2, 3, 4, 1), atol=1e-5 * scale)


def test_mistakes_are_said():
    x, w = jnp.zeros((1, 4, 4, 4, 2)), jnp.zeros((3, 3, 3, 2, 1))
    with pytest.raises(ValueError, match=r"unknown padding 'same'"):
        conv3d(x, w, padding='same')
    with pytest.raises(ValueError, match='must be'):
        conv3d(x[0], w)
    with pytest.raises(ValueError, match='leave nothing'):
        conv3d(x[:, :2], w, padding='VALID', form='direct')
