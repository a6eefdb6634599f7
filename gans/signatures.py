"""Files of a package and the signatures of their functions and classes, read from their text: nothing is run."""

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
    nodes = _nodes(path).items()
    return {name: _signature(node) for name, node in nodes if isinstance(node, ast.FunctionDef)}


def function(path: Path, name: str) -> Function | None:
    """The top-level function of that name; None if the file has none."""
    found = _nodes(path).get(name)
    return _signature(found) if isinstance(found, ast.FunctionDef) else None


def names(path: Path) -> tuple[str, ...]:
    """The top-level functions and classes of a file, in order."""
    return tuple(_nodes(path))


def annotations(path: Path, name: str) -> dict[str, str] | None:
    """What a config may set of the top-level function or class of that name, as annotated: keyword-only arguments, or
    fields, with those of bases in the same file, or MODULE.NAME in one beside it. None if there is none, or if it has
    bases elsewhere.
    """
    node = _nodes(path).get(name)
    if isinstance(node, ast.FunctionDef):
        return {arg.arg: ast.unparse(arg.annotation) if arg.annotation else '' for arg in node.args.kwonlyargs}
    if node is None:
        return None
    found: dict[str, str] = {}
    for base in map(ast.unparse, node.bases):
        module, _, own = base.rpartition('.')
        place = path.with_name(f'{module}.py') if module else path
        if base in ('nn.Module', 'Module'):
            inherited = {}
        else:
            inherited = annotations(place, own) if place.is_file() else None
        if inherited is None:
            return None
        found |= inherited
    fields = (each for each in node.body if isinstance(each, ast.AnnAssign))
    return found | {ast.unparse(field.target): ast.unparse(field.annotation) for field in fields}


def _nodes(path: Path) -> dict[str, ast.FunctionDef | ast.ClassDef]:
    return _parse(path, path.stat().st_mtime_ns)


@functools.cache
def _parse(path: Path, changed: int) -> dict[str, ast.FunctionDef | ast.ClassDef]:
    tree = ast.parse(path.read_text(encoding='utf-8'), str(path))
    return {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}


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
