"""The work folder of a run: whose it is, and what lies in it."""

import functools
import json
import os
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import jax
import ml_collections
import numpy as np

from gans.configs import flat
from gans.errors import UserError
from gans.train import files

PACKAGES = ('gans', 'jax', 'jaxlib', 'flax', 'optax', 'orbax-checkpoint', 'numpy')


def claim(folder: Path, config: ml_collections.ConfigDict) -> None:
    """Makes the folder this config's, or finds that it is; raises UserError if it is another's or cannot be written."""
    path, wanted = folder / 'config.json', flat(config)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            write_json(path, config.to_dict())
            return
        if not os.access(folder, os.W_OK):
            raise PermissionError('permission denied')
    except OSError as error:
        raise UserError(f'cannot write to {folder}: {error.strerror or error}; choose another --workdir') from error
    held = flat(read_config(path))
    differ = differing(held, wanted)
    if differ:
        some = ', '.join(
            f'{key} ({held.get(key, "absent")} there, {wanted.get(key, "absent")} now)' for key in differ[:5]
        )
        more = f' and {len(differ) - 5} more' if len(differ) > 5 else ''
        raise UserError(f'{folder} holds a run of another config: {some}{more}; choose another --workdir or delete it')


def differing(held: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    """The keys in which two flat configs are not of the same run; how many runs train at a time is no part of one."""
    missing = object()
    differ = (key for key in held | wanted if held.get(key, missing) != wanted.get(key, missing))
    return sorted(key for key in differ if not key.startswith('population.'))


def made(folder: Path) -> Path:
    """The folder, which is there afterwards."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f'cannot write to {folder}: {error.strerror or error}; choose another --workdir') from error
    return folder


def read_config(path: Path) -> ml_collections.ConfigDict:
    """The config that a run's `config.json` holds."""
    return ml_collections.ConfigDict(read_json(path))


def read_json(path: Path, absent: Any = None) -> Any:
    """What a JSON file holds; `absent` where there is none, if that is given.

    Raises:
      UserError: it is no JSON.
    """
    if absent is not None and not path.is_file():
        return absent
    try:
        return json.loads(path.read_text(encoding='utf-8'))
    except ValueError as error:
        raise UserError(f'{path} is no JSON ({error}): mend it, or make it anew') from error


def write_text(path: Path, text: str) -> None:
    """Writes a file all at once."""
    files.write(path, lambda file: file.write(text.encode(errors='replace')))


def write_json(path: Path, value: Any) -> None:
    """Writes a JSON file all at once."""
    write_text(path, json.dumps(value, indent=2) + '\n')


@functools.cache
def environment() -> dict[str, Any]:
    """Device and package versions, for `summary.json`."""
    device = jax.devices()[0]
    return {
        'device': f'{jax.device_count()} x {device.device_kind} ({device.platform})',
        'processes': jax.process_count(),
        'packages': {dist.name: dist.version for dist in metadata.distributions() if dist.name in PACKAGES},
    }


def say(text: str) -> None:
    """A line for the person who watches."""
    print(text, file=sys.stderr, flush=True)


def summarise(folder: Path, config: ml_collections.ConfigDict, seconds: float, **more: Any) -> dict[str, Any]:
    """Writes `summary.json` of a run that is over, unless it is there; returns the summary.

    In it: the last values of all metrics; the scores of the untrained generator, and the distances of two halves of the
    real data (the floor), where there are such; and `more`.
    """
    from gans.train.logs import read_metrics

    path = folder / 'summary.json'
    if not path.exists():
        columns = read_metrics(folder / 'metrics.csv')
        steps = columns.pop('step')
        known = {name: column[column == column] for name, column in columns.items()}
        untrained = len(steps) and steps[0] == 0 and config.finetune.run is None
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
            **environment(),
        }
        write_json(path, summary)
    return read_json(path)
