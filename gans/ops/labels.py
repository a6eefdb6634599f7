"""Nets conditioned on the class of each example."""

import math

import flax.linen as nn
import jax
import jax.numpy as jnp

from gans.core import Array, Compute

GENERATOR = ('concat', 'norm', 'embedding')
CRITIC = ('concat', 'planes', 'projection')
# What the net must implement itself, and lists as `conditions`; others extend its input.
IN_NET = ('norm', 'embedding', 'projection')


class Labeled(nn.Module):
    """(x [B, ...], label int32 [B] or, of mixtures of classes, float [B, K], and what the net is told beside) -> output
    of `net`.

    condition: how the label enters the net, as a one-hot vector or as an `embedding` of that many dimensions:
      'concat': concatenated to the latents, or to the flattened example (Mirza & Osindero 2014, 1411.1784);
      'planes': as constant planes, concatenated to the example's channels (Reed 2016, 1605.05396);
      'norm': batch norm with scales and shifts of each class (Dumoulin 2017, 1610.07629);
      'embedding': by an embedding of the generator's own, which its architecture places;
      'projection': the inner product of the critic's features and the class's vector (Miyato 2018, 1802.05637).
    """

    net: nn.Module
    classes: int
    condition: str
    embedding: int | None = None

    @property
    def compute(self) -> Compute:
        return self.net.compute

    @property
    def batchwise(self) -> bool:
        return getattr(self.net, 'batchwise', True)

    @property
    def fades(self) -> bool:
        return getattr(self.net, 'fades', False)

    @nn.compact
    def __call__(self, x: Array, label: Array, *told: Array, train: bool = True) -> Array:
        vector = one_hot(label, self.classes)  # [B, K]
        if self.condition in IN_NET:
            return self.net(x, *told, label=vector, train=train)
        if self.embedding is not None:
            normal = nn.initializers.normal(1.0)
            vector = nn.Dense(self.embedding, use_bias=False, kernel_init=normal, name='embedding')(vector)
        if self.condition == 'planes':
            vector = jnp.broadcast_to(vector[:, None, None], (*x.shape[:-1], vector.shape[-1]))
        else:
            x = x.reshape(len(x), -1)
        return self.net(jnp.concatenate([x, vector.astype(x.dtype)], -1), *told, train=train)


def one_hot(label: Array, classes: int) -> Array:
    """Classes int [B] -> [B, classes]; mixtures of classes, float [B, classes], are returned as they are."""
    return label if label.ndim == 2 else jax.nn.one_hot(label, classes)


def input_shape(shape: tuple[int, ...], condition: str | None, numbers: int) -> tuple[int, ...]:
    """The shape of an example together with the label's `numbers`, as the net gets it."""
    if condition == 'planes':
        return (*shape[:-1], shape[-1] + numbers)
    return (math.prod(shape) + numbers,) if condition == 'concat' else shape
