"""Virtual batch norm (Salimans 2016, 1606.03498, section 3.4): each example is normalized with the moments of itself
and a fixed reference batch, so that a generator's output does not depend on the rest of the batch.
"""

from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from gans.core import Array, Compute, Keys
from gans.ops.labels import one_hot

REFERENCE = 64  # examples of the reference batch


class VirtualBatchNorm(nn.Module):
    """x [REFERENCE + B, ..., C], the reference batch first -> the same shape.

    Reference examples are normalized by the moments of the reference batch, every other example by those of the
    reference batch and itself, with equal weights. There are no running averages: training and sampling are the same.
    """

    compute: Compute
    scale_init: Callable[..., Array]

    @nn.compact
    def __call__(self, x: Array) -> Array:
        scale, shift = (
            self.param(name, init, (x.shape[-1],))
            for name, init in (('scale', self.scale_init), ('bias', nn.initializers.zeros))
        )
        values = x.astype(jnp.float32)
        share = jnp.where(jnp.arange(len(x)) < REFERENCE, 0.0, 1 / (REFERENCE + 1)).reshape(-1, *[1] * (x.ndim - 1))

        def average(values: Array) -> Array:
            """The mean over pixels of each example, averaged with that of the reference batch: [N, 1, ..., C]."""
            own = values.mean(tuple(range(1, x.ndim - 1)), keepdims=True)
            return share * own + (1 - share) * own[:REFERENCE].mean(0, keepdims=True)

        mean = average(values)
        variance = jnp.maximum(average(values**2) - mean**2, 0)
        return ((values - mean) * lax.rsqrt(variance + 1e-5) * scale + shift).astype(self.compute.dtype)


class WithReferenceBatch(nn.Module):
    """Runs a generator with a reference batch before the latents: (z [B, d], ...) -> examples [B, ...].

    draw: keys [B] -> latents z [B, d]; the reference latents are drawn at initialization, and are a statistic.
    classes: of a conditional net; the reference examples cycle through them.
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
        vectors = (one_hot(of, self.classes) for of in (jnp.arange(REFERENCE) % self.classes, label))
        return self.net(z, jnp.concatenate([*vectors]), train=train)[REFERENCE:]
