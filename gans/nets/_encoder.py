"""The encoder of pictures of 3D-VAE-GAN (Wu 2016, 1610.07584, section 3.3): five convolutions, of which four shrink the
picture by 32 and the last one sees all that is left.

At 256 pixels and the default width they are the paper's: channels 64, 128, 256, 512 and 400, kernels 11, 5, 5, 5 and 8,
strides 4, 2, 2, 2 and 1, and batch norms and ReLUs between.
"""

import flax.linen as nn
import jax.numpy as jnp

from gans.core import Array, Compute
from gans.errors import UserError
from gans.ops.layers import Conv, Dense, initializer, norm

KERNELS, STRIDES = (11, 5, 5, 5), (4, 2, 2, 2)
SHRINKS = 32


class Encoder(nn.Module):
    """Pictures [B, H, W, C], H = W a multiple of 32 -> features [B, features], float32."""

    shape: tuple[int, ...]
    compute: Compute
    features: int
    width: int = 64
    init_std: float | None = 0.02

    batchwise = True  # by its norms

    @nn.compact
    def __call__(self, x: Array, train: bool = True) -> Array:
        if self.shape[0] != self.shape[1] or self.shape[0] % SHRINKS:
            raise UserError(f'the encoder sees squares of a multiple of {SHRINKS} pixels, not {self.shape[:2]}: set'
                            ' data.view to one')  # fmt: skip
        init = initializer(self.init_std)
        for i, (kernel, stride) in enumerate(zip(KERNELS, STRIDES, strict=True)):
            width = self.width * 2**i
            conv = Conv(width, self.compute, False, False, init, kernel, stride, name=f'conv_{i}')
            x = conv(x, train)
            x = nn.relu(norm('batch', x, train, name=f'norm_{i}', compute=self.compute, scale_std=self.init_std))
        # A convolution that sees all that is left is a dense layer.
        out = Dense(self.features, self.compute, kernel_init=init, name='out')
        return out(x.reshape(len(x), -1), train).astype(jnp.float32)
