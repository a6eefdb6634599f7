"""The host's loop: calls the compiled program, and sees to reports, checkpoints and signals."""

import contextlib
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import ml_collections
import numpy as np

from gans.core import TrainState
from gans.errors import Stopped
from gans.train import workdir
from gans.train.checkpoints import Checkpoints
from gans.train.logs import curves
from gans.train.program import Program, ahead, schedule, solo
from gans.train.progress import Progress
from gans.train.report import NotFinite, Reporter
from gans.train.setup import setup
from gans.train.signals import Signals

# (steps done, state on the host, each member's score) -> None
Save = Callable[[int, TrainState, list[float | None]], None]


def train(config: ml_collections.ConfigDict, folder: Path) -> dict[str, Any]:
    """Trains the experiment of a config in a folder, from where it stands there, to the end.

    Returns:
      The summary, as it lies in `summary.json`; of several processes, only the first has one.

    Raises:
      UserError: the config, the data or the folder will not do.
      Stopped: by a signal (the state is saved), or because a number is not finite (the last finite state is).
    """
    began = time.monotonic()
    experiment = setup(config)
    primary = jax.process_index() == 0
    checkpoints = Checkpoints(folder / 'checkpoints', config.train.keep)
    if not checkpoints.steps():
        experiment = experiment.begin()  # before the folder is claimed: what it begins from may not be there
    if primary:
        workdir.claim(folder, config)
    restored = checkpoints.restore(experiment.abstract())
    done, before = (restored.step, restored.notes['seconds']) if restored else (0, 0.0)
    seconds = lambda: before + time.monotonic() - began
    if primary:
        workdir.say(f'{folder}: ' + (f'going on from step {done:,}' if restored else 'a new run'))
    if done < config.train.steps:
        program = solo(experiment)
        program = program._replace(call=ahead(experiment, program.call, done))
        state = program.place(restored.state) if restored else program.init()

        def save(step: int, host: TrainState, scores: list[float | None]) -> None:
            _check_finite(step, host)
            checkpoints.save(step, host, scores[0], {'seconds': round(seconds(), 3)})

        with contextlib.ExitStack() as stack:
            reporter = Reporter(program, [folder], done if restored else None) if primary else None
            if reporter:
                stack.callback(reporter.close)
            stack.callback(checkpoints.close)
            try:
                stop = drive(program, state, done, reporter, save)
            except NotFinite as error:
                checkpoints.wait()
                kept = max(checkpoints.steps(), default=None)
                where = 'no checkpoint was due yet' if kept is None else f'the last finite checkpoint is step {kept:,}'
                raise Stopped(f'{folder}: {error}; {where}. Try a lower learning rate, or a penalty', 1) from None
        stopped(stop, folder)
    if not primary:
        return {}
    if not (folder / 'curves.png').exists():
        curves(folder / 'metrics.csv', folder / 'curves.png')
    return workdir.summarise(folder, config, seconds())


def drive(
    program: Program, state: TrainState, done: int, reporter: Reporter | None, save: Save
) -> tuple[int, signal.Signals] | None:
    """Trains all members of a program from a state after `done` steps to their last step, or to a signal.

    Returns the signal, if there was one, and the step that was saved. Raises NotFinite when no member goes on.
    """
    experiment, first = program.members[0], done
    train, raws = experiment.config.train, program.raws(done)
    examples = experiment.shares['repeats'] * train.batch_size * len(program.members)
    # On CPU, collectives of many calls in flight can deadlock.
    block = jax.default_backend() == 'cpu' and experiment.axis_name is not None
    with (
        Signals(train.steps_per_call) as signals,
        Progress(done, train.steps, examples, quiet=reporter is None) as progress,
    ):
        if reporter and not done:
            reporter.begin(state)
        while done < train.steps:
            due = schedule(experiment, done)
            state, metrics = program.call(state, next(raws), due)
            if block or done == first:
                jax.block_until_ready(metrics)
            if done == first:
                progress.restart()  # what came before was compiling
            done += train.steps_per_call
            progress.advance(train.steps_per_call)
            if reporter:
                reporter.report(done, due, metrics, state, progress)
            stop = signals.received(done)
            if stop or done % train.checkpoint_every == 0 or done == train.steps:
                scores = reporter.settle() if reporter else [None]
                save(done, program.fetch(state), scores)
            if stop:
                return done, stop
    return None


def stopped(stop: tuple[int, signal.Signals] | None, folder: Path) -> None:
    """Raises Stopped if a signal ended `drive`; the state is on disk by now."""
    if stop:
        step, number = stop
        raise Stopped(f'{number.name}: saved step {step:,} in {folder}; the same command goes on', 128 + number)


def _check_finite(step: int, state: TrainState) -> None:
    for path, leaf in jax.tree.leaves_with_path((state.params, state.stats, state.opt, state.ema)):
        if not np.isfinite(np.asarray(leaf, np.float32)).all():
            name = jax.tree_util.keystr(path, simple=True, separator='/')
            raise NotFinite(f'step {step:,}: {name} is nan')
