"""Which runs of a sweep are left, and whose they are: several processes may train one sweep, here or on other hosts."""

import contextlib
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from gans.configs import flatten
from gans.errors import UserError
from gans.sweep.plan import Group, Sources, experiments_of, slices
from gans.sweep.rows import Member
from gans.sweep.train import identity, place_of, template
from gans.training import graft, lock, workdir
from gans.training.checkpoints import Checkpoints, Restored
from gans.training.setup import Experiment, all_data, check_files
from gans.training.stages import stages


@contextlib.contextmanager
def take(
    groups: Sequence[Group], folder: Path, size: int, sources: Sources
) -> Iterator[tuple[list[Group], lock.Held | None]]:
    """The programs that are left: runs that are neither done nor another process's, in parts of at most `size` that
    train together; and who has others, if somebody does. Inside the context the runs of the first are this process's.

    Raises:
      UserError: a run began with other data, or what it is to begin from is not there.
    """
    with contextlib.ExitStack() as ours:
        with lock.hold(folder / 'rows', wait=True), contextlib.ExitStack() as free:  # launches take turns in this
            locks, held = {}, None
            for member in (member for group in groups for member in group.members):
                try:
                    locks[member.folder] = _hold(folder / member.folder, free)
                except lock.Held as error:
                    held = error
            mine = [[member for member in group.members if member.folder in locks] for group in groups]
            left = [group._replace(members=tuple(some)) for group, some in zip(groups, mine, strict=True) if some]
            for member in _changed(left, folder, sources):
                locks[member.folder].close()  # its folder is moved, and a lock lies in its folder
                _set_aside(folder, member)
                locks[member.folder] = _hold(folder / member.folder, free)
            parts = _divide_up(left, folder, size, sources)
            for member in parts[0].members if parts else ():
                ours.enter_context(locks[member.folder].pop_all())
        yield parts, held


def _hold(folder: Path, until: contextlib.ExitStack) -> contextlib.ExitStack:
    """A folder's lock, until the stack is left, or what is returned is closed. Raises Held."""
    own = until.enter_context(contextlib.ExitStack())
    own.enter_context(lock.hold(folder))
    return own


def _changed(groups: Sequence[Group], folder: Path, sources: Sources) -> list[Member]:
    """The members whose run is of another config. Raises UserError if one that goes on began with other data."""
    found = []
    for member in (member for group in groups for member in group.members):
        if _is_changed(folder, member):
            found.append(member)
        else:
            data = [sources.of(stage.config) for stage in stages(member.config)]
            workdir.check_data(folder / member.folder, all_data(data))
    return found


def _set_aside(folder: Path, member: Member) -> None:
    """Moves a run whose row has changed since to `replaced/`: nothing is lost, and the new one can begin."""
    target = workdir.spare(folder, f'{member.row}-seed_{member.config.seed}')
    (folder / member.folder).rename(target)
    workdir.say(f"row '{member.row}' has changed: its run with seed {member.config.seed} is now in {target}")


def _divide_up(groups: Sequence[Group], folder: Path, size: int, sources: Sources) -> list[Group]:
    """The members of all groups that are not done, all of which are ours, in parts."""
    parts = [part for group in groups for part in _find_interrupted(folder, group, sources)]
    taken = {member.folder for part in parts for member in part.members}
    for group in groups:
        fresh = tuple(m for m in group.members if not _is_done(folder, m) and m.folder not in taken)
        if fresh:
            _check_start(fresh[0], sources)
            parts += slices(group._replace(members=fresh), size)
    return parts


def _check_start(member: Member, sources: Sources) -> None:
    """What a run begins from must be there before any run is trained; UserError names the row."""
    experiments = experiments_of(member, sources)
    try:
        graft.check_words(experiments[0].config.finetune, experiments[0].source.spec)
        graft.read(experiments[0].config.finetune, experiments[0].system)
        check_files(experiments, experiments)
    except UserError as error:
        raise UserError(f"row '{member.row}': {error}") from error


def _is_changed(folder: Path, member: Member) -> bool:
    """Whether the run that is there is of another config, in whatever key: the members of a program share them all."""
    path = folder / member.folder / 'config.json'
    return path.is_file() and bool(workdir.differing(flatten(workdir.read_config(path)), flatten(member.config)))


def _is_done(folder: Path, member: Member) -> bool:
    return (folder / member.folder / 'summary.json').is_file()


def _find_interrupted(folder: Path, group: Group, sources: Sources) -> list[Group]:
    """Populations that were interrupted, without the members that are done or not wanted now."""
    wanted = {str(member.folder): member for member in group.members if not _is_done(folder, member)}
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
            there = [identity(members[going.index(i)]) if i in going else who for i, who in enumerate(there)]
            _divide(path.parent, there, [going, waiting], folder, experiments_of(members[0], sources))
        found.append(group._replace(members=members))
    return found


def _waits(folder: Path, who: dict[str, Any]) -> bool:
    """Whether a run of a population, as its folder has it, is neither done nor set aside: --row left it out."""
    path = folder / who['folder']
    if (path / 'summary.json').is_file() or not (path / 'config.json').is_file():
        return False
    return not workdir.differing(flatten(workdir.read_config(path / 'config.json')), who['config'])


def _divide(
    place: Path, there: list[dict[str, Any]], parts: list[list[int]], folder: Path, run: Sequence[Experiment]
) -> None:
    """Makes populations of these parts of the members of one, with their states."""
    restored: Restored | None = Checkpoints(place / 'checkpoints', keep=1).restore(template(run, len(there)))
    for part in filter(None, parts):
        new = workdir.make_folder(place_of(folder, [there[i] for i in part]))
        if restored:
            picked = jax.tree.map(lambda x: x[np.array(part)], restored.state)  # noqa: B023
            said = restored.notes['failures']
            failures = {str(i): said[str(j)] for i, j in enumerate(part) if str(j) in said}
            checkpoints = Checkpoints(new / 'checkpoints', keep=1)
            checkpoints.save(restored.step, picked, None, restored.notes | {'failures': failures})
            checkpoints.close()
        workdir.write_json(new / 'members.json', [there[i] for i in part])
    shutil.rmtree(place)
