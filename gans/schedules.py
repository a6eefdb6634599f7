"""Numbers that change over the steps of a run: each section `config.schedules.NAME` moves one, or several alike.

    config.schedules.gamma = {'of': 'terms.r1.weight,terms.r2.weight', 'to': 0.005, 'end': 40_000}

takes both weights from where the config has them to 0.005 in 40,000 steps, and leaves them there. Any float of the
config that training alone reads can move: weights of terms and systems, hyperparameters of optimizers, the decay of
averages, the strength of augmentations. None of their readers knows of it: each step builds the system anew from its
own config while it is traced, where these floats are functions of the step (`system_at` in gans/training/setup.py).
"""

from collections.abc import Iterator

import jax.numpy as jnp
from ml_collections import ConfigDict

from gans import defaults, ranges, schema
from gans.core import Array
from gans.errors import UserError, unknown
from gans.keys import parent_of

SHAPES = {  # of the way that is left, by the share of the steps that are done
    'linear': lambda share: 1 - share,
    'cosine': lambda share: (1 + jnp.cos(jnp.pi * share)) / 2,
}
# Sections whose floats are read beyond training, or once.
FIXED = ('latents', 'schedules', *(section for section in defaults.ARGUMENTS if not section.startswith('optimizer.')))


def move(
    start: float | Array,
    step: Array,
    *,
    of: str = '',
    to: float = 0.0,
    begin: int = 0,
    end: int = 0,
    shape: str = 'cosine',
) -> Array:
    """What a number that starts as `start` is after `step` steps.

    Args:
      of: dotted keys of the numbers, comma-separated; read by `config_at`.
      to: where they arrive; begin, end: the steps at which they leave and arrive; shape: of SHAPES.
    """
    share = jnp.clip((step - begin) / (end - begin), 0.0, 1.0)
    return to + (start - to) * SHAPES[shape](share)


def config_at(config: ConfigDict, step: Array) -> ConfigDict:
    """The config of the step after `step` steps, some of whose floats are arrays, or tracers."""
    moved = {key: move(_held(config, key), step, **options) for _, key, options in _moving(config)}
    result = config.copy_and_resolve_references()
    with result.ignore_type():
        result.update_from_flattened_dict(moved)
    return result


def check(config: ConfigDict) -> None:
    """Raises UserError for a schedule of what cannot move, or that leads nowhere."""
    seen = {}
    for name, key, options in _moving(config):
        if options.shape not in SHAPES:
            raise unknown(f'schedules.{name}.shape', options.shape, SHAPES)
        if options.end <= options.begin:
            raise UserError(f'schedules.{name}.end={options.end} must be a step after begin={options.begin}')
        said, start = f'schedules.{name}.of={options.of!r}', _held(config, key)
        if key in seen:
            raise UserError(f"{said}: '{key}' is moved by schedules.{seen[key]} already; leave it off one of them")
        seen[key] = name
        if start is None:
            if schema.type_of(config, key) is None:
                raise schema.unknown_key(config, key, f'in schedules.{name}.of')
            raise UserError(f"{said}: '{key}' is not on; set the number that it starts from")
        if f'{key}.'.startswith(tuple(f'{section}.' for section in FIXED)) or not isinstance(start, float):
            raise UserError(
                f"{said}: '{key}' cannot change in a run; what can are numbers that training alone reads, such as "
                'terms.r1.weight, optimizer.critic.b2 or ema.decay'
            )
        if key == 'augment.probability' and config.augment.target is not None:
            raise UserError(f'{said}: augment.target={config.augment.target} moves it; leave one of them off')
        if range_ := ranges.range_of(key):
            ranges.check_one(f'schedules.{name}.to', options.to, range_)


def describe(config: ConfigDict) -> list[str]:
    """'terms.r1.weight 0.05 to 0.005 from step 0 to 40,000, cosine', for each number that moves."""
    return [
        f'{key} {_held(config, key):g} to {each.to:g} from step {each.begin:,} to {each.end:,}, {each.shape}'
        for _, key, each in _moving(config)
    ]


def _moving(config: ConfigDict) -> Iterator[tuple[str, str, ConfigDict]]:
    """(name, key, options) of each number that moves."""
    for name, own in config.get('schedules', {}).items():
        options = ConfigDict({**defaults.schedule(), **own})
        yield from ((name, key.strip(), options) for key in options.of.split(','))


def _held(config: ConfigDict, key: str) -> float | Array | None:
    parent, last = parent_of(config, key)
    return None if parent is None else parent.get(last)
