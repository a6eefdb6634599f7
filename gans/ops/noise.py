"""Noise in the layers of a generator."""

from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gans.core import Array, Keys
from gans.ops import random
from gans.ops.dropout import noise_keys


class Noise(nn.Module):
    """x [B, ..., C] -> x + scale [C] N(0, 1), one number per pixel; scales start at 0 (StyleGAN's B, 1812.04948)."""

    @nn.compact
    def __call__(self, x: Array, keys: Keys) -> Array:
        scale = self.param('scale', nn.initializers.zeros, (x.shape[-1],))
        return x + (scale * random.normal(keys, (*x.shape[1:-1], 1))).astype(x.dtype)


def latent_keys(z: Array, num: int) -> tuple[Keys, ...]:
    """`num` keys per latent vector [B, d], from the bits of its first two entries: noise drawn with them is a
    deterministic function of the latents. Its derivative is 0.
    """
    words = lax.bitcast_convert_type(z[:, :2].astype(jnp.float32), jnp.uint32)
    words = jnp.pad(words, ((0, 0), (0, 2 - words.shape[1])))
    return random.split(jax.random.wrap_key_data(words, impl='threefry2x32'), num)


def noise_maps(noise: Array | Sequence[Array], sides: Sequence[int]) -> list[Array]:
    """N(0, 1) for each layer [B, side, side, 1], drawn at once from noise words uint32 [B, 2]; or the maps that are
    given in place of the words.
    """
    if isinstance(noise, list | tuple):
        return list(noise)
    (keys,) = noise_keys(noise, 1)
    ends = np.cumsum([side * side for side in sides])
    drawn = jnp.split(random.normal(keys, (int(ends[-1]),)), ends[:-1], 1)
    return [x.reshape(-1, side, side, 1) for x, side in zip(drawn, sides, strict=True)]
