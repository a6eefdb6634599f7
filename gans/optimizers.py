"""Optimisers: optax's, with PyTorch's meaning of the numbers, and what GANs add around them."""

import inspect
from collections.abc import Mapping

import jax
import jax.numpy as jnp
import optax

from gans.core import Array
from gans.errors import UserError, unknown


def adam(
    learning_rate: float = 2e-4, b1: float = 0.5, b2: float = 0.999, eps: float = 1e-8
) -> optax.GradientTransformation:
    return optax.adam(learning_rate, b1, b2, eps)


def rmsprop(learning_rate: float = 5e-5, decay: float = 0.99, eps: float = 1e-8) -> optax.GradientTransformation:
    """PyTorch's RMSProp: epsilon outside of the root, decay .99 (optax's own default is .9)."""
    return optax.rmsprop(learning_rate, decay, eps, eps_in_sqrt=False)


def sgd(learning_rate: float = 1e-2, momentum: float = 0.0) -> optax.GradientTransformation:
    return optax.sgd(learning_rate, momentum)


OPTIMIZERS = {'adam': adam, 'rmsprop': rmsprop, 'sgd': sgd}


def clip_weights(limit: float | Array) -> optax.GradientTransformation:
    """WGAN's clipping of the weights to [-limit, limit] (1701.07875, algorithm 1), to rounding; the last of a chain."""

    def update(updates, state, params):
        return jax.tree.map(lambda u, p: jnp.clip(p + u, -limit, limit) - p, updates, params), state

    return optax.GradientTransformation(lambda params: optax.EmptyState(), update)


def build(config: Mapping, role: str, every: int | None = None) -> optax.GradientTransformation:
    """The optimiser that `config.optimizer[role]` describes.

    Args:
      config: `name` and that optimiser's numbers, and these, each None where it is not wanted: `clip_value` and
        `clip_norm` of the gradient (before the optimiser), `clip_weights` (after it).
      role: the player's name, for errors.
      every: the optimiser also takes a lazy step every so many steps; then Adam's numbers are rescaled as StyleGAN2
        does (1912.04958, appendix B): c = every / (every + 1), rate c, betas to the power c.
    """
    options = {key: value for key, value in dict(config).items() if value is not None}
    name = options.pop('name')
    if name not in OPTIMIZERS:
        raise unknown(f'optimizer.{role}.name', name, OPTIMIZERS)
    clip_value, clip_norm, limit = (options.pop(key, None) for key in ('clip_value', 'clip_norm', 'clip_weights'))
    known = inspect.signature(OPTIMIZERS[name]).parameters
    for key in options:
        if key not in known:
            raise unknown(
                f"key of optimizer.{role} for '{name}'", key, [*known, 'clip_value', 'clip_norm', 'clip_weights']
            )
    if every is not None and every > 1:
        if name != 'adam':
            raise UserError(
                f"penalty.every={every} rescales Adam; optimizer.{role}.name is '{name}': use adam or every=1"
            )
        c = every / (every + 1)
        defaults = {key: parameter.default for key, parameter in known.items()}
        for key, rescale in (('learning_rate', lambda v: v * c), ('b1', lambda v: v**c), ('b2', lambda v: v**c)):
            options[key] = rescale(options.get(key, defaults[key]))
    chain = []
    if clip_value is not None:
        chain.append(optax.clip(clip_value))
    if clip_norm is not None:
        chain.append(optax.clip_by_global_norm(clip_norm))
    chain.append(OPTIMIZERS[name](**options))
    if limit is not None:
        chain.append(clip_weights(limit))
    return optax.chain(*chain)
