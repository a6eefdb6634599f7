"""DF-GAN's nets (Tao 2022, 2008.05865) for square images whose sides halve to 4: one stage, and words in every block.

As in the authors' code: widths of nf min(2^k, 8); no norms; in each block of the generator the words move the features
four times (a deep fusion block), in the critic they stand beside the last map. At 256 pixels and a width of 32 they are
the paper's.
"""

import flax.linen as nn
import jax.numpy as jnp

from gans.core import Array, Compute
from gans.errors import UserError
from gans.ops.layers import Conv, Dense, Score, activation
from gans.ops.moments import spread
from gans.ops.nearest import upsample

BASE = 4


def widths(shape: tuple[int, ...], width: int) -> list[int]:
    """Channels at 4, 8, ..., H pixels. Raises UserError for images that the nets do not support."""
    count = max(0, (shape[0] // BASE).bit_length() - 1)
    if shape[0] != shape[1] or BASE * 2**count != shape[0] or count < 1:
        raise UserError(f"net 'dfgan' supports squares of 8, 16, 32, ... pixels, not {shape[:2]}: set data.size to one")
    return [width * min(2**k, 8) for k in reversed(range(count + 1))]


class Affine(nn.Module):
    """Features [B, h, w, C] and what is told [B, d] -> features, scaled and shifted by channel; at first they stay."""

    compute: Compute

    @nn.compact
    def __call__(self, x: Array, told: Array, train: bool) -> Array:
        def channels(name: str, bias: float) -> Array:
            hidden = nn.relu(Dense(x.shape[-1], self.compute, name=f'{name}_hidden')(told, train))
            last = Dense(x.shape[-1], self.compute, False, kernel_init=nn.initializers.zeros, name=name)(hidden, train)
            last += self.param(f'{name}_bias', nn.initializers.constant(bias), (x.shape[-1],))
            return spread(last, x.shape)

        return channels('scale', 1.0) * x + channels('shift', 0.0)


class Fuse(nn.Module):
    """Twice an affine map by what is told, and a leaky ReLU."""

    compute: Compute

    @nn.compact
    def __call__(self, x: Array, told: Array, train: bool) -> Array:
        act = activation('leaky_relu')
        x = act(Affine(self.compute, name='affine_1')(x, told, train))
        return act(Affine(self.compute, name='affine_2')(x, told, train))


class UpBlock(nn.Module):
    """Enlarges, and adds two convolutions, each of fused features."""

    width: int
    compute: Compute

    @nn.compact
    def __call__(self, x: Array, told: Array, train: bool) -> Array:
        x = upsample(x)
        h = Conv(self.width, self.compute, name='conv_1')(Fuse(self.compute, name='fuse_1')(x, told, train), train)
        h = Conv(self.width, self.compute, name='conv_2')(Fuse(self.compute, name='fuse_2')(h, told, train), train)
        if x.shape[-1] != self.width:
            x = Conv(self.width, self.compute, kernel=1, name='shortcut')(x, train)
        return x + h


class Generator(nn.Module):
    """Latents [B, z] and sentences [B, d] -> images [B, H, W, C] in (-1, 1). width: nf, channels of the last block."""

    shape: tuple[int, ...]
    compute: Compute
    width: int = 32

    @nn.compact
    def __call__(self, z: Array, sentence: Array, train: bool = True) -> Array:
        first, *blocks = widths(self.shape, self.width)
        told = jnp.concatenate([z, sentence], 1)
        x = Dense(BASE * BASE * first, self.compute, name='stem_4')(z, train).reshape(-1, BASE, BASE, first)
        for i, width in enumerate(blocks, 1):
            x = UpBlock(width, self.compute, name=f'block_{BASE * 2**i}')(x, told, train)
        x = activation('leaky_relu')(x)
        return jnp.tanh(Conv(self.shape[2], self.compute, name='out')(x, train).astype(jnp.float32))


class DownBlock(nn.Module):
    """Halves; what two convolutions add begins at nothing."""

    width: int
    compute: Compute

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        act = activation('leaky_relu')
        h = act(Conv(self.width, self.compute, False, kernel=4, stride=2, name='conv_1')(x, train))
        h = act(Conv(self.width, self.compute, False, name='conv_2')(h, train))
        if x.shape[-1] != self.width:
            x = Conv(self.width, self.compute, kernel=1, name='shortcut')(x, train)
        b, height, width, c = x.shape
        x = x.reshape(b, height // 2, 2, width // 2, 2, c).mean((2, 4))
        return x + self.param('gain', nn.initializers.zeros, ()) * h


class Critic(nn.Module):
    """Images [B, H, W, C] and sentences [B, d] -> scores [B]."""

    shape: tuple[int, ...]
    compute: Compute
    width: int = 32

    batchwise = False

    @nn.compact
    def __call__(self, x: Array, sentence: Array, train: bool = True) -> Array:
        last, *blocks = widths(self.shape, self.width)
        x = Conv(self.width, self.compute, name=f'in_{self.shape[0]}')(x, train)
        sizes = [self.shape[0] >> (i + 1) for i in range(len(blocks))]
        for width, size in zip([*blocks[-2::-1], last], sizes, strict=True):
            x = DownBlock(width, self.compute, name=f'block_{size}')(x, train)
        told = jnp.broadcast_to(sentence[:, None, None], (*x.shape[:3], sentence.shape[1]))
        x = jnp.concatenate([x, told.astype(x.dtype)], -1)
        x = activation('leaky_relu')(Conv(2 * self.width, self.compute, False, name='joint')(x, train))
        return Score(compute=self.compute, use_bias=False, name='out')(x.reshape(len(x), -1), train)
