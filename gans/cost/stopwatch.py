"""Stopwatches for `--mode=benchmark`: of programs that train, of what compiles them, and of the host's work beside."""

import contextlib
import itertools
import math
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from gans.compiled import settings
from gans.core import DATA, Array, TrainState, Tree
from gans.data import feed
from gans.step import Metrics
from gans.training import program
from gans.training.checkpoints import Checkpoints
from gans.training.progress import Progress
from gans.training.report import Reporter
from gans.training.setup import Experiment

PATIENCE = 60.0  # seconds after which three windows are enough

Call = Callable[..., tuple[Tree, Tree]]  # (state, raw, counts) -> (state, metrics); may donate the state


class Compiled(NamedTuple):
    call: Call
    trace: float  # seconds of Python, which no cache saves
    build: float  # seconds of XLA, or of reading from the cache


@contextlib.contextmanager
def compilation_cache(folder: Path) -> Iterator[None]:
    """Programs that are compiled meanwhile are kept in this folder, all of them, and in no other cache on disk."""
    from jax.experimental.compilation_cache import compilation_cache

    wanted = settings(folder)
    held = {name: getattr(jax.config, name) for name in wanted}

    def put(values: Mapping[str, Any]) -> None:
        for name, value in values.items():
            jax.config.update(name, value)
        compilation_cache.reset_cache()  # which remembers the folder it was first used with

    put(wanted)
    try:
        yield
    finally:
        put(held)


def compile_call(
    experiment: Experiment, state: TrainState, raw: Tree, always: tuple[str, ...] | None = None
) -> Compiled:
    """Compiles `program.make_call` anew: what jax holds in memory belongs to other functions."""
    call, began = program.make_call(experiment, always), time.perf_counter()
    lowered = call.lower(state, raw, program.counts(experiment, 0))
    traced = time.perf_counter()
    built = program.build(experiment, lowered)
    return Compiled(built, traced - began, time.perf_counter() - traced)


class Run:
    """Calls that go on and on, period after period; `state` is where they stand, `metrics` what the last one said."""

    def __init__(
        self,
        experiment: Experiment,
        call: Call,
        state: Tree,
        raws: Iterator[Tree],
        calls: int = 1,
        steps: int | None = None,
    ) -> None:
        """`calls`: in a period. `steps`: in it (default: those of the experiment's calls)."""
        self.state, self.metrics = state, None
        self.steps = steps or calls * experiment.config.train.steps_per_call
        self._call, self._raws, self._calls = call, raws, calls
        per_call = experiment.config.train.steps_per_call
        self._counts = (program.counts(experiment, done) for done in itertools.count(0, per_call))
        # As in `gans.training.loop.drive`: on CPU, collectives of many calls in flight can deadlock.
        self._block = jax.default_backend() == 'cpu' and experiment.axis_name is not None

    def go(self, periods: int) -> tuple[float, float]:
        """Seconds that so many periods take, and those of them in which the host waited for data."""
        waited, began = 0.0, time.perf_counter()
        for _ in range(periods * self._calls):
            asked = time.perf_counter()
            raw = next(self._raws)
            waited += time.perf_counter() - asked
            self.state, self.metrics = self._call(self.state, raw, next(self._counts))
            if self._block:
                jax.block_until_ready(self.metrics)
        jax.block_until_ready((self.state, self.metrics))
        return time.perf_counter() - began, waited


class Timing(NamedTuple):
    """Windows of a run: all of as many steps."""

    steps: int  # in a window
    seconds: tuple[float, ...]  # of each window
    waited: tuple[float, ...]  # of them waiting for data

    @property
    def step(self) -> float:
        """Median seconds a step."""
        return statistics.median(self.seconds) / self.steps

    @property
    def rates(self) -> list[float]:
        """Steps a second of each window."""
        return [self.steps / seconds for seconds in self.seconds]


def time_in_turns(runs: Mapping[str, Run], windows: int, seconds: float) -> dict[str, Timing]:
    """Times runs in turns, so that a busy machine is busy for all of them.

    Args:
      windows: of each run, at least three of which are taken.
      seconds: that a window lasts, at least: whole periods, and the device is waited for at the end alone.
    """
    for run in runs.values():
        run.go(1)  # what is first is slower
    periods = {name: max(1, math.ceil(seconds / run.go(1)[0])) for name, run in runs.items()}
    taken, began = [], time.perf_counter()
    while len(taken) < windows and (len(taken) < 3 or time.perf_counter() - began < PATIENCE):
        taken.append({name: run.go(periods[name]) for name, run in runs.items()})
    columns = {name: zip(*(window[name] for window in taken), strict=True) for name in runs}
    return {name: Timing(periods[name] * run.steps, *columns[name]) for name, run in runs.items()}


def fetch_call(experiment: Experiment) -> Call:
    """What one device does for the batches of a call, and nothing else: (state, raw, counts) -> (state, batches)."""
    source = experiment.source
    streamed = source.placement == 'streamed'
    key = jax.random.fold_in(jax.random.key(experiment.config.seed), DATA)

    @jax.jit
    def call(state: Tree, raw: Tree, counts: Array) -> tuple[Tree, Tree]:
        fetch = lambda xs: feed.fetch(source, xs[1] if streamed else raw, key, xs[0], **experiment.shares)
        return state, lax.map(fetch, (counts, raw if streamed else {}))

    return call


def product_run(experiment: Experiment, side: int | None = None) -> tuple[Run, float]:
    """The limit: large matrix products in the experiment's precision, on all devices of this process at a time.

    Args:
      side: of the square matrices (default: as suits the device).

    Returns:
      A run whose steps are products, and the FLOPs of each.
    """
    side = side or (2048 if jax.default_backend() == 'cpu' else 8192)
    a = program.place(experiment, jax.random.normal(jax.random.key(0), (side, side), experiment.compute.dtype))
    product = jax.jit(jnp.matmul) if experiment.axis_name is None else jax.pmap(jnp.matmul, experiment.axis_name)
    call = lambda a, *_: (a, product(a, a))
    return Run(experiment, call, a, itertools.repeat(None), steps=1), 2.0 * a.size * side


def report_seconds(
    experiment: Experiment, state: TrainState, metrics: Metrics, folder: Path, rounds: int
) -> dict[str, float]:
    """Seconds of a line of logs, a picture of samples and their scores: each by itself, until it is written.

    Args:
      state, metrics: as a call gives them.
      folder: of a run, which is written there.
    """
    config, calls = experiment.config, experiment.config.train.log_every // experiment.config.train.steps_per_call
    cadences = {'logs': 2, 'pictures': 3, 'scores': 5}  # primes, so that a step of a report is of that report alone
    config = config.copy_and_resolve_references()
    config.train.update(steps=2**62, log_every=2, sample_every=3)
    config.eval.every = 5
    alone = program.solo(experiment._replace(config=config))
    reporter, found = Reporter(alone, [folder], None), {name: [] for name in cadences}
    with contextlib.closing(reporter), Progress(0, 2**62, 1, quiet=True) as progress:
        for base in (7**n for n in range(rounds + 1)):
            for name, prime in cadences.items():
                # What the host has seen of an array it keeps, so each call's metrics are arrays of their own.
                count = calls if name == 'logs' else 1
                pending = jax.block_until_ready([jax.tree.map(jnp.copy, metrics) for _ in range(count)])
                began = time.perf_counter()
                for step, each in zip([base] * (count - 1) + [base * prime], pending, strict=True):
                    reporter.report(step, each, state, progress)
                reporter.settle(base * prime)
                found[name].append(time.perf_counter() - began)
    return {name: statistics.median(seconds[1:]) for name, seconds in found.items()}


def checkpoint_seconds(experiment: Experiment, state: TrainState, folder: Path, rounds: int) -> float:
    """Seconds from a state on the device to a checkpoint on disk."""
    fetch, found = program.solo(experiment).fetch, []
    with contextlib.closing(Checkpoints(folder / 'checkpoints', experiment.config.train.keep)) as checkpoints:
        for step in range(rounds + 1):
            fresh = jax.block_until_ready(jax.tree.map(jnp.copy, state))
            began = time.perf_counter()
            checkpoints.save(step, fetch(fresh))
            checkpoints.wait()
            found.append(time.perf_counter() - began)
    return statistics.median(found[1:])
