"""BigGAN's nets (Brock 2019, 1809.11096, appendix B) for images of 32 to 512 pixels, and SAGAN's, which they grew from.

`width` is the unit of all channels, 96 in the paper. Parts that a field turns on: one embedding of the class for all
layers (`label_size`, 128), latents for every block (`hierarchical`), attention at some resolutions, orthogonal kernels
(`kernel_init`). What the paper leaves open follows the authors' code in PyTorch: hidden channels are those of a block's
output; all kernels but the class's embedding are spectrally normalized, in the generator as well; scales of batch norm
are 1 + A c and shifts B c, without biases, c being the class's embedding and the block's share of the latents; a
critic's block that halves the image has a convolution in its shortcut even where channels stay. Nets for 32 pixels are
those of that code for CIFAR-10, where the paper has none.

    size   latents     attention (generator, critic)    parameters of width 96, 1,000 classes
    32     4 shares    none
    64     120 (5)     none
    128    120 (6)     64, 64                           70,433,988 and 87,982,370
    256    140 (7)     128, 64
    512    160 (8)     64, 64

SAGAN (Zhang 2019, 1805.08318) for 128 pixels is this net without these parts, but with attention at 32, width 64 and
kernel_init 'xavier': each layer has a table of scales and shifts of the classes, which is not normalized.
"""

from functools import partial
from typing import Any, NamedTuple

import flax.linen as nn
import jax.numpy as jnp

from gans.core import Array, Compute
from gans.errors import UserError
from gans.nets._residual import DownBlock, UpBlock, block_names, conditional_norm, initializer
from gans.ops.attention import SelfAttention
from gans.ops.layers import Conv, Dense, Score, batch_norm

BASE = 4  # pixels of the generator's first layer


class Plan(NamedTuple):
    """Channels in units of `width`."""

    generator: tuple[int, ...]  # of the dense layer, and of each block
    critic: tuple[int, ...]  # of each block
    halvings: int  # number of the critic's first blocks, which halve the image


PLANS = {
    32: Plan((4, 4, 4, 4), (4, 4, 4, 4), 2),
    64: Plan((16, 16, 8, 4, 2), (1, 2, 4, 8, 16), 4),
    128: Plan((16, 16, 8, 4, 2, 1), (1, 2, 4, 8, 16, 16), 5),
    256: Plan((16, 16, 8, 8, 4, 2, 1), (1, 2, 4, 8, 8, 16, 16), 6),
    512: Plan((16, 16, 8, 8, 4, 2, 1, 1), (1, 1, 2, 4, 8, 8, 16, 16), 7),
}


def plan(shape: tuple[int, ...]) -> Plan:
    """The plan for images of that shape. Raises UserError for images that the nets do not support."""
    if len(shape) != 3 or shape[0] != shape[1] or shape[0] not in PLANS:
        sizes = ', '.join(map(str, PLANS))
        raise UserError(f"net 'biggan' supports square images of {sizes} pixels, not {shape}: change data.size")
    return PLANS[shape[0]]


def check_attention(role: str, attention: tuple[int, ...], sizes: list[int]) -> None:
    """Raises UserError if there is no block that ends at a resolution which is to have attention."""
    for size in attention:
        if size not in sizes:
            known = ', '.join(map(str, dict.fromkeys(sizes)))
            raise UserError(f'{role}.attention={attention}: no block ends at {size} pixels, they end at {known}')


class Generator(nn.Module):
    """Latents [B, d], and one-hot classes [B, K] if there are some -> images [B, H, W, C] in (-1, 1).

    label_size: of the embedding that all layers share; None: each layer has a table of its own for the classes.
    hierarchical: latents are cut into equal shares, of which each block gets one beside the class, and the first layer
      the first; else that gets all.
    attention: the resolutions, of blocks' outputs, that are followed by self-attention.
    kernel_init: see `_residual.initializer`.
    """

    shape: tuple[int, ...]
    compute: Compute
    width: int = 96
    label_size: int | None = None
    hierarchical: bool = False
    attention: tuple[int, ...] = ()
    kernel_init: str = 'orthogonal'

    conditions = ('norm',)

    @nn.compact
    def __call__(self, z: Array, label: Array | None = None, train: bool = True) -> Array:
        stem, *blocks = (self.width * times for times in plan(self.shape).generator)
        sizes = [BASE * 2 ** (i + 1) for i in range(len(blocks))]
        check_attention('generator', self.attention, sizes)
        options: dict[str, Any] = {'compute': self.compute, 'kernel_init': initializer(self.kernel_init, 'generator')}
        conv = partial(Conv, spectral=True, **options)
        z, shares = self._shares(z, len(blocks))
        tables = label is not None and self.label_size is None
        if label is not None and not tables:
            label = Dense(self.label_size, use_bias=False, name='embedding', **options)(label, train)
        x = Dense(BASE * BASE * stem, spectral=True, name=f'stem_{BASE}', **options)(z, train)
        x = x.reshape(-1, BASE, BASE, stem)
        for channels, size, share in zip(blocks, sizes, shares, strict=True):
            parts = [part.astype(jnp.float32) for part in (label, share) if part is not None]
            norm = partial(
                conditional_norm,
                condition=jnp.concatenate(parts, -1) if parts else None,
                train=train,
                compute=self.compute,
                kernel_init=None if tables else options['kernel_init'],
            )
            x = UpBlock(channels, conv, partial(conv, kernel=1), name=f'block_{size}')(x, norm, train)
            if size in self.attention:
                x = SelfAttention(name=f'attention_{size}', **options)(x, train)
        x = nn.relu(batch_norm(x, train, name=f'norm_{size}', compute=self.compute))
        return jnp.tanh(conv(self.shape[2], name='out')(x, train).astype(jnp.float32))

    def _shares(self, z: Array, blocks: int) -> tuple[Array, list[Array | None]]:
        """What the first layer gets of the latents, and each block."""
        if not self.hierarchical:
            return z, [None] * blocks
        if z.shape[-1] % (blocks + 1):
            raise UserError(
                f'latents.size={z.shape[-1]} does not fall into {blocks + 1} equal shares, of the first layer and'
                f' {blocks} blocks: take a multiple of {blocks + 1}, or generator.hierarchical=False'
            )
        first, *rest = jnp.split(z, blocks + 1, -1)
        return first, rest


class Critic(nn.Module):
    """Images [B, H, W, C] -> scores [B], from features summed over all pixels; fields as the generator's."""

    shape: tuple[int, ...]
    compute: Compute
    width: int = 96
    attention: tuple[int, ...] = ()
    kernel_init: str = 'orthogonal'

    conditions = ('projection',)
    batchwise = False

    @nn.compact
    def __call__(self, x: Array, label: Array | None = None, train: bool = True) -> Array:
        _, blocks, halvings = plan(self.shape)
        options: dict[str, Any] = {'compute': self.compute, 'kernel_init': initializer(self.kernel_init, 'critic')}
        check_attention('critic', self.attention, [self.shape[0] >> (i + 1) for i in range(halvings)])
        conv = partial(Conv, spectral=True, **options)
        for i, name in enumerate(block_names(self.shape, halvings, len(blocks))):
            channels, halve = self.width * blocks[i], i < halvings
            block = DownBlock(channels, channels, conv, partial(conv, kernel=1), halve, i == 0, name=name)
            x = block(x, train=train)
            if halve and x.shape[1] in self.attention:
                x = SelfAttention(name=f'attention_{x.shape[1]}', **options)(x, train)
        return Score(spectral=True, name='out', **options)(nn.relu(x).sum((1, 2)), train, label)
