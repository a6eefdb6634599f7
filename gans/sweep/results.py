"""Reads the folder of a sweep: rows, runs and scores; and writes them as one flat file, results.csv.

DIR/sweep.json              name, doc, command, seeds, and rows of name and overrides
DIR/rows/ROW/seed_0/        an ordinary run: config.json, data.json, metrics.csv, stamps.json, samples/, summary.json
                            when it has ended, and evaluation.json if it was evaluated
"""

import csv
import io
import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gans import defaults, user_code
from gans.configs import flatten, section_of
from gans.errors import UserError
from gans.metrics.protocol import Protocol
from gans.metrics.score import EVALUATED, PREFIX, selection_metric
from gans.training import workdir
from gans.training.logs import read_metrics
from gans.training.stages import begin_of

WHENS = ('final', 'best')  # the value after the last step, and at the best checkpoint


class Run(NamedTuple):
    """One row of a sweep, trained with one seed."""

    folder: Path
    seed: int
    status: str  # 'done', 'stopped' (diverged), 'unfinished' or 'missing'
    note: str  # when and why a run was stopped
    steps: int  # finished so far
    seconds: float | None  # None before the end
    metrics: dict[str, np.ndarray]  # columns of metrics.csv, including 'step'; {} if there are none
    best_step: int | None  # of the evaluation with the lowest selection metric
    scores: dict[tuple[str, str], float]  # by (metric, 'final' or 'best'); final ones for finished runs only
    stamps: dict[str, Protocol]  # of scores, by metric


class Row(NamedTuple):
    """One variant of a sweep's config."""

    name: str  # SWEEP/ROW if several sweeps are reported together
    sweep: str
    own_name: str  # without that of the sweep
    overrides: dict[str, Any]  # by dotted key
    settings: dict[str, Any]  # the whole config by dotted key, as far as known
    command: str  # that trains only this row
    runs: tuple[Run, ...]  # one per seed

    def values(self, metric: str, when: str) -> np.ndarray:
        """The finite scores [n] of finished runs."""
        values = [run.scores.get((metric, when), np.nan) for run in self.runs if run.status == 'done']
        return np.array([value for value in values if np.isfinite(value)])

    def stamps(self, metric: str) -> list[Protocol]:
        """The distinct stamps of a score in its runs; empty for runs without stamps."""
        found = [run.stamps.get(metric, {}) for run in self.runs if any(name == metric for name, _ in run.scores)]
        return [stamp for i, stamp in enumerate(found) if stamp not in found[:i]]

    def progress(self) -> str:
        """How many seeds are done, and the status of the others: '3/5, 1 stopped, 1 missing'."""
        states = [run.status for run in self.runs]
        others = [f'{states.count(state)} {state}' for state in ('stopped', 'unfinished', 'missing') if state in states]
        return ', '.join([f'{states.count("done")}/{len(states)}', *others])


class Sweep(NamedTuple):
    """A folder of rows."""

    name: str
    doc: str
    command: str
    rows: tuple[Row, ...]


def read(folders: list[Path]) -> list[Sweep]:
    """The sweeps in some folders.

    Raises:
        UserError: a folder contains no sweep, or one without results; two sweeps have the same name.
    """
    folders = list({folder.resolve(): folder for folder in map(Path, folders)}.values())
    if not folders:
        raise UserError('which sweep? pass the folder of at least one')
    heads = [_head(folder) for folder in folders]
    names = [head['name'] for head in heads]
    if len(set(names)) < len(names):  # such as a sweep and its smoke variant: their folders differ
        names = [folder.resolve().name for folder in folders]
    if len(set(names)) < len(names):
        raise UserError(f'two of the sweeps have the name {max(names, key=names.count)}: rename the folder of one')
    sweeps = [
        Sweep(name, head['doc'], head['command'], _rows(folder, head, name, len(folders) > 1))
        for folder, head, name in zip(folders, heads, names, strict=True)
    ]
    for folder, sweep in zip(folders, sweeps, strict=True):
        runs = [run for row in sweep.rows for run in row.runs]
        if not any(run.scores or run.status == 'stopped' for run in runs):
            raise UserError(f'{folder} contains no results yet: train some of it first, with {sweep.command}')
    return sweeps


def metrics(sweeps: list[Sweep]) -> list[str]:
    """The names of all scores, in order of appearance."""
    runs = [run for sweep in sweeps for row in sweep.rows for run in row.runs]
    names = [name for run in runs for name in run.metrics if name.startswith(PREFIX)]
    return list(dict.fromkeys([*names, *(name for run in runs for name, _ in run.scores)]))


def differing_keys(rows: list[Row]) -> list[str]:
    """The keys of the config in which rows differ, sorted, except for the seed."""
    keys = sorted({key for row in rows for key in row.settings} - {'seed'})
    return [key for key in keys if len({format_value(row.settings.get(key)) for row in rows if row.settings}) > 1]


def format_value(value: Any) -> str:
    """A value of the config as typed on the command line; None is '-'."""
    return '-' if value is None else value if isinstance(value, str) else json.dumps(value)


def to_csv(sweeps: list[Sweep]) -> str:
    """One line per row and seed: status, steps, seconds, scores at the end and at the best checkpoint, overrides."""
    many, names = len(sweeps) > 1, metrics(sweeps)
    keys = list(dict.fromkeys(key for sweep in sweeps for row in sweep.rows for key in row.overrides))
    columns = [(name, when) for name in names for when in WHENS]
    header = ['row', 'seed', 'status', 'steps', 'seconds', 'best_step']
    header += [f'{when}/{name.removeprefix(PREFIX)}' for name, when in columns] + [f'config.{key}' for key in keys]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator='\n')
    writer.writerow(['sweep'] * many + header)
    for row in (row for sweep in sweeps for row in sweep.rows):
        overrides = ['' if row.overrides.get(key) is None else format_value(row.overrides[key]) for key in keys]
        for run in row.runs:
            line = [row.own_name, run.seed, run.status, run.steps, run.seconds, run.best_step]
            line += [run.scores.get(column) for column in columns]
            writer.writerow([row.sweep] * many + line + overrides)
    return text.getvalue()


def _head(folder: Path) -> dict[str, Any]:
    path = folder / 'sweep.json'
    if not path.is_file():
        raise UserError(f'{folder} contains no sweep (no {path.name}): pass the folder of a sweep')
    return workdir.read_json(path)


def _rows(folder: Path, head: dict[str, Any], sweep: str, many: bool) -> tuple[Row, ...]:
    rows = []
    for entry in head['rows']:
        runs = tuple(_run(folder / 'rows' / entry['name'] / f'seed_{seed}', seed) for seed in head['seeds'])
        configs = [run.folder / 'config.json' for run in runs if (run.folder / 'config.json').is_file()]
        settings = flatten(workdir.read_config(configs[0])) if configs else {}
        command = f'{head["command"]} --row={shlex.quote(entry["name"])}'
        name = f'{sweep}/{entry["name"]}' if many else entry['name']
        rows.append(Row(name, sweep, entry['name'], entry['overrides'], settings, command, runs))
    # A row without a run has the settings of the base, which others do not override, with its own overrides.
    # A section that a row's overrides turn on, such as `terms.r1`, counts as overridden as a whole: its other keys are
    # those of a row that turns it on too.
    sections = _sections(rows)
    place = lambda key: section_of(key, sections) or key
    own = {row.name: {place(key) for key in row.overrides} for row in rows}
    known = {row.name: [(place(key), key, value) for key, value in row.settings.items()] for row in rows}
    base = {key: value for name, held in known.items() for at, key, value in held if at not in own[name]}
    added = {at: {} for at in set().union(*own.values())}
    for name, held in known.items():
        for at, key, value in held:
            if at in own[name]:
                added[at].setdefault(key, value)
    turned_on = lambda row: [at for at in own[row.name] if at in sections and row.overrides.get(at, at) is not None]
    guess = lambda row: {key: value for at in turned_on(row) for key, value in added[at].items()}
    return tuple(row if row.settings else row._replace(settings=base | guess(row) | row.overrides) for row in rows)


def _sections(rows: Sequence[Row]) -> set[str]:
    """The optional sections of the rows' configs, by dotted name: those of the user's own terms and systems, too."""
    settings = [row.settings | row.overrides for row in rows]
    terms = {'.'.join(key.split('.')[:2]) for held in settings for key in held if key.startswith('terms.')}
    return {*defaults.sections(), *terms, *(user_code.title(held.get('system', 'gan')) for held in settings)}


def _run(folder: Path, seed: int) -> Run:
    path, end = folder / 'metrics.csv', folder / 'summary.json'
    columns = read_metrics(path) if path.is_file() else {}
    summary = workdir.read_json(end, {})
    note = summary.get('stopped', '')
    status = 'stopped' if note else 'done' if summary else 'unfinished' if folder.is_dir() else 'missing'
    lines = len(columns.get('step', ()))
    ranked = columns.get(selection_metric(columns), np.array([]))
    # Scores of an earlier stage do not compare with those of the last; step 0 has no checkpoint.
    begin = begin_of(workdir.read_config(folder / 'config.json'), columns['step'][-1]) if lines else 0
    scored = [i for i in np.flatnonzero(np.isfinite(ranked)) if columns['step'][i] > begin]
    best = min(scored, key=lambda i: ranked[i], default=None)
    places = {'final': lines - 1 if lines and status == 'done' else None, 'best': best}  # lines of metrics.csv
    scores = {
        (name, when): float(values[place])
        for name, values in columns.items()
        for when, place in places.items()
        if name.startswith(PREFIX) and place is not None and np.isfinite(values[place])
    }
    steps = summary.get('steps', int(columns['step'][-1]) if lines else 0)
    best_step = None if best is None else int(columns['step'][best])
    stamps = {name: entry['protocol'] for name, entry in workdir.read_json(folder / 'stamps.json', {}).items()}
    entries = workdir.read_json(folder / 'evaluation.json', [])
    for entry in sorted(entries, key=lambda entry: 'truncation' not in entry['protocol']):  # that without one counts
        if '/' not in entry['metric'] and entry['value'] is not None:
            direction = entry['protocol'].get('direction')  # of a system that has several
            name = EVALUATED + (f'{direction}/' if direction else '') + entry['metric']
            whens = {'final': steps if status == 'done' else None, 'best': best_step}
            scores |= {(name, when): entry['value'] for when, step in whens.items() if step == entry['step']}
            stamps[name] = entry['protocol']
    return Run(folder, seed, status, note, steps, summary.get('seconds'), columns, best_step, scores, stamps)
