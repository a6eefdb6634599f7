"""From a config to a system: `config.system` names a file of this folder."""

import importlib
import pkgutil

import ml_collections

import gans.systems
from gans.core import Compute, Spec, System
from gans.errors import unknown


def build(config: ml_collections.ConfigDict, spec: Spec, compute: Compute) -> System:
    """Builds the system that the config describes, for data of that spec.

    May run while tracing: any float of the config may be a tracer (a sweep's row), so nothing branches on one.
    """
    known = [module.name for module in pkgutil.iter_modules(gans.systems.__path__) if module.name != 'build']
    if config.system not in known:
        raise unknown('system', config.system, known)
    return importlib.import_module(f'gans.systems.{config.system}').build(config, spec, compute)
