"""What a run makes: samples and pictures of fixed inputs, the same for the same seed."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp

from gans import memory
from gans.core import SAMPLES, Array, Sampler, System, TrainState, Tree
from gans.ops.random import example_keys
from gans.train.setup import Experiment

CHUNK = 250  # samples at a time
COLUMNS = 16  # the most classes that are shown side by side


def main_sampler(system: System) -> Sampler:
    """The sampler that is scored, ranked and kept as best: the first."""
    return next(iter(system.samplers.values()))


def make_sampler(experiment: Experiment) -> Callable[[TrainState, Tree], list[Array]]:
    """Makes sample(state, inputs [N, ...]) -> samples float32 in chunks [n, *shape], from averaged weights if any.

    The chunks are about to be computed: the caller decides when to wait for them.
    """
    compiled = jax.jit(partial(sample, experiment))

    def chunks(state: TrainState, inputs: Tree) -> list[Array]:
        num = len(jax.tree.leaves(inputs)[0])
        cut = lambda start: jax.tree.map(lambda x: x[start : start + CHUNK], inputs)
        return [compiled(state, cut(start)) for start in range(0, num, CHUNK)]

    return chunks


def sample(experiment: Experiment, state: TrainState, inputs: Tree) -> Array:
    """Samples [n, *shape] of the main sampler, from averaged weights if there are any; pure."""
    return main_sampler(experiment.system).make(averaged(state), inputs)


def averaged(state: TrainState) -> TrainState:
    """The state with averaged weights and statistics where there are averages."""
    params = state.params | {name: weights.params for name, weights in state.ema.items()}
    stats = state.stats | {name: weights.stats for name, weights in state.ema.items()}
    return state.replace(params=params, stats=stats)


def fixed_inputs(experiment: Experiment, num: int, seed: int | None = None, label: int | None = None) -> Tree:
    """The inputs of a run's pictures and scores, on the host: the same for the same seed (default: the run's)."""
    key = jax.random.key(experiment.config.seed if seed is None else seed)
    draw = jax.jit(lambda: inputs_of(experiment, main_sampler(experiment.system), key, num, label))
    what, lower = f'to draw {num:,} latents', '--num, eval.samples or latents.size'
    return memory.fetch(memory.run(draw, (), what, lower))


def inputs_of(experiment: Experiment, sampler: Sampler, key: Array, num: int, label: int | None = None) -> Tree:
    """The inputs of a sampler for `num` examples, for the run with this base key; pure.

    Classes come in turn, 0, 1, ..., so that scores see all of them alike, and the columns of a grid are classes; or
    all are of the class `label`.
    """
    classes = len(experiment.source.spec.classes)
    index = jnp.arange(num)
    batch = {'label': index % classes if label is None else jnp.full_like(index, label)} if classes else {}
    return sampler.inputs(batch, example_keys(jax.random.fold_in(key, SAMPLES), index))


def columns(experiment: Experiment) -> int | None:
    """Of a picture of samples: the number of classes, if the system asks for classes and they are few."""
    classes = len(experiment.source.spec.classes)
    return classes if asks_for_classes(experiment.system) and classes <= COLUMNS else None


def asks_for_classes(system: System) -> bool:
    return 'label' in main_sampler(system).asked
