"""From a config to a system: `config.system` names a file of this folder."""

import importlib
import pkgutil

import ml_collections

import gans.systems
from gans.core import Compute, Spec, System
from gans.errors import UserError, unknown

# What the system 'gan' reads and others may not, and its value where it is off.
GAN_OPTIONS = {
    'generator.condition': None,
    'critic.condition': None,
    'pack': 1,
    'flip_labels': None,
    'penalty.name': 'none',
    'penalty.every': 1,
    'instance_noise.sigma': None,
    'augment.names': None,
    'consistency.weight': None,
    'lecam.weight': None,
    'top_k.share': None,
    'replay.size': None,
    'feature_matching': None,
}


def build(config: ml_collections.ConfigDict, spec: Spec, compute: Compute) -> System:
    """Builds the system that the config describes, for data of that spec.

    May run while tracing: any float of the config may be a tracer (a sweep's row), so nothing branches on one.
    """
    known = [module.name for module in pkgutil.iter_modules(gans.systems.__path__) if module.name != 'build']
    if config.system not in known:
        raise unknown('system', config.system, known)
    return importlib.import_module(f'gans.systems.{config.system}').build(config, spec, compute)


def refuse(config: ml_collections.ConfigDict, but: tuple[str, ...] = ()) -> None:
    """Raises UserError for an option of the system 'gan' that is on, and that this system would silently ignore.

    Args:
      but: the options that it reads too.
    """
    for key, off in GAN_OPTIONS.items():
        value = config
        for part in key.split('.'):
            value = value.get(part)
        on = value is not None if off is None else value != off  # a float may be a tracer
        if on and key not in but:
            raise UserError(f"{key}={value} has no meaning in system '{config.system}': leave it off")
