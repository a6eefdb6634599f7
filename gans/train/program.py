"""The compiled program: several train steps and their data, for one device or all of them."""

from collections.abc import Callable
from itertools import groupby

import flax.jax_utils
import jax
from jax import lax

from gans.core import DATA, SAMPLES, Array, TrainState, Tree
from gans.data import feed
from gans.ops.random import example_keys
from gans.step import due_updates, make_train_step
from gans.train.setup import Experiment

CHUNK = 250  # samples at a time

Schedule = tuple[tuple[tuple[str, ...], int], ...]  # ((names of due updates, steps in a row), ...)


def schedule(experiment: Experiment, start: int) -> Schedule:
    """What the steps of the call that begins after `start` steps do; static."""
    steps = range(start, start + experiment.config.train.steps_per_call)
    return tuple((due, len(list(run))) for due, run in groupby(due_updates(experiment.system, step) for step in steps))


def make_call(experiment: Experiment) -> Callable[[TrainState, dict, Schedule], tuple[TrainState, list]]:
    """Makes call(state, raw, schedule) -> (state, [metrics of each run of the schedule, leaves [steps]]).

    `raw` is what `gans.data.feed.fetch` wants: the arrays of a held set, nothing for a drawn one; for a streamed one
    this call's steps, leaves [steps, repeats, B, ...]. With several devices, state and raw have a leading device axis.
    The state is donated.
    """
    streamed = experiment.source.read is not None
    axis_name, shares = experiment.axis_name, experiment.shares
    unroll = jax.default_backend() == 'cpu'
    train_step = make_train_step(experiment.system, axis_name, unroll)

    def call(state: TrainState, raw: dict[str, Array], schedule: Schedule) -> tuple[TrainState, list]:
        offset = 0 if axis_name is None else lax.axis_index(axis_name) * shares['local']
        key, done, metrics = jax.random.fold_in(state.rng, DATA), 0, []
        for due, count in schedule:

            def body(state: TrainState, piece: dict, due: tuple[str, ...] = due) -> tuple[TrainState, dict]:
                piece = piece if streamed else raw
                batch = feed.fetch(experiment.source, piece, key, state.step, offset=offset, **shares)
                return train_step(state, batch, due)

            pieces = {name: array[done : done + count] for name, array in raw.items()} if streamed else {}
            if count == 1:
                state, logged = body(state, {name: array[0] for name, array in pieces.items()})
                metrics.append({name: value[None] for name, value in logged.items()})
            else:
                state, logged = lax.scan(body, state, pieces, length=count)
                metrics.append(logged)
            done += count
        return state, metrics

    if axis_name is None:
        return jax.jit(call, static_argnums=2, donate_argnums=0)
    return jax.pmap(call, axis_name, static_broadcasted_argnums=2, donate_argnums=0)


def place(experiment: Experiment, tree: Tree) -> Tree:
    """Puts a tree on the device, or a copy on each local device."""
    return jax.device_put(tree) if experiment.axis_name is None else flax.jax_utils.replicate(tree)


def one(experiment: Experiment, tree: Tree) -> Tree:
    """The first device's copy of what `place` or the call made."""
    return tree if experiment.axis_name is None else flax.jax_utils.unreplicate(tree)


def make_sampler(experiment: Experiment) -> Callable[[TrainState, Tree], list[Array]]:
    """Makes sample(state, latents [N, ...]) -> samples float32 in chunks [n, *shape], from averaged weights if any.

    The chunks are about to be computed: the caller decides when to wait for them.
    """
    system = experiment.system

    @jax.jit
    def sample(state: TrainState, latents: Array) -> Array:
        params = state.params | {name: weights.params for name, weights in state.ema.items()}
        stats = state.stats | {name: weights.stats for name, weights in state.ema.items()}
        return system.sample(params, stats, latents)

    def chunks(state: TrainState, latents: Tree) -> list[Array]:
        num = len(jax.tree.leaves(latents)[0])
        cut = lambda start: jax.tree.map(lambda x: x[start : start + CHUNK], latents)
        return [sample(state, cut(start)) for start in range(0, num, CHUNK)]

    return chunks


def fixed_latents(experiment: Experiment, num: int, seed: int | None = None) -> Tree:
    """The latents of a run's pictures and scores: the same for the same seed (default: the run's)."""
    key = jax.random.fold_in(jax.random.key(experiment.config.seed if seed is None else seed), SAMPLES)
    return jax.jit(lambda: experiment.system.latents(example_keys(key, jax.numpy.arange(num))))()
