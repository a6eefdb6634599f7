"""The host's loop: calls the compiled program, and sees to reports, checkpoints and signals."""

import contextlib
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import ml_collections
import numpy as np

from gans import kinds
from gans.configs import flatten, of_any_set, of_stage
from gans.core import TrainState
from gans.data.base import Source, digest
from gans.errors import Stopped, UserError
from gans.training import lock, opening, workdir
from gans.training.checkpoints import Checkpoints, Restored
from gans.training.curves import curves
from gans.training.film import film
from gans.training.program import Program, ahead, counts, solo
from gans.training.progress import Progress
from gans.training.provenance import launch
from gans.training.report import NotFinite, Reporter
from gans.training.setup import Experiment, all_data, check_later, looks, passes, setup_stages
from gans.training.signals import Signals
from gans.training.stages import at

# (steps done, state on the host, each member's score) -> None
Save = Callable[[int, TrainState, list[float | None]], None]


def train(config: ml_collections.ConfigDict, folder: Path) -> dict[str, Any]:
    """Trains the experiment of a config in a folder, from where it stands there, to the end.

    Returns:
      The summary, as it lies in `summary.json`; of several processes, only the first has one.

    Raises:
      UserError: the config, the data or the folder will not do, or another process trains there.
      Stopped: by a signal (the state is saved), or because a number is not finite (the last finite state is).
    """
    began = time.monotonic()
    experiments = setup_stages(config)
    data, primary = all_data([each.source for each in experiments]), jax.process_index() == 0
    _check_alike(config, data)
    with contextlib.ExitStack() as stack:
        _first(lambda: stack.enter_context(lock.hold(folder)))  # before anything in it is read
        checkpoints = Checkpoints(folder / 'checkpoints', config.train.keep)
        last = max(checkpoints.steps(), default=None)
        if last is None:  # before the folder is claimed: what it begins from may not be there
            experiments = experiments[0].begin(), *experiments[1:]
        _first(lambda: workdir.check(folder, config, data, last))
        restored = checkpoints.restore(lambda step: at(experiments, step).abstract())
        done, before = (restored.step, restored.notes['seconds']) if restored else (0, 0.0)
        check_later(experiments, done)
        _first(lambda: workdir.claim(folder, config, data, restored and done, looks(experiments)))
        seconds = lambda: before + time.monotonic() - began
        if primary:
            workdir.say(f'{folder}: ' + (f'going on from step {done:,}' if restored else 'a new run'))
        if done < config.train.steps:
            if primary:
                workdir.reopen(folder, done)
                for line in opening.describe(experiments, done):
                    workdir.say(line)
            with contextlib.closing(checkpoints), Signals() as signals:
                for stage in experiments:
                    if restored is None or restored.step < stage.end:
                        restored = _train(experiments, stage, folder, checkpoints, restored, seconds, signals)
        if not primary:
            return {}
        if not (folder / 'curves.png').exists():
            film(folder)
            curves(folder)
        headline = experiments[-1].system.headline
        return workdir.summarize(folder, config, seconds(), **({'headline': headline} if headline else {}))


def _train(
    experiments: Sequence[Experiment],
    stage: Experiment,
    folder: Path,
    checkpoints: Checkpoints,
    restored: Restored | None,
    seconds: Callable[[], float],
    signals: Signals,
) -> Restored:
    """Trains a stage of a run from a checkpoint, of it or of the end of the stage before, to its last step.

    Returns what its last checkpoint holds. Raises Stopped.
    """
    done, last = restored.step if restored else 0, experiments[-1]
    program = solo(stage)
    program = program._replace(call=ahead(stage, program.call))
    if jax.process_index() == 0:
        program = program._replace(call=opening.timed(stage, program.call))
    if restored and done == stage.since:
        if jax.process_index() == 0:
            workdir.say(f'{folder}: {passes(experiments, stage)}')
        state = program.pass_on(restored.state)
    else:
        state = program.place(restored.state) if restored else program.init()

    def save(step: int, host: TrainState, scores: list[float | None]) -> None:
        _check_finite(step, host)
        due = lambda every: step % every == 0 or (step == stage.end and stage is not last)
        stays = {'stays': due(stage.config.train.checkpoint_every), 'score_stays': due(stage.config.eval.every)}
        # Scores of different stages, which may be of other data, do not compare: those of the last decide.
        score = scores[0] if stage is last else None
        checkpoints.save(step, host, score, {'seconds': round(seconds(), 3)}, **stays)

    with contextlib.ExitStack() as stack:
        reporter = None
        if jax.process_index() == 0:
            reporter = Reporter(program, [folder], done if restored else None)
            stack.callback(reporter.close)
        try:
            stop, host = drive(program, state, done, reporter, save, signals)
        except NotFinite as error:
            checkpoints.wait()
            kept = max(checkpoints.steps(), default=None)
            raise Stopped(f'{folder}: {error}; {_advice(folder, kept)}', 1) from None
    raise_if_stopped(stop, folder)
    return Restored(stage.end, host, {}, None)


def _advice(folder: Path, kept: int | None) -> str:
    """What to do about a run that is no longer finite."""
    if kept is None:
        return 'no checkpoint was due yet. Try a lower learning rate, or a penalty: it begins anew in this folder'
    return (
        f'the last finite checkpoint is step {kept:,}. Try a lower learning rate, or a penalty, in another --workdir; '
        f'with --mode=finetune --from={folder} --step={kept} it begins from the nets of that step'
    )


def _check_alike(config: ml_collections.ConfigDict, data: Source) -> None:
    """Raises UserError unless all processes train the same config on the same data, wherever they have it."""
    if jax.process_count() == 1:
        return
    from jax.experimental import multihost_utils

    known = {key: value for key, value in flatten(config).items() if of_any_set(of_stage(key)[1]) not in workdir.WHERE}
    mine = np.frombuffer(bytes.fromhex(digest(known, data.digest)), np.uint32)
    if len(np.unique(multihost_utils.process_allgather(mine), axis=0)) > 1:
        raise UserError('the processes were started with different configs or data: start all of them alike')


def _first(run: Callable[[], object]) -> None:
    """Runs in the first process what it alone does; if it raises UserError there, all processes do."""
    failure = None
    if jax.process_index() == 0:
        try:
            run()
        except UserError as error:
            failure = error
    if jax.process_count() > 1:
        from jax.experimental import multihost_utils

        if multihost_utils.broadcast_one_to_all(np.bool_(failure is not None)) and not failure:
            failure = UserError('process 0 cannot go on: see its message')
    if failure:
        raise failure


def drive(
    program: Program, state: TrainState, done: int, reporter: Reporter | None, save: Save, signals: Signals
) -> tuple[tuple[int, signal.Signals] | None, TrainState]:
    """Trains all members of a program from a state after `done` steps to their last step, or to a signal.

    Returns the signal, if there was one, and the step that was saved; and the state of that step, on the host. Raises
    NotFinite when no member goes on.
    """
    experiment, compiled = program.members[0], False
    train, raws = experiment.config.train, program.raws(done)
    examples = experiment.shares['repeats'] * train.batch_size * len(program.members)
    # On CPU, collectives of many calls in flight can deadlock.
    block = jax.default_backend() == 'cpu' and experiment.axis_name is not None
    launch()  # before files change
    unit = kinds.unit_of(experiment.source.spec)
    with Progress(done, train.steps, examples, unit, quiet=reporter is None) as progress:
        if reporter and not done:
            reporter.begin(state)
        while True:
            state, metrics = program.call(state, next(raws), counts(experiment, done))
            done += train.steps_per_call
            if block or not compiled:
                jax.block_until_ready(metrics)
            if not compiled:
                compiled = True
                progress.restart(done)  # what came before was compiling
            progress.advance(train.steps_per_call)
            if reporter:
                reporter.report(done, metrics, state, progress)
            stop = signals.received()
            if stop or done % train.checkpoint_every == 0 or done == train.steps:
                scores, host = reporter.settle(done) if reporter else [None], program.fetch(state)
                save(done, host, scores)
            if stop or done == train.steps:
                return (done, stop) if stop else None, host


def raise_if_stopped(stop: tuple[int, signal.Signals] | None, folder: Path) -> None:
    """Raises Stopped if a signal ended `drive`; the state is on disk by now."""
    if stop:
        step, number = stop
        raise Stopped(f'{number.name}: saved step {step:,} in {folder}; the same command goes on', 128 + number)


def _check_finite(step: int, state: TrainState) -> None:
    for path, leaf in jax.tree.leaves_with_path((state.params, state.stats, state.opt, state.ema)):
        if not np.isfinite(np.asarray(leaf, np.float32)).all():
            name = jax.tree_util.keystr(path, simple=True, separator='/')
            raise NotFinite(f'step {step:,}: {name} is nan')
