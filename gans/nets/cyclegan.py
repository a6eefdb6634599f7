"""CycleGAN's generator (Zhu 2017, 1703.10593, appendix 7.2, after Johnson 2016, 1603.08155): two halvings, residual
blocks, two doublings. Its critic is 'patchgan'.

Padding is reflected in the first and last convolution and in the blocks, zeros otherwise; there is no ReLU after a
block's sum. As in the authors' PyTorch code, instance norm has no scales and shifts, and the convolutions before it
keep biases, which do nothing: 11,378,179 parameters with 9 blocks.
"""

import flax.linen as nn
import jax.numpy as jnp

from gans.core import Array, Compute
from gans.nets._translation import check_multiple, check_norm, has_bias, image_norm
from gans.ops.dropout import dropout, noise_keys
from gans.ops.layers import Conv, ConvTranspose, Initializer, initializer
from gans.ops.reflect import reflect

LARGE = 256  # pixels, from which on there are 9 blocks, as in the paper


class Block(nn.Module):
    """x [B, H, W, C] -> x + two convolutions of it, [B, H, W, C]. keys: [B], of the dropout between them, if any."""

    compute: Compute
    norm: str
    scale_std: float | None
    kernel_init: Initializer
    dropout: float | None

    @nn.compact
    def __call__(self, x: Array, keys: Array | None = None, train: bool = True) -> Array:
        def layer(x: Array, i: int) -> Array:
            bias = has_bias(self.norm)
            conv = Conv(x.shape[-1], self.compute, bias, False, self.kernel_init, 3, 1, 'VALID', name=f'conv_{i}')
            x = conv(reflect(x, 1), train)
            return image_norm(self.norm, x, train, name=f'norm_{i}', compute=self.compute, scale_std=self.scale_std)

        h = nn.relu(layer(x, 1))
        h = h if keys is None else dropout(h, self.dropout, keys)
        return x + layer(h, 2)


class Translator(nn.Module):
    """Images [B, h, w, c], and noise uint32 [B, 2] if there is dropout -> images [B, h, w, C] in (-1, 1); sides are
    multiples of 4.

    width: channels of the first convolution, a quarter of the blocks'. blocks: by default 9 for images of 256 pixels or
    more, else 6. norm: none, batch, instance or plain_instance. dropout: its rate in each block; None: without.
    test_dropout: whether it stays on in sampling.
    """

    shape: tuple[int, ...]
    compute: Compute
    width: int = 64
    blocks: int | None = None
    norm: str = 'plain_instance'
    dropout: float | None = None
    test_dropout: bool = True
    init_std: float | None = 0.02

    multiple = 4  # what the sides of images must be multiples of, in pixels

    @property
    def noisy(self) -> bool:
        return self.dropout is not None

    @nn.compact
    def __call__(self, x: Array, noise: Array | None = None, train: bool = True) -> Array:
        check_norm(self.norm)
        check_multiple(x.shape, self.multiple, 'cyclegan')
        blocks = self.blocks or (9 if min(self.shape[:2]) >= LARGE else 6)
        init, bias = initializer(self.init_std), has_bias(self.norm)

        def finish(x: Array, name: str) -> Array:
            return nn.relu(image_norm(self.norm, x, train, name=name, compute=self.compute, scale_std=self.init_std))

        x = Conv(self.width, self.compute, bias, False, init, 7, 1, 'VALID', name='stem')(reflect(x, 3), train)
        x = finish(x, 'stem_norm')
        for i, width in enumerate((2 * self.width, 4 * self.width), 1):
            x = Conv(width, self.compute, bias, False, init, 3, 2, 1, name=f'down_{i}')(x, train)
            x = finish(x, f'down_norm_{i}')
        dropped = self.noisy and (train or self.test_dropout)
        keys = noise_keys(noise, blocks) if dropped else (None,) * blocks
        for i, key in enumerate(keys, 1):
            block = Block(self.compute, self.norm, self.init_std, init, self.dropout, name=f'block_{i}')
            x = block(x, key, train)
        for i, width in enumerate((2 * self.width, self.width), 1):
            x = ConvTranspose(width, self.compute, bias, False, init, 3, 2, name=f'up_{i}')(x, train)
            x = finish(x, f'up_norm_{i}')
        out = Conv(self.shape[2], self.compute, True, False, init, 7, 1, 'VALID', name='out')
        return jnp.tanh(out(reflect(x, 3), train).astype(jnp.float32))
