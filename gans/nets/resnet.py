"""SN-GAN's ResNets (Miyato 2018, 1802.05957, tables 4 and 5) for images of 32 and of 48 pixels.

`width` is 64 in the paper, and all channels are multiples of it. What the tables leave open follows the authors' code
(sngan_projection): hidden channels of a critic's block are those of its input, except in the first block; all
convolutions have biases; kernels are initialized as Glorot uniform, those of residual branches larger by sqrt(2).

A 1x1 convolution commutes with pooling and nearest upsampling; shortcuts apply it at the lower resolution.
"""

from typing import NamedTuple

import flax.linen as nn
import jax.numpy as jnp

from gans.core import Array, Compute
from gans.errors import UserError, unknown
from gans.ops.layers import CRITIC_NORMS, GENERATOR_NORMS, Conv, Dense, Score, norm
from gans.ops.nearest import pool, upsample

GLOROT = nn.initializers.variance_scaling(1.0, 'fan_avg', 'uniform')
RESIDUAL = nn.initializers.variance_scaling(2.0, 'fan_avg', 'uniform')


class Plan(NamedTuple):
    """Channels in units of `width`."""

    generator: tuple[int, ...]  # of the dense layer, and of each block
    critic: tuple[int, ...]  # of each block
    halvings: int  # number of the critic's first blocks, which halve the image


PLANS = {
    32: Plan((4, 4, 4, 4), (2, 2, 2, 2), 2),  # table 4, CIFAR-10
    48: Plan((8, 4, 2, 1), (1, 2, 4, 8, 16), 4),  # table 5, STL-10
}


def plan(shape: tuple[int, ...]) -> Plan:
    """The plan for images of that shape. Raises UserError for images that the nets do not support."""
    if len(shape) != 3 or shape[0] != shape[1] or shape[0] not in PLANS:
        raise UserError(f"net 'resnet' supports images of 32x32 or 48x48, not {shape}: change data.size, or the net")
    return PLANS[shape[0]]


class UpBlock(nn.Module):
    """x [B, H, W, C] -> [B, 2H, 2W, channels]: norm, ReLU, upsampling, convolution; norm, ReLU, convolution."""

    channels: int
    compute: Compute
    norm: str

    @nn.compact
    def __call__(self, x: Array, label: Array | None = None, train: bool = True) -> Array:
        def norm_relu(x: Array, layer: str) -> Array:
            return nn.relu(norm(self.norm, x, train, name=layer, compute=self.compute, label=label))

        def conv(x: Array, layer: str) -> Array:
            return Conv(self.channels, self.compute, kernel_init=RESIDUAL, name=layer)(x, train)

        h = conv(upsample(norm_relu(x, 'norm_1')), 'conv_1')
        h = conv(norm_relu(h, 'norm_2'), 'conv_2')
        shortcut = Conv(self.channels, self.compute, kernel_init=GLOROT, kernel=1, name='shortcut')
        return h + upsample(shortcut(x, train))


class DownBlock(nn.Module):
    """x [B, H, W, C] -> [B, H/2, W/2, channels], or [B, H, W, channels] unless `halve`.

    Norm, ReLU, convolution, twice, then pooling; the `first` block of a critic starts with the convolution.
    """

    channels: int
    compute: Compute
    norm: str
    halve: bool = True
    first: bool = False

    @nn.compact
    def __call__(self, x: Array, train: bool = True) -> Array:
        spectral = self.norm == 'spectral'
        shrink = pool if self.halve else lambda x: x

        def norm_relu(x: Array, layer: str) -> Array:
            return nn.relu(norm(self.norm, x, train, name=layer, compute=self.compute))

        def conv(x: Array, channels: int, layer: str) -> Array:
            return Conv(channels, self.compute, True, spectral, RESIDUAL, name=layer)(x, train)

        h = x if self.first else norm_relu(x, 'norm_1')
        h = conv(h, self.channels if self.first else x.shape[-1], 'conv_1')
        h = conv(norm_relu(h, 'norm_2'), self.channels, 'conv_2')
        x = shrink(x)
        if self.halve or x.shape[-1] != self.channels:
            x = Conv(self.channels, self.compute, True, spectral, GLOROT, kernel=1, name='shortcut')(x, train)
        return shrink(h) + x


class Generator(nn.Module):
    """Latents [B, d] -> images [B, H, W, C] in (-1, 1). norm: none, batch, layer, instance, virtual."""

    shape: tuple[int, ...]
    compute: Compute
    width: int = 64
    norm: str = 'batch'

    conditions = ('norm',)

    @nn.compact
    def __call__(self, z: Array, label: Array | None = None, train: bool = True) -> Array:
        if self.norm not in GENERATOR_NORMS:
            raise unknown('generator.norm', self.norm, GENERATOR_NORMS)
        stem, *blocks = (self.width * times for times in plan(self.shape).generator)
        size = self.shape[0] // 2 ** len(blocks)
        x = Dense(size * size * stem, self.compute, kernel_init=GLOROT, name=f'stem_{size}')(z, train)
        x = x.reshape(-1, size, size, stem)
        for channels in blocks:
            size *= 2
            x = UpBlock(channels, self.compute, self.norm, name=f'block_{size}')(x, label, train)
        x = nn.relu(norm(self.norm, x, train, name=f'norm_{size}', compute=self.compute, label=label))
        x = Conv(self.shape[2], self.compute, kernel_init=GLOROT, name='out')(x, train)
        return jnp.tanh(x.astype(jnp.float32))


class Critic(nn.Module):
    """Images [B, H, W, C] -> scores [B], from features summed over all pixels.

    norm: none, batch, layer, instance or spectral; never before the first convolution or the last ReLU.
    """

    shape: tuple[int, ...]
    compute: Compute
    width: int = 64
    norm: str = 'spectral'

    conditions = ('projection',)
    batchwise = False

    @nn.compact
    def __call__(self, x: Array, label: Array | None = None, train: bool = True) -> Array:
        if self.norm not in CRITIC_NORMS:
            raise unknown('critic.norm', self.norm, CRITIC_NORMS)
        _, blocks, halvings = plan(self.shape)
        for i, times in enumerate(blocks):
            # Blocks are named by the resolution of their input; later ones of the same resolution get a number.
            name = f'block_{x.shape[1]}' if i <= halvings else f'block_{x.shape[1]}_{i - halvings + 1}'
            block = DownBlock(self.width * times, self.compute, self.norm, i < halvings, i == 0, name=name)
            x = block(x, train)
        features = nn.relu(x).sum((1, 2))
        out = Score(compute=self.compute, spectral=self.norm == 'spectral', kernel_init=GLOROT, name='out')
        return out(features, train, label)
