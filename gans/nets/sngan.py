"""SN-GAN's standard CNN (Miyato 2018, 1802.05957, table 3) for any square image whose size is divisible by 8.

The paper has images of 32 and 48 pixels and a `width` of 64. Kernels are initialized as N(0, init_std^2), 0.02 as in
DCGAN. The generator's dense layer is followed by its norm and ReLU, as in the authors' library (chainer-gan-lib), where
the table shows neither.
"""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from gans.core import Array, Compute
from gans.errors import UserError, unknown
from gans.ops.layers import CRITIC_NORMS, GENERATOR_NORMS, Conv, ConvTranspose, Dense, Score, initializer, norm


def sizes(shape: tuple[int, ...]) -> list[int]:
    """[H / 8, H / 4, H / 2, H]: the resolutions of the blocks. Raises UserError for other images."""
    if len(shape) != 3 or shape[0] != shape[1] or shape[0] % 8:
        raise UserError(
            f"net 'sngan' supports square images whose size is divisible by 8, not {shape}: change data.size"
        )
    return [shape[0] // 8, shape[0] // 4, shape[0] // 2, shape[0]]


class Generator(nn.Module):
    """Latents [B, d] -> images [B, H, W, C] in (-1, 1): dense to H / 8, three doublings, and a 3x3 convolution.

    width: channels of the last block; earlier ones have twice those of the next. norm: none, batch, layer, instance,
    virtual.
    """

    shape: tuple[int, ...]
    compute: Compute
    width: int = 64
    norm: str = 'batch'
    init_std: float | None = 0.02

    conditions = ('norm',)

    @nn.compact
    def __call__(self, z: Array, label: Array | None = None, train: bool = True) -> Array:
        if self.norm not in GENERATOR_NORMS:
            raise unknown('generator.norm', self.norm, GENERATOR_NORMS)
        base, *steps = sizes(self.shape)
        options = {'compute': self.compute, 'kernel_init': initializer(self.init_std)}
        bias = self.norm == 'none'  # else redundant with the norm's shift

        def norm_relu(x: Array, size: int) -> Array:
            return nn.relu(norm(self.norm, x, train, name=f'norm_{size}', compute=self.compute, label=label))

        channels = 8 * self.width
        x = Dense(base * base * channels, use_bias=bias, name=f'stem_{base}', **options)(z, train)
        x = norm_relu(x.reshape(-1, base, base, channels), base)
        for size in steps:
            channels //= 2
            up = ConvTranspose(channels, use_bias=bias, size=size, name=f'block_{size}', **options)
            x = norm_relu(up(x, train), size)
        x = Conv(self.shape[2], kernel=3, name='out', **options)(x, train)
        return jnp.tanh(x.astype(jnp.float32))


class Critic(nn.Module):
    """Images [B, H, W, C] -> scores [B]: 3x3 convolutions at each resolution, and 4x4 ones of stride 2 between them.

    width: channels at full resolution; each lower resolution has twice as many. norm: none, batch, layer, instance or
    spectral; never after the first layer. Leaky ReLUs have a slope of 0.1.
    """

    shape: tuple[int, ...]
    compute: Compute
    width: int = 64
    norm: str = 'spectral'
    init_std: float | None = 0.02

    conditions = ('projection',)
    batchwise = False

    @nn.compact
    def __call__(self, x: Array, label: Array | None = None, train: bool = True) -> Array:
        if self.norm not in CRITIC_NORMS:
            raise unknown('critic.norm', self.norm, CRITIC_NORMS)
        *halves, full = sizes(self.shape)
        spectral = self.norm == 'spectral'
        options = {'compute': self.compute, 'spectral': spectral, 'kernel_init': initializer(self.init_std)}
        bias = self.norm in ('none', 'spectral')  # else redundant with the norm's shift

        def conv(x: Array, channels: int, name: str, **given: Any) -> Array:
            return Conv(channels, padding=1, name=name, **given, **options)(x, train)

        def norm_relu(x: Array, name: str) -> Array:
            return nn.leaky_relu(norm(self.norm, x, train, name=name, compute=self.compute), 0.1)

        channels = self.width
        x = nn.leaky_relu(conv(x, channels, f'block_{full}', kernel=3), 0.1)
        for size in reversed(halves):
            x = conv(x, channels, f'down_{size}', kernel=4, stride=2, use_bias=bias)
            x = norm_relu(x, f'norm_down_{size}')
            channels *= 2
            x = norm_relu(conv(x, channels, f'block_{size}', kernel=3, use_bias=bias), f'norm_{size}')
        return Score(name='out', **options)(x.reshape(len(x), -1), train, label)
