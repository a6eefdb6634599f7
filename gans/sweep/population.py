"""Many runs as one compiled program: the whole train step for many seeds and numbers of the config.

The members of a population differ in their seeds, and in floats and choices of their configs alone. Their system is
built while tracing, from a config whose differing floats are tracers; `jax.vmap` of it trains them side by side, or
`lax.map` one after the other. Each is the run that it would be alone, up to rounding: the same weights, batches and
latents.

Members share nothing, so devices share them out without a word between them. On CPU there is a device for each core
(`gans.devices.start`), whose members take turns: mapped over, toys take a sixth longer there and convolutions half as
long again (tests/benchmarks/RESULTS.md).
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial

import flax.jax_utils
import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
from jax import lax

from gans import memory
from gans.choices import Choice, choice_of
from gans.configs import flatten
from gans.core import Array, Params, TrainState, Tree
from gans.data import feed, load
from gans.step import Metrics, init_state
from gans.training import program, sampling
from gans.training.graft import Start, pass_on, pretrained, start_from
from gans.training.program import Program
from gans.training.sampling import CHUNK
from gans.training.setup import Experiment, system_of, unoptimized

# Floats and choices of the config by dotted key: scalars of one member, [M] of a population.
Numbers = dict[str, Array | Choice]


def map_members(of_one: Callable) -> Callable:
    """Of all members of a device, what it is of one: leaves [members, ...]."""
    in_turns = lambda *own: lax.map(lambda own: of_one(*own), own)
    return in_turns if jax.default_backend() == 'cpu' else jax.vmap(of_one)


def numbers_of(configs: Sequence[ml_collections.ConfigDict], keys: Sequence[str]) -> Numbers:
    """What the members of a population have for these keys: [M], on the host."""
    columns = {key: [flatten(config)[key] for config in configs] for key in keys}
    array = lambda column: choice_of(column) if isinstance(column[0], str) else np.array(column, np.float32)
    return {key: array(column) for key, column in columns.items()}


def overlay(experiment: Experiment, numbers: Numbers) -> Experiment:
    """The experiment with other floats and choices in its config, which may be tracers."""
    config = experiment.config.copy_and_resolve_references()
    with config.ignore_type():
        config.update_from_flattened_dict(numbers)
    drawn = any(key.startswith('data.') for key in numbers)
    source = load.load(config.data) if drawn else experiment.source
    system = system_of(config, source.spec, experiment.compute)
    return experiment._replace(config=config, source=source, system=system)


def abstract(experiment: Experiment, members: int) -> TrainState:
    """Shapes and types of a population's state on the host: leaves [members, ...]."""
    return jax.eval_shape(jax.vmap(lambda key: init_state(experiment.system, key)), _keys([0] * members))


def advance(
    experiment: Experiment, state: TrainState, numbers: Numbers, raw: dict, counts: Array
) -> tuple[TrainState, Metrics]:
    """One call of one member, which stands still for ever once a number of its training is not finite.

    A member that stands still is one whose own step lies behind the `counts` of the others: its state is the last
    finite one.
    """
    experiment = overlay(experiment, numbers)
    new, metrics = program.make_steps(experiment)(state, raw, counts)
    numbers_of = (new.params, new.stats, new.opt, new.ema, metrics)
    finite = [
        jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(numbers_of) if jnp.issubdtype(leaf.dtype, jnp.inexact)
    ]
    going = jnp.stack([*finite, state.step == counts[0]]).all()
    kept = jax.tree.map(lambda new, old: jnp.where(going, new, old), new.replace(rng=()), state.replace(rng=()))
    return kept.replace(rng=state.rng), metrics


def population(members: Sequence[Experiment], keys: Sequence[str]) -> Program:
    """The program of many runs.

    Args:
      members: of one structure, each set up for one device (`setup(config, devices=1, mapped=True)`); all begin from
        what the first begins from.
      keys: of the floats and choices in which their configs differ, dotted.
    """
    first, count = members[0], len(members)
    devices = jax.local_devices()[:count]
    feed.check_reading(first.source)  # before anything is compiled
    streamed = first.source.placement == 'streamed'
    width = -(-count // len(devices))  # members of a device
    filled = np.minimum(np.arange(len(devices) * width), count - 1)  # up with the last one
    share = lambda tree: jax.tree.map(lambda x: x[filled].reshape(len(devices), -1, *x.shape[1:]), tree)
    merge = lambda tree: jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:])[:count], memory.fetch(tree))
    pmap = partial(jax.pmap, devices=devices)
    numbers = numbers_of([member.config for member in members], keys)
    seeds = _keys([member.config.seed for member in members])
    # On the devices as pmap leaves its results, lest the first call be compiled apart.
    place = lambda tree: pmap(lambda tree: tree)(share(memory.fetch(tree)))
    shared_keys, shared = place((seeds, numbers))

    def init() -> TrainState:
        def make(key: Array, numbers: Numbers, start: Start) -> TrainState:
            return init_state(start_from(overlay(first, numbers).system, start), key)

        made = jax.jit(jax.vmap(make, (0, 0, None)), compiler_options=unoptimized())
        return place(made(seeds, numbers, first.start))

    def follow(old: TrainState) -> TrainState:
        def make(old: TrainState, numbers: Numbers, start: Start) -> TrainState:
            return pass_on(first.kept(old), overlay(first, numbers).system, start)

        passed = jax.jit(jax.vmap(make, (0, 0, None)), compiler_options=unoptimized())
        return place(passed(old, numbers, pretrained(first.system, old)))

    @partial(pmap, in_axes=(0, 0, 0, None), donate_argnums=0)
    def call(state: TrainState, numbers: Numbers, raw: dict, counts: Array) -> tuple[TrainState, Metrics]:
        if streamed:  # a piece of each member's own
            return map_members(lambda *own: advance(first, *own, counts))(state, numbers, raw)
        return map_members(lambda *own: advance(first, *own, raw, counts))(state, numbers)

    def raws(start: int) -> Iterator[dict]:
        if not streamed:
            held = flax.jax_utils.replicate(feed.held_arrays(first.source), devices)
            while True:
                yield held
        per_call = first.config.train.steps_per_call
        threads = {'threads': 1}  # for each member
        read = [program.read_ahead(member, start, per_call, member.shares | threads) for member in members]
        for pieces in zip(*read, strict=True):
            yield share(jax.tree.map(lambda *arrays: np.stack(arrays), *pieces))

    sample = pmap(map_members(lambda state, numbers, z: sampling.sample(overlay(first, numbers), state, z)))

    @cache
    def inputs(num: int) -> Tree:
        batch = sampling.batch_of(first, sampling.main_sampler(first.system), num)

        def draw(key: Array, numbers: Numbers) -> Tree:
            sampler = sampling.main_sampler(overlay(first, numbers).system)
            return sampling.inputs_of(sampler, batch, key, num)

        return memory.fetch(pmap(jax.vmap(draw))(shared_keys, shared))  # where cutting them compiles nothing

    def samples(state: TrainState, num: int) -> Callable[[], np.ndarray]:
        cut = lambda start: jax.tree.map(lambda x: x[:, :, start : start + CHUNK], inputs(num))
        chunks = [sample(state, shared, cut(start)) for start in range(0, num, CHUNK)]
        return lambda: np.concatenate([merge(chunk) for chunk in chunks], axis=1)

    scores_of = pmap(map_members(lambda state, numbers, x: sampling.judge(overlay(first, numbers), state, x)))

    def judge(state: TrainState, examples: np.ndarray) -> Callable[[], np.ndarray]:
        scores = scores_of(state, shared, share(examples))
        return lambda: merge(scores)

    copy = pmap(program.copy, static_broadcasted_argnums=1)

    def weights(state: TrainState, names: tuple[str, ...]) -> Callable[[], Params]:
        copies = copy(state, names)
        return lambda: merge(copies)

    return Program(
        members=tuple(members),
        init=init,
        pass_on=follow,
        place=place,
        fetch=merge,
        call=lambda state, raw, counts: call(state, shared, raw, counts),
        raws=raws,
        metrics=merge,
        samples=samples,
        judge=judge,
        weights=weights,
    )


def _keys(seeds: Sequence[int]) -> Array:
    return jnp.stack([jax.random.key(seed) for seed in seeds])
