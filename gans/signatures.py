"""Files of a package and the signatures of their functions, read from their text: nothing is run."""

import ast
import functools
import importlib
from pathlib import Path
from typing import Any, NamedTuple


class Function(NamedTuple):
    """A function's signature."""

    positional: tuple[str, ...]
    defaults: dict[str, Any]  # of keyword-only arguments; must be literals
    optional: frozenset[str]  # keyword-only arguments whose annotation allows None
    returns: str


def files(package: str) -> dict[str, Path]:
    """The files of a package that a config can name, by name: all but its build.py and helpers (`_name.py`)."""
    folders = importlib.import_module(package).__path__
    paths = sorted(path for folder in folders for path in Path(folder).glob('*.py'))
    return {path.stem: path for path in paths if path.stem != 'build' and not path.stem.startswith('_')}


def functions(path: Path) -> dict[str, Function]:
    """The top-level functions of a file by name, in order."""
    return {name: _signature(node) for name, node in _nodes(path).items()}


def function(path: Path, name: str) -> Function | None:
    """The top-level function of that name; None if the file has none."""
    found = _nodes(path).get(name)
    return None if found is None else _signature(found)


def _nodes(path: Path) -> dict[str, ast.FunctionDef]:
    return _parse(path, path.stat().st_mtime_ns)


@functools.cache
def _parse(path: Path, changed: int) -> dict[str, ast.FunctionDef]:
    tree = ast.parse(path.read_text(encoding='utf-8'), str(path))
    return {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}


def _signature(node: ast.FunctionDef) -> Function:
    args = node.args
    given = [(arg, default) for arg, default in zip(args.kwonlyargs, args.kw_defaults, strict=True) if default]
    none = {arg.arg for arg, _ in given if arg.annotation and 'None' in ast.unparse(arg.annotation)}
    return Function(
        tuple(arg.arg for arg in (*args.posonlyargs, *args.args)),
        {arg.arg: ast.literal_eval(default) for arg, default in given},
        frozenset(none),
        ast.unparse(node.returns) if node.returns else '',
    )
