"""Dotted keys, and configs as trees of them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from ml_collections import ConfigDict

from gans import defaults


def of_any_set(key: str) -> str:
    """A key of a part of a joined set, 'data.a.size', as any set has it, 'data.size'; other keys stay."""
    return f'data.{key.rpartition(".")[2]}' if key.startswith('data.') else key


def section_of(key: str, known: Iterable[str] | None = None) -> str | None:
    """The optional section, of the known ones (default: all but the user's own), that a dotted key names or lies in."""
    known = defaults.sections() if known is None else known
    return next((name for name in known if f'{key}.'.startswith(f'{name}.')), None)


def of_stage(key: str) -> tuple[str | None, str]:
    """The stage to which a dotted key belongs, and the key there: ('big', 'data.size') for stages.big.data.size,
    ('big', '') for stages.big, which is the stage itself; (None, key) for any other key.
    """
    first, *rest = key.split('.', 2)
    return (rest[0], '.'.join(rest[1:])) if first == 'stages' and rest else (None, key)


def flatten(config: ConfigDict) -> dict[str, Any]:
    """A config by dotted key, with values as in JSON."""
    found = ((key, value) for key, value in leaves(config.to_dict()) if not isinstance(value, Mapping))
    return {key: list(value) if isinstance(value, tuple) else value for key, value in found}


def leaves(
    tree: Mapping[str, Any], stop: Callable[[str], bool] = lambda key: False, prefix: str = ''
) -> Iterator[tuple[str, Any]]:
    """Yields the values of a tree by dotted key; sections for which `stop` is true and empty ones count as values."""
    for name, value in tree.items():
        key, value = f'{prefix}{name}', value.to_dict() if isinstance(value, ConfigDict) else value
        if isinstance(value, Mapping) and value and not stop(of_stage(key)[1]):
            yield from leaves(value, stop, f'{key}.')
        else:
            yield key, value


def parent_of(config: ConfigDict, key: str) -> tuple[ConfigDict | None, str]:
    """The section that a dotted key is in, or None, and its name there."""
    *sections, last = key.split('.')
    for section in sections:
        config = config.get(section) if isinstance(config, ConfigDict) else None
    return config if isinstance(config, ConfigDict) else None, last
