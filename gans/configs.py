"""Configs as files, as flat dicts, and with some of their keys set to something else."""

import importlib.util
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import ml_collections

from gans.errors import UserError, unknown

# Sections whose keys are the arguments of a function, which names those it does not know: more of them may be set.
OPEN = ('data', 'generator', 'critic')


def is_argument(key: str) -> bool:
    """Whether a dotted key is one of those arguments."""
    section, _, rest = key.partition('.')
    return section in OPEN and bool(rest)


def flat(config: ml_collections.ConfigDict) -> dict[str, Any]:
    """A config as JSON holds it, by dotted key."""
    items = {}

    def walk(prefix: str, tree: dict[str, Any]) -> None:
        for key, value in tree.items():
            if isinstance(value, dict):
                walk(f'{prefix}{key}.', value)
            else:
                items[f'{prefix}{key}'] = list(value) if isinstance(value, tuple) else value

    walk('', config.to_dict())
    return items


def overridden(
    config: ml_collections.ConfigDict, overrides: Mapping[str, Any], where: str
) -> ml_collections.ConfigDict:
    """The config with some keys set, by dotted key; a value that is a dict replaces a section as a whole.

    Raises:
      UserError: a key that is not there, or a value that does not fit; it says `where`.
    """
    result = config.copy_and_resolve_references()
    for key, value in overrides.items():
        *sections, last = key.split('.')
        parent = result
        for section in sections:
            parent = parent.get(section) if isinstance(parent, ml_collections.ConfigDict) else None
        if not isinstance(parent, ml_collections.ConfigDict) or not (last in parent or is_argument(key)):
            raise unknown(f'key {where}', key, flat(config))
        try:
            if value is None and isinstance(parent.get(last), ml_collections.ConfigDict):
                raise TypeError('a section')  # which ml_collections would let go
            with result.unlocked():
                if isinstance(value, Mapping):
                    del parent[last]
                    value = ml_collections.ConfigDict(value)
                parent[last] = value
        except (TypeError, ValueError) as error:
            kind = type(parent[last]).__name__
            raise UserError(f'{key}={value!r} {where} does not fit: the config holds a {kind} there') from error
    return result


def completed(config: ml_collections.ConfigDict, more: Mapping[str, Any]) -> ml_collections.ConfigDict:
    """The config with keys that it lacks, by dotted key."""
    result = config.copy_and_resolve_references()
    for key, value in more.items():
        *sections, last = key.split('.')
        parent = result
        for section in sections:
            parent[section] = parent.get(section, ml_collections.ConfigDict())
            parent = parent[section]
        parent[last] = value
    return result


def load(path: Path) -> ModuleType:
    """Runs a file of experiments/. Raises UserError, which names the line, for what goes wrong in it."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    guarded(path, lambda: spec.loader.exec_module(module))
    return module


def guarded(path: Path, run: Callable[[], Any]) -> Any:
    """Runs code of a file; its errors become one line that names the place."""
    try:
        return run()
    except UserError:
        raise
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        line = next((frame.lineno for frame in reversed(frames) if frame.filename == str(path)), '?')
        raise UserError(f'{path}, line {line}: {type(error).__name__}: {" ".join(str(error).split())}') from error
