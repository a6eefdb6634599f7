"""StyleGAN2's convolution (Karras 2020, 1912.04958, section 2.2): each example has its own scales of the kernel's input
channels, its style, by which the kernel is modulated and then, so that outputs have unit variance, demodulated:

    w'[n, ..., i, o] = s[n, i] w[..., i, o],    w''[n, ..., i, o] = w' / sqrt(sum over taps and i of w'^2 + 1e-8).

Scales of input and output channels commute with the sum over pixels, so images are scaled before and after one
convolution that all examples share: equal to a kernel for each example, and on CPU twenty times faster than the grouped
convolution which that needs. Scales are computed in float32; in bfloat16, which has its range, they need no bounds.
"""

import jax.numpy as jnp
from jax import lax

from gans.core import Array
from gans.ops.conv import conv
from gans.ops.fir import up_conv
from gans.ops.moments import spread


def modulated_conv(
    x: Array, w: Array, style: Array, demodulate: bool = True, up: bool = False, form: str = 'auto'
) -> Array:
    """x [B, H, W, C], w [k, k, C, F], style [B, C] -> [B, H, W, F], or [B, 2H, 2W, F] with `up`, in the type of x.

    Args:
      w, style: float32; w as it is used, with its factor 1 / sqrt(fan in), which matters without demodulation.
      up: see `gans.ops.fir.up_conv`.
      form: of convolutions, see `gans.ops.conv.conv`.
    """
    scaled = x * spread(style.astype(x.dtype), x.shape)
    y = (up_conv if up else conv)(scaled, w.astype(x.dtype), form=form)
    if not demodulate:
        return y
    return y * spread(demodulation(w, style).astype(x.dtype), y.shape)


def demodulation(w: Array, style: Array) -> Array:
    """1 / |w'| for each example and output channel: [k, k, C, F], [B, C] -> [B, F]."""
    return lax.rsqrt(jnp.matmul(style**2, (w**2).sum((0, 1)), precision='highest') + 1e-8)
