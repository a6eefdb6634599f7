"""Self-attention between the pixels of an image, as in SAGAN (Zhang 2019, 1805.08318, section 3)."""

import flax.linen as nn
import jax.numpy as jnp

from gans.core import Array, Compute
from gans.errors import UserError
from gans.ops.layers import Conv, Initializer


class SelfAttention(nn.Module):
    """x [B, H, W, C] -> x + sigma o, of the same shape: sigma is learned, and 0 at first.

    1x1 convolutions, without biases and spectrally normalized, make queries and keys of C / 8 channels and values of
    C / 2; another one makes o, of C channels, of the values that each pixel attends to. As in the authors' code, the
    maximum of each 2 x 2 keys and values stands for the four, and products are not divided by a root.
    """

    compute: Compute = Compute()
    kernel_init: Initializer = nn.linear.default_kernel_init

    @nn.compact
    def __call__(self, x: Array, train: bool = True) -> Array:
        b, h, w, c = x.shape
        if h % 2 or w % 2:
            raise UserError(f'attention takes maxima of 2 x 2 pixels, so not {h} x {w} of them: attend to another size')

        def conv(x: Array, channels: int, name: str) -> Array:
            return Conv(channels, self.compute, False, True, self.kernel_init, kernel=1, name=name)(x, train)

        narrow, half = max(1, c // 8), max(1, c // 2)
        queries = conv(x, narrow, 'queries').reshape(b, h * w, narrow)
        keys = _max_pool(conv(x, narrow, 'keys')).reshape(b, h * w // 4, narrow)
        values = _max_pool(conv(x, half, 'values')).reshape(b, h * w // 4, half)
        seen = attend(queries, keys, values).reshape(b, h, w, half)
        sigma = self.param('sigma', nn.initializers.zeros, ())
        return x + (sigma * conv(seen, c, 'out')).astype(x.dtype)


def attend(queries: Array, keys: Array, values: Array) -> Array:
    """For each query the mean of the values, weighted by the softmax over keys of query . key: queries [B, N, d], keys
    [B, M, d], values [B, M, f] -> [B, N, f]. The softmax is in float32.
    """
    weights = nn.softmax(jnp.einsum('bnd,bmd->bnm', queries, keys).astype(jnp.float32))
    return jnp.einsum('bnm,bmf->bnf', weights.astype(values.dtype), values)


def _max_pool(x: Array) -> Array:
    """Maxima of 2 x 2 pixels: [B, 2H, 2W, C] -> [B, H, W, C]."""
    b, h, w, c = x.shape
    return x.reshape(b, h // 2, 2, w // 2, 2, c).max((2, 4))
