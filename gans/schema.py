"""What keys there are in configs, of which types, and what is said where a key or a value does not fit."""

import functools
import os
import re
from typing import Any

from ml_collections import ConfigDict

from gans import arguments, defaults, user_code
from gans.arguments import is_argument, takes_arguments
from gans.errors import UserError, either, unknown
from gans.keys import flatten, of_any_set, of_stage, parent_of

COMMAND_LINE = 'on the command line'  # where overrides come from
LISTED = 'those of gans/defaults.py'
# Keys whose values are paths, or have one after a colon: 'folder:~/images'.
PATHS = ('data.name', 'data.of', 'data.folder', 'data.data_dir', 'data.cache', 'finetune.run', 'eval.features')
PATHS += ('encoders.weights', 'srgan.weights')
TYPE_NAMES = {
    bool: 'True or False',
    int: 'a whole number',
    float: 'a number',
    str: 'a string',
    tuple: 'a tuple, such as (8, 8)',
    list: 'a tuple, such as (8, 8)',
    ConfigDict: 'a section',
}


def expand_home(text: str) -> str:
    """Replaces `~` in a path by the home folder; also after a colon, as in 'folder:~/images'."""
    return re.sub(r'(?<![^:])~[^/:]*', lambda home: os.path.expanduser(home[0]), text)


@functools.cache
def whole() -> ConfigDict:
    """All keys with their defaults, those of optional sections included."""
    config = defaults.get_config()
    config.update(defaults.systems() | {'terms': defaults.terms()})
    return config


def sections(config: ConfigDict) -> dict[str, dict[str, Any]]:
    """All optional sections that a config may have, by dotted name: their keys and defaults."""
    return defaults.sections() | user_code.sections(config)


def named(config: ConfigDict, section: str) -> Any:
    """The function that a section of arguments names; None where there is no such section, or it names none."""
    held = parent_of(config, f'{section}.')[0]
    return None if held is None else held.get(arguments.naming(section))


def type_of(config: ConfigDict, key: str) -> type | None:
    """The type of a dotted key of no stage, ConfigDict for a section; None for an argument whose type is unknown."""
    # The schema also has the types of values that are None.
    for tree, name in ((whole(), key), (config, key), (whole(), of_any_set(key))):
        parent, last = parent_of(tree, name)
        if parent is not None and last in parent and parent.get_type(last) is not type(None):
            return parent.get_type(last)
    section, _, last = key.rpartition('.')
    kinds = arguments.taken(section, named(config, section)) if takes_arguments(section) else None
    return arguments.KINDS.get((kinds or {}).get(last, ''))


def full_keys(config: ConfigDict, key: str) -> list[str]:
    """The keys that end like this one, which lacks its path: those that the config has, or else could have."""
    own = [
        f'{section}.{each}'
        for section in defaults.ARGUMENTS
        for each in arguments.taken(section, named(config, section)) or ()
    ]
    for known in ([*flatten(config), *own], [*flatten(whole()), *sections(config)]):
        found = [each for each in known if f'.{each}'.endswith(f'.{key}') and of_stage(each)[0] is None]
        if found:
            return list(dict.fromkeys(found))
    return []


def unknown_key(config: ConfigDict, key: str, where: str) -> UserError:
    """The error for a key that no config has; it says which was meant."""
    known = [f"'{each}'" for each in full_keys(config, key)]
    if known:
        return UserError(f"unknown key {where} '{key}'; did you mean {either(known)}?")
    return unknown(f'key {where}', key, {*config, *flatten(config), *flatten(whole()), *sections(config)}, LISTED)


def convert(config: ConfigDict, key: str, value: Any, held: Any, where: str) -> Any:
    """The value, converted to the type of the key."""
    if value is None and not isinstance(held, ConfigDict):
        parent, last = parent_of(whole(), key)
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
    if (wanted, given) == (int, float) and value.is_integer() and abs(value) < 2**63:  # 1e4
        return int(value)
    if wanted is None or (isinstance(value, wanted) and (given is bool) <= (wanted is bool)):
        return value
    fix = _section_fix(config, key, value, where) if wanted is ConfigDict else ''
    raise UserError(f'{key}={value!r} {where} does not fit: expected {TYPE_NAMES.get(wanted, wanted.__name__)}{fix}')


def _section_fix(config: ConfigDict, key: str, value: Any, where: str) -> str:
    """What to set in a section that was given a value itself: what names its function, what turns it on, or its first
    key; else those of its keys that take such a value.
    """
    optional, listed = sections(config), flatten(whole()) | flatten(config)
    if f'{key}.{value}' in optional:  # terms=r1
        return f'; set {flag(where)}{key}.{value}.{next(iter(optional[f"{key}.{value}"]))}'
    names = [f'{each}.{arguments.naming(each)}' for each in defaults.ARGUMENTS if f'{each}.'.startswith(f'{key}.')]
    if names and isinstance(value, str):
        return '; set ' + ' and '.join(f'{flag(where)}{each}={value}' for each in names)
    first = f'{key}.{next(iter(optional.get(key, {})), "")}'
    fits = lambda wanted: wanted is type(value) or (wanted is float and type(value) is int)
    fitting = [each for each in listed if each.startswith(f'{key}.') and fits(type_of(config, each))]
    off = [each for each in fitting if flatten(whole()).get(each, 0) is None]
    if takes_arguments(key):
        fitting = [each for each in fitting if each not in off]
    else:
        fitting = [first] if first in fitting else off[:1] or fitting
    if len(fitting) < 2:
        return ''.join(f'; set {flag(where)}{each}={value}' for each in fitting)
    known = ', '.join(each.removeprefix(f'{key}.') for each in fitting[:12])
    return f'; set {flag(where)}{key}.KEY={value}, where KEY is {known}'


def flag(where: str) -> str:
    """How keys are written where overrides come from."""
    return '--config.' if where == COMMAND_LINE else ''
