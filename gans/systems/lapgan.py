"""LAPGAN (Denton 2015, 1506.05751): a GAN of small images, and for each doubling of their size a GAN of residuals,
conditioned on the upsampled smaller image.

In training, levels are independent: each is conditioned on real smaller images. Samples are drawn from coarse to fine
(eq. 4). Nets, players and updates are named by the size of their level: generator_8, critic_16, ...
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp
import ml_collections
from jax import ShapeDtypeStruct

from gans.core import Array, Batch, Compute, Keys, Net, Params, Sampler, Spec, System, TrainState, Tree
from gans.errors import UserError
from gans.latents import make_latents
from gans.nets import build as nets
from gans.ops import random
from gans.ops.pyramid import gaussian, laplacian, up
from gans.optimizers import ema
from gans.parts import Conditions, Pair
from gans.systems._players import make_generate, refuse, two_players


class Level(NamedTuple):
    """One GAN of the pyramid."""

    size: int  # pixels of a side
    spec: Spec  # of its examples
    generator: Net  # (latents, *conditions) -> examples
    critic: Net  # (examples, *conditions) -> scores
    latents: Callable[[Keys], Array]  # keys [B] -> latents of the generator
    real: Callable[[Batch], tuple[Array, Conditions]]  # -> real examples; upsampled smaller images and labels, if any


def build(
    config: ml_collections.ConfigDict,
    spec: Spec,
    compute: Compute,
    *,
    coarsest: int = 8,
    conditional: bool = False,
    generator: Mapping[str, Any] = {},
    critic: Mapping[str, Any] = {},
) -> System:
    """Of the common keys, `generator` and `critic` are the nets of each finer level (net 'lapgan'), `latents.size` is
    that of the coarsest; game, terms and optimizers apply to every level.

    Args:
      coarsest: pixels of the coarsest level's side.
      conditional: whether all nets take labels; at the coarsest level by their `condition`, or by 'concat'.
      generator, critic: the coarsest level's nets.

    Raises:
      UserError: images that cannot be halved to the coarsest size, and options that have no meaning here.
    """
    for net in ('generator', 'critic'):
        refuse(config, f'{net}.condition', 'lapgan.conditional applies to all levels')
    refuse(config, 'pack', 'critics are conditioned on an image for each example')
    if conditional and not spec.classes:
        raise UserError(
            'lapgan.conditional needs labels, and this data set has none: set it to False, or see data.name'
        )
    sizes = _level_sizes(coarsest, spec)
    finer = [_residual_level(config, spec, compute, size, conditional) for size in sizes[1:]]
    levels = [_coarsest_level(config, spec, compute, sizes[0], conditional, generator, critic), *finer]

    def inputs(batch: Batch, keys: Keys) -> Tree:
        own = random.split(keys, len(levels))
        z = {f'z_{level.size}': level.latents(k) for level, k in zip(levels, own, strict=True)}
        return z | {'label': batch['label']} if conditional else z

    def images(state: TrainState, inputs: Tree) -> list[Array]:
        """The samples at every level, coarsest first."""
        label, samples = ((inputs['label'],) if conditional else ()), []
        for level in levels:
            low = tuple(up(x) for x in samples[-1:])
            given = inputs[f'z_{level.size}'], (*low, *label)
            out, _ = _generate(level)(state.params, state, given, False)
            samples.append(sum(low, out))  # those of the coarsest level are images, not residuals
        return samples

    def finest(state: TrainState, inputs: Tree) -> Array:
        return jnp.clip(images(state, inputs)[-1], -1, 1)  # residuals are unbounded, images are not

    def rows(state: TrainState, inputs: Tree) -> Array:
        """One row of images per sample, all levels at the size of the finest: [B, ...] -> [B * levels, H, W, C]."""
        samples = images(state, inputs)
        enlarge = lambda x: x.repeat(sizes[-1] // x.shape[1], 1).repeat(sizes[-1] // x.shape[1], 2)
        return jnp.clip(jnp.stack([enlarge(x) for x in samples], 1).reshape(-1, *spec.shape), -1, 1)

    return two_players(
        config,
        [_pair(level) for level in levels],
        {f'{role}_{level.size}': getattr(level, role) for level in levels for role in ('generator', 'critic')},
        samplers={
            'samples': Sampler(inputs, finest, asked={'label': 'labels'} if conditional else {}),
            'levels': Sampler(inputs, rows, about='each row is one sample', columns=tuple(f'{n} px' for n in sizes)),
        },
        ema=ema(config.ema, tuple(f'generator_{size}' for size in sizes)),
    )


def _generate(level: Level) -> Callable[[Params, TrainState, Tree, bool], tuple[Array, Params]]:
    """Makes `Pair.generate` for one level, whose inputs are latents and conditions."""
    return make_generate(level.generator, lambda inputs: (inputs[0], *inputs[1]), f'generator_{level.size}')


def _pair(level: Level) -> Pair:
    return Pair(
        level.spec,
        _generate(level),
        level.critic,
        inputs=lambda batch, keys: (level.latents(keys), level.real(batch)[1]),
        conditions=lambda inputs, state: inputs[1],
        real=lambda batch, state, inputs: level.real(batch)[0],
        name=str(level.size),
        replayable=False,
    )


def _coarsest_level(
    config: ml_collections.ConfigDict,
    spec: Spec,
    compute: Compute,
    size: int,
    conditional: bool,
    generator: Mapping[str, Any],
    critic: Mapping[str, Any],
) -> Level:
    """The GAN of the smallest images, with vectors as latents."""
    condition = {'condition': 'concat'} if conditional else {}
    small = spec._replace(shape=(size, size, spec.shape[2]))

    def real(batch: Batch) -> tuple[Array, Conditions]:
        return _downsample(batch, size), (batch['label'],) if conditional else ()

    return Level(
        size,
        small,
        nets.generator(condition | dict(generator), small, config.latents.size, compute),
        nets.critic(condition | dict(critic), small, compute),
        make_latents(config.latents),
        real,
    )


def _residual_level(
    config: ml_collections.ConfigDict, spec: Spec, compute: Compute, size: int, conditional: bool
) -> Level:
    """The GAN of the residuals of images of one size, with planes of noise as latents."""
    shape = (size, size, spec.shape[2])
    options = {'shape': shape, 'compute': compute, 'classes': len(spec.classes) if conditional else None}
    plane, image = (ShapeDtypeStruct((2, size, size, channels), jnp.float32) for channels in (1, shape[2]))
    label = (ShapeDtypeStruct((2,), jnp.int32),) if conditional else ()
    noise = make_latents(ml_collections.ConfigDict({**config.latents, 'size': size * size}))

    def real(batch: Batch) -> tuple[Array, Conditions]:
        residual, coarse = laplacian(_downsample(batch, size), 1)
        return residual, (up(coarse), batch['label']) if conditional else (up(coarse),)

    return Level(
        size,
        spec._replace(shape=shape),
        nets.from_linen(
            nets.make_module('LevelGenerator', config.generator, 'generator', **options), plane, image, *label
        ),
        nets.from_linen(nets.make_module('LevelCritic', config.critic, 'critic', **options), image, image, *label),
        lambda keys: noise(keys).reshape(-1, size, size, 1),
        real,
    )


def _downsample(batch: Batch, size: int) -> Array:
    """The real images, downsampled to that size."""
    return gaussian(batch['real'], (batch['real'].shape[1] // size).bit_length() - 1)[-1]


def _level_sizes(coarsest: int, spec: Spec) -> list[int]:
    """[coarsest, ..., H], or a UserError."""
    sizes = [coarsest]
    while len(spec.shape) == 3 and 0 < sizes[-1] < spec.shape[0]:
        sizes.append(2 * sizes[-1])
    if len(sizes) < 2 or spec.shape[:2] != (sizes[-1], sizes[-1]):
        raise UserError(f'lapgan.coarsest={coarsest} must be the side of square images halved one or more times, but'
                        f' images of this data set are {spec.shape}')  # fmt: skip
    return sizes
