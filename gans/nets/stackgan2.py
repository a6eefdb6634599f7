"""StackGAN v2's nets (Zhang 2018, 1710.10916): a tree of generators whose branches are images, and a critic for each.

As in the authors' code for birds, whose sizes these are at 256 pixels, three scales and widths of 64.
"""

import flax.linen as nn
import jax.numpy as jnp

from gans.core import Array, Compute
from gans.errors import UserError
from gans.nets._augmentation import Augmentation
from gans.nets._tree import ORTHOGONAL, ConvNorm, First, Residual, ToImage, TreeCritic, Up, beside, sizes, stack

__all__ = ['TreeCritic', 'TreeGenerator']


class TreeGenerator(nn.Module):
    """Latents [B, z], sentences [B, d], normal noise [B, condition] -> all scales of images [B, H, W, S C] in (-1, 1).

    shape: of the largest image. condition: numbers that it is told. width: channels of the smallest image's last block,
    of which the next scales have half each. blocks: residual ones of a later scale.
    """

    shape: tuple[int, ...]
    compute: Compute
    scales: int
    condition: int
    width: int = 64
    blocks: int = 2

    batchwise = False

    @nn.compact
    def __call__(self, z: Array, sentences: Array, noise: Array, train: bool = True) -> Array:
        if self.width % (1 << (self.scales - 1)):
            raise UserError(f'generator.width={self.width} cannot be halved for each of {self.scales} scales but the'
                            f' first: set it to a multiple of {1 << (self.scales - 1)}')  # fmt: skip
        told, _, _ = Augmentation(self.compute, self.condition, 'glu', ORTHOGONAL, name='augmentation')(
            sentences, noise, train
        )
        smallest, *others = sizes(self.shape, self.scales)
        x = First(smallest, self.width, self.compute, name=f'first_{smallest}')(jnp.concatenate([told, z], 1), train)
        images = [ToImage(self.shape[2], self.compute, name=f'image_{smallest}')(x, train)]
        for size in others:
            width = x.shape[-1]
            x = ConvNorm(width, self.compute, name=f'joint_{size}')(beside(x, told), train)
            for i in range(self.blocks):
                x = Residual(self.compute, name=f'residual_{size}_{i}')(x, train)
            x = Up(width // 2, self.compute, name=f'up_{size}')(x, train)
            images.append(ToImage(self.shape[2], self.compute, name=f'image_{size}')(x, train))
        return stack(images)
