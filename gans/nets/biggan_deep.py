"""BigGAN-deep (Brock 2019, 1809.11096, appendix B, tables 7 to 9) for images of 32 to 512 pixels: twice as many blocks
as BigGAN, of a quarter of the channels inside, and shortcuts that keep what they carry.

`width` is 128 in the paper, and all channels are multiples of it. Every layer of the generator is told the latents and
the class's embedding, joined. What else the nets have in common with BigGAN tells gans/nets/biggan.py; what the tables
leave open follows compare_gan, as do the nets for 32 and 64 pixels. At 128 pixels, with 128 latents, 1,000 classes and
attention at 64 in both, they have 50,244,484 and 34,590,210 parameters.
"""

from functools import partial
from typing import Any, NamedTuple

import flax.linen as nn
import jax.numpy as jnp

from gans.core import Array, Compute
from gans.errors import UserError
from gans.nets._residual import MakeConv, Norm, conditional_norm, initializer
from gans.nets.biggan import BASE, check_attention
from gans.ops.attention import SelfAttention
from gans.ops.layers import Conv, Dense, Score, batch_norm
from gans.ops.nearest import pool, upsample


class Plan(NamedTuple):
    """Channels in units of `width`: of the first layer, and of each block."""

    generator: tuple[int, ...]  # every second block doubles the image
    critic: tuple[int, ...]  # the first block halves the image, and so does every second one after it


PLANS = {
    32: Plan((4,) * 8, (2,) * 8),
    64: Plan((16,) * 4 + (8, 8, 4, 4, 2), (2, 4, 4, 8, 8) + (16,) * 4),
    128: Plan((16,) * 4 + (8, 8, 4, 4, 2, 2, 1), (1, 2, 2, 4, 4, 8, 8) + (16,) * 4),
    256: Plan((16,) * 4 + (8,) * 4 + (4, 4, 2, 2, 1), (1, 2, 2, 4, 4) + (8,) * 4 + (16,) * 4),
    512: Plan((16,) * 4 + (8,) * 4 + (4, 4, 2, 2, 1, 1, 1), (1, 1, 1, 2, 2, 4, 4) + (8,) * 4 + (16,) * 4),
}


def plan(shape: tuple[int, ...]) -> Plan:
    """The plan for images of that shape. Raises UserError for images that the nets do not support."""
    if len(shape) != 3 or shape[0] != shape[1] or shape[0] not in PLANS:
        sizes = ', '.join(map(str, PLANS))
        raise UserError(f"net 'biggan_deep' supports square images of {sizes} pixels, not {shape}: change data.size")
    return PLANS[shape[0]]


class Block(nn.Module):
    """x [B, H, W, C] -> [B, H', W', channels], twice or half the size if `scale` is 'up' or 'down', or as it is.

    Four convolutions, each after norm and ReLU: 1x1, 3x3, 3x3, 1x1. The shortcut drops the last channels of x, or has
    what is missing from a 1x1 convolution.
    """

    channels: int
    conv: MakeConv
    scale: str = ''

    @nn.compact
    def __call__(self, x: Array, norm: Norm = lambda x, name: x, train: bool = True) -> Array:
        narrow = max(1, max(x.shape[-1], self.channels) // 4)
        enlarge = upsample if self.scale == 'up' else lambda x: x
        shrink = pool if self.scale == 'down' else lambda x: x

        def norm_relu(x: Array, number: int) -> Array:
            return nn.relu(norm(x, name=f'norm_{number}'))

        h = self.conv(narrow, kernel=1, name='conv_1')(norm_relu(x, 1), train)
        h = self.conv(narrow, name='conv_2')(enlarge(norm_relu(h, 2)), train)
        h = self.conv(narrow, name='conv_3')(norm_relu(h, 3), train)
        h = self.conv(self.channels, kernel=1, name='conv_4')(shrink(norm_relu(h, 4)), train)
        x = shrink(enlarge(x[..., : self.channels]))
        missing = self.channels - x.shape[-1]
        if missing:
            x = jnp.concatenate([x, self.conv(missing, kernel=1, name='shortcut')(x, train)], -1)
        return x + h


class Generator(nn.Module):
    """Latents [B, d], and one-hot classes [B, K] if there are some -> images [B, H, W, C] in (-1, 1).

    label_size: of the class's embedding. attention, kernel_init: as BigGAN's.
    """

    shape: tuple[int, ...]
    compute: Compute
    width: int = 128
    label_size: int = 128
    attention: tuple[int, ...] = ()
    kernel_init: str = 'orthogonal'

    conditions = ('norm',)

    @nn.compact
    def __call__(self, z: Array, label: Array | None = None, train: bool = True) -> Array:
        stem, *blocks = (self.width * times for times in plan(self.shape).generator)
        check_attention('generator', self.attention, [BASE << ((i + 1) // 2) for i in range(1, len(blocks), 2)])
        options: dict[str, Any] = {'compute': self.compute, 'kernel_init': initializer(self.kernel_init, 'generator')}
        conv = partial(Conv, spectral=True, **options)
        if label is not None:
            embedding = Dense(self.label_size, use_bias=False, name='embedding', **options)(label, train)
            z = jnp.concatenate([z, embedding.astype(z.dtype)], -1)
        norm = partial(conditional_norm, condition=z, train=train, **options)
        x = Dense(BASE * BASE * stem, spectral=True, name=f'stem_{BASE}', **options)(z, train)
        x = x.reshape(-1, BASE, BASE, stem)
        for i, channels in enumerate(blocks):
            scale, name = ('up', f'block_{2 * x.shape[1]}') if i % 2 else ('', f'block_{x.shape[1]}_2')
            x = Block(channels, conv, scale, name=name if i else f'block_{BASE}')(x, norm, train)
            if scale and x.shape[1] in self.attention:
                x = SelfAttention(name=f'attention_{x.shape[1]}', **options)(x, train)
        x = nn.relu(batch_norm(x, train, name=f'norm_{x.shape[1]}', compute=self.compute))
        return jnp.tanh(conv(self.shape[2], name='out')(x, train).astype(jnp.float32))


class Critic(nn.Module):
    """Images [B, H, W, C] -> scores [B], from features summed over all pixels; fields as the generator's.

    attention: resolutions whose first block, which does not halve the image, is followed by self-attention.
    """

    shape: tuple[int, ...]
    compute: Compute
    width: int = 128
    attention: tuple[int, ...] = ()
    kernel_init: str = 'orthogonal'

    conditions = ('projection',)
    batchwise = False

    @nn.compact
    def __call__(self, x: Array, label: Array | None = None, train: bool = True) -> Array:
        stem, *blocks = (self.width * times for times in plan(self.shape).critic)
        check_attention('critic', self.attention, [self.shape[0] >> ((i + 1) // 2) for i in range(1, len(blocks), 2)])
        options: dict[str, Any] = {'compute': self.compute, 'kernel_init': initializer(self.kernel_init, 'critic')}
        conv = partial(Conv, spectral=True, **options)
        x = conv(stem, name='in')(x, train)
        for i, channels in enumerate(blocks):
            scale, name = ('', f'block_{x.shape[1]}') if i % 2 else ('down', f'block_{x.shape[1]}_2')
            x = Block(channels, conv, scale, name=name if i else f'block_{x.shape[1]}')(x, train=train)
            if not scale and x.shape[1] in self.attention:
                x = SelfAttention(name=f'attention_{x.shape[1]}', **options)(x, train)
        return Score(spectral=True, name='out', **options)(nn.relu(x).sum((1, 2)), train, label)
