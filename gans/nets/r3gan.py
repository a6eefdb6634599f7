"""R3GAN's nets (Huang 2025, 2501.05441): residual blocks of grouped convolutions, without any normalization.

A stage is `blocks` blocks at one resolution. The generator begins with a learned image, whose channels the latents
scale; the critic mirrors it. `widths` are the channels of the stages from the smallest resolution up, one doubling
apart, so that their number gives that resolution: 4 pixels for images of 32 and four widths. What follows the authors'
code: kernels are N(0, gain^2 / fan in), where the gain is 1, and in blocks as `_residual` says; there is no tanh, and
the only biases are those before the activations. The smallest stage computes in float32 always.

    preset          widths                        group
    CIFAR-10        768 x 4                       16
    FFHQ 64         768 x 4, 384                  16
    FFHQ 256        768 x 4, 384, 192, 96         16
    ImageNet 32     1536 x 4                      32
    ImageNet 64     1536 x 5                      32
"""

import flax.linen as nn
import jax.numpy as jnp

from gans.core import Array, Compute
from gans.errors import UserError
from gans.ops.fir import downsample, upsample
from gans.ops.layers import Conv, Dense, Initializer, Score, activation

LINEAR = nn.initializers.variance_scaling(1.0, 'fan_in', 'normal')
SLOPE = 0.2  # of the activations


def _residual(blocks: int) -> Initializer:
    """Of the first two convolutions of each of a net's blocks: He's gain times blocks^(-1/4), as in Fixup (Zhang 2019,
    1901.09321) for blocks of three, whose last one is 0.
    """
    return nn.initializers.variance_scaling(2 / (1 + SLOPE**2) * blocks**-0.5, 'fan_in', 'normal')


def _sizes(shape: tuple[int, ...], widths: tuple[int, ...], role: str) -> list[tuple[int, int]]:
    """Height and width of each stage. Raises UserError for images that cannot be halved so often."""
    times = 2 ** (len(widths) - 1)
    if len(shape) != 3 or shape[0] % times or shape[1] % times:
        raise UserError(
            f"{role}.widths={widths} halve images {len(widths) - 1} times, so their sides must be multiples of {times},"
            f' not {shape}: change data.size, or the number of widths'
        )
    return [(shape[0] * 2**i // times, shape[1] * 2**i // times) for i in range(len(widths))]


class Block(nn.Module):
    """x [B, H, W, C] -> the same shape: x + 1x1 (3x3 grouped (1x1 x)), twice as wide inside; the identity at first."""

    compute: Compute
    group: int
    init: Initializer

    @nn.compact
    def __call__(self, x: Array, train: bool = True) -> Array:
        wide, lrelu = 2 * x.shape[-1], activation('leaky_relu')
        group = min(self.group, wide)
        if wide % group:
            raise UserError(
                f'a width of {wide // 2} has {wide} channels inside of blocks, no multiple of group={group}'
            )
        h = lrelu(Conv(wide, self.compute, kernel_init=self.init, kernel=1, name='wide')(x, train))
        grouped = Conv(wide, self.compute, kernel_init=self.init, padding=1, groups=wide // group, name='grouped')
        h = lrelu(grouped(h, train))
        return x + Conv(x.shape[-1], self.compute, False, kernel_init=nn.initializers.zeros, kernel=1, name='narrow')(h)


class Generator(nn.Module):
    """Latents [B, d] -> images [B, H, W, C]. condition 'embedding': the label's `embedding` joins the latents.

    group: channels of each group of the 3x3 convolutions. label_size: dimensions of the label's embedding. bounded:
    images end in a tanh, which the authors' do not.
    """

    shape: tuple[int, ...]
    compute: Compute
    widths: tuple[int, ...] = (768, 768, 768, 768)
    blocks: int = 2
    group: int = 16
    label_size: int = 64
    bounded: bool = False

    conditions = ('embedding',)

    @nn.compact
    def __call__(self, z: Array, label: Array | None = None, train: bool = True) -> Array:
        sizes, exact = _sizes(self.shape, self.widths, 'generator'), self.compute._replace(dtype=jnp.float32)
        init = _residual(self.blocks * len(sizes))
        if label is not None:
            embedding = Dense(self.label_size, exact, False, kernel_init=LINEAR, name='embedding')(label, train)
            z = jnp.concatenate([z, embedding], -1)
        basis = self.param('basis', nn.initializers.normal(1.0), (*sizes[0], self.widths[0]))
        x = basis * Dense(self.widths[0], exact, False, kernel_init=LINEAR, name='stem')(z, train)[:, None, None]
        for size, width in zip(sizes, self.widths, strict=True):
            compute = exact if size == sizes[0] else self.compute
            if x.shape[-1] != width:
                x = Conv(width, compute, False, kernel_init=LINEAR, kernel=1, name=f'to_{size[0]}')(x, train)
            if size != sizes[0]:
                x = upsample(x)
            for i in range(self.blocks):
                x = Block(compute, self.group, init, name=f'block_{size[0]}_{i + 1}')(x, train)
        out = Conv(self.shape[2], self.compute, False, kernel_init=LINEAR, kernel=1, name='out')(x, train)
        out = out.astype(jnp.float32)
        return jnp.tanh(out) if self.bounded else out


class Critic(nn.Module):
    """Images [B, H, W, C] -> scores [B]; fields as the generator's.

    condition 'projection': the score is the inner product of features and the label's vector alone.
    """

    shape: tuple[int, ...]
    compute: Compute
    widths: tuple[int, ...] = (768, 768, 768, 768)
    blocks: int = 2
    group: int = 16

    conditions = ('projection',)
    batchwise = False

    @nn.compact
    def __call__(self, x: Array, label: Array | None = None, train: bool = True) -> Array:
        sizes, exact = _sizes(self.shape, self.widths, 'critic'), self.compute._replace(dtype=jnp.float32)
        init = _residual(self.blocks * len(sizes))
        for size, width in reversed(list(zip(sizes, self.widths, strict=True))):
            compute = exact if size == sizes[0] else self.compute
            name = 'in' if size == sizes[-1] else f'to_{size[0]}'
            if size != sizes[-1]:
                x = downsample(x)
            if x.shape[-1] != width or name == 'in':
                x = Conv(width, compute, False, kernel_init=LINEAR, kernel=1, name=name)(x, train)
            for i in range(self.blocks):
                x = Block(compute, self.group, init, name=f'block_{size[0]}_{i + 1}')(x, train)
        pool = self.param('pool', LINEAR, (*sizes[0], 1, x.shape[-1]))  # a convolution of each channel by itself
        x = (x.astype(jnp.float32) * pool[:, :, 0]).sum((1, 2))
        if label is None:
            return Score(1, exact, False, kernel_init=LINEAR, name='out')(x, train)
        self.sow('features', 'features', x)
        vector = Dense(x.shape[-1], exact, False, kernel_init=_vectors(x.shape[-1]), name='projection')(label, train)
        return (Dense(x.shape[-1], exact, False, kernel_init=LINEAR, name='out')(x, train) * vector).sum(1)


def _vectors(size: int) -> Initializer:
    """Of the classes' vectors, of one-hot labels: N(0, 1 / (size x classes))."""
    return nn.initializers.variance_scaling(1 / size, 'fan_in', 'normal')
