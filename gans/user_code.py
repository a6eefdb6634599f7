"""Code of the user's own: a config may say 'FILE.py:NAME' where it names a game, a term, a net, a data set or a system.

That is the function or class NAME of a Python file, which lies anywhere. FILE is looked for from the folder of the
config that names it, or where one stands; a config holds the whole path, so that a run of it can be loaded again.
"""

import functools
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gans import defaults, signatures
from gans.errors import UserError, unknown

REFERENCE = re.compile(r'([^:]+\.py):([A-Za-z_]\w*)')


def is_reference(name: Any) -> bool:
    """Whether a name is 'FILE.py:NAME'."""
    return isinstance(name, str) and REFERENCE.fullmatch(name) is not None


def anchor(value: Any, folder: Path) -> Any:
    """The value, or all in a tree of sections, with whole paths for those that begin in a folder; `~` is home."""
    if isinstance(value, Mapping):
        return {key: anchor(each, folder) for key, each in value.items()}
    if not is_reference(value):
        return value
    path, name = _split(value)
    return f'{os.path.normpath(folder.absolute() / path.expanduser())}:{name}'


def title(name: str) -> str:
    """NAME of 'FILE.py:NAME', and any other name as it is: what a section of its arguments is called."""
    return _split(name)[1] if is_reference(name) else name


def same(one: Any, other: Any) -> bool:
    """Whether two names are of one function or class, wherever its file lies."""
    return is_reference(one) and is_reference(other) and Path(one).name == Path(other).name


def sections(config: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The optional sections of a config's own system and terms, by dotted name: their arguments with defaults."""
    found, system = {}, config['system']
    if is_reference(system):
        if title(system) in defaults.get_config():
            raise UserError(f'system={system}: every config has a key {title(system)}; give the function another name')
        found[title(system)] = dict(_signature('system', system).defaults)
    for term, section in config['terms'].items():
        if is_reference(section.get('term')):
            reference = section['term']
            found[f'terms.{term}'] = {'term': reference, **_signature(f'terms.{term}.term', reference).defaults}
    return {name: section for name, section in found.items() if section}


def load(key: str, name: str, kind: type | None = None) -> Any:
    """The function or class that 'FILE.py:NAME' names; the file is run, again if it has changed.

    Args:
      key: of the config, for errors.
      kind: a class of which it must be.

    Raises:
      UserError: no such file or name, an error in the file, or it is no such class.
    """
    path, wanted = _find(key, name)
    module = _import(path, path.stat().st_mtime_ns)
    found = getattr(module, wanted, None)
    if found is None:
        raise unknown(f'{key}: name in {path}', wanted, [each for each in vars(module) if not each.startswith('_')])
    if not callable(found) or (kind and not (isinstance(found, type) and issubclass(found, kind))):
        raise UserError(f'{key}={name}: this is no {"function" if kind is None else f"class of {kind.__name__}"}')
    return found


def check(key: str, name: str, made: Any, kind: type) -> Any:
    """What an own function has made; UserError if that is not of the kind that it must be."""
    if not isinstance(made, kind):
        raise UserError(f'{key}={name} must return a {kind.__name__}, and returns a {type(made).__name__}')
    return made


def _split(name: str) -> tuple[Path, str]:
    path, _, wanted = name.rpartition(':')
    return Path(path), wanted


def _find(key: str, name: str) -> tuple[Path, str]:
    path, wanted = _split(name)
    if not path.is_file():
        raise UserError(f'{key}={name}: there is no file {path}; put it there, or name the place where it is')
    return path, wanted


def _signature(key: str, name: str) -> signatures.Function:
    path, wanted = _find(key, name)
    try:
        found = signatures.function(path, wanted)
    except SyntaxError as error:
        raise UserError(f'{path}, line {error.lineno}: SyntaxError: {error.msg}') from error
    except ValueError as error:
        raise UserError(f'{key}={name}: defaults of its keyword arguments must be numbers, words or tuples') from error
    if found is None:
        raise UserError(f'{key}={name}: {path} has no function of that name, `def {wanted}(...)`')
    return found


@functools.cache  # one module for all that it defines, for what is compiled goes by it
def _import(path: Path, changed: int) -> Any:
    from gans import config_file

    return config_file.load(path)
