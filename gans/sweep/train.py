"""Trains the runs of a sweep: what is done stays, what was interrupted goes on, what is new begins.

In a sweep's folder: `sweep.json`, what was asked for; `rows/ROW/seed_N/`, the folder of each run, as any run's;
`populations/ID/`, the runs that are training together: who they are, and checkpoints of all their states.
"""

import contextlib
import hashlib
import json
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from gans.configs import flatten
from gans.core import TrainState, Tree
from gans.sweep.plan import Group, Sources, runs_of
from gans.sweep.population import abstract, population
from gans.sweep.rows import Member
from gans.sweep.work import Clock
from gans.training import workdir
from gans.training.checkpoints import Checkpoints, Restored
from gans.training.loop import drive, raise_if_stopped
from gans.training.report import NotFinite, Reporter
from gans.training.setup import Experiment, all_data, looks, passes
from gans.training.signals import Signals
from gans.training.stages import at


def train(group: Group, folder: Path, sources: Sources, clock: Clock) -> None:
    """Trains the members of one group together, from where they stand to the end.

    Raises:
      Stopped: by a signal; what was trained is saved.
    """
    began, members = time.monotonic(), group.members
    runs = runs_of(group, members, sources, known=True)
    who = [identity(member) for member in members]
    place = place_of(folder, who)
    checkpoints = Checkpoints(place / 'checkpoints', keep=1)
    restored = checkpoints.restore(template(runs[0], len(members)))
    for member, run in zip(members, runs, strict=True):
        data = all_data([each.source for each in run])
        workdir.claim(folder / member.folder, member.config, data, restored and restored.step, looks(run))
    workdir.write_json(workdir.make_folder(place) / 'members.json', who)
    if not restored:
        runs[0] = runs[0][0].begin(), *runs[0][1:]
        restored = Restored(0, None, {'seconds': 0.0, 'failures': {}}, None)
    before = restored.notes['seconds']
    seconds = lambda: before + time.monotonic() - began
    with contextlib.closing(checkpoints), Signals() as signals:
        for i, stage in enumerate(zip(*runs, strict=True)):
            first, is_last = stage[0], stage[0].end == members[0].config.train.steps
            clock.skip(len(members) * group.work[i].operations * max(0, min(restored.step, first.end) - first.since))
            if first.end < restored.step:
                continue
            if restored.state and restored.step == first.since:
                workdir.say(f'{folder}: {passes(runs[0], first)}')
            restored = _train_stage(group, i, stage, folder, checkpoints, restored, seconds, signals, clock)
            for m, member in enumerate(members):
                failure = restored.notes['failures'].get(str(m))
                _save(folder / member.folder, member, m, restored.state, seconds(), is_last)
                if is_last or failure:
                    _summarize(folder / member.folder, member, m, restored.state, failure, seconds(), len(members))
    shutil.rmtree(place)


def _train_stage(
    group: Group,
    i: int,
    stage: Sequence[Experiment],
    folder: Path,
    checkpoints: Checkpoints,
    restored: Restored,
    seconds: Callable[[], float],
    signals: Signals,
    clock: Clock,
) -> Restored:
    """Trains the i-th stage of all members that go on, from a checkpoint, of it or of the end of the one before, to its
    end.

    Returns what its last checkpoint holds, or would hold. Raises Stopped.
    """
    done, kept, first = restored.step, restored.state, stage[0]
    failures = {int(m): NotFinite(said) for m, said in restored.notes['failures'].items()}
    if done == first.end or len(failures) == len(stage):
        return restored
    program = population(stage, group.numbers[i])
    watch = clock.watching(group.work[i], len(stage) * first.config.train.steps_per_call)
    program = program._replace(call=watch(program.call))
    yet = kept if done > first.since else None  # states of one stage do not compare with those of another
    state = program.place(kept['state']) if yet else program.pass_on(kept['state']) if kept else program.init()
    reporter = Reporter(program, [folder / m.folder for m in group.members], done if kept else None, failures)
    failures = reporter.failures
    notes = lambda: {'seconds': round(seconds(), 3), 'failures': {str(m): str(said) for m, said in failures.items()}}

    def save(step: int, host: TrainState, scores: list[float | None]) -> None:
        nonlocal done, yet
        for m in np.flatnonzero(host.step < step):
            failures.setdefault(int(m), NotFinite(f'step {host.step[m] + 1:,}: a parameter is not finite'))
        due = step % first.config.train.checkpoint_every == 0 or step == first.end
        done, yet = step, _better(yet, host, scores if due else [None] * len(scores))  # as without a signal
        checkpoints.save(step, yet, None, notes())

    with contextlib.ExitStack() as stack:
        stack.callback(lambda: clock.wait(reporter.waited))
        stack.enter_context(contextlib.closing(reporter))
        stack.enter_context(contextlib.suppress(NotFinite))  # no member goes on: they are at their end
        stop, _ = drive(program, state, done, reporter, save, signals)
        checkpoints.wait()
        raise_if_stopped(stop, folder)
    return Restored(done, yet or kept, notes(), None)


def _better(kept: dict[str, Tree] | None, host: TrainState, scores: list[float | None]) -> dict[str, Tree]:
    """What a checkpoint of a population holds: its state, each member's best state yet, and the score of that."""
    now = np.array([np.inf if score is None or not np.isfinite(score) else score for score in scores], np.float32)
    copy = lambda x: np.array(x) if isinstance(x, np.ndarray) else x  # the device's memory will be used again
    state = jax.tree.map(copy, host)
    if kept is None:
        return {'state': state, 'best': state, 'score': now}
    better = now < kept['score']
    choose = lambda new, old: np.where(better.reshape(-1, *[1] * (new.ndim - 1)), new, old)
    best = jax.tree.map(choose, state.replace(rng=()), kept['best'].replace(rng=())).replace(rng=state.rng)
    return {'state': state, 'best': best, 'score': np.where(better, now, kept['score'])}


def template(run: Sequence[Experiment], members: int) -> Callable[[int], dict[str, Tree]]:
    """Shapes of what `_better` gives after a step."""

    def shapes(step: int) -> dict[str, Tree]:
        state = abstract(at(run, step), members)
        return {'state': state, 'best': state, 'score': jax.ShapeDtypeStruct((members,), np.float32)}

    return shapes


def _save(folder: Path, member: Member, m: int, kept: dict[str, Tree] | None, seconds: float, scored: bool) -> None:
    """Saves a member's last state in its own folder, and its best one where scores decide: in the last stage."""
    if not kept:
        return
    pick = lambda tree: jax.tree.map(lambda x: x[m], tree)
    last, best, score = pick(kept['state']), pick(kept['best']), float(kept['score'][m]) if scored else None
    with contextlib.closing(Checkpoints(folder / 'checkpoints', member.config.train.keep)) as checkpoints:
        if scored and best.step < last.step and np.isfinite(score):
            checkpoints.save(int(best.step), best, score, {'seconds': seconds})
        checkpoints.save(int(last.step), last, score if best.step == last.step else None, {'seconds': seconds})


def _summarize(
    folder: Path, member: Member, m: int, kept: dict[str, Tree] | None, failure: str | None, seconds: float, num: int
) -> None:
    """Writes that a member's run is over; `num` members were trained together."""
    more = {'together': num}
    if failure:
        more |= {'steps': int(kept['state'].step[m]) if kept else 0, 'stopped': failure}
    workdir.summarize(folder, member.config, seconds, **more)


def place_of(folder: Path, members: Sequence[dict[str, Any]]) -> Path:
    """The folder of the population of some members, see `identity`."""
    who = json.dumps(members, sort_keys=True)
    return folder / 'populations' / hashlib.sha256(who.encode()).hexdigest()[:12]


def identity(member: Member) -> dict[str, Any]:
    """Its run's folder and config, as `members.json` of a population has them."""
    # Without how many train at a time, which may change between launches and must not change a population's folder.
    config = {key: value for key, value in flatten(member.config).items() if not key.startswith('population.')}
    return {'folder': str(member.folder), 'config': config}
