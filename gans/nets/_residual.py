"""Residual blocks of SN-GAN's ResNets, which SAGAN and BigGAN have taken over, and BigGAN's conditional batch norm.

A 1x1 convolution commutes with pooling and nearest upsampling; shortcuts apply it at the lower resolution.
"""

from collections.abc import Callable

import flax.linen as nn

from gans.core import Array, Compute
from gans.errors import unknown
from gans.ops.layers import Dense, Initializer, batch_norm
from gans.ops.moments import spread
from gans.ops.nearest import pool, upsample

Norm = Callable[..., Array]  # (x, name=...) -> x normalized by a layer of that name of the calling module
MakeConv = Callable[..., nn.Module]  # (channels, name=...) -> a convolution

INITS: dict[str, Initializer] = {
    'orthogonal': nn.initializers.orthogonal(),
    'xavier': nn.initializers.xavier_uniform(),
    'normal': nn.initializers.normal(0.02),
}


def initializer(name: str, role: str) -> Initializer:
    """Of the kernels of a net: orthogonal (Saxe 2014, 1312.6120), Xavier's uniform or N(0, 0.02^2)."""
    if name not in INITS:
        raise unknown(f'{role}.kernel_init', name, INITS)
    return INITS[name]


class UpBlock(nn.Module):
    """x [B, H, W, C] -> [B, 2H, 2W, channels]: norm, ReLU, upsampling, convolution; norm, ReLU, convolution."""

    channels: int
    conv: MakeConv
    shortcut: MakeConv  # of 1x1

    @nn.compact
    def __call__(self, x: Array, norm: Norm, train: bool = True) -> Array:
        h = nn.relu(norm(x, name='norm_1'))
        h = self.conv(self.channels, name='conv_1')(upsample(h), train)
        h = nn.relu(norm(h, name='norm_2'))
        h = self.conv(self.channels, name='conv_2')(h, train)
        return h + upsample(self.shortcut(self.channels, name='shortcut')(x, train))


class DownBlock(nn.Module):
    """x [B, H, W, C] -> [B, H/2, W/2, channels], or [B, H, W, channels] unless `halve`.

    Norm, ReLU, convolution, twice, then pooling; the `first` block of a critic starts with the convolution.
    """

    channels: int
    hidden: int  # channels between the convolutions
    conv: MakeConv
    shortcut: MakeConv  # of 1x1, where the channels change or the image is halved
    halve: bool = True
    first: bool = False

    @nn.compact
    def __call__(self, x: Array, norm: Norm = lambda x, name: x, train: bool = True) -> Array:
        shrink = pool if self.halve else lambda x: x
        h = x if self.first else nn.relu(norm(x, name='norm_1'))
        h = self.conv(self.hidden, name='conv_1')(h, train)
        h = self.conv(self.channels, name='conv_2')(nn.relu(norm(h, name='norm_2')), train)
        x = shrink(x)
        if self.halve or x.shape[-1] != self.channels:
            x = self.shortcut(self.channels, name='shortcut')(x, train)
        return shrink(h) + x


def conditional_norm(
    x: Array, condition: Array | None, train: bool, *, name: str, compute: Compute, kernel_init: Initializer | None
) -> Array:
    """Batch norm of x [B, H, W, C], multiplied by 1 + A c and shifted by B c, with c the condition [B, d] of each
    example; of plain scales and shifts for None.

    kernel_init: of A and B, which are spectrally normalized; None: they are not, and are 0 at first, so that of one-hot
      classes they are the tables of conditional batch norm (Dumoulin 2017, 1610.07629).
    """
    if condition is None:
        return batch_norm(x, train, name=name, compute=compute)
    spectral, init = kernel_init is not None, kernel_init or nn.initializers.zeros
    x = batch_norm(x, train, name=name, compute=compute, affine=False)
    dense = lambda of: Dense(x.shape[-1], compute, False, spectral, init, name=f'{name}_{of}')(condition, train)
    return x * spread(1 + dense('scales'), x.shape) + spread(dense('shifts'), x.shape)


def block_names(shape: tuple[int, ...], halvings: int, blocks: int) -> list[str]:
    """Of a critic's blocks: the resolution of their input; later ones of the same resolution get a number."""
    size = shape[0] >> halvings
    last = [f'block_{size}' if i == 0 else f'block_{size}_{i + 1}' for i in range(blocks - halvings)]
    return [f'block_{shape[0] >> i}' for i in range(halvings)] + last
