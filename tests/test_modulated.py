"""The modulated convolution against one kernel for each example."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from gans.core import Array
from gans.ops import fir
from gans.ops.modulated import modulated_conv

B, SIDE, C, F = 3, 6, 4, 5


def arrays() -> tuple[Array, Array, Array]:
    draw = np.random.default_rng(0).normal
    shapes = (B, SIDE, SIDE, C), (3, 3, C, F), (B, C)
    return tuple(jnp.asarray(draw(size=shape), jnp.float32) for shape in shapes)


def one_by_one(x: Array, w: Array, style: Array, demodulate: bool, up: bool) -> Array:
    """The definition: w' = s w, divided by its norm over taps and input channels, for each example by itself."""
    made = []
    for image, s in zip(x, style, strict=True):
        kernel = w * s[:, None]
        kernel = kernel / jnp.sqrt((kernel**2).sum((0, 1, 2)) + 1e-8) if demodulate else kernel
        if up:
            made.append(fir.up_conv(image[None], kernel, form='lax'))
        else:
            layout = ('NHWC', 'HWIO', 'NHWC')
            made.append(lax.conv_general_dilated(image[None], kernel, (1, 1), 'SAME', dimension_numbers=layout))
    return jnp.concatenate(made)


@pytest.mark.parametrize(('demodulate', 'up'), [(True, False), (True, True), (False, False)])
def test_equals_kernels_of_their_own(demodulate: bool, up: bool) -> None:
    """With first derivatives by all arguments, and their gradients, as the path length needs them."""

    def found(f: object) -> tuple:
        loss = lambda *arguments: (jnp.sin(f(*arguments, demodulate, up))).sum()
        norm = lambda *arguments: sum((g**2).sum() for g in jax.grad(loss, (0, 2))(*arguments))
        return f(*arrays(), demodulate, up), jax.grad(loss, (0, 1, 2))(*arrays()), jax.grad(norm, (0, 1, 2))(*arrays())

    ours, wanted = jax.jit(lambda: found(modulated_conv))(), jax.jit(lambda: found(one_by_one))()
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(wanted), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5 * np.abs(b).max())


def test_outputs_have_unit_variance_and_do_not_depend_on_the_scale_of_styles() -> None:
    x, w, style = arrays()
    made = lambda s: modulated_conv(x, w, s)
    np.testing.assert_allclose(made(100 * style), made(style), rtol=1e-4, atol=1e-5)
    white = jnp.asarray(np.random.default_rng(1).normal(size=(B, 64, 64, C)), jnp.float32)
    np.testing.assert_allclose(modulated_conv(white, w, style)[:, 1:-1, 1:-1].std((1, 2)), 1.0, atol=0.06)
