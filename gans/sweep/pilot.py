"""How long a sweep takes, and how much memory: estimated by timing a part of its largest program."""

import contextlib
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gans.cost.stopwatch import compilation_cache
from gans.sweep import cadence
from gans.sweep.plan import Group, Sources, runs_of
from gans.sweep.population import population
from gans.sweep.work import equations_of, operations_of, say_time
from gans.training import program
from gans.training.progress import Progress
from gans.training.provenance import device_bytes, process_bytes
from gans.training.report import NotFinite, Reporter
from gans.training.setup import Experiment

PATIENCE = 2.0  # seconds of steps that are timed
COMPILED = 20e6  # bytes that a program leaves on the host, measured on toys
SPEED = 2e9  # operations a second of a core at which a call lasts about a second; only how much is timed depends on it


class Times(NamedTuple):
    """Seconds of what a sweep does, and bytes."""

    equation: float  # compiling, for each equation of a program
    operation: float  # training, for each operation
    sampler: float  # compiling what draws and scores samples, for each program
    scores: float  # of one run, once
    picture: float  # of one run, once
    held: int  # bytes at most while this was measured: of the device, or on CPU of the process
    members: int  # that trained meanwhile
    place: int  # of the program that was timed

    def of(self, part: Group) -> float:
        """About how long one program takes: on CPU scores and pictures take the processor from the training."""
        config = part.members[0].config
        scored, pictured = (cadence.times(config, key) for key in ('eval.every', 'train.sample_every'))
        beside = (scored + 1) * self.scores + pictured * self.picture
        training, beside = operations_of(part) * self.operation, len(part.members) * beside
        whole = training + beside if _on_cpu() else max(training, beside)
        return equations_of(part) * self.equation + self.sampler + whole


def measure(parts: Sequence[Group], sources: Sources) -> Times:
    """Compiles the program that has most to do, with a few of its runs, and times some steps, scores and pictures."""
    place = max(range(len(parts)), key=lambda i: operations_of(parts[i]))
    part, cores = parts[place], jax.local_device_count()
    members = part.members[:cores] if _on_cpu() else part.members
    operations = len(members) * part.work[0].operations
    stages = [run[0] for run in runs_of(part, members, sources, known=True)]
    first = stages[0]
    steps = int(np.clip(cores * SPEED / operations, 2, first.config.train.steps_per_call))
    runs = [_shortened(stage, steps) for stage in stages]
    with tempfile.TemporaryDirectory() as folder, compilation_cache(Path(folder) / 'compiled'):  # an empty one
        began = time.monotonic()
        trained = population(runs, part.numbers[0])
        state, raws, counts = trained.init(), trained.raws(0), program.counts(runs[0], 0)
        state, metrics = jax.block_until_ready(trained.call(state, next(raws), counts))
        compiling, done, began = time.monotonic() - began, 1, time.monotonic()
        while done < 3 or time.monotonic() - began < PATIENCE:
            state, metrics = jax.block_until_ready(trained.call(state, next(raws), counts))
            done += 1
        call = (time.monotonic() - began) / (done - 1)
        metrics = jax.tree.map(jnp.zeros_like, metrics)  # whatever the training gave
        folders = [Path(folder) / f'{i}' for i in range(len(members))]
        silent = {i: NotFinite('not scored here') for i in range(1, len(members))}  # all are drawn, one is scored
        reporter = Reporter(trained, folders, None, silent)
        with contextlib.closing(reporter), Progress(0, 1, 1, quiet=True) as progress:

            def report(step: int) -> float:
                began = time.monotonic()
                reporter.report(step, metrics, state, progress)
                reporter.settle(step)
                return time.monotonic() - began

            whole, scores, both = (report(call * steps) for call in (6, 8, 12))  # all, scores alone, all
    return Times(
        equation=max(0.0, compiling - call) / part.work[0].equations,
        operation=call / steps / operations,
        sampler=max(0.0, whole - both),
        scores=scores,
        picture=max(0.0, both - scores),
        held=_held(),
        members=len(members),
        place=place,
    )


def describe(parts: Sequence[Group], structures: int, size: int, times: Times) -> str:
    """What would be trained, as text: the plan of `--dry-run`."""
    runs = sum(len(part.members) for part in parts)
    programs = f'{_count(structures, "structure")}, {_count(len(parts), "program")} of at most {_count(size)}'
    lines = [f'{_count(runs)} in {programs}']
    for i, part in enumerate(parts, 1):
        rows = list(dict.fromkeys(member.row for member in part.members))
        seeds = sorted({member.config.seed for member in part.members})
        traced = ', '.join(['seed', *dict.fromkeys(key for numbers in part.numbers for key in numbers)])
        lines.append(
            f'{i:>4}  {_count(len(part.members)):>8}, about {say_time(times.of(part))}, '
            f'{len(part.members) * part.memory / 1e6:,.1f} MB of state: '
            f'{", ".join(rows)}; seeds {", ".join(map(str, seeds))}; traced: {traced}'
        )
        if part.terms:
            lines[-1] += (
                f'; where a row lacks one of the terms {", ".join(part.terms)}, its weight is 0: of one program they '
                f'take about {say_time(part.saved)} less than apart'
            )
    whole = sum(map(times.of, parts))
    compiling = sum(equations_of(part) * times.equation + times.sampler for part in parts)
    device = f'{jax.device_count()} x {jax.devices()[0].device_kind}'
    lines.append(
        f'about {say_time(whole)} on {device}, if nothing of it is done yet; {say_time(compiling)} of it compiling. By '
        f'program {times.place + 1}, of which {_count(times.members)} trained for some steps just now; the others by '
        'their operations'
    )
    largest, kind = max(_bytes(part, times) for part in parts), 'on the device'
    if _on_cpu():
        largest, kind = largest + COMPILED * (len(parts) - 1), 'of the process'
    lines.append(
        f'about {largest / 1e9:.1f} GB of memory {kind} at most: what it took then, and more runs and programs'
    )
    return '\n'.join(lines)


def _count(number: int, what: str = 'run') -> str:
    return f'{number:,} {what}' + 's' * (number != 1)


def _shortened(experiment: Experiment, steps: int) -> Experiment:
    """The same with so many steps in a call; every second call is scored, and every third makes a picture."""
    config = experiment.config.copy_and_resolve_references()
    config.train.update(steps_per_call=steps, steps=1000 * steps, log_every=steps, sample_every=3 * steps)
    config.eval.every = 2 * steps
    return experiment._replace(config=config)


def _bytes(part: Group, times: Times) -> float:
    """Bytes at most while a program trains: of each run the state, on CPU with three copies on the host's side."""
    more = max(0, len(part.members) - times.members)
    return times.held + more * part.memory * (4 if _on_cpu() else 1)


def _held() -> int:
    """Bytes at most so far, of the device, or on CPU of the process."""
    return (process_bytes() if _on_cpu() else device_bytes()) or 0


def _on_cpu() -> bool:
    return jax.default_backend() == 'cpu'
