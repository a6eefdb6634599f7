"""Code of the user's own: a config may say 'FILE.py:NAME' where it names a game, a term, a net, a data set or a system.

That is the function or class NAME of a Python file, which lies anywhere. FILE is looked for from the folder of the
config that names it, or where one stands; a config holds the whole path, so that a run of it can be loaded again.
"""

import functools
import inspect
import os
import re
from collections.abc import Callable, Mapping
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


def annotations(name: str) -> dict[str, str] | None:
    """`signatures.annotations` of what 'FILE.py:NAME' names; None also where it cannot be read."""
    try:
        return signatures.annotations(*_split(name))
    except (OSError, SyntaxError):
        return None


def function(key: str, name: str, returns: type) -> Callable[..., Any]:
    """The function that 'FILE.py:NAME' names, with its signature; its file is run, again if it has changed.

    Args:
      key: of the config, for errors.
      returns: the class of what it must return.

    Raises:
      UserError: no such file or name, or an error in the file; in a call: other arguments than it takes, or it returns
        something else.
    """
    found = _load(key, name)
    if not callable(found):
        raise UserError(f'{key}={name}: this is no function, but a {type(found).__name__}')

    @functools.wraps(found)
    def call(*args: Any, **options: Any) -> Any:
        signature = inspect.signature(found)
        try:
            signature.bind(*args, **options)
        except TypeError as error:
            raise UserError(f'{key}={name}: {error}; it is {title(name)}{signature}') from None
        made = found(*args, **options)
        if not isinstance(made, returns):
            raise UserError(f'{key}={name} must return a {returns.__name__}, and returns a {type(made).__name__}')
        return made

    return call


def subclass(key: str, name: str, of: type) -> type:
    """The class that 'FILE.py:NAME' names. Raises UserError as `function`, or if it is no subclass of that."""
    found = _load(key, name)
    if not (isinstance(found, type) and issubclass(found, of)):
        raise UserError(f'{key}={name}: this is no class of {of.__module__.partition(".")[0]}.{of.__name__}')
    return found


def _load(key: str, name: str) -> Any:
    path, wanted = _find(key, name)
    module = _import(path, path.stat().st_mtime_ns)
    own = [each for each, value in vars(module).items() if getattr(value, '__module__', None) == module.__name__]
    if not hasattr(module, wanted):
        raise unknown(f'{key}: name in {path}', wanted, own)
    return getattr(module, wanted)


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
