"""Config files: Python files that define `get_config`, or the config.json of a run; and experiments by their names."""

import contextlib
import importlib.util
import inspect
import json
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from ml_collections import ConfigDict

from gans import configs, user_code
from gans.errors import UserError, nearest
from gans.schema import TYPE_NAMES

ROOT = Path(__file__).resolve().parent.parent  # of the repository, wherever one stands
EXPERIMENTS = ROOT / 'experiments'
# What ml_collections says of a value that a key of a ConfigDict cannot have.
MISFIT = re.compile(
    r"TypeError: Could not override field '(\w+)' .*?\. (.*) is of original type .*<class '(?:\w+\.)*(\w+)'>"
)


def split(name: str) -> tuple[Path, str | None]:
    """Splits NAME[:variant] or FILE[:variant]; if a file of the whole name exists, colons are part of the name."""
    place, colon, variant = name.rpartition(':')
    if colon and not Path(name).is_file() and not {'/', '\\'} & set(variant):
        return Path(place), variant
    return Path(name), None


def find(name: str, swept: bool = False) -> Path:
    """The file of an experiment, or of a sweep: NAME[:variant] of this repository, or a path, from here or from there.

    Raises:
      UserError: there is none; it says where it was looked for, and which names are near.
    """
    place, _ = split(name)
    folder = EXPERIMENTS / 'sweeps' if swept else EXPERIMENTS
    files = [place, ROOT / place] if place.suffix else []
    files += [base / f'{place}.py' for base in (folder, Path(), ROOT)]
    found = next((file for file in files if file.is_file()), None)
    if found is None or found.resolve() == EXPERIMENTS / 'common.py':
        kind, other, flag = ('sweep', 'an experiment', '--config') if swept else ('experiment', 'a sweep', '--sweep')
        if place.stem in names(not swept):
            near = f"'{place.stem}' is {other}: {flag}={place.stem}"
        elif (place / 'config.json').is_file():
            near = f'this is the folder of a run: --workdir={place}'
        else:
            near = f'nearest: {", ".join(nearest(place.stem, names(swept)))}'
        where = '' if place.is_absolute() else f' of that name in {Path.cwd()} or {folder}'
        raise UserError(f"unknown {kind} '{place}': there is no file{where}; {near}")
    return found


def names(swept: bool = False) -> list[str]:
    """The experiments, or sweeps, of this repository."""
    folder = EXPERIMENTS / 'sweeps' if swept else EXPERIMENTS
    return sorted(path.stem for path in folder.glob('*.py') if path.stem != 'common')


def read(name: str, swept: bool = False) -> ConfigDict:
    """The config of NAME[:variant] or FILE[:variant] with all defaults filled in; locked.

    Raises:
      UserError: there is no such file, see `find`, or anything wrong in it, with the line.
    """
    path, variant = find(name, swept), split(name)[1]
    given = _read_json(path, variant) if path.suffix == '.json' else _call_get_config(path, variant)
    given = given.to_dict() if isinstance(given, ConfigDict) else given
    return configs.apply_defaults(user_code.anchor(given, path.parent), f'of {path}').lock()


def load(path: Path) -> ModuleType:
    """Imports a Python file. Raises UserError for errors in it, with the line."""
    spec = importlib.util.spec_from_file_location(f'{path.stem}_config', path)
    if spec is None:
        raise UserError(f'{path} is not a config: it must be a Python file (.py), or the config.json of a run')
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look it up there
    run_user_code(path, lambda: spec.loader.exec_module(module))
    return module


def run_user_code(path: Path, run: Callable[[], Any]) -> Any:
    """Calls code of a file, which may import its neighbors; errors become a UserError that names the place."""
    try:
        with _on_import_path(path):
            return run()
    except UserError:
        raise
    except (Exception, SystemExit) as error:
        frames = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
        where = next(
            (f'{path}, line {line}' for name, line in reversed(frames) if _is_same_file(name, path)), str(path)
        )
        if isinstance(error, SyntaxError) and error.filename:  # in this file, or in one that it imports
            where = f'{path if _is_same_file(error.filename, path) else error.filename}, line {error.lineno}'
        said = ' '.join(f'{type(error).__name__}: {error}'.split())
        raise UserError(f'{where}: {MISFIT.sub(_explain_misfit, said)}') from error


def _explain_misfit(found: re.Match) -> str:
    key, value, wanted = found.groups()
    words = {kind.__name__: words for kind, words in TYPE_NAMES.items()}
    return f'{key}={value} does not fit: expected {words.get(wanted, wanted)}'


def _is_same_file(name: str, path: Path) -> bool:
    return os.path.abspath(name) == os.path.abspath(path)


def _call_get_config(path: Path, variant: str | None) -> Mapping[str, Any] | ConfigDict:
    """Calls the file's `get_config`."""
    make = getattr(load(path), 'get_config', None)
    if not callable(make):
        raise UserError(f'{path} has no `def get_config()` that returns a config: see experiments/gan_ring8.py')
    code = getattr(inspect.unwrap(make), '__code__', None)
    where = f'{path}, line {code.co_firstlineno}' if code else str(path)
    given, signature = [] if variant is None else [variant], run_user_code(path, lambda: inspect.signature(make))
    try:
        signature.bind(*given)
    except TypeError:
        how = f"it has no variants: leave out ':{variant}'" if given else f'it needs a variant: --config={path}:NAME'
        raise UserError(f'{where}: get_config{signature}: {how}') from None
    config = run_user_code(path, lambda: make(*given))
    if not isinstance(config, Mapping | ConfigDict):
        what = 'None: does it end with `return config`?' if config is None else f'a {type(config).__name__}'
        raise UserError(f'{where}: get_config must return a ConfigDict or a dict, but returns {what}')
    return config


def _read_json(path: Path, variant: str | None) -> Mapping[str, Any]:
    try:
        config = json.loads(path.read_text(encoding='utf-8'))
    except ValueError as error:
        raise UserError(f'{path} is not valid JSON ({error}): repair it, or create it again') from error
    if variant is not None or not isinstance(config, dict):
        raise UserError(f'{path}: a config in JSON must be an object of keys and values, and has no variants')
    return config


@contextlib.contextmanager
def _on_import_path(path: Path) -> Iterator[None]:
    """Puts the folder of a file on the import path, as if the file was run as a script; `experiments` comes last."""
    folders = [str(path.parent.resolve())]
    folders += {str(ROOT)} - {*sys.path, *folders}
    sys.path[:] = [folders[0], *sys.path, *folders[1:]]
    try:
        yield
    finally:
        for folder in folders:
            with contextlib.suppress(ValueError):  # the file may have done so
                sys.path.remove(folder)
