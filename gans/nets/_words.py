"""Encoders of words and of images that are taught to agree (DAMSM, Xu 2018, AttnGAN, 1711.10485, section 3.2).

The text encoder is the paper's: embeddings, a bidirectional LSTM; at 300 and 256 with its numbers. The paper's image
encoder is Inception v3; this one is a few convolutions down to 8 x 8 regions, trained along.
"""

import flax.linen as nn
import jax.numpy as jnp

from gans.core import Array, Compute
from gans.ops.layers import Conv, Dense, activation
from gans.ops.layers1d import Lstm

REGIONS = 8  # along a side


class TextEncoder(nn.Module):
    """Captions int32 [B, L], 0 behind their ends -> (words [B, L, features], sentences [B, features]), float32.

    Words behind the end are 0. A sentence is the last state of either direction. vocabulary: how many words there are.
    """

    compute: Compute
    vocabulary: int
    features: int = 256
    embedding: int = 300

    batchwise = False

    @nn.compact
    def __call__(self, captions: Array, train: bool = True) -> tuple[Array, Array]:
        length, places = (captions != 0).sum(1), jnp.arange(captions.shape[1])
        inside = (captions != 0)[..., None]
        init = lambda rng, shape: nn.initializers.uniform(0.2)(rng, shape) - 0.1
        x = self.param('embedding', init, (self.vocabulary, self.embedding))[captions]
        # Backward the words of each caption are in reverse, so that what is behind its end comes last both ways.
        back = jnp.clip(length[:, None] - 1 - places, 0)[..., None]  # an involution within the caption
        half = self.features // 2
        forward = Lstm(half, self.compute, name='forward')(x)
        backward = Lstm(half, self.compute, name='backward')(jnp.take_along_axis(x, back, 1))
        last = (length - 1)[:, None, None]
        ends = [jnp.take_along_axis(states, last, 1)[:, 0] for states in (forward, backward)]
        words = jnp.concatenate([forward, jnp.take_along_axis(backward, back, 1)], 2)
        return jnp.where(inside, words, 0).astype(jnp.float32), jnp.concatenate(ends, 1).astype(jnp.float32)


class ImageEncoder(nn.Module):
    """Images [B, H, W, C] -> (regions [B, R, features], whole images [B, features]), float32."""

    shape: tuple[int, ...]
    compute: Compute
    features: int = 256
    width: int = 32

    batchwise = False

    @nn.compact
    def __call__(self, x: Array, train: bool = True) -> tuple[Array, Array]:
        act, width, size = activation('leaky_relu'), self.width, self.shape[0]
        while size > REGIONS:
            x = act(Conv(width, self.compute, kernel=4, stride=2, name=f'conv_{size}')(x, train))
            width, size = min(2 * width, 8 * self.width), size // 2
        x = act(Conv(width, self.compute, name=f'conv_{size}')(x, train))
        regions = Conv(self.features, self.compute, False, kernel=1, name='regions')(x, train)
        whole = Dense(self.features, self.compute, name='whole')(x.mean((1, 2)), train)
        return regions.reshape(len(x), -1, self.features).astype(jnp.float32), whole.astype(jnp.float32)
