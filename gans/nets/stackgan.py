"""StackGAN's nets (Zhang 2017, 1612.03242): a generator that sketches, one that draws anew what it sees, their critics.

As in the authors' code for birds, whose nets these are with stages of 64 and 256 pixels and widths of 128 and 64: no
biases of convolutions, kernels from N(0, 0.02^2) cut at two deviations.
"""

from collections.abc import Sequence

import flax.linen as nn
import jax.numpy as jnp

from gans.core import Array, Compute
from gans.errors import UserError
from gans.nets._augmentation import Augmentation
from gans.nets._tree import BASE, ToImage, beside
from gans.ops.layers import Conv, Dense, Score, activation, norm
from gans.ops.nearest import upsample

INIT = nn.initializers.truncated_normal(0.02)


def doublings(shape: Sequence[int]) -> int:
    """From 4 pixels to those of a side. UserError: images that are no squares of 8, 16, 32, ... pixels."""
    count = (shape[0] // BASE).bit_length() - 1
    if shape[0] != shape[1] or count < 1 or BASE << count != shape[0]:
        raise UserError(f"net 'stackgan' supports squares of 8, 16, 32, ... pixels, not {tuple(shape[:2])}: set"
                        ' data.size to one')  # fmt: skip
    return count


class ConvNorm(nn.Module):
    """A convolution and batch norm."""

    width: int
    compute: Compute
    kernel: int = 3
    stride: int = 1

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        conv = Conv(self.width, self.compute, False, False, INIT, self.kernel, self.stride, name='conv')
        return norm('batch', conv(x, train), train, name='norm', compute=self.compute, scale_std=0.02)


class Residual(nn.Module):
    """[B, h, w, C] -> the same, with convolutions of it of these (widths, kernels) added; they end without activation.

    slope: of the leaky ReLUs between the convolutions, and behind the sum.
    """

    layers: Sequence[tuple[int, int]]
    compute: Compute
    slope: float = 0.0

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        act, h = lambda x: nn.leaky_relu(x, self.slope), x
        for i, (width, kernel) in enumerate(self.layers, 1):
            h = ConvNorm(width, self.compute, kernel, name=f'conv_norm_{i}')(h if i == 1 else act(h), train)
        return act(x + h)


def bottleneck(channels: int, compute: Compute, slope: float = 0.0, **named: str) -> Residual:
    """The residual block through a quarter of the channels."""
    narrow = max(1, channels // 4)
    return Residual(((narrow, 1), (narrow, 3), (channels, 3)), compute, slope, **named)


class SketchGenerator(nn.Module):
    """Stage I: latents [B, z], sentences [B, d], normal noise [B, condition] -> images [B, H, W, C] in (-1, 1).

    condition: numbers that it is told. form: of what they are drawn, see gans/nets/_augmentation.py. width: channels of
    its last block.
    """

    shape: tuple[int, ...]
    compute: Compute
    condition: int
    form: str
    width: int = 128

    batchwise = False

    @nn.compact
    def __call__(self, z: Array, sentences: Array, noise: Array, train: bool = True) -> Array:
        told, _, _ = Augmentation(self.compute, self.condition, self.form, INIT, name='augmentation')(
            sentences, noise, train
        )
        count = doublings(self.shape)
        width = self.width << (count - 1)
        x = Dense(BASE * BASE * width, self.compute, False, kernel_init=INIT, name='stem_4')(
            jnp.concatenate([told, z], 1), train
        ).reshape(-1, BASE, BASE, width)
        x = norm('batch', x, train, name='norm_4', compute=self.compute, scale_std=0.02)
        x = bottleneck(width, self.compute, name='residual_4')(x, train)
        for i in range(1, count):
            size, width = BASE << i, width // 2
            x = ConvNorm(width, self.compute, name=f'up_{size}')(upsample(x), train)
            x = bottleneck(width, self.compute, name='residual_8')(x, train) if i == 1 else nn.relu(x)
        return ToImage(self.shape[2], self.compute, INIT, name='image')(upsample(x), train)


class DrawingGenerator(nn.Module):
    """Stage II: images [B, h, w, C] of stage I, sentences [B, d], normal noise [B, condition] -> images [B, H, W, C].

    condition, form: as of stage I. width: channels of its first convolution. halvings: of the images that it is given.
    blocks: residual ones, where they are smallest.
    """

    shape: tuple[int, ...]
    compute: Compute
    condition: int
    form: str
    width: int = 128
    halvings: int = 2
    blocks: int = 4

    batchwise = False

    @nn.compact
    def __call__(self, x: Array, sentences: Array, noise: Array, train: bool = True) -> Array:
        told, _, _ = Augmentation(self.compute, self.condition, self.form, INIT, name='augmentation')(
            sentences, noise, train
        )
        size, width = x.shape[1], self.width
        if size % (1 << self.halvings):
            raise UserError(f'generator.halvings={self.halvings} does not fit images of {size} pixels from stage I: set'
                            ' a smaller one')  # fmt: skip
        x = nn.relu(Conv(width, self.compute, False, kernel_init=INIT, name=f'in_{size}')(x, train))
        for _ in range(self.halvings):
            size, width = size // 2, 2 * width
            x = nn.relu(ConvNorm(width, self.compute, 4, 2, name=f'down_{size}')(x, train))
        x = nn.relu(ConvNorm(width, self.compute, name='joint')(beside(x, told), train))
        for i in range(self.blocks):
            x = Residual(((width, 3), (width, 3)), self.compute, name=f'residual_{i}')(x, train)
        while size < self.shape[0]:
            size, width = 2 * size, max(1, width // 2)
            x = nn.relu(ConvNorm(width, self.compute, name=f'up_{size}')(upsample(x), train))
        return ToImage(self.shape[2], self.compute, INIT, name='image')(x, train)


class StackCritic(nn.Module):
    """Images [P, H, W, C] and sentences [P, d] -> scores [P], or of two heads [P, 2]: with them, and without.

    condition: numbers to which it brings down a sentence. more: how many more convolutions halve the images than in
    stage I; as many of 1 x 1 bring the channels back. alone: whether it has the second head, too. width: channels of
    the first convolution.
    """

    shape: tuple[int, ...]
    compute: Compute
    condition: int
    more: int
    alone: bool
    width: int = 64

    batchwise = False

    @nn.compact
    def __call__(self, x: Array, sentences: Array, train: bool = True) -> Array:
        act, count = activation('leaky_relu'), doublings(self.shape)
        x = act(Conv(self.width, self.compute, False, kernel_init=INIT, kernel=4, stride=2, name='in')(x, train))
        for i in range(1, count):
            x = ConvNorm(self.width << i, self.compute, 4, 2, name=f'down_{self.shape[0] >> (i + 1)}')(x, train)
            x = x if not self.more and i >= count - 2 else act(x)  # stage I activates what comes last nowhere
        last = self.width << (count - 1 - self.more)
        for i in reversed(range(self.more)):
            x = ConvNorm(last << i, self.compute, 1, name=f'back_{i}')(x, train)
            x = act(x) if i else x
        x = bottleneck(last, self.compute, 0.2, name='residual_4')(x, train)
        told = act(Dense(self.condition, self.compute, kernel_init=INIT, name='told')(sentences, train))
        joint = act(ConvNorm(last, self.compute, 1, name='joint')(beside(x, told), train))
        score = lambda x, name: Score(compute=self.compute, kernel_init=INIT, name=name)(x.reshape(len(x), -1), train)
        scores = score(joint, 'score')
        return jnp.stack([scores, score(x, 'score_alone')], 1) if self.alone else scores
