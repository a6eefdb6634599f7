"""The nets of the Dirac-GAN (Mescheder 2018, 1801.04406, definition 2.1): one parameter each, for points on the line.
The generator is a point theta, the critic the line psi x.
"""

import flax.linen as nn
import jax.numpy as jnp

from gans.core import Array, Compute
from gans.errors import UserError


def _check(shape: tuple[int, ...]) -> None:
    if shape != (1,):
        raise UserError(f"net 'dirac' supports points [1] on the line, not {shape}: set data.name=dirac or gaussian1d")


class Generator(nn.Module):
    """Latents [B, d] -> theta, [B, 1]. start: initial theta."""

    shape: tuple[int, ...]
    compute: Compute
    start: float = 1.0

    @nn.compact
    def __call__(self, z: Array, train: bool = True) -> Array:
        _check(self.shape)
        theta = self.param('theta', nn.initializers.constant(self.start), ())
        return jnp.broadcast_to(theta, (len(z), 1))


class Critic(nn.Module):
    """x [B, 1] -> scores psi x [B]. start: initial psi."""

    shape: tuple[int, ...]
    compute: Compute
    start: float = 1.0

    batchwise = False

    @nn.compact
    def __call__(self, x: Array, train: bool = True) -> Array:
        _check(self.shape)
        return self.param('psi', nn.initializers.constant(self.start), ()) * x[:, 0]
