"""Sweep files: a base config and `sweep(add)`, which names the rows that are trained and compared."""

import importlib.util
import re
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import ml_collections

from gans.errors import UserError, unknown
from gans.train.workdir import flat

# Sections whose keys are the arguments of a function, which names those it does not know: rows may add some.
OPEN = ('data', 'generator', 'critic')


class Row(NamedTuple):
    """One variant of the base config."""

    name: str
    overrides: dict[str, Any]  # by dotted key
    config: ml_collections.ConfigDict


class Member(NamedTuple):
    """One run: a row with a seed."""

    row: str
    config: ml_collections.ConfigDict

    @property
    def folder(self) -> Path:
        """In the sweep's folder."""
        return Path('rows') / self.row / f'seed_{self.config.seed}'


class Sweep(NamedTuple):
    name: str
    doc: str  # the docstring of the file
    base: ml_collections.ConfigDict
    rows: tuple[Row, ...]

    def members(self, seeds: int) -> tuple[Member, ...]:
        """Every row with seeds s, s + 1, ..., where s is the base config's."""
        if seeds < 1:
            raise UserError(f'--seeds={seeds} must be at least 1')
        return tuple(Member(row.name, _seeded(row.config, i)) for row in self.rows for i in range(seeds))


def load(path: Path, base: ml_collections.ConfigDict) -> Sweep:
    """Resolves all rows of a sweep file.

    Args:
      path: a file that defines `sweep(add)`; `add(name, **{'dotted.key': value})` adds a row.
      base: what its `get_config` gave, with the overrides of the command line, which hold for all rows.

    Raises:
      UserError: the file has no rows, or one whose name or keys will not do.
    """
    module = _module(path)
    rows: dict[str, Row] = {}

    def add(name: str, **overrides: Any) -> None:
        if not re.fullmatch(r'[A-Za-z0-9][A-Za-z0-9._+=,-]*', name):
            raise UserError(f"{path}: row '{name}' names a folder: use letters, digits and . _ + = , - only")
        if name in rows:
            raise UserError(f"{path}: two rows are named '{name}': give each its own name")
        rows[name] = Row(name, overrides, _overridden(base, name, overrides))

    if not callable(getattr(module, 'sweep', None)):
        raise UserError(
            f'{path} is no sweep: it defines no `def sweep(add)`; an experiment is run with --config={path}'
        )
    _guarded(path, lambda: module.sweep(add))
    if not rows:
        raise UserError(f'{path}: sweep(add) adds no row: call add(name, **{{key: value}}) at least once')
    return Sweep(path.stem, (module.__doc__ or '').strip(), base, tuple(rows.values()))


def _module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    _guarded(path, lambda: spec.loader.exec_module(module))
    return module


def _guarded(path: Path, run: Any) -> None:
    """Runs code of a sweep file; its errors become one line that names the place."""
    try:
        run()
    except UserError:
        raise
    except Exception as error:
        line = next(
            (f.lineno for f in reversed(traceback.extract_tb(error.__traceback__)) if f.filename == str(path)), '?'
        )
        raise UserError(f'{path}, line {line}: {type(error).__name__}: {" ".join(str(error).split())}') from error


def _overridden(base: ml_collections.ConfigDict, name: str, overrides: Mapping[str, Any]) -> ml_collections.ConfigDict:
    config = base.copy_and_resolve_references()
    for key, value in overrides.items():
        *sections, last = key.split('.')
        parent = config
        for section in sections:
            parent = parent.get(section) if isinstance(parent, ml_collections.ConfigDict) else None
        known = isinstance(parent, ml_collections.ConfigDict) and (last in parent or (sections and sections[0] in OPEN))
        if key == 'seed':
            raise UserError(f"row '{name}' sets the seed, which is the sweep's: use --seeds and --config.seed")
        if not known:
            raise unknown(f"key of row '{name}'", key, flat(base))
        try:
            with config.unlocked():
                if isinstance(value, Mapping):  # a section as a whole, such as another optimiser
                    del parent[last]
                    value = ml_collections.ConfigDict(value)
                parent[last] = value
        except (TypeError, ValueError) as error:
            kind = type(parent[last]).__name__
            raise UserError(f"row '{name}': {key}={value!r} does not fit, the config holds a {kind} there") from error
    return config


def _seeded(config: ml_collections.ConfigDict, offset: int) -> ml_collections.ConfigDict:
    config = config.copy_and_resolve_references()
    config.seed += offset
    return config
