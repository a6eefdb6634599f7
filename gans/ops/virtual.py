"""Virtual batch norm (Salimans 2016, 1606.03498, section 3.4): an example is normalised with a reference batch, chosen
once, and itself, so that what a generator makes of a latent does not depend on the batch around it.
"""

from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from gans.core import Array, Compute, Keys

REFERENCE = 64  # examples of the reference batch


class VirtualBatchNorm(nn.Module):
    """x [REFERENCE + B, ..., C], the reference batch first -> the same shape.

    The reference examples are normalised by their own moments, each other one by the moments of the reference batch and
    itself, all counting alike. Nothing runs: training and sampling are the same.
    """

    compute: Compute
    scale_init: Callable[..., Array]

    @nn.compact
    def __call__(self, x: Array) -> Array:
        scale, shift = (
            self.param(name, init, (x.shape[-1],))
            for name, init in (('scale', self.scale_init), ('bias', nn.initializers.zeros))
        )
        numbers = x.astype(jnp.float32)
        share = jnp.where(jnp.arange(len(x)) < REFERENCE, 0.0, 1 / (REFERENCE + 1)).reshape(-1, *[1] * (x.ndim - 1))

        def blended(values: Array) -> Array:
            """The mean over pixels of each example, blended with that of the reference batch: [N, 1, ..., C]."""
            own = values.mean(tuple(range(1, x.ndim - 1)), keepdims=True)
            return share * own + (1 - share) * own[:REFERENCE].mean(0, keepdims=True)

        mean = blended(numbers)
        variance = jnp.maximum(blended(numbers**2) - mean**2, 0)
        return ((numbers - mean) * lax.rsqrt(variance + 1e-5) * scale + shift).astype(self.compute.dtype)


class WithReferenceBatch(nn.Module):
    """A generator whose layers are shown a reference batch before the latents: (z [B, d], ...) -> examples [B, ...].

    draw: keys [B] -> latents z [B, d]; the reference latents are drawn with the weights, and are a statistic.
    classes: of a conditional net; the reference examples are of all in turn.
    """

    net: nn.Module
    draw: Callable[[Keys], Array]
    classes: int

    @property
    def compute(self) -> Compute:
        return self.net.compute

    @nn.compact
    def __call__(self, z: Array, label: Array | None = None, train: bool = True) -> Array:
        first = lambda: self.draw(jax.random.split(self.make_rng('params'), REFERENCE))
        z = jnp.concatenate([self.variable('batch_stats', 'reference', first).value, z])
        if label is None:
            return self.net(z, train=train)[REFERENCE:]
        return self.net(z, jnp.concatenate([jnp.arange(REFERENCE) % self.classes, label]), train=train)[REFERENCE:]
