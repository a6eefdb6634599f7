"""TGAN's nets (Saito 2017, 1611.06624) for clips whose square frames, and whose number, halve.

A temporal generator makes one latent z1 for each frame of the one latent z0 of a clip, an image generator the frames of
z0 and z1, and a critic of 3-D convolutions scores the clip. At 16 frames of 64 pixels and the default widths they are
those of the authors' code, but for biases that a norm takes away again. As there, batch norms of the temporal generator
and of the critic have no shifts, and all parameters begin in U(-0.01, 0.01) but for those of norms.
"""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp

from gans.core import Array, Compute
from gans.errors import UserError, unknown
from gans.nets._clips import NORMS, finish
from gans.nets._sizes import doublings
from gans.ops.layers import (
    CRITIC_NORMS,
    Conv,
    ConvTranspose,
    Dense,
    Initializer,
    Score,
    activation,
    batch_norm,
    initializer,
    norm,
)
from gans.ops.layers1d import ConvTranspose1d, Lstm
from gans.ops.layers3d import Conv3d

TEMPORAL = ('deconvolution', 'lstm')


def uniform(limit: float | None) -> Initializer:
    """U(-limit, limit), or linen's default (LeCun normal) for None."""
    if limit is None:
        return initializer(None)
    return lambda rng, shape, dtype=jnp.float32: jax.random.uniform(rng, shape, dtype, -limit, limit)


def sizes(shape: tuple[int, ...], base: int) -> list[int]:
    """[base, ..., H]: the resolutions of the blocks. Raises UserError for clips that the nets do not support."""
    if len(shape) != 4 or shape[1] != shape[2]:
        raise UserError(f"net 'tgan' supports clips [T, H, W, C] of square frames, not {shape}: set another data.name")
    return doublings('tgan', base, shape[1])


class Generator(nn.Module):
    """Latents z0 [B, d] -> clips [B, T, H, W, C] in (-1, 1).

    width: channels of the last hidden block; they double with each halving. convs: convolutions of 3 pixels after each
    hidden block, none in the authors' code. temporal: how the latents z1 of frames are made, each of as many numbers as
    z0: by transposed convolutions of `widths` channels, each of which but the last doubles the frames, or by an LSTM of
    widths[0] units that is given z0 at each frame. norm: batch, as in the authors' code; conditional, in blocks, on z0;
    none. init_limit: of parameters; None: LeCun's.
    """

    shape: tuple[int, ...]
    compute: Compute
    width: int = 32
    widths: tuple[int, ...] = (512, 256, 128, 128)
    base: int = 4
    convs: int = 0
    temporal: str = 'deconvolution'
    norm: str = 'batch'
    init_limit: float | None = 0.01

    @nn.compact
    def __call__(self, z: Array, train: bool = True) -> Array:
        if self.norm not in NORMS:
            raise unknown("generator.norm of the net 'tgan'", self.norm, NORMS)
        if self.temporal not in TEMPORAL:
            raise unknown('generator.temporal', self.temporal, TEMPORAL)
        base, *steps = sizes(self.shape, self.base)
        init, bias = uniform(self.init_limit), self.norm == 'none'
        frames, channels = self.shape[0], self.width * 2 ** (len(steps) - 1)

        def begin(x: Array, name: str) -> Array:  # [N, d] -> [N, base, base, channels]
            x = Dense(base * base * channels, self.compute, bias, kernel_init=init, name=name)(x, train)
            kind = 'none' if self.norm == 'none' else 'batch'
            x = nn.relu(norm(kind, x, train, name=f'norm_{name}', compute=self.compute))
            return x.reshape(-1, base, base, channels)

        if self.temporal == 'lstm':
            given = jnp.broadcast_to(z[:, None], (len(z), frames, z.shape[1]))
            times = Lstm(self.widths[0], self.compute, name='lstm')(given)
            times = Dense(z.shape[1], self.compute, kernel_init=init, name='times')(times, train)
        else:
            times = self.deconvolve(z, train)
        times = jnp.tanh(times)  # [B, T, d]
        clip = jnp.repeat(begin(z, 'clip'), frames, 0)  # [B T, base, base, channels], the frames of a clip in a row
        x = jnp.concatenate([clip, begin(times.reshape(-1, z.shape[1]), 'frame')], 3)
        options = {'compute': self.compute, 'kernel_init': init, 'convs': self.convs}
        finished = partial(finish, self.norm, common=jnp.repeat(z, frames, 0), train=train, **options)
        for size in steps:
            x = ConvTranspose(channels, self.compute, bias, kernel_init=init, name=f'block_{size}')(x, train)
            x = finished(x, name=f'{size}')
            channels //= 2
        x = Conv(self.shape[3], self.compute, kernel_init=init, name='out')(x, train)
        return jnp.tanh(x.astype(jnp.float32)).reshape(-1, *self.shape)

    def deconvolve(self, z: Array, train: bool) -> Array:
        """[B, d] -> [B, T, d]."""
        if self.shape[0] != 2 ** len(self.widths):
            raise UserError(f"net 'tgan' with generator.widths={self.widths} makes {2 ** len(self.widths)} frames, not"
                            f' {self.shape[0]}: a width fewer halves them, one more doubles them')  # fmt: skip
        init, bias, x = uniform(self.init_limit), self.norm == 'none', z[:, None]
        for i, width in enumerate(self.widths):
            options = {'kernel_init': init, 'kernel': 1, 'stride': 1} if i == 0 else {'kernel_init': init}
            x = ConvTranspose1d(width, self.compute, bias, **options, name=f'times_{2**i}')(x, train)
            if self.norm != 'none':
                x = batch_norm(x, train, name=f'norm_times_{2**i}', compute=self.compute, shift=False)
            x = nn.relu(x)
        name = f'times_{self.shape[0]}'
        return ConvTranspose1d(z.shape[1], self.compute, kernel_init=init, name=name)(x, train)


class Critic(nn.Module):
    """Clips [B, T, H, W, C] -> scores [B].

    width: channels of the first block; each halves the frames and their sides. norm: none, batch, layer or spectral;
    never in the first block. init_limit: of parameters; None: LeCun's.
    """

    shape: tuple[int, ...]
    compute: Compute
    width: int = 64
    base: int = 4
    norm: str = 'batch'
    init_limit: float | None = 0.01

    conditions = ('projection',)
    batchwise = False

    @nn.compact
    def __call__(self, x: Array, label: Array | None = None, train: bool = True) -> Array:
        if self.norm not in CRITIC_NORMS:
            raise unknown('critic.norm', self.norm, CRITIC_NORMS)
        steps = sizes(self.shape, self.base)[1:]
        if self.shape[0] % 2 ** len(steps):
            raise UserError(f"net 'tgan' halves the frames {len(steps)} times for {self.shape[1]} pixels, which"
                            f' {self.shape[0]} frames do not allow: set data.frames to a multiple of {2 ** len(steps)}'
                            )  # fmt: skip
        init, spectral, width = uniform(self.init_limit), self.norm == 'spectral', self.width
        for size in reversed(steps):
            first = size == steps[-1]
            bias = first or self.norm in ('none', 'spectral')
            x = Conv3d(width, self.compute, bias, spectral, init, name=f'block_{size}')(x, train)
            if not first and self.norm == 'batch':
                x = batch_norm(x, train, name=f'norm_{size}', compute=self.compute, shift=False)
            elif not first:
                x = norm(self.norm, x, train, name=f'norm_{size}', compute=self.compute)
            x = activation('leaky_relu')(x)
            width *= 2
        out = Score(compute=self.compute, spectral=spectral, kernel_init=init, name='out')
        return out(x.reshape(len(x), -1), train, label)
