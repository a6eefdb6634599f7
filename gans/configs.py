"""Configs as flat dicts, made whole by the defaults, and with some of their keys set to something else."""

import functools
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ml_collections import ConfigDict

from gans import defaults
from gans.errors import UserError, unknown

LISTED = 'those of gans/defaults.py'
# Keys that name places, by themselves or behind a colon: 'folder:~/images'.
PLACES = ('data.name', 'data.of', 'data.folder', 'data.data_dir', 'data.cache', 'finetune.run', 'eval.features')
KINDS = {
    bool: 'True or False',
    int: 'a whole number',
    float: 'a number',
    str: 'a text',
    tuple: 'a tuple, as (8, 8)',
    list: 'a tuple, as (8, 8)',
    ConfigDict: 'a section',
}


def is_argument(key: str) -> bool:
    """Whether a dotted key is an argument of a function, which has a default for it and names it if it is unknown."""
    return key.startswith(tuple(f'{section}.' for section in defaults.ARGUMENTS))


def section_of(key: str) -> str | None:
    """The section in which a dotted key lies, or which it is, if that is one that a config need not have."""
    return next((name for name in defaults.sections() if f'{key}.'.startswith(f'{name}.')), None)


def of_stage(key: str) -> tuple[str | None, str]:
    """The stage to which a dotted key belongs, and the key there: ('big', 'data.size') for stages.big.data.size,
    ('big', '') for stages.big, which is the stage itself; (None, key) for any other key.
    """
    first, *rest = key.split('.', 2)
    return (rest[0], '.'.join(rest[1:])) if first == 'stages' and rest else (None, key)


def place(text: str) -> str:
    """A path as the user gives it, with the home folder for `~`; also behind a colon, as in 'folder:~/images'."""
    return re.sub(r'(?<![^:])~[^/:]*', lambda home: os.path.expanduser(home[0]), text)


def flat(config: ConfigDict) -> dict[str, Any]:
    """A config as JSON holds it, by dotted key."""
    leaves = ((key, value) for key, value in _leaves(config.to_dict()) if not isinstance(value, Mapping))
    return {key: list(value) if isinstance(value, tuple) else value for key, value in leaves}


def whole(given: Mapping[str, Any] | ConfigDict, where: str) -> ConfigDict:
    """The defaults, with what somebody's own config sets in them.

    Raises:
      UserError: see `overridden`.
    """
    return overridden(defaults.get_config(), given.to_dict() if isinstance(given, ConfigDict) else given, where)


def overridden(config: ConfigDict, overrides: Mapping[str, Any], where: str) -> ConfigDict:
    """The config with some keys set, by dotted key or section; what are arguments of a function is set as a whole.

    The section of a system, `began` and its like, and that of a term, `terms.r1`, is there with its defaults once a key
    of it is set; None removes it. A stage takes what the config takes, see `of_one_stage`; None removes the stage.

    Raises:
      UserError: a key that is not there, or a value that does not fit; it says `where`.
    """
    result = config.copy_and_resolve_references()
    leaves = sorted(_leaves(overrides, defaults.ARGUMENTS), key=lambda leaf: of_stage(leaf[0])[0] is not None)
    with result.unlocked():
        for key, value in leaves:  # those of stages last: they are checked against the others
            stage, own = of_stage(key)
            if stage is None:
                _set(result, key, value, where)
            else:
                _set_in_stage(result, stage, own, value, where)
    return result


def of_one_stage(config: ConfigDict, name: str) -> ConfigDict:
    """The config of a stage by itself: the base with the stage's keys laid over it, and `begin`.

    Keys are laid over one by one; but a section of arguments that names its function (data.name, generator.net,
    optimizer.critic.name) takes the place of the base's, whose arguments may be another function's.
    """
    result = config.copy_and_resolve_references()
    with result.unlocked():
        held, result.stages, result.begin = result.stages.get(name, {}), ConfigDict(), 1
        for key, value in _leaves(held, defaults.ARGUMENTS):
            _lay(result, key, value, f"of stage '{name}'")
    return result


def completed(config: ConfigDict, more: Mapping[str, Any]) -> ConfigDict:
    """The config with keys that it lacks, by dotted key."""
    result = config.copy_and_resolve_references()
    for key, value in more.items():
        *sections, last = key.split('.')
        parent = result
        for section in sections:
            parent[section] = parent.get(section, ConfigDict())
            parent = parent[section]
        parent[last] = value
    return result


def kind(config: ConfigDict, key: str) -> type | None:
    """What a dotted key holds: a type, ConfigDict for a section; None for an argument of which that is not known."""
    stage, own = of_stage(key)
    if stage is not None and own:
        config, key = of_one_stage(config, stage), own
    for tree in (_schema(), config):  # the first one also knows it where a value is None
        parent, last = _parent(tree, key)
        if parent is not None and last in parent and parent.get_type(last) is not type(None):
            return parent.get_type(last)
    return None


@functools.cache
def _schema() -> ConfigDict:
    """All keys there are, with their defaults."""
    config = defaults.get_config()
    config.update(defaults.systems() | {'terms': defaults.terms()})
    return config


def _leaves(tree: Mapping[str, Any], stop: tuple[str, ...] = (), prefix: str = '') -> Iterator[tuple[str, Any]]:
    """The values of a tree by dotted key; the sections `stop`, and empty ones, are values."""
    for name, value in tree.items():
        key, value = f'{prefix}{name}', value.to_dict() if isinstance(value, ConfigDict) else value
        if isinstance(value, Mapping) and value and of_stage(key)[1] not in stop:
            yield from _leaves(value, stop, f'{key}.')
        else:
            yield key, value


def _parent(config: ConfigDict, key: str) -> tuple[ConfigDict | None, str]:
    """The section in which a dotted key stands, None if there is none, and its name there."""
    *sections, last = key.split('.')
    for section in sections:
        config = config.get(section) if isinstance(config, ConfigDict) else None
    return config if isinstance(config, ConfigDict) else None, last


def _set(config: ConfigDict, key: str, value: Any, where: str) -> None:
    section = section_of(key)
    if section is not None:
        parent, last = _parent(config, section)
        if key == section and value is None:
            if last in parent:
                del parent[last]
            return
        parent[last] = ConfigDict(defaults.sections()[section] | dict(parent.get(last, {})))
    parent, last = _parent(config, key)
    if parent is None or not (last in parent or is_argument(key)):
        moved = defaults.MOVED.get(key.partition('.')[0])
        if moved:
            raise UserError(f'there is no key {key} {where} any more: it is {moved} now')
        raise unknown(f'key {where}', key, {*flat(config), *flat(_schema()), *defaults.sections()}, LISTED)
    held = parent.get(last)
    if isinstance(held, ConfigDict) and isinstance(value, Mapping):
        if key in defaults.ARGUMENTS:
            parent[last] = ConfigDict({'name': held['name']} if 'name' in held else {})
        for name, each in value.items():
            _set(config, f'{key}.{name}', each, where)
    else:
        parent[last] = _fitting(config, key, value, held, where)


def _lay(config: ConfigDict, key: str, value: Any, where: str) -> None:
    """Sets a key of a stage in the stage's config."""
    if key in defaults.ARGUMENTS and isinstance(value, Mapping) and not _names_function(value):
        for name, each in value.items():
            _set(config, f'{key}.{name}', each, where)
    else:
        _set(config, key, value, where)


def _names_function(section: Mapping[str, Any]) -> bool:
    return bool(section.keys() & {'name', 'net'})


def _set_in_stage(config: ConfigDict, stage: str, key: str, value: Any, where: str) -> None:
    """Sets a key of a stage, or with the key '' the stage, if the stage's config could have it."""
    if not key and value is None:
        if stage in config.stages:
            del config.stages[stage]
        return
    if not key and not isinstance(value, Mapping):
        raise UserError(f'stages.{stage}={value!r} {where} does not fit: a section is wanted there, with begin, a step')
    if f'{key}.'.startswith(tuple(f'{each}.' for each in defaults.OF_A_RUN)):
        raise UserError(f'stages.{stage}.{key} {where}: {key} holds for the whole run, not for a stage: leave it off')
    held = config.stages.get(stage, ConfigDict()).to_dict()
    if key:
        tried = of_one_stage(config, stage)
        _lay(tried, key, value, f"of stage '{stage}' {where}")
        *sections, last = key.split('.')
        parent = held
        for section in sections:
            parent[section] = parent.get(section) or {}
            parent = parent[section]
        fitting = _held(tried, key, value)
        beside = isinstance(value, Mapping) and not _names_function(value)
        parent[last] = {**(parent.get(last) or {}), **fitting} if beside else fitting
    config.stages[stage] = ConfigDict(held)


def _held(config: ConfigDict, key: str, value: Any) -> Any:
    """What a config has of a key that was set to this value."""
    if isinstance(value, Mapping):
        return {name: _held(config, f'{key}.{name}', each) for name, each in value.items()}
    parent, last = _parent(config, key)
    return None if parent is None else parent.get(last)


def _fitting(config: ConfigDict, key: str, value: Any, held: Any, where: str) -> Any:
    """The value as the key has it."""
    if value is None and not isinstance(held, ConfigDict):
        parent, last = _parent(_schema(), key)
        if is_argument(key) or key in defaults.optional() or parent is None or parent.get(last) is None:
            return None
        raise UserError(f'{key}=None {where}: this cannot be turned off; give it a value, here it is {held!r}')
    if type(value).__module__ == 'numpy' and value.ndim == 0:
        value = value.item()
    if isinstance(value, str) and key in PLACES:
        value = place(value)
    wanted, given = kind(config, key), type(value)
    if {wanted, given} == {tuple, list}:
        return wanted(value)
    if (wanted, given) == (float, int) and abs(value) < 2**127:
        return float(value)
    if wanted is None or (isinstance(value, wanted) and (given is bool) <= (wanted is bool)):
        return value
    raise UserError(f'{key}={value!r} {where} does not fit: {KINDS.get(wanted, wanted.__name__)} is wanted there')
