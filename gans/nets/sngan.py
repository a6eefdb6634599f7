"""SN-GAN's standard CNN (Miyato 2018, 1802.05957, table 3) for any square image whose size divides by 8.

The paper has images of 32 and 48 pixels. `width` scales both nets and is 64 there. Kernels begin as N(0, init_std^2),
0.02 as in DCGAN. The generator's dense layer is followed by its norm and ReLU, as in the authors' library
(chainer-gan-lib), where the table shows neither.
"""

import flax.linen as nn
import jax.numpy as jnp

from gans.core import Array, Compute
from gans.errors import UserError, unknown
from gans.ops.layers import CRITIC_NORMS, GENERATOR_NORMS, Conv, ConvTranspose, Dense, Score, initializer, norm


def sizes(shape: tuple[int, ...]) -> list[int]:
    """[H / 8, H / 4, H / 2, H]: the resolutions of the blocks. An image that the nets cannot make is a user's error."""
    if len(shape) != 3 or shape[0] != shape[1] or shape[0] % 8:
        raise UserError(f"net 'sngan' wants square images whose size divides by 8, not {shape}: change data.size")
    return [shape[0] // 8, shape[0] // 4, shape[0] // 2, shape[0]]


class Generator(nn.Module):
    """Latents [B, d] -> images [B, H, W, C] in (-1, 1): dense to H / 8, three doublings, and a 3x3 convolution.

    width: channels of the last block; each block before has twice as many. norm: none, batch, layer, instance, virtual.
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
        bias = self.norm == 'none'  # else the norm's shift does its work
        given = {'compute': self.compute, 'label': label}
        normed = lambda x, size: nn.relu(norm(self.norm, x, train, name=f'norm_{size}', **given))
        channels = 8 * self.width
        x = Dense(base * base * channels, use_bias=bias, name=f'stem_{base}', **options)(z, train)
        x = normed(x.reshape(-1, base, base, channels), base)
        for size in steps:
            channels //= 2
            up = ConvTranspose(channels, use_bias=bias, size=size, name=f'block_{size}', **options)
            x = normed(up(x, train), size)
        x = Conv(self.shape[2], kernel=3, name='out', **options)(x, train)
        return jnp.tanh(x.astype(jnp.float32))


class Critic(nn.Module):
    """Images [B, H, W, C] -> scores [B]: a 3x3 convolution at each resolution, 4x4 ones that halve it between them.

    width: channels at full resolution; each resolution below has twice as many. norm: none, batch, layer, instance or
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
        bias = self.norm in ('none', 'spectral')  # else the norm's shift does its work
        conv = lambda x, channels, name, **given: Conv(channels, padding=1, name=name, **given, **options)(x, train)
        normed = lambda x, layer: nn.leaky_relu(norm(self.norm, x, train, name=layer, compute=self.compute), 0.1)
        channels = self.width
        x = nn.leaky_relu(conv(x, channels, f'block_{full}', kernel=3), 0.1)
        for size in reversed(halves):
            x = conv(x, channels, f'down_{size}', kernel=4, stride=2, use_bias=bias)
            x = normed(x, f'norm_down_{size}')
            channels *= 2
            x = normed(conv(x, channels, f'block_{size}', kernel=3, use_bias=bias), f'norm_{size}')
        return Score(name='out', **options)(x.reshape(len(x), -1), train, label)
