"""Files of a package and the signatures of their functions, read from their text: nothing is run."""

import ast
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
    tree = ast.parse(path.read_text(encoding='utf-8'), str(path))
    return {node.name: _signature(node) for node in tree.body if isinstance(node, ast.FunctionDef)}


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
