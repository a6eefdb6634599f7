"""Images of any size as tiles that a net of convolutions takes, and back: padded, cut, blended where tiles overlap."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

LARGEST = 1024  # an image of more than the square of so many pixels, as it is made, is made in tiles of that side
OVERLAP = 4  # a tile's share of its side that the next one has as well, at least: a quarter


class Plan(NamedTuple):
    """How images of one size are cut."""

    size: tuple[int, int]  # of an image: height and width
    padded: tuple[int, int]  # the same as multiples
    tile: tuple[int, int]  # of each tile; `padded`, if there is one only
    places: list[tuple[int, int]]  # of the tiles' upper left pixels in the padded image
    scale: int  # by which what is made is larger

    @property
    def area(self) -> int:
        """Pixels that are made of a tile."""
        return math.prod(self.tile) * self.scale**2

    def cut(self, image: np.ndarray) -> np.ndarray:
        """An image [h, w, c] of that size as tiles [T, *tile, c]; beyond its border it is reflected."""
        margins = [(n - side) // 2 for side, n in zip(self.size, self.padded, strict=True)]
        pads = [(low, n - side - low) for low, side, n in zip(margins, self.size, self.padded, strict=True)]
        image = np.pad(image, [*pads, (0, 0)], 'reflect')
        return np.stack([image[y : y + self.tile[0], x : x + self.tile[1]] for y, x in self.places])

    def join(self, tiles: np.ndarray) -> np.ndarray:
        """What is made of the tiles, float [T, *(scale tile), C], as one image [scale h, scale w, C]: where tiles
        overlap, their mean with weights that fall linearly towards their borders.
        """
        scaled = lambda sides: tuple(self.scale * side for side in sides)
        (height, width), shape = scaled(self.tile), (*scaled(self.padded), 1)
        weight = np.outer(_ramp(height), _ramp(width))[..., None]
        total, weights = np.zeros((*shape[:2], tiles.shape[-1]), np.float32), np.zeros(shape, np.float32)
        for (y, x), tile in zip(map(scaled, self.places), tiles, strict=True):
            total[y : y + height, x : x + width] += weight * tile
            weights[y : y + height, x : x + width] += weight
        margins = scaled((n - side) // 2 for side, n in zip(self.size, self.padded, strict=True))
        low, left = margins
        high, right = scaled(self.size)
        return (total / weights)[low : low + high, left : left + right]


def plan(size: tuple[int, int], multiple: int, scale: int = 1) -> Plan:
    """How a net of such multiples, which makes images `scale` times as large, is given those of a height and width."""
    padded = tuple(-(-side // multiple) * multiple for side in size)
    if math.prod(padded) * scale**2 <= LARGEST**2:
        return Plan(size, padded, padded, [(0, 0)], scale)
    most = max(1, LARGEST // scale // multiple) * multiple
    tile = tuple(min(most, side) for side in padded)
    rows, columns = (_starts(side, own) for side, own in zip(padded, tile, strict=True))
    return Plan(size, padded, tile, [(y, x) for y in rows for x in columns], scale)


def in_batches(make: Callable[[np.ndarray, np.ndarray], np.ndarray], size: int) -> Callable:
    """Makes (tiles [T, ...], numbers [T]) -> what `make` makes of them [T, ...], `size` at a time: one program."""

    def made(tiles: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        found = []
        for start in range(0, len(tiles), size):
            places = np.minimum(np.arange(start, start + size), len(tiles) - 1)  # the last one fills up
            found.append(make(tiles[places], numbers[places])[: len(tiles) - start])
        return np.concatenate(found)

    return made


def _starts(side: int, tile: int) -> list[int]:
    """Where tiles begin along a side: evenly, so that each shares enough with the next."""
    shared = tile // OVERLAP
    count = 1 if side == tile else -(-(side - shared) // (tile - shared))
    return np.linspace(0, side - tile, count).round().astype(int).tolist()


def _ramp(length: int) -> np.ndarray:
    """Weights that rise linearly from the borders up to where tiles need not overlap, [length]."""
    return np.minimum(np.arange(1, length + 1), np.arange(length, 0, -1)).clip(max=max(1, length // OVERLAP))
