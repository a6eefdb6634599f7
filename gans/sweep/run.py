"""Runs a sweep, from its file to its report."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import ml_collections

from gans.configs import consequences
from gans.errors import UserError, unknown
from gans.sweep import cadence, cluster, pilot, plan, rows
from gans.sweep.report import report
from gans.sweep.take import take
from gans.sweep.train import train
from gans.sweep.work import Clock
from gans.training import opening, workdir


def run(path: Path, base: ml_collections.ConfigDict, folder: Path, seeds: int, row: str | None, command: str) -> str:
    """Trains all rows of a sweep file, or one, and writes the report; returns a line with its location. What the
    seconds went to is said, and stands in `summary.json`, of the last launch that trained.

    Several processes may do so at once, here or on other hosts: each takes the next program that nobody trains.

    Raises:
      Held: others train all that is left.
    """
    began = time.monotonic()
    sweep, groups, sources = _plan(path, base, seeds, row)
    seconds = {'planning': time.monotonic() - began}
    clock, programs, runs = Clock(), 0, 0
    if said := _warn(groups):
        workdir.say(said)
    about = {
        'name': folder.name,
        'doc': sweep.doc,
        'command': command,
        'seeds': [base.seed + i for i in range(seeds)],
        'rows': [{'name': each.name, 'overrides': _to_json(each.overrides)} for each in sweep.rows],
    }
    while True:
        with take(groups, folder, base.population.max_size, sources) as (parts, held):
            if held and not (parts or programs):
                raise held
            workdir.write_json(folder / 'sweep.json', about)
            if not parts:
                break
            for line in opening.machine() if not programs else ():
                workdir.say(line)
            workdir.say(f'{folder}: {clock.begin(parts)}, {_describe(parts[0])}')
            train(parts[0], folder, sources, clock)
            programs, runs = programs + 1, runs + len(parts[0].members)
    if held:
        workdir.say(f'others still train: {held}')
    seconds |= clock.spent()
    began = time.monotonic()
    line = report([folder], folder / 'report')
    if programs:
        _tell(folder, programs, runs, seconds | {'report': time.monotonic() - began})
    return line


def run_on_cluster(
    path: Path,
    base: ml_collections.ConfigDict,
    folder: Path,
    seeds: int,
    row: str | None,
    kind: str,
    command: Sequence[str],
) -> str:
    """Has several processes do what `run` does, each by this command; returns a line.

    Args:
      kind: as `gans.sweep.cluster.parse` has it.
    """
    chosen = cluster.parse(kind)
    _, groups, sources = _plan(path, base, seeds, row)
    size = base.population.max_size
    programs = sum(len(plan.slices(group, size)) for group in groups)
    if chosen.kind == 'slurm':
        last = [*command[:2], f'--report={folder}']
        return cluster.submit(command, last, folder, chosen.jobs or programs, chosen.options)
    failed = cluster.train_here(command, folder, min(chosen.jobs or 2, programs))
    with take(groups, folder, size, sources) as (parts, _):
        if parts:
            raise UserError(f'{_describe(parts[0])} are not done: {failed[0] if failed else "launch the same again"}')
    for line in failed:
        workdir.say(f'{line}; another trained what it left')
    return report([folder], folder / 'report')


def _describe(part: plan.Group) -> str:
    """'20 runs: row_1, row_2 and 3 more rows'."""
    names = list(dict.fromkeys(member.row for member in part.members))
    more = f' and {len(names) - 6} more rows' if len(names) > 6 else ''
    return f'{len(part.members)} runs: {", ".join(names[:6])}{more}'


def _tell(folder: Path, programs: int, runs: int, seconds: Mapping[str, float]) -> None:
    """What the seconds went to."""
    seconds = {what: round(each, 1) for what, each in seconds.items()}
    seconds['all'] = round(sum(seconds.values()), 1)
    workdir.write_json(folder / 'summary.json', {'programs': programs, 'runs': runs, 'seconds': seconds})
    workdir.say('sweep: ' + ', '.join(f'{what} {each:,.0f} s' for what, each in seconds.items()))


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
    """Resolves the sweep, and plans all of its rows or one, so that their errors are raised before training."""
    sweep, sources = rows.load(path, base), plan.Sources()
    for line in dict.fromkeys(line for row in sweep.rows for line in consequences(base, row.config)):
        workdir.say(line)
    names = [each.name for each in sweep.rows]
    if row is not None and row not in names:
        raise unknown(f'row of {path}', row, names)
    members = [member for member in sweep.members(seeds) if row in (None, member.row)]
    return sweep, plan.plan(members, sources), sources


def _warn(groups: Sequence[plan.Group]) -> str:
    return cadence.warn(member.config for group in groups for member in group.members)


def _to_json(overrides: dict) -> dict:
    """Overrides with sections as dicts."""
    return {key: x.to_dict() if isinstance(x, ml_collections.ConfigDict) else x for key, x in overrides.items()}
