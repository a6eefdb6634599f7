"""Layers of equalized learning rate (Karras 2018, 1710.10196, section 4.1), of which ProGAN and the StyleGANs are made.

A kernel is stored as N(0, 1) / lrmul, and used times lrmul gain / sqrt(fan in); a bias is used times lrmul. So all
stored kernels have one scale, and Adam, whose steps do not depend on that of gradients, moves them all alike: such
layers with rates of .001 to .003 are another method than layers initialized to that scale with the same rates.

`gain` is sqrt(2) before a leaky ReLU in ProGAN and StyleGAN, and 1 elsewhere; in StyleGAN2 it is 1 everywhere, and the
activation has the gain, after the bias: `lrelu(x, SQRT2)`.
"""

import math

import flax.linen as nn
import jax.numpy as jnp
from jax import lax
from jax.ad_checkpoint import checkpoint_name

from gans.core import Array, Compute
from gans.errors import UserError
from gans.ops.conv import conv, conv_transpose
from gans.ops.layers import PRODUCT, Layer
from gans.ops.moments import spread

SQRT2 = math.sqrt(2)


def sizes(shape: tuple[int, ...], net: str, first: int = 4) -> list[int]:
    """[first, 2 first, ..., H]: the resolutions of a net. Raises UserError for images that it does not support."""
    side = shape[0]
    if len(shape) != 3 or shape[1] != side or side < first or side & (side - 1):
        raise UserError(
            f"net '{net}' supports square images of {first}, {2 * first}, {4 * first}, ... pixels, not {shape}: choose "
            'another data.size, or the net'
        )
    return [first * 2**i for i in range((side // first).bit_length())]


def feature_maps(size: int, base: int, most: int) -> int:
    """Channels at a resolution: min(base / (size / 2), most), and of latents (size 2) min(base, most). At least 1.

    base: 8192 in ProGAN, StyleGAN and StyleGAN2 A-E, 16384 in StyleGAN2 F.
    """
    return max(1, min(2 * base // size, most))


def lrelu(x: Array, gain: float = 1.0) -> Array:
    """Leaky ReLU of slope 0.2, times a gain."""
    y = nn.leaky_relu(x, 0.2)
    return y if gain == 1 else y * gain


def pixel_norm(x: Array) -> Array:
    """Divides each pixel, or latent, by the root mean square of its channels: [B, ..., C]; moments in float32."""
    wide = x.astype(jnp.float32)
    return (wide * lax.rsqrt((wide * wide).mean(-1, keepdims=True) + 1e-8)).astype(x.dtype)


class Equalized(Layer):
    """Parameters of the layers below, as they are used.

    gain: of the kernel. lrmul: rate of the layer, as a factor; 0.01 in mapping nets. bias: as it is stored at first;
    None for no bias.
    """

    features: int
    compute: Compute = Compute()
    gain: float = SQRT2
    lrmul: float = 1.0
    bias: float | None = 0.0

    def make_kernel(self, shape: tuple[int, ...]) -> Array:
        """The kernel [..., fan in, features], float32."""
        kernel = self.param('kernel', nn.initializers.normal(1 / self.lrmul), shape)
        return kernel * (self.gain * self.lrmul / math.sqrt(math.prod(shape[:-1])))

    def add_bias(self, x: Array) -> Array:
        """x [..., features] plus the bias, if there is one."""
        if self.bias is None:
            return x
        bias = self.param('bias', nn.initializers.constant(self.bias), (self.features,))
        return x + spread((bias * self.lrmul).astype(x.dtype), x.shape)


class EqualizedDense(Equalized):
    """x [B, d] -> [B, features]."""

    @nn.compact
    def __call__(self, x: Array) -> Array:
        kernel = self.make_kernel((x.shape[-1], self.features)).astype(self.compute.dtype)
        return self.add_bias(checkpoint_name(x.astype(self.compute.dtype) @ kernel, PRODUCT))


class EqualizedConv(Equalized):
    """x [B, H, W, C] -> [B, H, W, features], zeros beyond the border.

    resample: 'up' [B, 2H, 2W, features], of the image enlarged by repeating pixels, or 'down' [B, H/2, W/2, features],
    means of 2 x 2 pixels of the convolution; both as one strided convolution (`up_conv`, `conv_down`).
    """

    kernel: int = 3
    resample: str = 'none'

    @nn.compact
    def __call__(self, x: Array) -> Array:
        kernel = self.make_kernel((self.kernel, self.kernel, x.shape[-1], self.features))
        convolve = {'none': conv, 'up': up_conv, 'down': conv_down}[self.resample]
        x = convolve(x.astype(self.compute.dtype), kernel.astype(self.compute.dtype), form=self.compute.conv)
        return self.add_bias(checkpoint_name(x, PRODUCT))


def up_conv(x: Array, w: Array, form: str = 'auto') -> Array:
    """conv(upsample(x), w) for odd kernels, with (k + 1)^2 products for each pixel of x in place of (2 k)^2:
    [B, H, W, C], [k, k, C, F] -> [B, 2H, 2W, F].
    """
    pads = (w.shape[0] + 1) // 2, (w.shape[1] + 1) // 2
    return conv_transpose(x, _shifted(w), 2, [(pad, pad) for pad in pads], form)


def conv_down(x: Array, w: Array, form: str = 'auto') -> Array:
    """pool(conv(x, w)) for odd kernels: [B, 2H, 2W, C], [k, k, C, F] -> [B, H, W, F]."""
    return conv(x, _shifted(w) / 4, 2, [((k - 1) // 2,) * 2 for k in w.shape[:2]], form)


def _shifted(w: Array) -> Array:
    """The sum of a kernel's four copies that are shifted by 0 or 1: [k, k, C, F] -> [k + 1, k + 1, C, F]."""
    w = jnp.pad(w, ((1, 1), (0, 0), (0, 0), (0, 0)))
    w = w[1:] + w[:-1]
    w = jnp.pad(w, ((0, 0), (1, 1), (0, 0), (0, 0)))
    return w[:, 1:] + w[:, :-1]
