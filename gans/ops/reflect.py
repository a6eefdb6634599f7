"""Reflection padding."""

import jax.numpy as jnp

from gans.core import Array
from gans.errors import UserError


def reflect(x: Array, pad: int) -> Array:
    """x [B, H, W, C] with `pad` more pixels on each side, mirrored at its outermost pixels, which do not come again:
    PyTorch's ReflectionPad2d, [B, H + 2 pad, W + 2 pad, C].

    Raises:
      UserError: a side has no more than `pad` pixels; `jnp.pad` would go on reflecting.
    """
    if min(x.shape[1:3]) <= pad:
        raise UserError(
            f'reflection padding by {pad} pixels needs more than {pad} on each side, and gets {x.shape[1]} x '
            f'{x.shape[2]}: use larger images'
        )
    x = jnp.concatenate([x[:, pad:0:-1], x, x[:, -2 : -2 - pad : -1]], 1)
    return jnp.concatenate([x[:, :, pad:0:-1], x, x[:, :, -2 : -2 - pad : -1]], 2)
