"""The host's loop: calls the compiled program, and sees to reports, checkpoints and signals."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import ml_collections
import numpy as np

from gans.core import DATA, TrainState
from gans.data import feed
from gans.errors import Stopped
from gans.train import program, workdir
from gans.train.checkpoints import Checkpoints
from gans.train.progress import Progress
from gans.train.report import NotFinite, Reporter
from gans.train.setup import Experiment, setup
from gans.train.signals import Signals


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
    if primary:
        workdir.claim(folder, config)
    checkpoints = Checkpoints(folder / 'checkpoints', config.train.keep)
    restored = checkpoints.restore(experiment.abstract())
    done, before = (restored.step, restored.notes['seconds']) if restored else (0, 0.0)
    if primary:
        workdir.say(f'{folder}: ' + (f'going on from step {done:,}' if restored else 'a new run'))
    if done < config.train.steps:
        state = program.place(experiment, restored.state if restored else experiment.init())
        reporter = Reporter(experiment, folder, done) if primary else None
        try:
            _run(experiment, folder, state, done, reporter, checkpoints, lambda: before + time.monotonic() - began)
        except NotFinite as error:
            checkpoints.wait()
            kept = max(checkpoints.steps(), default=None)
            where = 'no checkpoint was due yet' if kept is None else f'the last finite checkpoint is step {kept:,}'
            raise Stopped(f'{folder}: {error}; {where}. Try a lower learning rate, or a penalty', 1) from None
        finally:
            checkpoints.close()
            if reporter:
                reporter.close()
    return workdir.summarise(folder, config, before + time.monotonic() - began) if primary else {}


def _run(
    experiment: Experiment,
    folder: Path,
    state: TrainState,
    done: int,
    reporter: Reporter | None,
    checkpoints: Checkpoints,
    seconds: Any,
) -> None:
    """From a state after `done` steps to the last step."""
    train, first = experiment.config.train, done
    call, raws = program.make_call(experiment), _raws(experiment, done)
    examples = experiment.shares['repeats'] * train.batch_size
    block = jax.default_backend() == 'cpu' and experiment.devices > 1  # else collectives of many calls can deadlock
    with Signals() as signals, Progress(done, train.steps, examples, quiet=reporter is None) as progress:
        while done < train.steps:
            schedule = program.schedule(experiment, done)
            state, metrics = call(state, next(raws), schedule)
            if block or done == first:
                jax.block_until_ready(metrics)
            if done == first:
                progress.restart()  # what came before was compiling
            done += train.steps_per_call
            progress.advance(train.steps_per_call)
            if reporter:
                reporter.report(done, schedule, metrics, state, progress)
            stop = signals.received(done)
            if stop or done % train.checkpoint_every == 0 or done == train.steps:
                score = reporter.settle() if reporter else None
                host = jax.device_get(program.one(experiment, state))
                _check_finite(done, host)
                checkpoints.save(done, host, score, {'seconds': round(seconds(), 3)})
            if stop:
                checkpoints.wait()
                raise Stopped(f'{stop.name}: saved step {done:,} in {folder}; the same command goes on', 128 + stop)


def _check_finite(step: int, state: TrainState) -> None:
    for path, leaf in jax.tree.leaves_with_path((state.params, state.stats, state.opt, state.ema)):
        if not np.isfinite(np.asarray(leaf, np.float32)).all():
            raise NotFinite(step, jax.tree_util.keystr(path, simple=True, separator='/'), np.nan)


def _raws(experiment: Experiment, start: int) -> Iterator[dict]:
    """What each call of the program takes as `raw`, from a step on."""
    source, shares, per_call = experiment.source, experiment.shares, experiment.config.train.steps_per_call
    if source.read is None:
        held = program.place(experiment, source.arrays) if source.arrays else {}
        while True:
            yield held
    local = jax.local_device_count() if experiment.axis_name else 1
    key = jax.random.fold_in(jax.random.key(experiment.config.seed), DATA)
    mine = shares | {'offset': jax.process_index() * local * shares['local'], 'local': local * shares['local']}
    steps = feed.stream(source, key, start, experiment.config.train.steps, **mine)
    while True:
        raws = [next(steps) for _ in range(per_call)]
        stacked = {name: np.stack([raw[name] for raw in raws]) for name in raws[0]}  # [steps, repeats, mine, ...]
        if experiment.axis_name is None:
            yield jax.device_put(stacked)
        else:  # [devices, steps, repeats, local, ...]
            yield {name: np.stack(np.split(array, local, axis=2)) for name, array in stacked.items()}
