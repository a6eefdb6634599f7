"""SRGAN's nets (Ledig 2017, 1609.04802, figure 4): SRResNet, and its critic.

What the paper leaves open: convolutions before batch norm have no bias; PReLU has one slope a layer, as in PyTorch; the
output is unbounded. So SRResNet for 4 times as many pixels a side has 1,547,350 parameters; codes in which biases
precede batch norm have 33 x 64 more, 1,549,462. Low-resolution images are in [-1, 1] here; the paper's are in [0, 1].
"""

import flax.linen as nn
import jax.numpy as jnp

from gans.core import Array, Compute
from gans.errors import UserError
from gans.nets._translation import check_norm, has_bias, image_norm
from gans.ops.layers import IMAGE_NORMS, Conv, Dense, Score, activation, initializer
from gans.ops.shuffle import pixel_shuffle

WIDTHS = (1, 1, 2, 2, 4, 4, 8, 8)  # of the critic's convolutions, in units of its width; every other one halves


def doublings(scale: int) -> int:
    """How often an image is doubled. Raises UserError for scales of which there are none."""
    if scale not in (2, 4, 8):
        raise UserError(f'generator.scale={scale}: images can be made 2, 4 or 8 times as large')
    return scale.bit_length() - 1


class PReLU(nn.Module):
    """max(x, 0) + slope min(x, 0), with one slope for all channels, 0.25 at first (He 2015, 1502.01852)."""

    @nn.compact
    def __call__(self, x: Array) -> Array:
        slope = self.param('slope', nn.initializers.constant(0.25), ())
        return jnp.where(x >= 0, x, slope.astype(x.dtype) * x)


class Block(nn.Module):
    """x [B, H, W, C] -> x + two convolutions of it, [B, H, W, C]."""

    compute: Compute
    norm: str

    @nn.compact
    def __call__(self, x: Array, train: bool = True) -> Array:
        h = x
        for i in (1, 2):
            h = Conv(x.shape[-1], self.compute, has_bias(self.norm), name=f'conv_{i}')(h, train)
            h = image_norm(self.norm, h, train, name=f'norm_{i}', compute=self.compute)
            h = PReLU(name='prelu')(h) if i == 1 else h
        return x + h


class Upscaler(nn.Module):
    """SRResNet: images [B, h, w, c] -> images [B, scale h, scale w, C], unbounded.

    scale: 2, 4 or 8. width: channels. blocks: residual ones. norm: none, batch, instance or plain_instance.
    """

    shape: tuple[int, ...]
    compute: Compute
    scale: int = 4
    width: int = 64
    blocks: int = 16
    norm: str = 'batch'

    multiple = 1  # what the sides of images must be multiples of, in pixels

    @nn.compact
    def __call__(self, x: Array, train: bool = True) -> Array:
        check_norm(self.norm)
        x = first = PReLU(name='stem_prelu')(Conv(self.width, self.compute, kernel=9, name='stem')(x, train))
        for i in range(self.blocks):
            x = Block(self.compute, self.norm, name=f'block_{i + 1}')(x, train)
        x = Conv(self.width, self.compute, has_bias(self.norm), name='trunk')(x, train)
        x = first + image_norm(self.norm, x, train, name='trunk_norm', compute=self.compute)
        for i in range(doublings(self.scale)):
            x = Conv(4 * self.width, self.compute, name=f'up_{i + 1}')(x, train)
            x = PReLU(name=f'up_prelu_{i + 1}')(pixel_shuffle(x, 2))
        return Conv(self.shape[2], self.compute, kernel=9, name='out')(x, train).astype(jnp.float32)


class Critic(nn.Module):
    """Images [B, H, W, C] -> scores [B].

    width: channels of the first convolution. dense: those of the layer before the last. pool: whether that layer is
    given the mean of all pixels, so that images of any size are scored alike; by default, as in the paper, it is given
    all pixels. norm: none, batch, instance, plain_instance or spectral; never after the first convolution.
    """

    shape: tuple[int, ...]
    compute: Compute
    width: int = 64
    dense: int = 1024
    pool: bool = False
    norm: str = 'batch'
    init_std: float | None = None

    batchwise = False

    @nn.compact
    def __call__(self, x: Array, train: bool = True) -> Array:
        check_norm(self.norm, 'critic', (*IMAGE_NORMS, 'spectral'))
        act, init, spectral = activation('leaky_relu'), initializer(self.init_std), self.norm == 'spectral'
        for i, times in enumerate(WIDTHS):
            bias, stride = i == 0 or has_bias(self.norm), 1 + i % 2
            conv = Conv(self.width * times, self.compute, bias, spectral, init, 3, stride, 1, name=f'conv_{i + 1}')
            x = conv(x, train)
            if i:
                x = image_norm(self.norm, x, train, name=f'norm_{i + 1}', compute=self.compute, scale_std=self.init_std)
            x = act(x)
        x = x.mean((1, 2)) if self.pool else x.reshape(len(x), -1)
        x = act(Dense(self.dense, self.compute, True, spectral, init, name='dense')(x, train))
        return Score(compute=self.compute, spectral=spectral, kernel_init=init, name='out')(x, train)
