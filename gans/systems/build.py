"""From a config to a system: `config.system` names a file of this package, `config.dynamics` some of gans/dynamics/.

A system of the user's own is a function like `build` here: `config.system='FILE.py:NAME'`, with the section NAME.
"""

import importlib
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import ml_collections

from gans import defaults, user_code
from gans.core import Compute, Spec, System
from gans.errors import UserError, unknown
from gans.signatures import files

PACKAGES = {'system': 'systems', 'dynamics': 'dynamics'}  # of gans


def build(config: ml_collections.ConfigDict, spec: Spec, compute: Compute) -> System:
    """Builds the system that the config describes, for data of that spec.

    A system's own options, and those of dynamics, are the section of its name: the keyword arguments of its function.

    May run while tracing: any float of the config may be a tracer (in a sweep), so nothing may branch on one.

    Raises:
      UserError: an unknown name, a section that nothing reads, and what the systems raise.
    """
    dynamics = config.dynamics.split(',') if config.dynamics else []
    make = _find_system(config)
    transforms = {name: _find('dynamics', name) for name in dynamics}
    for section, moved in defaults.MOVED.items():
        if section in config:
            raise UserError(f'there is no key {section} any more: it is {moved} now')
    for section in sorted({*config} - {*defaults.get_config()}):
        if section not in (user_code.title(config.system), *dynamics):
            raise UserError(f"the section {section} has no meaning in system '{config.system}': leave it off, or set"
                            ' system or dynamics')  # fmt: skip
    result = make(config, spec, compute, **_section(config, user_code.title(config.system)))
    for name in dynamics:
        try:
            result = transforms[name].transform(result, **_section(config, name))
        except UserError as error:
            raise UserError(f"dynamics={name} of system '{config.system}': {error}") from None
    if 'text' not in result.nets and config.encoders.to_dict() != defaults.get_config().encoders.to_dict():
        raise UserError(f"encoders have no meaning in system '{config.system}', which is told no words: leave them off")
    return result


def _find_system(config: ml_collections.ConfigDict) -> Callable[..., System]:
    if not user_code.is_reference(config.system):
        return _find('system', config.system).build
    user_code.sections(config)  # which raises if its name or arguments cannot be those of a section
    return user_code.function('system', config.system, System)


def _find(kind: str, name: str) -> ModuleType:
    package = f'gans.{PACKAGES[kind]}'
    known = files(package)
    if kind == 'system' and name not in known and name in files('gans.dynamics'):
        raise UserError(f"system='{name}' is no system any more: set dynamics='{name}', which any system can have")
    if name not in known:
        raise unknown(kind, name, known)
    return importlib.import_module(f'{package}.{name}')


def _section(config: ml_collections.ConfigDict, name: str) -> Mapping[str, Any]:
    """The config's arguments of a system or of dynamics."""
    return dict(config.get(name, {}))
