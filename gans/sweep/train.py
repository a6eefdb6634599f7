"""Trains the runs of a sweep: what is done stays, what was interrupted goes on, what is new begins.

In a sweep's folder: `sweep.json`, what was asked for; `rows/ROW/seed_N/`, the folder of each run, as any run's;
`populations/ID/`, the runs that are training together: who they are, and checkpoints of all their states.
"""

import contextlib
import hashlib
import json
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from gans.configs import flatten
from gans.core import TrainState, Tree
from gans.errors import UserError
from gans.sweep.plan import Group, Sources, experiment_of, slices
from gans.sweep.population import abstract, population
from gans.sweep.rows import Member
from gans.train import graft, lock, workdir
from gans.train.checkpoints import Checkpoints, Restored
from gans.train.loop import drive, stopped
from gans.train.report import NotFinite, Reporter
from gans.train.setup import Experiment


def prepare(groups: Sequence[Group], folder: Path, size: int, sources: Sources) -> list[Group]:
    """The members of all groups that are not done, in parts of at most `size` that train together.

    Raises:
      UserError: another process trains one, one began with other data, or what it is to begin from is not there.
    """
    members = [member for group in groups for member in group.members]
    for member in members:
        with lock.held(folder / member.folder):  # nobody trains it alone
            if not _changed(folder, member):
                workdir.check_data(folder / member.folder, sources.of(member.config))
    _set_aside(folder, members)
    parts = [part for group in groups for part in _resumed(folder, group, sources)]
    taken = {member.folder for part in parts for member in part.members}
    for group in groups:
        fresh = tuple(m for m in group.members if not _done(folder, m) and m.folder not in taken)
        if fresh:
            _check_start(fresh[0], sources)
            parts += slices(group._replace(members=fresh), size)
    return parts


def train(parts: Sequence[Group], folder: Path, sources: Sources) -> None:
    """Trains what `prepare` gave, one part after the other.

    Raises:
      Stopped: by a signal; what was trained is saved.
    """
    for i, part in enumerate(parts, 1):
        names = list(dict.fromkeys(member.row for member in part.members))
        some = ', '.join(names[:6]) + (f' and {len(names) - 6} more rows' if len(names) > 6 else '')
        workdir.say(f'{folder}: program {i} of {len(parts)}, {len(part.members)} runs: {some}')
        with contextlib.ExitStack() as stack:
            for member in part.members:
                stack.enter_context(lock.held(folder / member.folder))
            _train(part, folder, sources)


def _train(group: Group, folder: Path, sources: Sources) -> None:
    """Trains the members of one group together, from where they stand to the end."""
    began, members = time.monotonic(), group.members
    experiments = [experiment_of(member, sources) for member in members]
    configs = [flatten(member.config) for member in members]
    numbers = {key: np.array([config[key] for config in configs]) for key in group.numbers}
    who = [_who(member) for member in members]
    place = _place(folder, who)
    checkpoints = Checkpoints(place / 'checkpoints', keep=1)
    restored = checkpoints.restore(_template(experiments[0], len(members)))
    for member, experiment in zip(members, experiments, strict=True):
        workdir.claim(folder / member.folder, member.config, experiment.source, restored and restored.step)
    workdir.write_json(workdir.made(place) / 'members.json', who)
    kept = restored.state if restored else None
    notes = restored.notes if restored else {'seconds': 0.0, 'failures': {}}
    done, steps = restored.step if restored else 0, members[0].config.train.steps
    failures = {int(m): NotFinite(said) for m, said in notes['failures'].items()}
    seconds = lambda: notes['seconds'] + time.monotonic() - began

    with contextlib.ExitStack() as stack:
        stack.callback(checkpoints.close)
        if done < steps and len(failures) < len(members):
            program = population(experiments if kept else [experiments[0].begin(), *experiments[1:]], numbers)
            state = program.place(kept['state']) if kept else program.init()
            folders = [folder / member.folder for member in members]
            reporter = Reporter(program, folders, done if kept else None, failures)
            stack.callback(reporter.close)
            failures = reporter.failures

            def save(step: int, host: TrainState, scores: list[float | None]) -> None:
                nonlocal kept
                for m in np.flatnonzero(host.step < step):
                    failures.setdefault(int(m), NotFinite(f'step {host.step[m] + 1:,}: a parameter is not finite'))
                due = step % members[0].config.train.checkpoint_every == 0 or step == steps
                kept = _better(kept, host, scores if due else [None] * len(scores))  # as without a signal
                said = {str(m): str(failure) for m, failure in failures.items()}
                checkpoints.save(step, kept, None, {'seconds': round(seconds(), 3), 'failures': said})

            with contextlib.suppress(NotFinite):  # no member goes on: they have come to their end
                stop = drive(program, state, done, reporter, save)
                checkpoints.wait()
                stopped(stop, folder)
    for m, member in enumerate(members):
        _finish(folder / member.folder, member, m, kept, failures.get(m), seconds(), len(members))
    shutil.rmtree(place)


def _check_start(member: Member, sources: Sources) -> None:
    """What a run begins from must be there before any run is trained; UserError names the row."""
    experiment = experiment_of(member, sources)
    try:
        graft.read(experiment.config.finetune, experiment.system)
    except UserError as error:
        raise UserError(f"row '{member.row}': {error}") from error


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


def _template(experiment: Experiment, members: int) -> dict[str, Tree]:
    state = abstract(experiment, members)
    return {'state': state, 'best': state, 'score': jax.ShapeDtypeStruct((members,), np.float32)}


def _finish(
    folder: Path, member: Member, m: int, kept: dict[str, Tree] | None, failure: object, seconds: float, together: int
) -> None:
    """Makes a member's folder that of a run that is over: its best and its last checkpoint, and its summary."""
    pick = lambda tree: jax.tree.map(lambda x: x[m], tree)
    checkpoints, notes = Checkpoints(folder / 'checkpoints', member.config.train.keep), {'seconds': seconds}
    if kept:
        last, best, score = pick(kept['state']), pick(kept['best']), float(kept['score'][m])
        if best.step < last.step and np.isfinite(score):
            checkpoints.save(int(best.step), best, score, notes)
        checkpoints.save(int(last.step), last, score if best.step == last.step else None, notes)
        checkpoints.close()
    more = {'together': together}
    if failure:
        more |= {'steps': int(last.step) if kept else 0, 'stopped': str(failure)}
    workdir.summarise(folder, member.config, seconds, **more)


# Which runs there are


def _set_aside(folder: Path, members: Sequence[Member]) -> None:
    """Moves runs whose row has changed since to `replaced/`: nothing is lost, and the new ones can begin."""
    for member in members:
        if _changed(folder, member):
            target = workdir.spare(folder, f'{member.row}-seed_{member.config.seed}')
            (folder / member.folder).rename(target)
            workdir.say(f"row '{member.row}' has changed: its run with seed {member.config.seed} is now in {target}")


def _changed(folder: Path, member: Member) -> bool:
    """Whether the run that is there is of another config, in whatever key: the members of a program share them all."""
    path = folder / member.folder / 'config.json'
    return path.is_file() and bool(workdir.differing(flatten(workdir.read_config(path)), flatten(member.config)))


def _done(folder: Path, member: Member) -> bool:
    return (folder / member.folder / 'summary.json').is_file()


def _resumed(folder: Path, group: Group, sources: Sources) -> list[Group]:
    """Populations that were interrupted, without the members that are done or not wanted now."""
    wanted = {str(member.folder): member for member in group.members if not _done(folder, member)}
    found = []
    for path in sorted((folder / 'populations').glob('*/members.json')):
        there = workdir.read_json(path)
        same = lambda who: not workdir.differing(who['config'], flatten(wanted[who['folder']].config))
        going = [i for i, who in enumerate(there) if who['folder'] in wanted and same(who)]
        members = tuple(wanted.pop(there[i]['folder']) for i in going)
        if not members:
            continue
        if len(going) < len(there):
            waiting = [i for i, who in enumerate(there) if i not in going and _waits(folder, who)]
            there = [_who(members[going.index(i)]) if i in going else who for i, who in enumerate(there)]
            _divide(path.parent, there, [going, waiting], folder, experiment_of(members[0], sources))
        found.append(group._replace(members=members))
    return found


def _waits(folder: Path, who: dict[str, Any]) -> bool:
    """Whether a run of a population, as its folder has it, is neither done nor set aside: --row left it out."""
    path = folder / who['folder']
    if (path / 'summary.json').is_file() or not (path / 'config.json').is_file():
        return False
    return not workdir.differing(flatten(workdir.read_config(path / 'config.json')), who['config'])


def _divide(
    place: Path, there: list[dict[str, Any]], parts: list[list[int]], folder: Path, experiment: Experiment
) -> None:
    """Makes populations of these parts of the members of one, with their states."""
    restored: Restored | None = Checkpoints(place / 'checkpoints', keep=1).restore(_template(experiment, len(there)))
    for part in filter(None, parts):
        new = workdir.made(_place(folder, [there[i] for i in part]))
        if restored:
            picked = jax.tree.map(lambda x: x[np.array(part)], restored.state)  # noqa: B023
            said = restored.notes['failures']
            failures = {str(i): said[str(j)] for i, j in enumerate(part) if str(j) in said}
            checkpoints = Checkpoints(new / 'checkpoints', keep=1)
            checkpoints.save(restored.step, picked, None, restored.notes | {'failures': failures})
            checkpoints.close()
        workdir.write_json(new / 'members.json', [there[i] for i in part])
    shutil.rmtree(place)


def _place(folder: Path, members: Sequence[dict[str, Any]]) -> Path:
    who = json.dumps(members, sort_keys=True)
    return folder / 'populations' / hashlib.sha256(who.encode()).hexdigest()[:12]


def _who(member: Member) -> dict[str, Any]:
    # Without how many train at a time, which may change between launches and must not change a population's folder.
    config = {key: value for key, value in flatten(member.config).items() if not key.startswith('population.')}
    return {'folder': str(member.folder), 'config': config}
