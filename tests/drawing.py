"""What systems make, from parameters and statistics at hand."""

import jax
import jax.numpy as jnp

from gans.core import Array, Keys, Params, System, TrainState, Tree


def inputs_of(system: System, keys: Keys, label: Array | None = None, sampler: str = 'samples') -> Tree:
    """What a sampler makes its examples from, with these classes."""
    return system.samplers[sampler].inputs({} if label is None else {'label': label}, keys)


def draw(system: System, params: Params, stats: Params, inputs: Tree, sampler: str = 'samples') -> Array:
    """What a sampler makes of inputs."""
    state = TrainState(jnp.zeros((), jnp.int32), params, stats, {}, {}, {}, jax.random.key(0))
    return system.samplers[sampler].make(state, inputs)
