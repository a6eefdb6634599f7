"""Clips of sprites that move straight ahead and bounce off the walls: what they show and how it moves is known exactly.

As Moving MNIST (Srivastava 2015, 1502.04681), drawn without end inside the compiled step. Sprites lie between pixels
(bilinear), so that the middle of their ink moves by as much as they do.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from gans.core import Array, Keys, Spec
from gans.data import digits, openmoji
from gans.data.base import Source, whole_number
from gans.data.images import pixels, resize
from gans.ops import random

SPRITE = 28 / 64  # sides of a digit and of a picture in Moving MNIST
FASTEST = 5 / 64  # sides of a picture per frame, as TGANv2's maker has it, see `moving_digits`
SLOWEST = 1 / 5  # of the fastest


class Sprites(NamedTuple):
    """What moves in the clips of a set, one in each: for scores that know it."""

    ink: np.ndarray  # uint8 [S, s, s, C], 0 where nothing is
    labels: np.ndarray  # int32 [S], the classes
    white: bool  # whether they stand on white, and their ink is what they take from it
    fastest: float | Array  # pixels per frame


def moving_digits(
    *, frames: int = 16, size: int = 32, number: int = 1, speed: float = FASTEST, split: str = 'all'
) -> Source:
    """Digits, white on black, [frames, size, size, 1]; the label is the digit, if there is one alone.

    The start is uniform, so is the direction, and the speed between a fifth of the fastest and the fastest: with the
    defaults 0.5 to 2.5 pixels per frame, TGANv2's Moving MNIST at half its size. Digits are those of scikit-learn,
    enlarged to 28 / 64 of the size.

    Args:
        frames: of a clip.
        size: pixels of a side.
        number: digits in a clip, which pass each other.
        speed: of the fastest, in sides of a picture per frame.
        split: of the digits: 'all', 'train' or 'test'.

    Raises:
        UserError: a wrong argument.
    """
    side = max(1, round(SPRITE * pixels(size)))
    source = digits.digits(size=side, split=split)
    sprites = Sprites(source.arrays['real'], source.arrays['label'], False, speed * size)
    return _moving(sprites, source.spec.classes, frames, size, number)._replace(absent=source.absent)


def moving_emoji(
    *, frames: int = 16, size: int = 32, number: int = 1, speed: float = FASTEST, split: str = 'all'
) -> Source:
    """Emoji of OpenMoji, in color on white, [frames, size, size, 3]; the label is the group, if there is one alone.

    They move as `moving_digits`, and are as large; where some pass each other the darker is seen.

    Args:
        frames, size, number, speed: as of `moving_digits`.
        split: of the emoji: 'all', 'train' or 'test'.

    Raises:
        UserError: a wrong argument.
    """
    source = openmoji.openmoji(size=64, split=split)
    ink = 255 - resize(source.arrays['real'], max(1, round(SPRITE * pixels(size))))
    sprites = Sprites(ink, source.arrays['label'], True, speed * size)
    return _moving(sprites, source.spec.classes, frames, size, number)


def _moving(sprites: Sprites, classes: Sequence[str], frames: int, size: int, number: int) -> Source:
    """The set of clips in which `number` sprites move."""
    for key, value in (('frames', frames), ('number', number)):
        whole_number(key, value)
    count, side, _, channels = sprites.ink.shape

    def finish(raw: dict[str, Array], keys: Keys) -> dict[str, Array]:
        which, where = random.split(keys, 2)
        chosen = jnp.stack([random.integers(some, count) for some in random.split(which, number)], 1)  # [B, number]
        ways = [draw_paths(some, frames, size - side, sprites.fastest) for some in random.split(where, number)]
        drawn = [place(jnp.asarray(sprites.ink)[chosen[:, i]] / 255.0, way, size) for i, way in enumerate(ways)]
        ink = jnp.stack(drawn).max(0)
        found = {'real': 1 - 2 * ink if sprites.white else 2 * ink - 1}
        return found | ({'label': jnp.asarray(sprites.labels)[chosen[:, 0]]} if number == 1 else {})

    spec = Spec((frames, size, size, channels), tuple(classes) if number == 1 else (), 'clips')
    return Source(spec, finish, sprites=sprites if number == 1 else None)


def draw_paths(keys: Keys, frames: int, room: int, fastest: float | Array) -> Array:
    """Places of the upper left corners of squares, [B, frames, 2] as (row, column), in [0, room].

    Args:
        room: pixels that they can move along each axis.
        fastest: pixels per frame; speeds are uniform between a fifth of it and it.
    """
    start, direction, speed = random.split(keys, 3)
    start = random.uniform(start, (2,)) * room  # [B, 2]
    angle = 2 * np.pi * random.uniform(direction)
    speed = random.uniform(speed, (), SLOWEST, 1.0) * fastest
    velocity = speed[:, None] * jnp.stack([jnp.sin(angle), jnp.cos(angle)], -1)
    return bounce(start[:, None] + velocity[:, None] * np.arange(frames)[:, None], room)


def bounce(x: Array, room: int) -> Array:
    """Where in [0, room] comes what would be at x if there were no walls: reflected, as often as needed."""
    return room - jnp.abs(jnp.mod(x, 2 * room) - room) if room else jnp.zeros_like(x)


def place(ink: Array, corners: Array, size: int) -> Array:
    """Sprites [B, s, s, C] on nothing, [B, T, size, size, C], their upper left corners at float [B, T, 2]."""
    rows = _shift(jnp.broadcast_to(ink[:, None], (*corners.shape[:2], *ink.shape[1:])), corners[..., 0], size)
    return _shift(rows.swapaxes(2, 3), corners[..., 1], size).swapaxes(2, 3)


def _shift(x: Array, start: Array, size: int) -> Array:
    """x [B, T, s, ...] along its third axis at float places [B, T] of [B, T, size, ...], bilinear."""
    whole = jnp.floor(start)
    share = (start - whole).reshape(*start.shape, *[1] * (x.ndim - 2))
    x = jnp.pad(x, [(0, 0), (0, 0), (1, 1), *[(0, 0)] * (x.ndim - 3)])
    places = np.arange(size) - whole.astype(jnp.int32)[..., None] + 1  # [B, T, size], in x with its border

    def at(places: Array) -> Array:
        index = jnp.clip(places, 0, x.shape[2] - 1).reshape(*places.shape, *[1] * (x.ndim - 3))
        return jnp.take_along_axis(x, index, 2)

    return (1 - share) * at(places) + share * at(places - 1)
