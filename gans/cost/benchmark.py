"""How fast an experiment trains here, where its time goes, and how far it is from the limit: `--mode=benchmark`."""

import contextlib
import itertools
import math
import shutil
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import ml_collections

from gans import kinds, memory, terms
from gans.configs import override
from gans.core import TrainState, Tree, Update
from gans.cost.describe import flops, mean_flops, period
from gans.cost.stopwatch import (
    Run,
    checkpoint_seconds,
    compilation_cache,
    compile_call,
    fetch_call,
    product_run,
    report_seconds,
    time_in_turns,
)
from gans.cost.text import format_benchmark
from gans.data import feed
from gans.training import lock, program, workdir
from gans.training.leaves import size_of
from gans.training.provenance import device_bytes, environment
from gans.training.setup import Experiment, passes, setup, setup_stages

PROFILED = 3  # periods of the schedule in a trace


class Effort(NamedTuple):
    """How long to measure."""

    windows: int = 10  # of the whole step; half as many of its parts
    seconds: float = 1.0  # that a window lasts; half as long of the parts
    rounds: int = 2  # of reports and checkpoints, after a first one
    side: int | None = None  # of the matrices of the limit; None: as large as suits the device


def benchmark(config: ml_collections.ConfigDict, folder: Path, profile: bool = False) -> str:
    """Measures the experiment of a config, writes `benchmark.json` into a folder, and returns the same as text.

    A run that is in the folder stays as it is. With `profile`, a trace of some calls comes into `profile/`. Of a run of
    several stages the file has a list: each of them by itself, with its name and where it begins.
    Of several processes all must call this; the first alone writes, and the others return nothing.
    """
    experiments, found, lines = setup_stages(config), [], []
    primary = jax.process_index() == 0
    own = folder / f'.benchmark-{jax.process_index()}'  # on the disk that a run would write to
    for experiment in experiments:
        traces = folder / 'profile' / experiment.stage if profile and primary else None
        with lock.hold(own), _empty(own / 'files'):
            found.append(measure(experiment, own / 'files', traces, Effort()))
        if experiment.since:
            lines += ['', passes(experiments, experiment)]
        lines += format_benchmark(found[-1])
    if not primary:
        return ''
    stages = [{'stage': of.stage, 'begin': of.since, **each} for of, each in zip(experiments, found, strict=True)]
    workdir.write_json(folder / 'benchmark.json', stages if len(found) > 1 else found[0])
    return '\n'.join([*lines, f'all figures  {folder / "benchmark.json"}'])


def measure(experiment: Experiment, own: Path, traces: Path | None, effort: Effort) -> dict[str, Any]:
    """All figures of an experiment, as `benchmark.json` has them: times in seconds, sizes in bytes.

    Args:
      own: an empty folder for what is written meanwhile.
      traces: the folder for a trace, if there is to be one.
    """
    say = workdir.say if jax.process_index() == 0 else lambda said: None
    with compilation_cache(own / 'compiled'):
        say('compiling, without a cache and with one')
        raws, state = program.raws(_endless(experiment), 0), program.place(experiment, experiment.init())
        raw = next(raws)
        cold, cached = (compile_call(experiment, state, raw) for _ in range(2))
        say('training')
        calls = period(experiment) // experiment.config.train.steps_per_call
        run = Run(experiment, cold.call, state, raws, calls)
        run.go(1)
        sizes = {  # before anything else needs some
            'state': size_of(experiment.abstract()),
            'planned_peak': memory.planned_bytes(cold.call) or None,
            'device_peak': device_bytes(),
        }
        product, product_flops = product_run(experiment, effort.side)
        found = time_in_turns({'step': run, 'product': product}, effort.windows, effort.seconds)
        step, limit = found['step'], product_flops * max(found['product'].rates)
        limit *= experiment.devices / (jax.local_device_count() if experiment.axis_name else 1)  # of all processes
        del product
        trace = _trace(run, traces) if traces else None
        say('the parts of it')
        start, parts = experiment.init(), (math.ceil(effort.windows / 2), effort.seconds / 2)
        updates = measure_updates(experiment, start, raw, *parts)
        fetch = Run(experiment, fetch_call(experiment), {}, itertools.repeat(program.one(experiment, raw)))
        fetched = time_in_turns({'fetch': fetch}, *parts)['fetch'].step
        state, metrics = program.place(experiment, start), jax.tree.map(jnp.zeros_like, run.metrics)
        beside = report_seconds(experiment, state, metrics, own / 'reports', effort.rounds)
        beside['checkpoints'] = checkpoint_seconds(experiment, state, own / 'checkpoints', effort.rounds)
    count = mean_flops(experiment)
    for update in updates.values():
        update |= against(update['flops'], update['seconds']['median'], limit)
    train, examples = experiment.config.train, experiment.shares['repeats'] * experiment.config.train.batch_size
    return {
        'experiment': {
            'system': experiment.config.system,
            'data': experiment.config.data.name,
            'examples': kinds.unit_of(experiment.source.spec),
            'batch_size': train.batch_size,
            'examples_per_step': examples,
            'steps_per_call': train.steps_per_call,
            'precision': train.precision,
            'conv': experiment.compute.conv,
        },
        **environment(),
        'compile': {
            'trace': cold.trace,
            'cold': cold.build,
            'cached': cached.build,
        },
        'steps_per_second': spread(step.rates) | {'steps_per_window': step.steps},
        'examples_per_second': spread([examples * rate for rate in step.rates]),
        'flops': {'step': count, 'matmul_per_second': limit, **against(count, step.step, limit)},
        'bytes': sizes,
        'data': {
            'kind': experiment.source.placement,
            'share_waited': sum(step.waited) / sum(step.seconds),
            'in_program': fetched,
            'share_in_program': fetched / step.step,
        },
        'beside': shares(step.step, beside, cadences(experiment.config)),
        'updates': updates,
        'profile': trace and str(trace),
    }


def measure_updates(
    experiment: Experiment, start: TrainState, raw: Tree, windows: int, seconds: float
) -> dict[str, dict[str, Any]]:
    """Each update alone, as a step in which nothing else is due, on one batch again and again; and without its terms,
    where that makes a difference.
    """
    plain = _without_terms(experiment)
    counts, runs, peaks = {}, {}, {}
    for kind, of in {'whole': experiment, 'plain': plain}.items():
        for update in of.system.updates if of else ():
            key, due = (update.name, kind), (update.name,)
            counts[key] = flops(of, due)
            if counts[key] == counts[update.name, 'whole'] and kind == 'plain':
                continue
            state = program.place(of, jax.tree.map(jnp.copy, start))
            call = compile_call(of, state, raw, always=due).call
            runs[key] = Run(of, call, state, itertools.repeat(raw))
            peaks[key] = memory.planned_bytes(call) or None
    found, result = time_in_turns(runs, windows, seconds), {}
    for update in experiment.system.updates:
        whole, without = (update.name, 'whole'), (update.name, 'plain')
        timing, of_terms = found[whole], None
        if without in found:
            of_terms = {
                'names': _terms_of(experiment, update),
                'seconds': timing.step - found[without].step,
                'share': 1 - found[without].step / timing.step,
                'flops': counts[whole] - counts[without],
            }
        result[update.name] = {
            'repeats': update.repeats,
            'every': update.every,
            'seconds': spread([seconds / timing.steps for seconds in timing.seconds]),
            'flops': counts[whole],
            'planned_peak': peaks[whole],
            'terms': of_terms,
        }
    return result


def spread(values: Sequence[float]) -> dict[str, Any]:
    return {'median': statistics.median(values), 'min': min(values), 'max': max(values), 'windows': list(values)}


def against(count: float, seconds: float, limit: float) -> dict[str, float]:
    """FLOPs in some seconds, against a limit in FLOP/s."""
    return {'per_second': count / seconds, 'share_of_matmul': count / seconds / limit}


def cadences(config: ml_collections.ConfigDict) -> dict[str, int]:
    """Steps from one to the next of what is done beside the training."""
    train = config.train
    every = {'logs': train.log_every, 'pictures': train.sample_every, 'scores': config.eval.every}
    return {name: min(steps, train.steps) for name, steps in (every | {'checkpoints': train.checkpoint_every}).items()}


def shares(step: float, beside: dict[str, float], every: dict[str, int]) -> dict[str, dict[str, float]]:
    """What is done beside the training, as shares of a time in which nothing is done at the same time as a step."""
    total = step + sum(seconds / every[name] for name, seconds in beside.items())
    return {
        name: {'seconds': seconds, 'every': every[name], 'share': seconds / every[name] / total}
        for name, seconds in beside.items()
    }


def _endless(experiment: Experiment) -> Experiment:
    """The same, whose streamed data does not end with the run."""
    config = experiment.config.copy_and_resolve_references()
    config.train.steps = feed.EXAMPLES // config.train.steps_per_call * config.train.steps_per_call
    return experiment._replace(config=config)


def _terms_of(experiment: Experiment, update: Update) -> list[str]:
    """The terms of the config that are in the loss of an update: the lazy ones are updates of their own."""
    role = 'critic' if update.player.startswith('critic') else 'generator'
    found = terms.build(experiment.config.terms, role, '', experiment.source.spec)
    return [name for name, term in found.items() if term.every == 1]


def _without_terms(experiment: Experiment) -> Experiment | None:
    if not experiment.config.terms:
        return None
    none = {f'terms.{name}': None for name in experiment.config.terms}
    config = override(experiment.config, none, 'of a benchmark')
    return setup(config, experiment.devices, experiment.source)


def _trace(run: Run, folder: Path) -> Path:
    """Writes a trace of some calls, and returns its folder."""
    with jax.profiler.trace(workdir.make_folder(folder), create_perfetto_trace=True):
        run.go(PROFILED)
    return max(folder.glob('plugins/profile/*/perfetto_trace.json.gz'), key=lambda path: path.stat().st_mtime)


@contextlib.contextmanager
def _empty(folder: Path) -> Iterator[None]:
    """The folder is there and empty, and gone afterwards; what a killed process has left in it goes too."""
    shutil.rmtree(folder, ignore_errors=True)
    workdir.make_folder(folder)
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)
