"""AttnGAN's generator (Xu 2018, 1711.10485): a tree of images, each refined by the words that its regions attend to.

As in the authors' code: at 256 pixels, three scales, a width of 32 and two blocks its numbers for birds (48 and three
for COCO). Critics are those of the tree.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

from gans.core import Array, Compute
from gans.nets._augmentation import Augmentation
from gans.nets._tree import ORTHOGONAL, First, Residual, ToImage, TreeCritic, Up, sizes, stack
from gans.ops.layers import Dense

__all__ = ['TreeCritic', 'WordGenerator']

FAR = -1e9  # a score that never wins


def attend(x: Array, words: Array, inside: Array) -> tuple[Array, Array]:
    """What each place of maps is told by the words of its example (eqs. 2 and 3): contexts, and the shares of words.

    Args:
      x: [B, h, w, C]. words: [B, L, C]. inside: bool [B, L], False behind the end of a caption.

    Returns:
      [B, h, w, C] and [B, h, w, L], float32, which is 0 behind the end and sums to 1.
    """
    scores = jnp.einsum('bhwc,blc->bhwl', x, words).astype(jnp.float32)
    shares = jax.nn.softmax(jnp.where(inside[:, None, None], scores, FAR), -1)
    return jnp.einsum('bhwl,blc->bhwc', shares.astype(x.dtype), words), shares


class WordGenerator(nn.Module):
    """Latents [B, z], sentences [B, d], normal noise [B, condition], words [B, L, d], inside [B, L] -> all scales of
    images [B, H, W, S C] in (-1, 1), and if `maps`, the last refinement's shares of words [B, H / 2, W / 2, L], too.

    shape: of the largest image. condition: numbers that it is told of a sentence. width: channels of the last block of
    each scale. blocks: residual ones of a later scale.
    """

    shape: tuple[int, ...]
    compute: Compute
    scales: int
    condition: int
    maps: bool
    width: int = 32
    blocks: int = 2

    batchwise = False

    @nn.compact
    def __call__(
        self, z: Array, sentences: Array, noise: Array, words: Array, inside: Array, train: bool = True
    ) -> Array | tuple[Array, Array]:
        told, _, _ = Augmentation(self.compute, self.condition, 'glu', ORTHOGONAL, name='augmentation')(
            sentences, noise, train
        )
        smallest, *others = sizes(self.shape, self.scales)
        x = First(smallest, self.width, self.compute, name=f'first_{smallest}')(jnp.concatenate([told, z], 1), train)
        images, shares = [ToImage(self.shape[2], self.compute, name=f'image_{smallest}')(x, train)], None
        for size in others:
            project = Dense(self.width, self.compute, False, kernel_init=ORTHOGONAL, name=f'words_{size}')
            context, shares = attend(x, project(words, train), inside)
            x = jnp.concatenate([x, context], -1)
            for i in range(self.blocks):
                x = Residual(self.compute, name=f'residual_{size}_{i}')(x, train)
            x = Up(self.width, self.compute, name=f'up_{size}')(x, train)
            images.append(ToImage(self.shape[2], self.compute, name=f'image_{size}')(x, train))
        return (stack(images), shares) if self.maps else stack(images)
