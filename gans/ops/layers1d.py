"""Linen layers of sequences [B, T, C]: a transposed convolution, and recurrent layers as PyTorch computes them.

Recurrent layers multiply all of their inputs with kernels at once; only the small products with their state are done
one after the other.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax
from jax.ad_checkpoint import checkpoint_name

from gans.core import Array, Compute
from gans.ops.conv import conv_transpose
from gans.ops.layers import PRODUCT, Kernel
from gans.ops.moments import spread

UNROLLED = 16  # steps that are compiled one by one before there is a loop


class ConvTranspose1d(Kernel):
    """x [B, T, C] -> [B, s T, features], s the stride: the transpose of a convolution of symmetric padding
    (kernel - 1) // 2, as PyTorch's; an image of height 1.
    """

    kernel: int = 4
    stride: int = 2

    @nn.compact
    def __call__(self, x: Array, train: bool = True) -> Array:
        kernel, bias = self.make_parameters((self.kernel, x.shape[-1], self.features), train)
        low = self.kernel - 1 - (self.kernel - 1) // 2
        pads = [(0, 0), (low, self.stride + self.kernel - 2 - low)]
        x = x.astype(self.compute.dtype)[:, None]
        x = conv_transpose(x, kernel[None], (1, self.stride), pads, self.compute.conv)
        return checkpoint_name(x[:, 0] + spread(bias, x[:, 0].shape), PRODUCT)


class _Recurrent(nn.Module):
    """Parameters begin in U(-1, 1) / sqrt(features), as PyTorch's."""

    features: int
    compute: Compute = Compute()

    def make_gates(self, x: Array, gates: int) -> tuple[Array, Array, Array]:
        """Inputs times their kernels, [B, T, gates features], and the kernel and the bias of the state."""
        width, dtype = gates * self.features, self.compute.dtype

        def init(rng: Array, shape: tuple[int, ...]) -> Array:
            return jax.random.uniform(rng, shape, minval=-1, maxval=1) * self.features**-0.5

        shapes = {'kernel': (x.shape[-1], width), 'bias': (width,)}
        shapes |= {'state_kernel': (self.features, width), 'state_bias': (width,)}
        kernel, bias, *of_state = (self.param(name, init, shape).astype(dtype) for name, shape in shapes.items())
        return checkpoint_name(x.astype(dtype) @ kernel + bias, PRODUCT), *of_state


class Gru(_Recurrent):
    """Inputs [B, T, d] and the first state [B, features] -> states [B, T, features] after each of the inputs.

    r, z = sigmoid(W x + b + U h + c); n = tanh(W x + b + r (U h + c)); the next state is (1 - z) n + z h.
    """

    @nn.compact
    def __call__(self, x: Array, state: Array) -> Array:
        given, kernel, bias = self.make_gates(x, 3)

        def step(h: Array, now: Array) -> tuple[Array, Array]:
            r, z, n = jnp.split(now, 3, 1)
            by_r, by_z, by_n = jnp.split(h @ kernel + bias, 3, 1)
            r, z = nn.sigmoid(r + by_r), nn.sigmoid(z + by_z)
            h = (1 - z) * jnp.tanh(n + r * by_n) + z * h
            return h, h

        return lax.scan(step, state.astype(given.dtype), given.swapaxes(0, 1), unroll=UNROLLED)[1].swapaxes(0, 1)


class Lstm(_Recurrent):
    """Inputs [B, T, d] -> outputs [B, T, features], from a state of zeros.

    i, f, g, o of W x + b + U h + c; cells become sigmoid(f) cells + sigmoid(i) tanh(g), and h sigmoid(o) tanh(cells).
    """

    @nn.compact
    def __call__(self, x: Array) -> Array:
        given, kernel, bias = self.make_gates(x, 4)

        def step(carry: tuple[Array, Array], now: Array) -> tuple[tuple[Array, Array], Array]:
            h, cells = carry
            i, f, g, o = jnp.split(now + h @ kernel + bias, 4, 1)
            cells = nn.sigmoid(f) * cells + nn.sigmoid(i) * jnp.tanh(g)
            h = nn.sigmoid(o) * jnp.tanh(cells)
            return (h, cells), h

        zeros = jnp.zeros((len(x), self.features), given.dtype)
        return lax.scan(step, (zeros, zeros), given.swapaxes(0, 1), unroll=UNROLLED)[1].swapaxes(0, 1)
