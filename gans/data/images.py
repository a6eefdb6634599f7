"""What all image sets share: uint8 images [H, W, C] of C = 1 (grey) or 3 (RGB), squares of one size."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import jax
import numpy as np

from gans.core import Spec
from gans.data.base import Source, finish_by_kind
from gans.errors import UserError

if TYPE_CHECKING:
    from PIL.Image import Image


def image_set(
    images: np.ndarray, labels: np.ndarray | None = None, classes: Sequence[str] = (), **fields: np.ndarray
) -> Source:
    """The set of images uint8 [N, H, W, C], which may be a memory map, and labels [N], indices of classes.

    Args:
        fields: what each example has beside them, [N, ...]: images (uint8), points, whole numbers.
    """
    arrays = {'real': images} | ({} if labels is None else {'label': labels.astype(np.int32)}) | fields
    beside = {name: Spec(array.shape[1:]) for name, array in fields.items()}
    spec = Spec(images.shape[1:], () if labels is None else tuple(classes), fields=beside)
    return Source(spec, finish_by_kind(spec), size=len(images), arrays=arrays)


def outline(
    absent: str, shape: tuple[int, ...], size: int = 1, classes: Sequence[str] = (), **fields: tuple[int, ...]
) -> Source:
    """A set that is not here, for the reason `absent`, of which no more is known than this.

    Args:
        shape: of its images, [H, W, C].
        size: how many there are, as far as that is known.
        fields: shapes of the images that each example has beside it.
    """
    blank = lambda shape: np.broadcast_to(np.uint8(0), (size, *shape))  # which takes no memory
    labels = np.arange(size) % len(classes) if classes else None
    beside = {name: blank(shape) for name, shape in fields.items()}
    return image_set(blank(shape), labels, classes, **beside)._replace(absent=absent, digest='')


def pixels(value: int, key: str = 'size') -> int:
    """The value of `data.key`, if it is a number of pixels."""
    if not isinstance(value, int) or value < 1:
        raise UserError(f'data.{key} is {value!r}; it must be a whole number of pixels, such as 64')
    return value


def resize(images: np.ndarray, size: int) -> np.ndarray:
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
        pieces = list(pool.map(source.read, np.array_split(np.arange(source.size), -(-source.size // 256))))
    return {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}


def hold(source: Source) -> Source:
    """A set of one part as metrics see it, in memory: never flipped, and cropped as it is to be."""
    arrays = whole(source)
    if source.center is not None:
        cut = lambda start: source.center({name: array[start : start + 1000] for name, array in arrays.items()})
        pieces = [jax.device_get(cut(start)) for start in range(0, source.size, 1000)]
        arrays = {name: np.concatenate([piece[name] for piece in pieces]) for name in arrays}
    return source._replace(arrays=arrays, read=None, augment=None, center=None)


def square(image: Image, size: int, channels: int, crop: int | None = None) -> np.ndarray:
    """The center of an image, uint8 [size, size, channels].

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


def stretch(image: Image, size: int, channels: int) -> np.ndarray:
    """The whole of an image, uint8 [size, size, channels], whatever its shape: by Pillow's antialiased bicubic filter,
    as in the code of Pix2Pix and CycleGAN. Arguments are those of `square`.
    """
    from PIL.Image import Resampling

    image = image.convert('L' if channels == 1 else 'RGB')
    image = image if image.size == (size, size) else image.resize((size, size), Resampling.BICUBIC)
    return np.asarray(image).reshape(size, size, channels)


FITS = {'stretch': stretch, 'crop': square}  # an image of any shape -> a square
