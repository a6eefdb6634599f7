"""Configs: flattening, filling in defaults, and overriding keys."""

import functools
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from gans import defaults, user_code
from gans.errors import UserError, unknown

LISTED = 'those of gans/defaults.py'
# Keys whose values are paths, or have one after a colon: 'folder:~/images'.
PATHS = ('data.name', 'data.of', 'data.folder', 'data.data_dir', 'data.cache', 'finetune.run', 'eval.features')
TYPE_NAMES = {
    bool: 'True or False',
    int: 'a whole number',
    float: 'a number',
    str: 'a string',
    tuple: 'a tuple, such as (8, 8)',
    list: 'a tuple, such as (8, 8)',
    ConfigDict: 'a section',
}


def is_argument(key: str) -> bool:
    """Whether a dotted key is the argument of a function, which has its own defaults and rejects unknown keys."""
    return key.startswith(tuple(f'{section}.' for section in defaults.ARGUMENTS))


def takes_arguments(key: str) -> bool:
    """Whether a dotted key may be a section whose keys are such arguments: `data`, and `data.a` of a joined set."""
    return key in defaults.ARGUMENTS or key.startswith('data.')


def of_any_set(key: str) -> str:
    """A key of a part of a joined set, 'data.a.size', as any set has it, 'data.size'; other keys stay."""
    return f'data.{key.rpartition(".")[2]}' if key.startswith('data.') else key


def section_of(key: str, known: Iterable[str] | None = None) -> str | None:
    """The optional section, of the known ones (default: all but the user's own), that a dotted key names or lies in."""
    known = defaults.sections() if known is None else known
    return next((name for name in known if f'{key}.'.startswith(f'{name}.')), None)


def sections(config: ConfigDict) -> dict[str, dict[str, Any]]:
    """All optional sections that a config may have, by dotted name: their keys and defaults."""
    return defaults.sections() | user_code.sections(config)


def of_stage(key: str) -> tuple[str | None, str]:
    """The stage to which a dotted key belongs, and the key there: ('big', 'data.size') for stages.big.data.size,
    ('big', '') for stages.big, which is the stage itself; (None, key) for any other key.
    """
    first, *rest = key.split('.', 2)
    return (rest[0], '.'.join(rest[1:])) if first == 'stages' and rest else (None, key)


def expand_home(text: str) -> str:
    """Replaces `~` in a path by the home folder; also after a colon, as in 'folder:~/images'."""
    return re.sub(r'(?<![^:])~[^/:]*', lambda home: os.path.expanduser(home[0]), text)


def flatten(config: ConfigDict) -> dict[str, Any]:
    """A config by dotted key, with values as in JSON."""
    leaves = ((key, value) for key, value in _leaves(config.to_dict()) if not isinstance(value, Mapping))
    return {key: list(value) if isinstance(value, tuple) else value for key, value in leaves}


def apply_defaults(given: Mapping[str, Any] | ConfigDict, where: str) -> ConfigDict:
    """The defaults, overridden by a config.

    Raises:
      UserError: see `overridden`.
    """
    return override(defaults.get_config(), given.to_dict() if isinstance(given, ConfigDict) else given, where)


def override(config: ConfigDict, overrides: Mapping[str, Any], where: str) -> ConfigDict:
    """A copy of the config with some keys set, by dotted key or section; sections of arguments are replaced as a whole.

    Setting a key of an optional section, such as `began` or `terms.r1`, adds the section with its defaults; None
    removes it. A stage takes the keys that the config takes, see `of_one_stage`; None removes the stage.

    Args:
      where: the overrides come from, for errors.

    Raises:
      UserError: an unknown key, or a value of the wrong type.
    """
    result = config.copy_and_resolve_references()
    leaves = sorted(_order(_leaves(overrides, takes_arguments)), key=lambda leaf: of_stage(leaf[0])[0] is not None)
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
        for key, value in _order(_leaves(held, takes_arguments)):
            _lay(result, key, value, f"of stage '{name}'")
    return result


def drop_none(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that are set: None counts as not given."""
    return {key: value for key, value in options.items() if value is not None}


def add_missing(config: ConfigDict, more: Mapping[str, Any]) -> ConfigDict:
    """A copy of the config with keys added that it lacks, by dotted key."""
    result = config.copy_and_resolve_references()
    for key, value in more.items():
        *sections, last = key.split('.')
        parent = result
        for section in sections:
            parent[section] = parent.get(section, ConfigDict())
            parent = parent[section]
        parent[last] = value
    return result


def type_of(config: ConfigDict, key: str) -> type | None:
    """The type of a dotted key, ConfigDict for a section; None for an argument whose type is unknown."""
    stage, own = of_stage(key)
    if stage is not None and own:
        config, key = of_one_stage(config, stage), own
    # The schema also has the types of values that are None.
    for tree, name in ((_schema(), key), (config, key), (_schema(), of_any_set(key))):
        parent, last = _parent(tree, name)
        if parent is not None and last in parent and parent.get_type(last) is not type(None):
            return parent.get_type(last)
    return None


@functools.cache
def _schema() -> ConfigDict:
    """All keys with their defaults, those of optional sections included."""
    config = defaults.get_config()
    config.update(defaults.systems() | {'terms': defaults.terms()})
    return config


def _leaves(
    tree: Mapping[str, Any], stop: Callable[[str], bool] = lambda key: False, prefix: str = ''
) -> Iterator[tuple[str, Any]]:
    """Yields the values of a tree by dotted key; sections for which `stop` is true and empty ones count as values."""
    for name, value in tree.items():
        key, value = f'{prefix}{name}', value.to_dict() if isinstance(value, ConfigDict) else value
        if isinstance(value, Mapping) and value and not stop(of_stage(key)[1]):
            yield from _leaves(value, stop, f'{key}.')
        else:
            yield key, value


def _order(leaves: Iterable[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Those first that name a function of the user's, whose section others may be of."""
    return sorted(leaves, key=lambda leaf: not user_code.is_reference(leaf[1]))


def _parent(config: ConfigDict, key: str) -> tuple[ConfigDict | None, str]:
    """The section that a dotted key is in, or None, and its name there."""
    *sections, last = key.split('.')
    for section in sections:
        config = config.get(section) if isinstance(config, ConfigDict) else None
    return config if isinstance(config, ConfigDict) else None, last


def _set(config: ConfigDict, key: str, value: Any, where: str) -> None:
    value = user_code.anchor(value, Path())
    own = re.fullmatch(r'terms\.([^.]+)\.term', key)
    if own and user_code.is_reference(value):  # which arguments the section has, this function says
        config.terms[own[1]] = {**config.terms.get(own[1], {}), 'term': value}
    known = sections(config)
    section = section_of(key, known)
    if section is not None:
        parent, last = _parent(config, section)
        if key == section and value is None:
            if last in parent:
                del parent[last]
            return
        parent[last] = ConfigDict(known[section] | dict(parent.get(last, {})))
    parent, last = _parent(config, key)
    if parent is None and of_any_set(key) != key:  # the first key of a part
        above, part = _parent(config, key.rpartition('.')[0])
        if above is not None and above.get(part) is None:
            parent = above[part] = ConfigDict()
    if parent is None or not (last in parent or is_argument(key)):
        moved = defaults.MOVED.get(key.partition('.')[0])
        if moved:
            raise UserError(f'there is no key {key} {where} any more: it is {moved} now')
        raise unknown(f'key {where}', key, {*flatten(config), *flatten(_schema()), *known}, LISTED)
    held = parent.get(last)
    if isinstance(held, ConfigDict) and value is None and key.startswith('data.'):
        del parent[last]
    elif isinstance(value, Mapping) and (isinstance(held, ConfigDict) or (held is None and takes_arguments(key))):
        if takes_arguments(key):
            parent[last] = ConfigDict({'name': held['name']} if held and 'name' in held else {})
        for name, each in value.items():
            _set(config, f'{key}.{name}', each, where)
    else:
        parent[last] = _convert(config, key, value, held, where)


def _lay(config: ConfigDict, key: str, value: Any, where: str) -> None:
    """Sets a key of a stage in the stage's config."""
    if takes_arguments(key) and isinstance(value, Mapping) and not _names_function(value):
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
        raise UserError(
            f'stages.{stage}={value!r} {where} does not fit: expected a section, with the step of its begin'
        )
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


def _convert(config: ConfigDict, key: str, value: Any, held: Any, where: str) -> Any:
    """The value, converted to the type of the key."""
    if value is None and not isinstance(held, ConfigDict):
        parent, last = _parent(_schema(), key)
        if is_argument(key) or key in defaults.optional() or parent is None or parent.get(last) is None:
            return None
        raise UserError(f'{key}=None {where}: this key cannot be turned off; its value is {held!r}')
    if type(value).__module__ == 'numpy' and value.ndim == 0:
        value = value.item()
    if isinstance(value, str) and of_any_set(key) in PATHS:
        value = expand_home(value)
    wanted, given = type_of(config, key), type(value)
    if {wanted, given} == {tuple, list}:
        return wanted(value)
    if (wanted, given) == (float, int) and abs(value) < 2**127:
        return float(value)
    if wanted is None or (isinstance(value, wanted) and (given is bool) <= (wanted is bool)):
        return value
    raise UserError(f'{key}={value!r} {where} does not fit: expected {TYPE_NAMES.get(wanted, wanted.__name__)}')
