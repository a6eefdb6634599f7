"""Noise in the layers of a generator."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from gans.core import Array, Keys
from gans.ops import random


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
