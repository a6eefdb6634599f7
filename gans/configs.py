"""Configs: filling in defaults, and overriding keys."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from gans import arguments, defaults, schema, user_code
from gans.arguments import is_argument, takes_arguments
from gans.errors import UserError
from gans.keys import flatten, leaves, of_any_set, of_stage, parent_of, section_of
from gans.schema import convert, flag, named, sections, unknown_key

NAMING = ('system', 'dynamics')  # keys that name functions whose arguments are a section of that name


def apply_defaults(given: Mapping[str, Any] | ConfigDict, where: str) -> ConfigDict:
    """The defaults, overridden by a config.

    Raises:
      UserError: see `overridden`.
    """
    return override(defaults.get_config(), given.to_dict() if isinstance(given, ConfigDict) else given, where)


def override(config: ConfigDict, overrides: Mapping[str, Any], where: str) -> ConfigDict:
    """A copy of the config with some keys set, by dotted key or section; sections of arguments are replaced as a whole.

    Setting a key of an optional section, such as `began` or `terms.r1`, adds the section with its defaults; None
    removes it. Naming another function (generator.net, data.name, system, ...) drops the old one's arguments that the
    new one does not take, see `consequences`; but none of `overrides`, in whatever order they come. A stage takes the
    keys that the config takes, see `of_one_stage`; None removes the stage.

    Args:
      where: the overrides come from, for errors.

    Raises:
      UserError: an unknown key, or a value of the wrong type.
    """
    result = config.copy_and_resolve_references()
    ordered = sorted(_order(leaves(overrides, takes_arguments)), key=lambda leaf: of_stage(leaf[0])[0] is not None)
    with result.unlocked():
        for key, value in ordered:  # those of stages last: they are checked against the others
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
        for key, value in _order(leaves(held, takes_arguments)):
            _lay(result, key, value, f"of stage '{name}'")
    return result


def consequences(before: ConfigDict, after: ConfigDict) -> list[str]:
    """What overrides did, or left, that nobody has said, a line each: arguments that went with a function, in stages as
    in their own configs, and schedules that end where the run ended before.
    """
    said = []
    for stage in ('', *(name for name in before.stages if name in after.stages)):
        old, new = (flatten(of_one_stage(each, stage) if stage else each) for each in (before, after))
        for key, value in old.items():
            if (key in NAMING or arguments.names_function(key)) and key in new and new[key] != value:
                inside = f'{key.rpartition(".")[0] or value}.'
                gone = [each.removeprefix(inside) for each in old if each.startswith(inside) and each not in new]
                said += [f'{key}={new[key]} takes no {", ".join(gone)}: dropped'] if gone else []
    for key, end in flatten(before).items():
        if re.search(r'\.schedule_end$|schedules\.[^.]+\.end$', key) and end == before.train.steps != after.train.steps:
            still = flatten(after).get(key) == end
            said += [f'{key}={end} stays, where the run ended before train.steps={after.train.steps}'] if still else []
    return list(dict.fromkeys(said))


def type_of(config: ConfigDict, key: str) -> type | None:
    """The type of a dotted key, which may be of a stage; see `schema.type_of`."""
    stage, own = of_stage(key)
    return schema.type_of(*((of_one_stage(config, stage), own) if stage is not None and own else (config, key)))


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


def _order(given: Iterable[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Leaves in an order in which functions are named before their arguments are set."""
    found: list[tuple[str, Any]] = []
    for key, value in given:
        own = of_stage(key)[1]
        stem = key.removesuffix(own)  # 'stages.big.'
        if own in NAMING:
            inside = stem
        elif arguments.names_its_function(own, value):
            inside = f'{key}.'
        elif arguments.names_function(own) or user_code.is_reference(value):
            inside = f'{key.rpartition(".")[0]}.'
        else:
            inside = None
        later = (i for i, (each, _) in enumerate(found) if inside is not None and each.startswith(inside))
        found.insert(next(later, len(found)), (key, value))
    return found


def _set(config: ConfigDict, key: str, value: Any, where: str) -> None:
    value = user_code.anchor(value, Path())
    own = re.fullmatch(r'terms\.([^.]+)\.term', key)
    if own and user_code.is_reference(value):  # which arguments the section has, this function says
        config.terms[own[1]] = held = ConfigDict({**config.terms.get(own[1], {}), 'term': value})
        for other in {*held} - {*user_code.sections(config)[f'terms.{own[1]}']}:
            del held[other]
    known = sections(config)
    if key.startswith('schedules.'):  # of any name
        known |= {'.'.join(key.split('.')[:2]): defaults.schedule()}
    section = section_of(key, known)
    if section is not None:
        parent, last = parent_of(config, section)
        if key == section and value is None:
            if last in parent:
                del parent[last]
            return
        parent[last] = ConfigDict(known[section] | dict(parent.get(last, {})))
    parent, last = parent_of(config, key)
    if parent is None and of_any_set(key) != key:  # the first key of a part
        above, part = parent_of(config, key.rpartition('.')[0])
        if above is not None and above.get(part) is None:
            parent = above[part] = ConfigDict()
    if parent is None or not (last in parent or is_argument(key)):
        moved = defaults.MOVED.get(key.partition('.')[0])
        if moved:
            raise UserError(f'there is no key {key} {where} any more: it is {moved} now')
        raise unknown_key(config, key, where)
    held = parent.get(last)
    if isinstance(held, ConfigDict) and value is None and key.startswith('data.'):
        del parent[last]
    elif isinstance(value, Mapping) and (isinstance(held, ConfigDict) or (held is None and takes_arguments(key))):
        naming = arguments.naming(key)
        if takes_arguments(key):
            parent[last] = ConfigDict({naming: held[naming]} if held and naming in held else {})
        for name, each in sorted(value.items(), key=lambda leaf: leaf[0] != naming):  # that first, see `_order`
            _set(config, f'{key}.{name}', each, where)
    else:
        parent[last] = convert(config, key, value, held, where)
        _drop(config, key, held)


def _drop(config: ConfigDict, key: str, before: Any) -> None:
    """Drops arguments of another function, if this key named one before."""
    if before is None:
        return
    if key in NAMING:
        for name in {*before.split(',')} - {*(config[key] or '').split(',')}:
            if user_code.title(name) in {*config} - {*defaults.get_config()}:
                del config[user_code.title(name)]
    elif arguments.names_function(key) and named(config, key.rpartition('.')[0]) != before:
        section = key.rpartition('.')[0]
        stages = (parent_of(stage, f'{section}.')[0] for stage in config.stages.values())
        laid = [held for held in stages if held is not None and arguments.naming(section) not in held]
        for held in (parent_of(config, key)[0], *laid):
            for each in arguments.left_over(section, named(config, section), held):
                del held[each]


def _lay(config: ConfigDict, key: str, value: Any, where: str) -> None:
    """Sets a key of a stage in the stage's config."""
    if takes_arguments(key) and isinstance(value, Mapping) and not arguments.names_its_function(key, value):
        for name, each in value.items():
            _set(config, f'{key}.{name}', each, where)
    else:
        _set(config, key, value, where)


def _set_in_stage(config: ConfigDict, stage: str, key: str, value: Any, where: str) -> None:
    """Sets a key of a stage, or with the key '' the stage, if the stage's config could have it."""
    if not key and value is None:
        if stage in config.stages:
            del config.stages[stage]
        return
    if not key and not isinstance(value, Mapping):
        raise UserError(
            f'stages.{stage}={value!r} {where} does not fit: expected a section, with the step of its begin; set '
            f'{flag(where)}stages.{stage}.begin'
        )
    if f'{key}.'.startswith(tuple(f'{each}.' for each in defaults.OF_A_RUN)):
        raise UserError(f'stages.{stage}.{key} {where}: {key} holds for the whole run, not for a stage: leave it off')
    held = config.stages.get(stage, ConfigDict()).to_dict()
    if key:
        tried = of_one_stage(config, stage)
        _lay(tried, key, value, f"of stage '{stage}' {where}")
        if arguments.names_function(key):  # a section that names its function is held as a whole
            key = key.rpartition('.')[0]
            value = parent_of(tried, f'{key}.')[0].to_dict()
        *sections, last = key.split('.')
        parent = held
        for section in sections:
            parent[section] = parent.get(section) or {}
            parent = parent[section]
        fitting = _held(tried, key, value)
        beside = isinstance(value, Mapping) and not arguments.names_its_function(key, value)
        parent[last] = {**(parent.get(last) or {}), **fitting} if beside else fitting
    config.stages[stage] = ConfigDict(held)


def _held(config: ConfigDict, key: str, value: Any) -> Any:
    """What a config has of a key that was set to this value."""
    if isinstance(value, Mapping):
        return {name: _held(config, f'{key}.{name}', each) for name, each in value.items()}
    parent, last = parent_of(config, key)
    return None if parent is None else parent.get(last)
