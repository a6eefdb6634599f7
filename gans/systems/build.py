"""From a config to a system: `config.system` names a file of this folder."""

import importlib
import pkgutil
from typing import Any

import ml_collections

import gans.systems
from gans import optimizers
from gans.core import Compute, Loss, Net, Player, Spec, System, Update
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


def two_players(
    config: ml_collections.ConfigDict,
    nets: dict[str, Net],
    critic_loss: Loss,
    generator_loss: Loss,
    with_critic: tuple[str, ...] = (),
    with_generator: tuple[str, ...] = (),
    **given: Any,
) -> System:
    """The system of one player of the net 'critic' and one of 'generator', who take turns, as the config says.

    Args:
      with_critic, with_generator: other nets that the players own.
      given: the other fields of `System`.
    """
    micro = config.train.micro
    return System(
        nets=nets,
        players={
            'critic': Player(('critic', *with_critic), optimizers.build(config.optimizer.critic, 'critic')),
            'generator': Player(
                ('generator', *with_generator), optimizers.build(config.optimizer.generator, 'generator')
            ),
        },
        updates=(
            Update('critic', 'critic', critic_loss, repeats=config.train.n_critic, micro=micro),
            Update('generator', 'generator', generator_loss, micro=micro),
        ),
        **given,
    )
