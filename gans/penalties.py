"""Gradient penalties: (critic_fn, real, fake, keys) -> [B], where the critic is only a function of examples.

The `jax.grad` here is with respect to the critic's input, nested inside the train step's own with respect to its
parameters. The caller decides about weights, averaging and how often a penalty runs.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from gans.core import Array, Keys
from gans.losses import per_example
from gans.ops import random

CriticFn = Callable[[Array], Array]  # [B, ...] -> scores [B], or maps of them, whose means count
Penalty = Callable[[CriticFn, Array, Array, Keys], Array]


def squared_gradient_norm(critic_fn: CriticFn, x: Array) -> Array:
    """|grad_x critic(x)|^2 per example: [B, ...] -> [B]."""
    return squared_norm(jax.grad(lambda x: per_example(critic_fn(x)).sum())(x))


def squared_norm(gradient: Array) -> Array:
    """|gradient|^2 per example: [B, ...] -> [B]."""
    gradient = gradient.astype(jnp.promote_types(gradient.dtype, jnp.float32))  # a sum in bfloat16 is too coarse
    return jnp.sum(gradient.reshape(len(gradient), -1) ** 2, axis=1)


def overlaps(kernel: Array) -> Array:
    """The sum of squared inner products of different filters of a kernel [..., features]: []."""
    matrix = kernel.reshape(-1, kernel.shape[-1])
    if matrix.shape[0] < matrix.shape[1]:  # A A^T is as long as A^T A, and smaller
        return jnp.sum((matrix @ matrix.T) ** 2) - jnp.sum((matrix**2).sum(0) ** 2)
    return jnp.sum((matrix.T @ matrix * (1 - jnp.eye(matrix.shape[1]))) ** 2)


def _deviation(squared_norm: Array, target: float | Array, one_sided: bool) -> Array:
    norm = jnp.sqrt(squared_norm + 1e-12)  # the root has no derivative at 0, which a dead critic returns
    excess = norm - target
    return (jax.nn.relu(excess) if one_sided else excess) ** 2


def _mix(keys: Keys, a: Array, b: Array) -> Array:
    """A random point on the line from a_i to b_i: one coefficient per example, not per pixel."""
    coefficient = random.uniform(keys, (1,) * (a.ndim - 1))  # [B, 1, ...]
    return a + coefficient * (b - a)


def wgan_gp(target: float | Array = 1.0, one_sided: bool = False) -> Penalty:
    """(|grad D(x)| - target)^2 between real and fake: Gulrajani 2017 (1704.00028), eq. 3. one_sided: Petzka 2018."""

    def penalty(critic_fn: CriticFn, real: Array, fake: Array, keys: Keys) -> Array:
        return _deviation(squared_gradient_norm(critic_fn, _mix(keys, real, fake)), target, one_sided)

    return penalty


def dragan(target: float | Array = 1.0, one_sided: bool = False) -> Penalty:
    """The same penalty around the real data: Kodali 2017 (1705.07215). Noise as in the authors' code: 0.5 std(batch)
    U(0, 1) per pixel, mixed in with one coefficient per example.
    """

    def penalty(critic_fn: CriticFn, real: Array, fake: Array, keys: Keys) -> Array:
        k_noise, k_mix = random.split(keys, 2)
        perturbed = real + 0.5 * real.std() * random.uniform(k_noise, real.shape[1:])
        return _deviation(squared_gradient_norm(critic_fn, _mix(k_mix, real, perturbed)), target, one_sided)

    return penalty


def r1() -> Penalty:
    """|grad D(x)|^2 / 2 on real examples: Mescheder 2018 (1801.04406), eq. 9; `weight` is the paper's gamma."""
    return lambda critic_fn, real, fake, keys: 0.5 * squared_gradient_norm(critic_fn, real)


def r2() -> Penalty:
    """|grad D(x)|^2 / 2 on fake examples: Mescheder 2018, eq. 10."""
    return lambda critic_fn, real, fake, keys: 0.5 * squared_gradient_norm(critic_fn, fake)
