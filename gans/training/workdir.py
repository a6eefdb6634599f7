"""The work folder of a run: whose it is, and what lies in it."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ml_collections
import numpy as np

from gans import files, user_code
from gans.configs import flatten, of_any_set, of_stage
from gans.data.base import Source
from gans.errors import UserError
from gans.training.provenance import environment, launch, moment
from gans.training.stages import begin_of, check_rates, stages

# Keys that say where the data lie, not which they are: data.json tells that. Of data.name it is folder:PATH.
WHERE = ('data.name', 'data.folder', 'data.data_dir', 'data.cache')
# Keys that may change in the folder of a run, for the steps that it has done would have been the same; each change is
# noted in history.json. No schedule reads train.steps: what fades in or out, and a rate, has an end of its own.
MAY_CHANGE = (
    *WHERE,
    'data.on_device_max_mb',  # batches are the same
    'train.steps',  # to more than it has done
    'train.keep',
    'train.checkpoint_every',
    'train.log_every',  # like the next two from now on
    'train.sample_every',
    'eval.every',
)
# What a run makes in its folder, and takes along when another takes its place: last what says whose it is.
MADE = ('metrics.csv', 'stamps.json', 'samples', 'tensorboard', 'checkpoints', 'summary.json')
MADE += ('reals.png', 'curves.png', 'strip.png', 'progress.webp')
MADE += ('evaluation.json', 'evaluation.csv', 'evaluation', 'history.json', 'data.json', 'config.json')

ANY = '*'
Shape = set[str] | list[set[str]] | dict[str, set[str]]  # keys of an object; of each in a list; of each by any name
HELD: dict[str, Shape] = {
    'config.json': {'data', 'train'},
    'data.json': {'examples', 'digest'},
    'stamps.json': {ANY: {'protocol', 'floor'}},
    'summary.json': {'steps', 'seconds', 'final'},
    'history.json': [{'step', 'was'}],
    'evaluation.json': [{'metric', 'value', 'step', 'protocol'}],
    'sweep.json': {'name', 'doc', 'command', 'seeds', 'rows'},
    'members.json': [{'folder', 'config'}],
}


def check(folder: Path, config: ml_collections.ConfigDict, source: Source, done: int | None) -> None:
    """Whether `claim` may be called; writes nothing.

    Args:
      done: steps of the run that is there, by its last checkpoint; None if it has none.

    Raises:
      UserError: the run in the folder is another's, whose config has other keys than those that may change, or of other
        data; or it has done as many steps as are wanted now.
    """
    if done is None or not (folder / 'config.json').exists():
        return  # a new run, or one that has nothing to go on from
    held, wanted = _flat(folder), flatten(config)
    other = [key for key in differing(held, wanted) if not _may_change(key, held, wanted)]
    if other:
        raise UserError(
            f'{folder} holds a run of another config: {changes(other, held, wanted)}; choose another --workdir '
            f'(from its nets begins --mode=finetune --from={folder})'
        )
    check_data(folder, source)
    check_rates(folder, read_config(folder / 'config.json'), config)
    steps = config.train.steps
    if steps != held['train.steps'] and steps <= done:
        raise UserError(
            f'{folder} holds {done:,} steps already: train.steps={steps} must be more, or choose another --workdir'
        )


def claim(
    folder: Path, config: ml_collections.ConfigDict, source: Source, done: int | None, looks: Mapping[str, Any] = {}
) -> None:
    """Makes the folder this config's: a new run's, or that of the run that is there, with what has changed noted.

    A run without a checkpoint has nothing to go on from: if it is of another config or other data, all that it has left
    is moved to `replaced/`. Arguments as of `check`, which has been called; looks: of examples, see setup.looks.
    """
    path, wanted = folder / 'config.json', flatten(config)
    held = _flat(folder) if path.exists() else None
    if done is None and held is not None and (differing(held, wanted) or not same_data(folder, source)):
        target = make_folder(spare(folder))
        for name in MADE:
            if (folder / name).exists():
                (folder / name).rename(target / name)
        why = changes(differing(held, wanted), held, wanted) or _other_data(target, source)
        say(f'{folder}: a run that came to no checkpoint makes way ({why}): what it has left is in {target}')
        held = None
    changed = differing(held, wanted) if held else []
    if changed:
        if 'train.steps' in changed:
            _forget_end(folder, read_config(path))
        note = {
            'step': done,
            'was': {key: held.get(key) for key in changed},
            'summary': read_json(folder / 'summary.json', {}),
        }
        write_json(folder / 'history.json', [*read_json(folder / 'history.json', []), note])
        say(f'{folder}: from step {done:,} on {changes(changed, held, wanted)}; noted in history.json')
    if held is None or changed:
        write_json(path, config.to_dict())
    known = read_json(folder / 'data.json', {})
    if not known and done is not None and source.digest:
        say(f'{folder} is older than data.json: that its data are those it began with, nobody can tell')
    told = {'examples': source.size, 'digest': source.digest} | ({'stages': {**looks}} if looks else {})
    if not told.keys() <= known.keys():
        write_json(folder / 'data.json', told)


def differing(held: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    """The keys in which two flat configs are not of the same run; how many runs train at a time is no part of one."""
    missing = object()
    differ = (key for key in held | wanted if held.get(key, missing) != wanted.get(key, missing))
    return sorted(key for key in differ if not key.startswith('population.'))


def same_data(folder: Path, source: Source) -> bool:
    """Whether the run in a folder began with these data, as far as it says so."""
    held = read_json(folder / 'data.json', {})
    return not held or held['digest'] == source.digest


def check_data(folder: Path, source: Source) -> None:
    """Raises UserError if the run in a folder, if there is one, began with other data."""
    if not same_data(folder, source):
        raise UserError(
            f'{folder}: {_other_data(folder, source)}; put them back, or choose another --workdir for a run on these'
        )


def warn_of_other_data(folder: Path, source: Source) -> None:
    """Says so if the run in a folder began with other data than these, which its results are then measured against."""
    if not same_data(folder, source):
        say(f'{folder}: {_other_data(folder, source)}')


def reopen(folder: Path, done: int) -> None:
    """What a run tells of its end goes, for it goes on after `done` steps; so do pictures of steps beyond."""
    for name in ('summary.json', 'curves.png', 'strip.png', 'progress.webp'):
        (folder / name).unlink(missing_ok=True)
    for path in (folder / 'samples').glob('step_*.png'):
        if int(path.stem.removeprefix('step_')) > done:
            path.unlink()


def spare(folder: Path, name: str = '') -> Path:
    """Where to put a run that makes way: a new name in `replaced/`."""
    aside = make_folder(folder / 'replaced')
    return aside / '-'.join(filter(None, [f'{len(list(aside.iterdir())) + 1:03d}', name]))


def _flat(folder: Path) -> dict[str, Any]:
    return flatten(read_config(folder / 'config.json'))


def _may_change(key: str, held: dict[str, Any], wanted: dict[str, Any]) -> bool:
    own = of_any_set(of_stage(key)[1])
    folders = all(str(config.get(key)).startswith('folder:') for config in (held, wanted))
    moved = user_code.same(held.get(key), wanted.get(key))
    return moved or (own in MAY_CHANGE and (own != 'data.name' or folders))


def changes(keys: list[str], held: dict[str, Any], wanted: dict[str, Any]) -> str:
    """'train.steps (8 there, 16 now)', and so on."""
    some = ', '.join(f'{key} ({held.get(key, "absent")} there, {wanted.get(key, "absent")} now)' for key in keys[:5])
    return some + (f' and {len(keys) - 5} more' if len(keys) > 5 else '')


def _other_data(folder: Path, source: Source) -> str:
    held, now = read_json(folder / 'data.json')['examples'], source.size
    count = lambda size: 'drawn without end' if size is None else f'{size:,} examples'
    return (
        f'not the data this run began with ({count(held)} then, {"as many others" if now == held else f"{now:,}"} now)'
    )


def _forget_end(folder: Path, config: ml_collections.ConfigDict) -> None:
    """A run that goes beyond its end loses what it reported there only because it was the end."""
    from gans.training.logs import forget

    *_, last = stages(config)
    end, eval_, train = last.end, last.config.eval, last.config.train
    forget(folder / 'metrics.csv', end, logged=end % train.log_every == 0, scored=end % eval_.every == 0)
    if end % train.sample_every:
        (folder / 'samples' / f'step_{end:08d}.png').unlink(missing_ok=True)


def make_folder(folder: Path) -> Path:
    """The folder, which is there afterwards."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f'cannot write to {folder}: {error.strerror or error}; choose another folder') from error
    return folder


def read_config(path: Path) -> ml_collections.ConfigDict:
    """The config that a run's `config.json` holds."""
    return ml_collections.ConfigDict(read_json(path))


def read_json(path: Path, absent: Any = None) -> Any:
    """What a JSON file holds; `absent` where there is none, if that is given.

    Raises:
      UserError: it cannot be read, is no JSON, or not what a run or a sweep writes in a file of that name.
    """
    if absent is not None and not path.exists():
        return absent
    try:
        held = json.loads(path.read_text(encoding='utf-8'))
    except OSError as error:
        raise UserError(f'cannot read {path}: {error.strerror or error}') from error
    except ValueError as error:
        raise UserError(f'{path} is no JSON ({error}): mend it, or make it anew') from error
    if path.name in HELD and not _fits(held, HELD[path.name]):
        raise UserError(f'{path} does not hold what is written there: mend it, or move it away')
    return held


def _fits(held: Any, shape: Shape) -> bool:
    """Whether a value has a shape as of `HELD`."""
    if isinstance(shape, list):
        return isinstance(held, list) and all(_fits(each, shape[0]) for each in held)
    if isinstance(shape, dict):
        return isinstance(held, dict) and all(_fits(each, shape[ANY]) for each in held.values())
    return isinstance(held, dict) and shape <= held.keys()


def write_text(path: Path, text: str) -> None:
    """Writes a file all at once."""
    files.write(path, lambda file: file.write(text.encode(errors='replace')))


def write_json(path: Path, value: Any) -> None:
    """Writes a JSON file all at once."""
    write_text(path, json.dumps(value, indent=2) + '\n')


def say(text: str) -> None:
    """A line for the person who watches."""
    print(text, file=sys.stderr, flush=True)


def summarize(folder: Path, config: ml_collections.ConfigDict, seconds: float, **more: Any) -> dict[str, Any]:
    """Writes `summary.json` of a run that is over, unless it is there; returns the summary.

    In it: the last values of all metrics of the stage in which it ended; the scores of the untrained generator, and the
    distances of two halves of the real data (the floor), where there are such; and `more`.
    """
    from gans.training.logs import read_metrics

    path = folder / 'summary.json'
    if not path.exists():
        columns = read_metrics(folder / 'metrics.csv')
        steps = columns.pop('step')
        begin = begin_of(config, max(steps, default=0))
        known = {name: x[((steps > begin) | (begin == 0)) & (x == x)] for name, x in columns.items()}
        untrained = len(steps) and steps[0] == 0 and begin == 0 and config.finetune.run is None
        start = columns if untrained else {}  # the row of the generator before any training
        held = read_json(folder / 'stamps.json', {})
        summary = {
            'steps': config.train.steps,
            'seed': config.seed,
            'final': {name: float(values[-1]) for name, values in known.items() if len(values)},
            'floor': {name: entry['floor'] for name, entry in held.items() if entry['floor'] is not None},
            'untrained': {name: float(values[0]) for name, values in start.items() if np.isfinite(values[0])},
            'seconds': round(seconds, 1),
            **more,
            **launch(),
            **moment(),
            **environment(),
        }
        write_json(path, summary)
    return read_json(path)
