"""Fully connected nets, for points and for images."""

import functools
import math

import flax.linen as nn
import jax.numpy as jnp

from gans.core import Array, Compute, Keys
from gans.errors import unknown
from gans.ops.layers import CRITIC_NORMS, GENERATOR_NORMS, Dense, Score, activation, initializer, norm
from gans.ops.minibatch import minibatch
from gans.ops.noise import Noise, latent_keys


def _hidden(
    self: 'Generator | Critic',
    x: Array,
    train: bool,
    pieces: int = 1,
    label: Array | None = None,
    keys: tuple[Keys, ...] | None = None,
) -> Array:
    """The hidden layers of both nets: dense, maximum over pieces, noise, norm, activation."""
    act = activation(self.activation)
    spectral = self.norm == 'spectral'
    for i, width in enumerate(self.widths):
        bias = self.norm in ('none', 'spectral')  # else redundant with the norm's shift
        dense = Dense(width * pieces, self.compute, bias, spectral, initializer(self.init_std), name=f'dense_{i}')
        x = dense(x, train)
        # Maxima of slices: on CPU, a reduction over so few numbers takes a third of a step of PacGAN's toys.
        x = x if pieces == 1 else functools.reduce(jnp.maximum, jnp.split(x, pieces, -1))
        x = x if keys is None else Noise(name=f'noise_{i}')(x, keys[i])
        x = act(norm(self.norm, x, train, name=f'norm_{i}', compute=self.compute, label=label))
    return x


class Generator(nn.Module):
    """Latents [B, d] -> examples [B, *shape], with a final tanh for images.

    noise: added in each hidden layer before its norm, one number per example.
    """

    shape: tuple[int, ...]
    compute: Compute
    widths: tuple[int, ...] = (256, 512, 1024)
    activation: str = 'relu'
    norm: str = 'none'
    init_std: float | None = None
    noise: bool = False

    conditions = ('norm',)

    @nn.compact
    def __call__(self, z: Array, label: Array | None = None, train: bool = True) -> Array:
        if self.norm not in GENERATOR_NORMS:
            raise unknown('generator.norm', self.norm, GENERATOR_NORMS)
        keys = latent_keys(z, len(self.widths)) if self.noise else None
        x = _hidden(self, z, train, label=label, keys=keys)
        out = Dense(math.prod(self.shape), self.compute, kernel_init=initializer(self.init_std), name='out')
        x = out(x, train).astype(jnp.float32).reshape(-1, *self.shape)
        return jnp.tanh(x) if len(self.shape) == 3 else x


class Critic(nn.Module):
    """Examples [B, *shape] -> scores [B].

    pieces: of maxout (Goodfellow 2013, 1302.4389): each unit is the maximum of that many; use activation='identity'.
    minibatch: None, 'std' or 'discrimination': statistics of the batch that the last layer also gets.
    """

    shape: tuple[int, ...]
    compute: Compute
    widths: tuple[int, ...] = (512, 256)
    activation: str = 'leaky_relu'
    norm: str = 'none'
    init_std: float | None = None
    pieces: int = 1
    minibatch: str | None = None

    conditions = ('projection',)

    @property
    def batchwise(self) -> bool:
        return self.minibatch is not None

    @nn.compact
    def __call__(self, x: Array, label: Array | None = None, train: bool = True) -> Array:
        if self.norm not in CRITIC_NORMS:
            raise unknown('critic.norm', self.norm, CRITIC_NORMS)
        x = _hidden(self, x.reshape(len(x), -1), train, self.pieces)
        spectral = self.norm == 'spectral'
        out = Score(compute=self.compute, spectral=spectral, kernel_init=initializer(self.init_std), name='out')
        return out(minibatch(self.minibatch, x), train, label)
