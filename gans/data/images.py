"""What all image sets share: uint8 images [H, W, C] of C = 1 (grey) or 3 (RGB), and their way to [-1, 1]."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from gans.core import Array, Keys, Spec
from gans.data.base import Source
from gans.errors import UserError
from gans.ops.pixels import mirror as mirrored
from gans.ops.pixels import to_float
from gans.ops.random import uniform

if TYPE_CHECKING:
    from PIL.Image import Image


def finish(raw: dict[str, Array], keys: Keys) -> dict[str, Array]:
    """uint8 images to float32 in [-1, 1]; the rest stays."""
    return {**raw, 'real': to_float(raw['real'])}


def mirror(batch: dict[str, Array], keys: Keys) -> dict[str, Array]:
    """Mirrors each image [H, W, C], left to right, with probability 1/2."""
    return {**batch, 'real': mirrored(batch['real'], uniform(keys) < 0.5)}


def image_set(images: np.ndarray, labels: np.ndarray | None = None, classes: Sequence[str] = ()) -> Source:
    """The set of images uint8 [N, H, W, C], which may be a memory map, and labels [N], indices of classes."""
    arrays = {'real': images} if labels is None else {'real': images, 'label': labels.astype(np.int32)}
    classes = () if labels is None else tuple(classes)
    return Source(Spec(images.shape[1:], classes), finish, size=len(images), arrays=arrays)


def pixels(value: int, key: str = 'size') -> int:
    """The value of `data.key`, if it is a number of pixels."""
    if not isinstance(value, int) or value < 1:
        raise UserError(f'data.{key} is {value!r}; it must be a whole number of pixels, such as 64')
    return value


def resized(images: np.ndarray, size: int) -> np.ndarray:
    """uint8 images [N, H, W, C] as [N, size, size, C], each by `square`."""
    from PIL import Image

    if images.shape[1:3] == (size, size):
        return images
    channels = images.shape[3]
    flat = images[..., 0] if channels == 1 else images
    return np.stack([square(Image.fromarray(image), size, channels) for image in flat])


def whole(source: Source) -> dict[str, np.ndarray]:
    """All raw examples of a set; one that is read is read by several threads, since decoding images takes long."""
    if source.arrays is not None:
        return source.arrays
    with ThreadPoolExecutor() as pool:
        parts = list(pool.map(source.read, np.array_split(np.arange(source.size), -(-source.size // 256))))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def square(image: Image, size: int, channels: int, crop: int | None = None) -> np.ndarray:
    """The centre of an image, uint8 [size, size, channels].

    Args:
        image: of Pillow, of any size, 'L' or 'RGB' (see `gans.data.decode.eight_bits`).
        size: pixels of the result's side, by Pillow's antialiased Lanczos filter.
        channels: 3 for RGB, 1 for grey.
        crop: side of the central square that is kept, in pixels of the image; by default the largest there is.
    """
    from PIL.Image import Resampling

    image = image.convert('L' if channels == 1 else 'RGB')
    side = min(crop or max(image.size), *image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    box = (left, top, left + side, top + side)
    image = image.crop(box) if side == size else image.resize((size, size), Resampling.LANCZOS, box)
    return np.asarray(image).reshape(size, size, channels)
