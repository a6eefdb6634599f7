"""Views: examples with the augmentations of `config.augment` and the noise of `config.instance_noise`."""

import jax.numpy as jnp
import ml_collections

from gans import augment
from gans.core import Array, Aux, Keys, Spec, TrainState
from gans.errors import UserError
from gans.ops import random
from gans.parts import Conditions, View


def build(config: ml_collections.ConfigDict, spec: Spec, name: str) -> View | None:
    """Builds the view of examples of that spec; None if neither augmentations nor noise are on.

    Images among the conditions are augmented with the same draws as their example; noise is added to examples only.

    Args:
      config: the whole config.
      name: of the view's memory.
    """
    names, target, sigma = config.augment.names, config.augment.target, config.instance_noise.sigma
    if names is None and target is not None:
        raise UserError('augment.target adapts the strength of augmentations, but there are none: set augment.names')
    if names is None and sigma is None:
        return None
    augmentation = None if names is None else augment.augmentation(names, spec.shape)

    def show(x: Array, conditions: Conditions, keys: Keys, state: TrainState) -> tuple[Array, Conditions]:
        if augmentation is not None:
            keys, k_augment = random.split(keys, 2)
            p = config.augment.probability if target is None else state.memory[name]['p']
            x, conditions = augment.augment_together(augmentation, x, conditions, k_augment, p)
        if sigma is not None:  # annealed to 0 (Sonderby 2017, 1610.04490)
            left = jnp.maximum(0.0, 1.0 - state.step / config.instance_noise.until)
            x = x + sigma * left * random.normal(keys, x.shape[1:])
        return x, conditions

    def learn(state: TrainState, real_scores: Array) -> Aux:
        """ADA: adapts the probability to overfitting."""
        examples = config.train.batch_size / config.train.micro
        now = augment.update_probability(
            state.memory[name], real_scores, target, examples / (1000 * config.augment.kimg)
        )
        return Aux({'augment_p': now['p']}, memory={name: now})

    if target is None:
        return View(show)
    first = {'p': jnp.asarray(config.augment.probability, jnp.float32), 'r': jnp.zeros((), jnp.float32)}
    return View(show, {name: first}, learn)


def chain(first: View | None, second: View | None) -> View | None:
    """The composition of two views, in this order."""
    if first is None or second is None:
        return first or second

    def show(x: Array, conditions: Conditions, keys: Keys, state: TrainState) -> tuple[Array, Conditions]:
        k_first, k_second = random.split(keys, 2)
        return second.show(*first.show(x, conditions, k_first, state), k_second, state)

    def learn(state: TrainState, real_scores: Array) -> Aux:
        both = first.learn(state, real_scores), second.learn(state, real_scores)
        return Aux(*({**a, **b} for a, b in zip(*both, strict=True)))

    return View(show, {**first.memory, **second.memory}, learn)
