"""What is seen of each example in place of the example itself: flips and random crops by training, and by all who look
at it what is made of it, as small versions are.

All fields of an example move together: the coin and the place are the example's own.
"""

import math
from collections.abc import Callable
from fractions import Fraction
from functools import cache

import jax.numpy as jnp

from gans import kinds
from gans.core import Array, Batch, Keys, Spec
from gans.data.base import Source
from gans.data.images import pixels
from gans.errors import UserError, unknown
from gans.ops import bicubic, rendering
from gans.ops.random import fold, integers, split, uniform

Transform = Callable[[Batch, Keys], Batch]


def flip(source: Source) -> Source:
    """The set of which training sees half of the examples mirrored, left to right.

    Raises:
        UserError: nothing in it can be mirrored.
    """
    mirrors = {name: kind.mirror for name, kind in kinds.fields_of(source.spec).items() if kind.mirror}
    if not mirrors:
        raise UserError('data.flip is set, but this is no set of images; leave it False')

    def augment(batch: Batch, keys: Keys) -> Batch:
        coin = uniform(keys) < 0.5
        return {**batch, **{name: mirror(batch[name], coin) for name, mirror in mirrors.items()}}

    return source._replace(augment=_after(source.augment, augment))


def random_crop(source: Source, side: int) -> Source:
    """The set of which training sees a random square of each example, and all others see the central one.

    Args:
        side: of the square, in pixels of 'real'. A field of another resolution is cut at the same place, in proportion.

    Raises:
        UserError: nothing can be cut so, or a square would not be of whole pixels in some field.
    """
    crops = {name: kind.crop for name, kind in kinds.fields_of(source.spec).items() if kind.crop}
    if 'real' not in crops:
        raise UserError(f'data.random_crop={side} is set, but this is no set of images; leave it off')
    height, width = source.spec.shape[-3:-1]
    if pixels(side, 'random_crop') > min(height, width):
        raise UserError(f'data.random_crop={side} does not lie in images of {height} x {width}: take a smaller square')
    scales = {name: _scale(name, source.fields[name].shape[-3:-1], (height, width), side) for name in crops}
    step = math.lcm(*(scale.denominator for scale in scales.values()))  # between places that are whole in all fields

    def cut(batch: Batch, corners: Array) -> Batch:
        corner = lambda scale: corners * scale.numerator // scale.denominator
        made = {name: crop(batch[name], corner(scales[name]), int(side * scales[name])) for name, crop in crops.items()}
        return {**batch, **made}

    def augment(batch: Batch, keys: Keys) -> Batch:
        keys = split(fold(keys, 'crop'), 2)
        places = [integers(some, (n - side) // step + 1) for some, n in zip(keys, (height, width), strict=True)]
        return cut(batch, step * jnp.stack(places, -1))

    def center(batch: Batch) -> Batch:
        corner = jnp.array([(n - side) // 2 // step * step for n in (height, width)], jnp.int32)
        return cut(batch, jnp.broadcast_to(corner, (len(batch['real']), 2)))

    square = lambda name, shape: (*shape[:-3], *[int(side * scales[name])] * 2, shape[-1])
    fields = dict(source.fields)
    fields |= {name: fields[name]._replace(shape=square(name, fields[name].shape)) for name in crops}
    spec = fields.pop('real')._replace(fields=fields)
    return source._replace(spec=spec, augment=_after(source.augment, augment), center=center)


def shrink(source: Source, factor: int, kernel: str = 'pillow') -> Source:
    """The set whose examples have a field 'source': 'real' that many times smaller, rounded to 8 bits as files are.

    It is made of what is left after crops and flips, as codes of super-resolution do.

    Args:
        factor: pixels of 'real' per pixel of 'source', along both sides.
        kernel: of `gans.ops.bicubic.KERNELS`.

    Raises:
        UserError: no images, images of no multiple of so many pixels, or they have a source already.
    """
    if not kinds.is_image(source.spec) or source.parts:
        raise UserError(f'data.shrink={factor} is set, but this is no set of images; leave it off')
    if 'source' in source.spec.fields:
        raise UserError(f"data.shrink={factor} would make a 'source', which the examples have already: leave one off")
    if kernel not in bicubic.KERNELS:
        raise unknown('data.shrink_kernel', kernel, bicubic.KERNELS)
    *size, channels = source.spec.shape
    if any(side % pixels(factor, 'shrink') for side in size):
        raise UserError(
            f'data.shrink={factor} does not divide images of {size[0]} x {size[1]}: take a multiple of it for data.size'
            ' or data.random_crop'
        )
    small = source.spec._replace(shape=(*(side // factor for side in size), channels), classes=(), fields={})
    spec = source.spec._replace(fields={**source.spec.fields, 'source': small})
    return source._replace(spec=spec, derive=_shrinker(*small.shape[:2], kernel))


@cache  # equal functions are compiled once
def _shrinker(height: int, width: int, kernel: str) -> Callable[[Batch], Batch]:
    return lambda batch: {**batch, 'source': bicubic.resize(batch['real'], height, width, kernel)}


def view(source: Source, size: int, turn: float | Array = 60.0) -> Source:
    """The set of volumes whose examples have a field 'source': a picture of 'real', [size, size, 3], seen from above
    and from a side that is drawn anew each time that the example comes.

    Args:
        size: pixels of the picture's sides.
        turn: degrees, to either side of the front, that the eye goes at most.

    Raises:
        UserError: no volumes, or they have a source already.
    """
    if kinds.name_of(source.spec) != 'volumes' or source.parts:
        raise UserError(f'data.view={size} is set, but this is no set of volumes; leave it off')
    if 'source' in source.spec.fields:
        raise UserError(f"data.view={size} would make a 'source', which the examples have already: leave one off")
    seen = Spec((pixels(size, 'view'), size, 3), kind='images')
    spec = source.spec._replace(fields={**source.spec.fields, 'source': seen})
    return source._replace(spec=spec, finish=_turner(source.finish, turn), derive=_viewer(size))


def _turner(finish: Transform, turn: float | Array) -> Transform:
    return lambda raw, keys: {**finish(raw, keys), 'turn': uniform(fold(keys, 'turn'), (), -1.0, 1.0) * turn}


@cache  # equal functions are compiled once
def _viewer(size: int) -> Callable[[Batch], Batch]:
    def see(batch: Batch) -> Batch:
        rest = {name: array for name, array in batch.items() if name != 'turn'}
        return {**rest, 'source': rendering.render(batch['real'], batch['turn'], size)}

    return see


def _scale(name: str, size: tuple[int, ...], real: tuple[int, ...], side: int) -> Fraction:
    """A field's pixels per pixel of 'real', if squares of that side are whole there."""
    scale, across = (Fraction(n, of) for n, of in zip(size, real, strict=True))
    if scale != across:
        shapes = ' x '.join(map(str, size)), ' x '.join(map(str, real))
        raise UserError(f"data.random_crop={side}: '{name}' of {shapes[0]} is not in proportion to {shapes[1]}")
    if side % scale.denominator:
        part, size = f'{float(side * scale):.4g}', ' x '.join(map(str, size))
        raise UserError(
            f"data.random_crop={side} are {part} pixels of '{name}' of {size}: take a multiple of {scale.denominator}"
        )
    return scale


def _after(first: Transform | None, then: Transform) -> Transform:
    return then if first is None else lambda batch, keys: then(first(batch, keys), keys)
