"""Runs a sweep, from its file to its report."""

import contextlib
import time
from collections.abc import Sequence
from pathlib import Path

import ml_collections

from gans.configs import consequences
from gans.errors import UserError, unknown
from gans.sweep import cadence, pilot, plan, rows
from gans.sweep.report import report
from gans.sweep.train import prepare, train
from gans.training import lock, workdir


def run(path: Path, base: ml_collections.ConfigDict, folder: Path, seeds: int, row: str | None, command: str) -> str:
    """Trains all rows of a sweep file, or one, and writes the report; returns a line with its location. What the
    seconds went to is said, and stands in `summary.json`, of the last launch that trained.

    A row is trained by one process at a time: UserError if another process is training it.
    """
    began = time.monotonic()
    sweep, groups, sources = _plan(path, base, seeds, row)
    if said := _warn(groups):
        workdir.say(said)
    about = {
        'name': folder.name,
        'doc': sweep.doc,
        'command': command,
        'seeds': [base.seed + i for i in range(seeds)],
        'rows': [{'name': each.name, 'overrides': _to_json(each.overrides)} for each in sweep.rows],
    }
    # Launches with --row take turns in preparing what they share, and then lock only their own rows.
    with lock.hold(folder / 'rows', wait=True), contextlib.ExitStack() as stack:
        for name in dict.fromkeys(member.row for group in groups for member in group.members):
            stack.enter_context(lock.hold(folder / 'rows' / name))
        workdir.write_json(folder / 'sweep.json', about)
        parts = prepare(groups, folder, base.population.max_size, sources)
        own = stack.pop_all()
    planned = time.monotonic()
    with own:
        spent = train(parts, folder, sources)
    trained = time.monotonic()
    line = report([folder], folder / 'report')
    if parts:
        ended = time.monotonic()
        seconds = {'planning': planned - began, **spent, 'report': ended - trained, 'all': ended - began}
        seconds = {what: round(each, 1) for what, each in seconds.items()}
        trains = {'programs': len(parts), 'runs': sum(len(part.members) for part in parts)}
        workdir.write_json(folder / 'summary.json', trains | {'seconds': seconds})
        workdir.say('sweep: ' + ', '.join(f'{what} {each:,.0f} s' for what, each in seconds.items()))
    return line


def dry_run(path: Path, base: ml_collections.ConfigDict, seeds: int, row: str | None) -> str:
    """Describes what `run` would train: rows, programs, seeds, and about how much time and memory they take."""
    sweep, groups, sources = _plan(path, base, seeds, row)
    parts = [part for group in groups for part in plan.slices(group, base.population.max_size)]
    workdir.say('timing some steps of the largest program')
    said = pilot.describe(parts, len(groups), base.population.max_size, pilot.measure(parts, sources))
    return '\n'.join(filter(None, [f'{sweep.name}: {len(sweep.rows)} rows', said, _warn(groups)]))


def rewrite_report(folders: Sequence[Path], out: Path | None) -> str:
    """Writes the report of one sweep again, or a joint report of several."""
    for folder in folders:
        if not (folder / 'sweep.json').is_file():
            raise UserError(f'{folder} contains no sweep: --report needs folders written by --sweep')
    names = '+'.join(folder.name for folder in folders)
    default = folders[0] / 'report' if len(folders) == 1 else folders[0].parent / f'report-{names}'
    return report(list(folders), out or default)


def _plan(path: Path, base: ml_collections.ConfigDict, seeds: int, row: str | None) -> tuple:
    """Resolves the sweep, so that all errors are raised before training."""
    sweep, sources = rows.load(path, base), plan.Sources()
    for line in dict.fromkeys(line for row in sweep.rows for line in consequences(base, row.config)):
        workdir.say(line)
    groups = plan.plan(sweep.members(seeds), sources)
    if row is None:
        return sweep, groups, sources
    if row not in {each.name for each in sweep.rows}:
        raise unknown(f'row of {path}', row, [each.name for each in sweep.rows])
    chosen = [group._replace(members=tuple(m for m in group.members if m.row == row)) for group in groups]
    return sweep, [group for group in chosen if group.members], sources


def _warn(groups: Sequence[plan.Group]) -> str:
    return cadence.warn(member.config for group in groups for member in group.members)


def _to_json(overrides: dict) -> dict:
    """Overrides with sections as dicts."""
    return {key: x.to_dict() if isinstance(x, ml_collections.ConfigDict) else x for key, x in overrides.items()}
