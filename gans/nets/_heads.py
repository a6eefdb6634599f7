"""Heads on a critic's features, which predict the class or the code of an image with the critic's body."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from gans.core import Array, Compute, Net
from gans.errors import unknown
from gans.nets.build import from_linen
from gans.ops.layers import Dense, activation, initializer, norm

NORMS = ('none', 'batch', 'layer')


class Head(nn.Module):
    """Features [B, f] -> predictions [B, outputs], float32: dense, norm and leaky ReLU for each width, then dense."""

    outputs: int
    compute: Compute
    widths: tuple[int, ...] = ()
    norm: str = 'batch'
    init_std: float | None = 0.02

    @nn.compact
    def __call__(self, x: Array, train: bool = True) -> Array:
        if self.norm not in NORMS:
            raise unknown("norm of a critic's head", self.norm, NORMS)
        init, bias = initializer(self.init_std), self.norm == 'none'
        for i, width in enumerate(self.widths):
            x = Dense(width, self.compute, bias, kernel_init=init, name=f'dense_{i}')(x, train)
            x = activation('leaky_relu')(norm(self.norm, x, train, name=f'norm_{i}', compute=self.compute))
        return Dense(self.outputs, self.compute, kernel_init=init, name='out')(x, train).astype(jnp.float32)


def features_of(critic: Net) -> jax.ShapeDtypeStruct:
    """Of the features [B, f] of that critic."""

    def features(rng: Array) -> Array:
        params, stats = critic.init(rng)
        inputs = [jnp.zeros(x.shape, x.dtype) for x in critic.inputs]
        return critic.apply(params, stats, *inputs, train=False, features=True)[0][1]

    return jax.eval_shape(features, jax.random.key(0))


def head(critic: Net, outputs: int, compute: Compute, widths: tuple[int, ...] = (), norm: str = 'batch') -> Net:
    """The net features [B, f] -> predictions [B, outputs] for the features of that critic."""
    return from_linen(Head(outputs, compute, widths, norm), features_of(critic))
