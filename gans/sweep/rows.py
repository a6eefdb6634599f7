"""Sweep files: a base config and `sweep(add)`, which adds the rows to train and compare."""

import re
from pathlib import Path
from typing import Any, NamedTuple

import ml_collections

from gans import config_file, configs, ranges, user_code
from gans.errors import UserError


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
        """Relative to the folder of the sweep."""
        return Path('rows') / self.row / f'seed_{self.config.seed}'


class Sweep(NamedTuple):
    name: str
    doc: str  # the docstring of the file
    base: ml_collections.ConfigDict
    rows: tuple[Row, ...]

    def members(self, seeds: int) -> tuple[Member, ...]:
        """All rows with seeds s, s + 1, ..., where s is that of the base config."""
        if seeds < 1:
            raise UserError(f'--seeds={seeds} must be at least 1')
        ranges.check_one(f'the last of --seeds={seeds}, seed', self.base.seed + seeds - 1, ranges.SEED)
        return tuple(Member(row.name, _with_seed(row.config, i)) for row in self.rows for i in range(seeds))


def load(path: Path, base: ml_collections.ConfigDict) -> Sweep:
    """Resolves all rows of a sweep file.

    Args:
      path: a file that defines `sweep(add)`; `add(name, **{'dotted.key': value})` adds a row.
      base: the result of its `get_config` with the overrides of the command line, which apply to all rows.

    Raises:
      UserError: the file has no rows, or one with an invalid name or key.
    """
    module = config_file.load(path)
    rows: dict[str, Row] = {}

    def add(name: str, **overrides: Any) -> None:
        if not re.fullmatch(r'[A-Za-z0-9][A-Za-z0-9._+=,-]*', name):
            raise UserError(
                f"{path}: row '{name}' must be a valid folder name: use only letters, digits and . _ + = , -"
            )
        if name in rows:
            raise UserError(f"{path}: two rows are named '{name}': names must be distinct")
        if 'seed' in overrides:
            raise UserError(f"{path}: row '{name}' sets the seed, which all rows share: use --seeds and --config.seed")
        overrides = user_code.anchor(overrides, path.parent)
        rows[name] = Row(name, overrides, configs.override(base, overrides, f"of row '{name}'"))

    if not callable(getattr(module, 'sweep', None)):
        raise UserError(f'{path} is not a sweep: it has no `def sweep(add)`; run an experiment with --config={path}')
    config_file.run_user_code(path, lambda: module.sweep(add))
    if not rows:
        raise UserError(f'{path}: sweep(add) adds no rows: call add(name, **{{key: value}}) at least once')
    return Sweep(path.stem, (module.__doc__ or '').strip(), base, tuple(rows.values()))


def _with_seed(config: ml_collections.ConfigDict, offset: int) -> ml_collections.ConfigDict:
    config = config.copy_and_resolve_references()
    config.seed += offset
    return config
