"""SN-GAN's ResNets (Miyato 2018, 1802.05957, tables 4 and 5) for images of 32 and of 48 pixels.

`width` is 64 in the paper, and all channels are multiples of it. What the tables leave open follows the authors' code
(sngan_projection): hidden channels of a critic's block are those of its input, except in the first block; all
convolutions have biases; kernels are initialized as Glorot uniform, those of residual branches larger by sqrt(2).
"""

from functools import partial
from typing import NamedTuple

import flax.linen as nn
import jax.numpy as jnp

from gans.core import Array, Compute
from gans.errors import UserError, unknown
from gans.nets._residual import DownBlock, UpBlock, block_names
from gans.ops.layers import CRITIC_NORMS, GENERATOR_NORMS, Conv, Dense, Score, norm

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
        normed = partial(norm, self.norm, train=train, compute=self.compute, label=label)
        conv = partial(Conv, compute=self.compute, kernel_init=RESIDUAL)
        shortcut = partial(Conv, compute=self.compute, kernel_init=GLOROT, kernel=1)
        for channels in blocks:
            size *= 2
            x = UpBlock(channels, conv, shortcut, name=f'block_{size}')(x, normed, train)
        x = nn.relu(normed(x, name=f'norm_{size}'))
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
        spectral = self.norm == 'spectral'
        normed = partial(norm, self.norm, train=train, compute=self.compute)
        conv = partial(Conv, compute=self.compute, spectral=spectral, kernel_init=RESIDUAL)
        shortcut = partial(Conv, compute=self.compute, spectral=spectral, kernel_init=GLOROT, kernel=1)
        for i, name in enumerate(block_names(self.shape, halvings, len(blocks))):
            channels = self.width * blocks[i]
            hidden = channels if i == 0 else x.shape[-1]
            block = DownBlock(channels, hidden, conv, shortcut, i < halvings, i == 0, name=name)
            x = block(x, normed, train)
        features = nn.relu(x).sum((1, 2))
        out = Score(compute=self.compute, spectral=spectral, kernel_init=GLOROT, name='out')
        return out(features, train, label)
