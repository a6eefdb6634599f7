"""Trees of images of one generator: StackGAN v2 (Zhang 2018, 1710.10916), AttnGAN (Xu 2018, 1711.10485).

All scales of an example are one array [B, H, W, S C]: the smaller images, enlarged by repetition, come first in the
channels. So one generator and one critic are a pair like any other, and what a critic takes apart is exact. Blocks and
critics are those that both papers' code has: no biases before norms, scales from N(1, 0.02^2), orthogonal kernels.
"""

from collections.abc import Sequence

import flax.linen as nn
import jax.numpy as jnp

from gans.core import Array, Compute
from gans.errors import UserError
from gans.ops.layers import Conv, Dense, Initializer, Score, activation, norm
from gans.ops.nearest import pool, upsample

BASE = 4  # pixels at which generators begin and critics end
ORTHOGONAL = nn.initializers.orthogonal()


def sizes(shape: Sequence[int], scales: int) -> list[int]:
    """Pixels of the sides of the images, smallest first. UserError: the smallest is none of 8, 16, 32, ..."""
    smallest = shape[0] >> (scales - 1)
    found = [smallest << i for i in range(scales)]
    if shape[0] != shape[1] or found[-1] != shape[0] or smallest < 8 or smallest & (smallest - 1):
        least = 8 << (scales - 1)
        raise UserError(f'a tree of {scales} scales makes squares of {least}, {2 * least}, {4 * least}, ... pixels, not'
                        f' {tuple(shape[:2])}: set data.size to one, or another number of scales')  # fmt: skip
    return found


def stack(images: Sequence[Array]) -> Array:
    """Images [B, h, w, C] of one scale after another -> [B, H, W, S C]."""
    found = images[0]
    for image in images[1:]:
        found = jnp.concatenate([upsample(found), image], -1)
    return found


def take(x: Array, scale: int, scales: int) -> Array:
    """The images of one scale, of `scales`, from 0: [B, H, W, S C] -> [B, h, w, C]."""
    channels, step = x.shape[-1] // scales, 1 << (scales - 1 - scale)
    return x[:, ::step, ::step, scale * channels : (scale + 1) * channels]


def pyramid(x: Array, scales: int) -> Array:
    """All scales of images: [B, H, W, C] -> [B, H, W, S C], the smaller ones by means of pixels."""
    images = [x]
    for _ in range(scales - 1):
        images = [pool(images[0]), *images]
    return stack(images)


def beside(x: Array, told: Array) -> Array:
    """Maps [B, h, w, C], and at each place what is told [B, d] -> [B, h, w, C + d]."""
    told = jnp.broadcast_to(told[:, None, None], (*x.shape[:3], told.shape[1]))
    return jnp.concatenate([x, told.astype(x.dtype)], -1)


class ConvNorm(nn.Module):
    """A convolution of 3 x 3 and batch norm; if gated, of twice the width, which a gated linear unit halves."""

    width: int
    compute: Compute
    gated: bool = True

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        width = 2 * self.width if self.gated else self.width
        x = Conv(width, self.compute, False, kernel_init=ORTHOGONAL, name='conv')(x, train)
        x = norm('batch', x, train, name='norm', compute=self.compute, scale_std=0.02)
        return nn.glu(x) if self.gated else x


class Up(nn.Module):
    """[B, h, w, C] -> [B, 2h, 2w, width]."""

    width: int
    compute: Compute

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        return ConvNorm(self.width, self.compute, name='conv_norm')(upsample(x), train)


class Residual(nn.Module):
    """[B, h, w, C] -> the same, with two convolutions of it added; nothing is activated behind the sum."""

    compute: Compute

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        h = ConvNorm(x.shape[-1], self.compute, name='conv_norm_1')(x, train)
        return x + ConvNorm(x.shape[-1], self.compute, gated=False, name='conv_norm_2')(h, train)


class First(nn.Module):
    """What all images begin with: what is told and latents [B, d] -> [B, size, size, width], of twice the channels at
    half the size.
    """

    size: int
    width: int
    compute: Compute

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        side, width = BASE, self.width * self.size // BASE
        x = Dense(side * side * 2 * width, self.compute, False, kernel_init=ORTHOGONAL, name='stem_4')(x, train)
        x = norm('batch', x, train, name='norm_4', compute=self.compute, scale_std=0.02)
        x = nn.glu(x.reshape(-1, side, side, 2 * width))
        while side < self.size:
            side, width = 2 * side, width // 2
            x = Up(width, self.compute, name=f'up_{side}')(x, train)
        return x


class ToImage(nn.Module):
    """Maps -> images in (-1, 1), float32."""

    channels: int
    compute: Compute
    kernel_init: Initializer = ORTHOGONAL

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        x = Conv(self.channels, self.compute, False, kernel_init=self.kernel_init, name='conv')(x, train)
        return jnp.tanh(x.astype(jnp.float32))


class ScaleCritic(nn.Module):
    """Images [P, h, w, C] and what is told [P, d] -> scores [P, 2]: with and without it.

    more: how many more convolutions halve the images than those of the smallest scale; as many bring the channels back.
    """

    compute: Compute
    width: int
    more: int

    @nn.compact
    def __call__(self, x: Array, told: Array, train: bool) -> Array:
        act, size = activation('leaky_relu'), x.shape[1]
        halvings = (size // BASE).bit_length() - 1

        def layer(x: Array, width: int, name: str, kernel: int = 3, stride: int = 1, normed: bool = True) -> Array:
            conv = Conv(width, self.compute, False, False, ORTHOGONAL, kernel, stride, name=f'conv_{name}')
            x = conv(x, train)
            if normed:
                x = norm('batch', x, train, name=f'norm_{name}', compute=self.compute, scale_std=0.02)
            return act(x)

        for i in range(halvings):
            x = layer(x, self.width << i, str(size >> (i + 1)), 4, 2, normed=i > 0)
        last = self.width << (halvings - 1 - self.more)
        for i in reversed(range(self.more)):
            x = layer(x, last << i, f'back_{i}')
        joint = layer(beside(x, told), last, 'joint')
        score = lambda x, name: Score(compute=self.compute, kernel_init=ORTHOGONAL, name=name)(
            x.reshape(len(x), -1), train
        )
        return jnp.stack([score(joint, 'told'), score(x, 'alone')], 1)


class TreeCritic(nn.Module):
    """All scales of images [P, H, W, S C] and what is told of them [P, d] -> scores [P, S, 2], with and without it.

    shape: of the largest image. width: channels of each scale's first convolution.
    """

    shape: tuple[int, ...]
    compute: Compute
    scales: int
    width: int = 64

    batchwise = False

    @nn.compact
    def __call__(self, x: Array, told: Array, train: bool = True) -> Array:
        found = []
        for i, size in enumerate(sizes(self.shape, self.scales)):
            critic = ScaleCritic(self.compute, self.width, i, name=f'size_{size}')
            found.append(critic(take(x, i, self.scales), told, train))
        return jnp.stack(found, 1)
