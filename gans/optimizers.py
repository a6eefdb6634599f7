"""Optimizers: optax's, with hyperparameters as in PyTorch, and what GANs wrap around them."""

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from gans.configs import drop_none
from gans.core import Array, Ema, Tree
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
# Wrappers that any of them can have.
WRAPPERS = ('historical_averaging', 'clip_value', 'clip_norm', 'optimism', 'clip_weights')
# Schedules of the learning rate, see `rate`.
SCHEDULE = ('schedule', 'schedule_start', 'schedule_end', 'schedule_final', 'warmup')


def clip_weights(limit: float | Array) -> optax.GradientTransformation:
    """WGAN's clipping of the weights to [-limit, limit] (1701.07875, algorithm 1), up to rounding; last in a chain."""

    def update(updates, state, params):
        return jax.tree.map(lambda u, p: jnp.clip(p + u, -limit, limit) - p, updates, params), state

    return optax.GradientTransformation(lambda params: optax.EmptyState(), update)


class History(NamedTuple):
    count: Array  # int32 []
    mean: Tree


def historical_averaging(weight: float | Array) -> optax.GradientTransformation:
    """Adds the gradient of weight |theta - mean of theta so far|^2, with the mean as a constant (Salimans 2016,
    1606.03498, section 3.3); first in the chain.
    """

    def update(grads: Tree, state: History, params: Tree) -> tuple[Tree, History]:
        count = state.count + 1
        mean = jax.tree.map(lambda m, p: m + (p - m) / count, state.mean, params)
        return jax.tree.map(lambda g, p, m: g + 2 * weight * (p - m), grads, params, mean), History(count, mean)

    def init(params: Tree) -> History:
        return History(jnp.zeros((), jnp.int32), optax.tree.zeros_like(params))

    return optax.GradientTransformation(init, update)


class Extrapolation(NamedTuple):
    inner: Tree  # state of the wrapped optimizer
    anchor: Tree  # parameters before the extrapolation
    extrapolated: Array  # bool []: whether the current parameters are the extrapolated ones


def extragradient(tx: optax.GradientTransformation) -> optax.GradientTransformation:
    """Steps in pairs: from w to w' = w + u(gradient at w), then from w again by u(gradient at w').

    Korpelevich's extragradient for SGD, ExtraAdam (Gidel 2019, 1802.10551, algorithm 4) for Adam, whose moments advance
    in both steps. All players must take each of the two steps simultaneously: `gans/dynamics/extragradient.py`.
    """

    def init(params: Tree) -> Extrapolation:
        return Extrapolation(tx.init(params), optax.tree.zeros_like(params), jnp.zeros((), bool))

    def update(grads: Tree, state: Extrapolation, params: Tree) -> tuple[Tree, Extrapolation]:
        anchor = jax.tree.map(lambda p, a: jnp.where(state.extrapolated, a, p), params, state.anchor)
        change, inner = tx.update(grads, state.inner, anchor)
        change = jax.tree.map(lambda u, a, p: a - p + u, change, anchor, params)
        return change, Extrapolation(inner, anchor, ~state.extrapolated)

    return optax.GradientTransformation(init, update)


def backtrack(alpha: float | Array) -> optax.GradientTransformation:
    """Look-ahead's interpolation (Zhang 2019, 1907.08610) towards the slow weights phi, which are its state: theta and
    phi become phi + alpha (theta - phi), regardless of the gradient.
    """

    def update(grads: Tree, slow: Tree, params: Tree) -> tuple[Tree, Tree]:
        slow = jax.tree.map(lambda phi, theta: phi + alpha * (theta - phi), slow, params)
        return jax.tree.map(jnp.subtract, slow, params), slow

    return optax.GradientTransformation(lambda params: jax.tree.map(jnp.copy, params), update)


def freeze(tx: optax.GradientTransformation, layers: Collection[str]) -> optax.GradientTransformation:
    """The optimizer, with these layers, NET/LAYER, of its nets frozen; they do not count for clip_norm either."""

    def labels(params: Tree) -> Tree:
        label = lambda path, _: 'frozen' if f'{path[0].key}/{path[1].key}' in layers else 'trained'
        return jax.tree_util.tree_map_with_path(label, params)

    return optax.partition({'trained': tx, 'frozen': optax.set_to_zero()}, labels) if layers else tx


def build(config: Mapping, role: str, every: Sequence[int] = ()) -> optax.GradientTransformation:
    """Builds the optimizer that `config.optimizer[role]` describes.

    Args:
      config: `name` and the hyperparameters of that optimizer. Optional, off if None: `historical_averaging`,
        `clip_value` and `clip_norm` of the gradient (before the optimizer), `optimism` and `clip_weights` (after it).
        Optimism b turns the optimizer's steps u_t into u_t + b (u_t - u_(t-1)), except for the first: with Adam and
        b = 1 that is optimistic Adam (Daskalakis 2018, 1711.00141, algorithm 1).
      role: the player's name, for errors.
      every: periods of the lazy terms for which the optimizer takes additional steps. Adam's hyperparameters are then
        rescaled as in StyleGAN2 (1912.04958, appendix B): with 1 / c = 1 + sum 1 / every, the rate times c, betas to
        the power c.
    """
    options = drop_none(config)
    name = options.pop('name')
    if name not in OPTIMIZERS:
        raise unknown(f'optimizer.{role}.name', name, OPTIMIZERS)
    history, clip_value, clip_norm, optimism, limit = (options.pop(key, None) for key in WRAPPERS)
    options = {key: value for key, value in options.items() if key not in SCHEDULE}
    known = inspect.signature(OPTIMIZERS[name]).parameters
    for key in options:
        if key not in known:
            raise unknown(f"key of optimizer.{role} for '{name}'", key, [*known, *WRAPPERS, *SCHEDULE])
    if every:
        if name != 'adam':
            raise UserError(f"a lazy term (every={every[0]}) needs Adam, whose hyperparameters it rescales, but"
                            f" optimizer.{role}.name is '{name}': set it to adam, or every=1")  # fmt: skip
        c = 1 / (1 + sum(1 / k for k in every))
        defaults = {key: parameter.default for key, parameter in known.items()}
        for key, rescale in (('learning_rate', lambda v: v * c), ('b1', lambda v: v**c), ('b2', lambda v: v**c)):
            options[key] = rescale(options.get(key, defaults[key]))
    chain = []
    if history is not None:
        chain.append(historical_averaging(history))
    if clip_value is not None:
        chain.append(optax.clip(clip_value))
    if clip_norm is not None:
        chain.append(optax.clip_by_global_norm(clip_norm))
    chain.append(OPTIMIZERS[name](**options))
    if optimism is not None:
        chain.append(optax.scale_by_optimistic_gradient(1.0, optimism))
    if limit is not None:
        chain.append(clip_weights(limit))
    return optax.chain(*chain)


def ema(config: Mapping, nets: tuple[str, ...] = ('generator',)) -> Ema | None:
    """The moving average of some nets, if `config.decay` or `config.half_life` is set. The decay after t steps is
    min(decay, (1 + t) / (warmup + t)), so that early weights are forgotten quickly; warmup=1 turns that off, 10 is
    gentle. A half-life of h steps is a decay of 2^(-1 / h); of 0, the average is the weights themselves. With `begin`,
    t counts from that step on, and before it the average is a copy of the weights, as in BigGAN's code. Statistics, of
    batches and of spectral norm, are averaged and copied as weights are.
    """
    decay, half_life, begin = config.decay, config.get('half_life'), config.get('begin')
    if decay is None and half_life is None:
        return None
    if None not in (decay, half_life):
        raise UserError(f'ema.decay={decay} and ema.half_life={half_life} both say how long weights count: set one')

    def at(t: Array) -> Array:
        steady = decay if half_life is None else jnp.exp2(-1 / jnp.maximum(half_life, 1e-6))
        since = t if begin is None else jnp.maximum(t - begin, 0)
        value = jnp.minimum(steady, (1.0 + since) / (config.warmup + since))
        return value if begin is None else jnp.where(t < begin, 0.0, value)

    return Ema(nets, at)


def rate(config: Mapping, role: str) -> Callable[[Array], Array] | None:
    """The learning rate schedule, as a factor of the learning rate: (steps done) -> factor; None for a constant rate.

    Args:
      config: of `config.optimizer[role]`, each optional: `schedule`, a 'linear' or 'cosine' decay from step
        `schedule_start` (0) to `schedule_end`, down to `schedule_final` (0); and `warmup`, steps of a linear increase
        from 0 to 1, which is multiplied in. All in train steps, however many updates the player does in each.
      role: the player's name, for errors.
    """
    name, start, end, final, warmup = (config.get(key) for key in SCHEDULE)
    if name is None:
        for key, value in (('schedule_start', start), ('schedule_end', end), ('schedule_final', final)):
            if value is not None:
                raise UserError(f'optimizer.{role}.{key}={value} needs optimizer.{role}.schedule: linear or cosine')
        if warmup is None:
            return None
    start, final = start or 0, 0.0 if final is None else final
    decays = {
        None: lambda length: lambda step: 1.0,
        'linear': lambda length: optax.linear_schedule(1.0, final, length),
        'cosine': lambda length: optax.cosine_decay_schedule(1.0, length, final),
    }
    if name not in decays:
        raise unknown(f'optimizer.{role}.schedule', name, [known for known in decays if known])
    if name is not None and (end is None or end <= start):
        raise UserError(f'optimizer.{role}.schedule_end={end} must be a step after schedule_start={start}')
    decay = decays[name]((end or 0) - start)

    def factor(step: Array) -> Array:
        ramp = 1.0 if warmup is None else jnp.minimum(1.0, (step + 1) / warmup)
        return decay(jnp.maximum(step - start, 0)) * ramp

    return factor
