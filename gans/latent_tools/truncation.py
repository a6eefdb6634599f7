"""Truncation: samples closer to what is usual, each of them better, and all of them more alike.

Styles w are moved towards their mean (StyleGAN, Karras 2019, 1812.04948, appendix B); normal latents are drawn again
where they are far from 0 (BigGAN, Brock 2019, 1809.11096, section 3.1).
"""

import math
import re
from typing import NamedTuple

import jax.numpy as jnp

from gans.core import Array, TrainState
from gans.errors import UserError
from gans.latent_tools import space
from gans.training import sampling
from gans.training.setup import Experiment, system_of

PATTERN = re.compile(r'(?:(psi|resampled|z_var):)?([^:,]+)(?::(\d+))?')


class Truncation(NamedTuple):
    """By how much, 'psi', 'resampled' or 'z_var', and in which way.

    'psi': w becomes mean + amount (w - mean), of the first `layers` alone if they are so many. 'resampled': latents are
    N(0, 1) within [-2, 2], times the amount, as in BigGAN's paper. 'z_var': they are N(0, 1) times the amount, as in
    BigGAN-PyTorch and StudioGAN, where that standard deviation has this name. '': psi where a mean of w is tracked,
    else resampled.
    """

    amount: float
    layers: int | None = None
    way: str = ''

    def __str__(self) -> str:
        """As it is written on the command line."""
        layers = '' if self.layers is None else f':{self.layers}'
        return f'{self.way}{":" * bool(self.way)}{self.amount:g}{layers}'

    @property
    def stamp(self) -> dict[str, str]:
        """Its part of the stamp of results, once its way is known; nothing where samples stay as they are."""
        if self.amount == 1 and self.way in ('psi', 'z_var'):
            return {}
        of = '' if self.layers is None else f', {self.layers} layers'
        return {'truncation': f'{self.way} {self.amount:g}{of}'}


def read(text: str) -> Truncation:
    """[psi:|resampled:|z_var:]AMOUNT[:LAYERS]."""
    found = PATTERN.fullmatch(text)
    way, amount, layers = found.groups() if found else ('', 'nan', None)
    try:
        by = Truncation(float(amount), int(layers) if layers else None, way or '')
    except ValueError:
        by = Truncation(math.nan)
    of_z = by.way in ('resampled', 'z_var')
    if not math.isfinite(by.amount) or by.layers == 0 or (of_z and by.layers):
        raise UserError(
            f'--truncation={text} is not PSI or PSI:LAYERS, such as 0.7, or 0.7:8 for the first 8 layers; nor '
            'resampled:T or z_var:T of latents'
        )
    return by


def read_several(text: str) -> tuple[Truncation, ...]:
    """The same, separated by commas."""
    return tuple(map(read, text.split(',')))


def resolve(experiment: Experiment, by: Truncation) -> Truncation:
    """In which way it is of this system; UserError if the system tracks no mean of w, has not so many layers, or is
    given no normal latents.
    """
    styles, latents = experiment.system.styles, experiment.config.latents
    has_mean = styles is not None and styles.mean is not None
    by = by._replace(way=by.way or ('psi' if has_mean or by.layers else 'resampled'))
    if by.way == 'psi':
        if not has_mean:
            raise UserError(f'--truncation={by}: this system has no mean of w, to which it is truncated: leave it off')
        layers = space.shape_of_w(experiment)[0]
        if by.layers is not None and by.layers > layers:
            raise UserError(f'--truncation={by}: w has {layers} layers')
        return by
    space.styles_of(experiment)  # raises
    if latents.distribution != 'normal':
        raise UserError(f"--truncation={by} is of normal latents, but latents.distribution is '{latents.distribution}'")
    if by.amount <= 0:
        raise UserError(f'--truncation={by} multiplies latents: it must be greater than 0')
    return by


def truncate(experiment: Experiment, by: Truncation) -> tuple[Experiment, space.Change]:
    """The experiment whose main sampler draws truncated latents, and how its w are truncated; one of them is as it was.

    Raises:
      UserError: see `resolve`.
    """
    by = resolve(experiment, by)
    if by.way == 'psi':
        return experiment, _towards_mean(experiment, by)
    config = experiment.config.copy_and_resolve_references()
    config.latents.scale = float(by.amount * config.latents.scale)
    config.latents.distribution = 'truncated_normal' if by.way == 'resampled' else 'normal'
    system, name = system_of(config, experiment.source.spec, experiment.compute), next(iter(experiment.system.samplers))
    main = sampling.main_sampler(experiment.system)._replace(inputs=system.samplers[name].inputs)
    return space.with_main(experiment, main), space.chain()


def truncated(experiment: Experiment, by: Truncation) -> Experiment:
    """The experiment whose main sampler makes truncated samples."""
    by = resolve(experiment, by)
    found, change = truncate(experiment, by)
    return space.changed(found, change) if by.way == 'psi' and by.stamp else found


def _towards_mean(experiment: Experiment, by: Truncation) -> space.Change:
    styles, layers = experiment.system.styles, space.shape_of_w(experiment)[0]

    def change(state: TrainState, w: Array) -> Array:
        mean = styles.mean(state)
        moved = mean + by.amount * (w - mean)
        return moved if by.layers is None else jnp.where(jnp.arange(layers)[:, None] < by.layers, moved, w)

    return change
