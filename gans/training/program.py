"""The compiled program: several train steps and their data, for one device or all of them."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import NamedTuple

import flax.jax_utils
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gans import memory
from gans.core import DATA, Array, Params, TrainState, Tree
from gans.data import feed
from gans.step import Metrics, make_train_step
from gans.training import sampling
from gans.training.setup import Experiment


class Program(NamedTuple):
    """What the host's loop drives: one run (`solo`), or a population of them (`gans/sweep/population.py`).

    Every member is a run with a seed and a folder of its own; they share their structure and their cadences.
    """

    members: tuple[Experiment, ...]
    init: Callable[[], TrainState]  # at step 0, on the devices
    pass_on: Callable[[TrainState], TrainState]  # from what `fetch` gave at the end of the stage before, to the devices
    place: Callable[[TrainState], TrainState]  # what `fetch` gave, back to the devices
    fetch: Callable[[TrainState], TrainState]  # to the host
    call: Callable[[TrainState, Tree, np.ndarray], tuple[TrainState, Metrics]]  # see `make_call`; donates the state
    raws: Callable[[int], Iterator[Tree]]  # (steps done) -> what each call from there on takes
    metrics: Callable[[Tree], Tree]  # those of calls, to the host: leaves [members, steps]
    samples: Callable[[TrainState, int], Callable[[], np.ndarray]]  # (state, n) -> wait for them: [members, n, ...]
    # (state, examples [members, n, ...]) -> wait for each member's critic's scores of them: [members, n]
    judge: Callable[[TrainState, np.ndarray], Callable[[], np.ndarray]]
    # (state, names of nets) -> wait for their parameters, averaged ones if there are any: leaves [members, ...]
    weights: Callable[[TrainState, tuple[str, ...]], Callable[[], Params]]


def solo(experiment: Experiment) -> Program:
    """The program of one run, on all its devices."""
    feed.check_reading(experiment.source)  # before anything is compiled
    call, sample = make_call(experiment), sampling.make_sampler(experiment)
    inputs = cache(lambda num: sampling.fixed_inputs(experiment, num))
    scores_of = jax.jit(partial(sampling.judge, experiment))

    def samples(state: TrainState, num: int) -> Callable[[], np.ndarray]:
        chunks = sample(one(experiment, state), inputs(num))
        return lambda: np.concatenate(memory.fetch(chunks))[None]

    def judge(state: TrainState, examples: np.ndarray) -> Callable[[], np.ndarray]:
        scores = scores_of(one(experiment, state), examples[0])
        return lambda: memory.fetch(scores)[None]

    def weights(state: TrainState, names: tuple[str, ...]) -> Callable[[], Params]:
        copies = copy(one(experiment, state), names)
        return lambda: jax.tree.map(lambda x: x[None], memory.fetch(copies))

    return Program(
        members=(experiment,),
        init=lambda: place(experiment, experiment.init()),
        pass_on=lambda old: place(experiment, experiment.pass_on(old)),
        place=partial(place, experiment),
        fetch=lambda state: memory.fetch(one(experiment, state)),
        call=call,
        raws=partial(raws, experiment),
        metrics=lambda tree: jax.tree.map(lambda x: x[None], memory.fetch(one(experiment, tree))),
        samples=samples,
        judge=judge,
        weights=weights,
    )


@partial(jax.jit, static_argnums=1)
def copy(state: TrainState, names: tuple[str, ...]) -> Params:
    """Parameters of some nets, averaged ones if there are any, in arrays of their own: a call donates the state."""
    params = sampling.use_averages(state).params
    return jax.tree.map(jnp.copy, {name: params[name] for name in names})


def counts(experiment: Experiment, done: int) -> np.ndarray:
    """For each step of the call after `done` steps, the steps done before it: int32 [steps]."""
    return np.arange(done, done + experiment.config.train.steps_per_call, dtype=np.int32)


def make_steps(
    experiment: Experiment, always: tuple[str, ...] | None = None
) -> Callable[[TrainState, Tree, Array], tuple[TrainState, Metrics]]:
    """Makes steps(state, raw, counts) -> (state, metrics, leaves [steps]), pure.

    Args:
      always: names of the updates that run in each step, and no others do (default: all, each when it is due).

    Lazy updates are conditionals in one program. `counts` decides, int32 [steps], not `state.step`: members of a
    population share it, and a condition that is mapped over would compute both of its sides.
    `raw` is what `gans.data.feed.fetch` wants; of a streamed set for all of this call's steps, leaves [steps, repeats,
    B, ...].
    """
    streamed = experiment.source.placement == 'streamed'
    axis_name, shares = experiment.axis_name, experiment.shares

    def steps(state: TrainState, raw: Tree, counts: Array) -> tuple[TrainState, Metrics]:
        offset = 0 if axis_name is None else lax.axis_index(axis_name) * shares['local']
        key = jax.random.fold_in(state.rng, DATA)

        def body(state: TrainState, own: tuple[Array, Tree]) -> tuple[TrainState, Metrics]:
            count, piece = own
            system = experiment.system_at(state.step)
            batch = feed.fetch(experiment.source, piece if streamed else raw, key, state.step, offset=offset, **shares)
            every = {update.name: update.every for update in system.updates}
            when = {name: (count + 1) % k == 0 for name, k in every.items() if k > 1 and always is None}
            return make_train_step(system, axis_name)(state, batch, always or tuple(every), when)

        own = counts, raw if streamed else {}
        if len(counts) > 1:
            return lax.scan(body, state, own)
        state, metrics = body(state, jax.tree.map(lambda x: x[0], own))
        return state, {name: value[None] for name, value in metrics.items()}

    return steps


def make_call(experiment: Experiment, always: tuple[str, ...] | None = None) -> Callable:
    """Compiles `make_steps`. With several devices, state and raw have a leading device axis. The state is donated."""
    steps, axis_name = make_steps(experiment, always), experiment.axis_name
    if axis_name is None:
        return jax.jit(steps, donate_argnums=0, compiler_options=_options(experiment))
    return jax.pmap(steps, axis_name, in_axes=(0, 0, None), donate_argnums=0)


def _options(experiment: Experiment) -> dict[str, str | bool] | None:
    """XLA's, for CPU."""
    if jax.default_backend() != 'cpu':
        return None
    # In a loop of steps XLA copies parameters and moments that it could overwrite, unless it looks closer.
    options = {'xla_cpu_copy_insertion_use_region_analysis': True}
    if experiment.compute.conv != 'loop' and jax.__version_info__[:2] == (0, 10):
        # This version gives convolutions to YNNPACK, which is slower for small images, and much so for few channels.
        options['xla_cpu_experimental_ynn_fusion_type'] = ''
    if experiment.compute.remat:  # this pass removes the barriers of `jax.checkpoint`, and then what is computed twice
        options['xla_disable_hlo_passes'] = 'cse_barrier_expander'
    return options


def ahead(experiment: Experiment, call: Callable) -> Callable:
    """The `call` of one run, which is being compiled in a thread from now on.

    What else must be done before the first step is done meanwhile. Only what is most common is compiled ahead: one
    device, and a set that lies on it.
    """
    if experiment.axis_name is not None or experiment.source.placement == 'streamed':
        return call
    shapes = experiment.abstract(), abstract_raw(experiment), counts(experiment, 0)
    compiled = ThreadPoolExecutor(1).submit(lambda: build(experiment, call.lower(*shapes)))

    def compiled_call(*args: object) -> tuple[TrainState, Metrics]:
        compiled.result()  # waits, and raises what failed
        return call(*args)

    return compiled_call


def build(experiment: Experiment, lowered: jax.stages.Lowered) -> jax.stages.Compiled:
    """Compiles a call; raises UserError if it takes more memory than there is."""
    compiled, train = lowered.compile(), experiment.config.train
    lower = f'train.batch_size={train.batch_size}, or raise train.micro={train.micro}'
    memory.check(memory.planned_bytes(compiled), 'a step', lower)
    return compiled


def place(experiment: Experiment, tree: Tree) -> Tree:
    """Puts a tree on the device, or on each local device as the call leaves its own: otherwise it compiles again."""
    if experiment.axis_name is None:
        return jax.device_put(tree)
    return flax.jax_utils.replicate(tree, axis_name=experiment.axis_name)


def one(experiment: Experiment, tree: Tree) -> Tree:
    """The first device's copy of what `place` or the call made."""
    return tree if experiment.axis_name is None else flax.jax_utils.unreplicate(tree)


def abstract_raw(experiment: Experiment, steps: int = 1) -> Tree:
    """Shapes and types of what `make_steps` takes as `raw` for so many steps, of the whole batch."""
    shares = experiment.shares
    raw = feed.abstract(experiment.source, shares['repeats'], shares['batch'])
    if experiment.source.placement != 'streamed':
        return raw
    return jax.tree.map(lambda x: jax.ShapeDtypeStruct((steps, *x.shape), x.dtype), raw)


def raws(experiment: Experiment, start: int) -> Iterator[Tree]:
    """What each call of the program takes as `raw`, after `start` steps."""
    source, shares, per_call = experiment.source, experiment.shares, experiment.config.train.steps_per_call
    if source.placement != 'streamed':
        held = place(experiment, feed.held_arrays(source))
        while True:
            yield held
    local = jax.local_device_count() if experiment.axis_name else 1
    mine = shares | {'offset': jax.process_index() * local * shares['local'], 'local': local * shares['local']}
    for stacked in read_ahead(experiment, start, per_call, mine):
        if experiment.axis_name is None:
            yield jax.device_put(stacked)
        else:  # [devices, steps, repeats, local, ...]
            yield jax.tree.map(lambda x: np.stack(np.split(x, local, axis=2)), stacked)


def read_ahead(experiment: Experiment, start: int, per_call: int, shares: dict[str, int]) -> Iterator[Tree]:
    """The raw examples of a streamed set, call by call: leaves [steps, repeats, local, ...] on the host."""
    key = jax.random.fold_in(jax.random.key(experiment.config.seed), DATA)
    steps = feed.stream(experiment.source, key, start, experiment.config.train.steps, **shares)
    for _ in range(start, experiment.config.train.steps, per_call):
        yield jax.tree.map(lambda *x: np.stack(x), *(next(steps) for _ in range(per_call)))
