"""Generators that are given an image of an example: a net that enlarges it, or one that keeps its size."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import ml_collections

from gans import kinds
from gans.core import Array, Batch, Compute, Keys, Net, Params, Sampler, Spec, TrainState, Tree
from gans.errors import UserError, unknown
from gans.nets import build as nets
from gans.ops.dropout import noise_words
from gans.systems._players import make_generate


def absolute_error(a: Array, b: Array) -> Array:
    """The mean |a - b| of each example: two of [B, ...] -> [B]."""
    return jnp.abs(a - b).mean(range(1, a.ndim))


def squared_error(a: Array, b: Array) -> Array:
    """The mean (a - b)^2 of each example: two of [B, ...] -> [B]."""
    return jnp.square(a - b).mean(range(1, a.ndim))


ERRORS: Mapping[str, Callable[[Array, Array], Array]] = {'mse': squared_error, 'l1': absolute_error}


class FromSource(NamedTuple):
    """A generator of images from images, as `Pair` has it."""

    net: Net
    given: Callable[[Array, Keys], Tree]  # (images, keys) -> its inputs: 'source', and 'noise' of a net with dropout
    generate: Callable[[Params, TrainState, Tree, bool], tuple[Array, Params]]

    def inputs(self, batch: Batch, keys: Keys) -> Tree:
        """Its inputs, of the sources of examples."""
        return self.given(batch['source'], keys)

    @property
    def multiple(self) -> int | None:
        """As of `Sampler`."""
        return getattr(self.net.module, 'multiple', None)

    def sampler(self) -> Sampler:
        """Its images, clipped to the range that images have."""
        make = lambda state, inputs: jnp.clip(self.generate(state.params, state, inputs, False)[0], -1, 1)
        return Sampler(self.inputs, make, target='real', multiple=self.multiple)


def from_source(config: ml_collections.ConfigDict, spec: Spec, compute: Compute) -> FromSource:
    """The net of `config.generator`: its Translator where the source has the size of 'real', its Upscaler where it is
    smaller.

    Raises:
      UserError: examples without a source, sizes that do not fit each other or the net.
    """
    source = spec.fields.get('source')
    if source is None:
        raise UserError(
            f"system '{config.system}' makes 'real' of the 'source' of an example, and this data set has none: set "
            'data.shrink=4 for small versions of any images, or take a set of pairs, such as paired:FOLDER'
        )
    if not kinds.is_image(spec) or not kinds.is_image(source):
        raise UserError(f"system '{config.system}' makes images of images, not {spec.shape} of {source.shape}")
    same = source.shape[:2] == spec.shape[:2]
    return from_images((nets.translator if same else _upscaler)(config.generator, source, spec, compute))


def from_images(net: Net, name: str = 'generator') -> FromSource:
    """A net of images, and of noise words if it has dropout. name: of the net in the system."""
    noisy = len(net.inputs) > 1

    def given(images: Array, keys: Keys) -> Tree:
        return {'source': images} | ({'noise': noise_words(keys)} if noisy else {})

    arguments = lambda inputs: tuple(inputs[name] for name in ('source', 'noise') if name in inputs)
    return FromSource(net, given, make_generate(net, arguments, name))


def _upscaler(config: Mapping[str, Any], source: Spec, made: Spec, compute: Compute) -> Net:
    """A net that enlarges images: [B, *source.shape] -> [B, *made.shape]."""
    module = nets.make_module('Upscaler', config, 'generator', shape=made.shape, compute=compute)
    if tuple(side * module.scale for side in source.shape[:2]) != made.shape[:2]:
        sizes = [' x '.join(map(str, each.shape[:2])) for each in (source, made)]
        raise UserError(f'generator.scale={module.scale} does not make {sizes[1]} pixels of {sizes[0]}: give it that'
                        ' of the data (data.shrink)')  # fmt: skip
    return nets.from_linen(module, jax.ShapeDtypeStruct((2, *source.shape), jnp.float32))


def error_of(name: str, key: str) -> Callable[[Array, Array], Array]:
    """The mean error of each example, ([B, ...], [B, ...]) -> [B]; UserError for a key that names none."""
    if name not in ERRORS:
        raise unknown(key, name, ERRORS)
    return ERRORS[name]
