"""ESRGAN's generator (Wang 2018, 1809.00219, section 3.1): residual-in-residual dense blocks, no batch norm.

As in the authors' code, nearest neighbors are doubled before a convolution, and kernels of the dense blocks start at a
tenth of He's (1502.01852). 16,697,987 parameters with 23 blocks, 4 times as many pixels a side. Its critic is 'srgan'.
"""

import flax.linen as nn
import jax.numpy as jnp

from gans.core import Array, Compute
from gans.nets.srgan import doublings
from gans.ops.layers import Conv, activation
from gans.ops.nearest import upsample

SMALL = nn.initializers.variance_scaling(2 * 0.1**2, 'fan_in', 'normal')
RESIDUAL = 0.2  # of what a block computes is added to its input


class DenseBlock(nn.Module):
    """x [B, H, W, C] -> x + 0.2 times the last of five convolutions, each of x and all before it."""

    growth: int
    compute: Compute

    @nn.compact
    def __call__(self, x: Array, train: bool = True) -> Array:
        found = x
        for i in range(1, 5):
            h = Conv(self.growth, self.compute, kernel_init=SMALL, name=f'conv_{i}')(found, train)
            found = jnp.concatenate([found, activation('leaky_relu')(h)], -1)
        return x + RESIDUAL * Conv(x.shape[-1], self.compute, kernel_init=SMALL, name='conv_5')(found, train)


class Block(nn.Module):
    """x [B, H, W, C] -> x + 0.2 times three dense blocks of it."""

    growth: int
    compute: Compute

    @nn.compact
    def __call__(self, x: Array, train: bool = True) -> Array:
        h = x
        for i in range(1, 4):
            h = DenseBlock(self.growth, self.compute, name=f'dense_{i}')(h, train)
        return x + RESIDUAL * h


class Upscaler(nn.Module):
    """RRDB net: images [B, h, w, c] -> images [B, scale h, scale w, C], unbounded.

    scale: 2, 4 or 8. width: channels. blocks: residual-in-residual ones. growth: channels of each dense layer.
    """

    shape: tuple[int, ...]
    compute: Compute
    scale: int = 4
    width: int = 64
    blocks: int = 23
    growth: int = 32

    multiple = 1  # what the sides of images must be multiples of, in pixels

    @nn.compact
    def __call__(self, x: Array, train: bool = True) -> Array:
        act = activation('leaky_relu')
        conv = lambda name: Conv(self.width, self.compute, name=name)
        x = first = conv('stem')(x, train)
        for i in range(self.blocks):
            x = Block(self.growth, self.compute, name=f'block_{i + 1}')(x, train)
        x = first + conv('trunk')(x, train)
        for i in range(doublings(self.scale)):
            x = act(conv(f'up_{i + 1}')(upsample(x), train))
        x = act(conv('fine')(x, train))
        return Conv(self.shape[2], self.compute, name='out')(x, train).astype(jnp.float32)
