"""DCGAN's nets (Radford 2016, 1511.06434) for any square image whose size halves, rounded up, to 4 or 7.

Resolutions are base, ..., size / 2, size, each half of the next, rounded up: 4 8 16 32 64, 7 14 28, or 4 7 14 28.
Channels double with every halving. The first layer of the generator is a dense layer to [base, base, C], equivalent to
the transposed convolution of a 1 x 1 image in PyTorch's DCGAN; likewise the last layer of the critic. Layers without a
norm have biases, so that the generator has 3 and the critic 65 parameters more than in PyTorch's DCGAN tutorial.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

from gans.core import Array, Compute
from gans.errors import UserError, unknown
from gans.ops.layers import (
    CRITIC_NORMS,
    GENERATOR_NORMS,
    Conv,
    ConvTranspose,
    Dense,
    Score,
    activation,
    initializer,
    norm,
)
from gans.ops.minibatch import minibatch
from gans.ops.noise import Noise, latent_keys


def sizes(shape: tuple[int, ...], base: int) -> list[int]:
    """[base, ..., H]: the resolutions of the blocks. Raises UserError for images that the nets do not support."""
    if len(shape) != 3 or shape[0] != shape[1]:
        raise UserError(
            f"net 'dcgan' supports square images [H, W, C], not {shape}: use the net 'mlp' or another data.size"
        )
    halvings = [shape[0]]
    while halvings[0] > base:
        halvings.insert(0, -(-halvings[0] // 2))
    if halvings[0] != base or len(halvings) < 2:
        raise UserError(
            f"net 'dcgan' with base={base} does not support {shape[0]} pixels: data.size must be halved to {base}, "
            f'rounding up, such as 32 or 28 for base=4, and 28 for base=7'
        )
    return halvings


def _kernel(kernel: int, size: int) -> int:
    """Halving an odd image needs an odd kernel: 7 -> 4 takes 3 where 8 -> 4 takes 4."""
    return kernel - 1 if size % 2 and kernel % 2 == 0 else kernel


class Generator(nn.Module):
    """Latents [B, d] -> images [B, H, W, C] in (-1, 1).

    width: channels of the last hidden block. kernel: of the convolutions. norm: none, batch, layer, instance, virtual.
    upsample: 'transposed' convolution, or 'resize' (nearest) followed by a convolution of kernel - 1 or kernel,
    whichever is odd, which avoids checkerboards (Odena 2016). noise: added in each block before its norm.
    """

    shape: tuple[int, ...]
    compute: Compute
    width: int = 64
    base: int = 4
    kernel: int = 4
    norm: str = 'batch'
    activation: str = 'relu'
    upsample: str = 'transposed'
    init_std: float | None = 0.02
    noise: bool = False

    conditions = ('norm',)

    @nn.compact
    def __call__(self, z: Array, label: Array | None = None, train: bool = True) -> Array:
        act, init, bias = activation(self.activation), initializer(self.init_std), self.norm == 'none'
        if self.norm not in GENERATOR_NORMS:
            raise unknown('generator.norm', self.norm, GENERATOR_NORMS)
        base, *steps = sizes(self.shape, self.base)
        channels = self.width * 2 ** (len(steps) - 1)
        x = Dense(base * base * channels, self.compute, bias, kernel_init=init, name=f'stem_{base}')(z, train)
        x = x.reshape(-1, base, base, channels)
        given = {'compute': self.compute, 'scale_std': self.init_std, 'label': label}
        keys = iter(latent_keys(z, len(steps)) if self.noise else ())

        def finish(x: Array, size: int) -> Array:
            x = Noise(name=f'noise_{size}')(x, next(keys)) if self.noise else x
            return act(norm(self.norm, x, train, name=f'norm_{size}', **given))

        x = finish(x, base)
        for size in steps[:-1]:
            channels //= 2
            x = finish(self.up(x, size, channels, bias, f'block_{size}', train), size)
        x = self.up(x, self.shape[0], self.shape[2], True, f'block_{self.shape[0]}', train)
        return jnp.tanh(x.astype(jnp.float32))

    def up(self, x: Array, size: int, channels: int, bias: bool, name: str, train: bool) -> Array:
        init = initializer(self.init_std)
        if self.upsample == 'transposed':
            kernel = _kernel(self.kernel, size)
            layer = ConvTranspose(channels, self.compute, bias, False, init, kernel=kernel, size=size, name=name)
            return layer(x, train)
        if self.upsample == 'resize':
            x = jax.image.resize(x, (len(x), size, size, x.shape[3]), 'nearest')
            kernel = self.kernel - 1 + self.kernel % 2
            return Conv(channels, self.compute, bias, False, init, kernel=kernel, name=name)(x, train)
        raise unknown('generator.upsample', self.upsample, ['transposed', 'resize'])


class Critic(nn.Module):
    """Images [B, H, W, C] -> scores [B].

    width: channels of the first block. norm: none, batch, layer, instance or spectral; never in the first block.
    minibatch: None, 'std' or 'discrimination': statistics of the batch that the last layer also gets.
    """

    shape: tuple[int, ...]
    compute: Compute
    width: int = 64
    base: int = 4
    kernel: int = 4
    norm: str = 'batch'
    activation: str = 'leaky_relu'
    init_std: float | None = 0.02
    minibatch: str | None = None

    conditions = ('projection',)

    @property
    def batchwise(self) -> bool:
        return self.minibatch is not None

    @nn.compact
    def __call__(self, x: Array, label: Array | None = None, train: bool = True) -> Array:
        act, init, spectral = activation(self.activation), initializer(self.init_std), self.norm == 'spectral'
        if self.norm not in CRITIC_NORMS:
            raise unknown('critic.norm', self.norm, CRITIC_NORMS)
        steps = sizes(self.shape, self.base)[1:]
        channels = self.width
        for size in reversed(steps):
            first = size == steps[-1]
            bias = first or self.norm in ('none', 'spectral')
            kernel = _kernel(self.kernel, size)
            pad = (kernel - 1) // 2
            conv = Conv(channels, self.compute, bias, spectral, init, kernel, 2, pad, name=f'block_{size}')
            x = conv(x, train)
            if not first:
                x = norm(self.norm, x, train, name=f'norm_{size}', compute=self.compute, scale_std=self.init_std)
            x = act(x)
            channels *= 2
        out = Score(compute=self.compute, spectral=spectral, kernel_init=init, name='out')
        return out(minibatch(self.minibatch, x), train, label)
