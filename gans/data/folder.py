"""A folder of images of any size and kind, decoded once and kept as a memory map of uint8."""

import logging
from pathlib import Path

import numpy as np

from gans.data.base import Source, digest_of
from gans.data.decode import eight_bits, has_frames
from gans.data.decoded import load_or_decode
from gans.data.files import pictures_in
from gans.data.images import image_set, outline, pixels, square
from gans.errors import UserError


def folder(path: str, *, size: int = 64, channels: int = 3, strict: bool = False, cache: str | None = None) -> Source:
    """All images below a folder: the central square of each, turned upright, resampled (Lanczos, antialiased).

    If they all lie in sub-folders, and there are at least two, then the sub-folders' names are the classes. What is
    left out of the folder is said, with the same words each time: see `pictures_in`.

    Args:
        path: of the folder.
        size: pixels of a side.
        channels: 3 for RGB, 1 for grey. Transparency is laid over white; what becomes of 16 bits or of floats tells
            `eight_bits`.
        strict: whether a file that cannot be read is an error; otherwise it is named in the log and left out.
        cache: folder for the decoded images, by default $XDG_CACHE_HOME/gans or ~/.cache/gans; without the right to
            write there, all is decoded into memory each time. Only what is damaged is deleted from it.

    Raises:
        UserError: no such folder, or no readable image in it.
    """
    if channels not in (1, 3):
        raise UserError(f'data.channels is {channels!r}; it must be 3 for RGB or 1 for grey')
    pixels(size)
    root = Path(path).expanduser()
    if not root.is_dir():
        return outline(f"there is no folder '{path}'; give data.name as folder:PATH", (size, size, channels))
    names, groups = pictures_in(root)
    shape = (size, size, channels)

    def decode(name: Path) -> tuple[np.ndarray, bool]:
        from PIL import Image

        with Image.open(root / name) as image:
            return square(eight_bits(image), size, channels), has_frames(image)

    images, kept, report = load_or_decode(root, names, names, shape, [size, channels], lambda: decode, strict, cache)
    classes = sorted({name.parts[0] for name in kept})
    nested = all(len(name.parts) > 1 for name in kept)
    if nested and len({name.parts[0] for name in names}) > 1:
        for dead in sorted(set(groups) - set(classes)):
            logging.warning("'%s' is no class: no image in it can be read", root / dead)
    if nested and len(classes) > 1:
        source = image_set(images, np.array([classes.index(name.parts[0]) for name in kept]), classes)
    else:
        source = image_set(images)
    return source._replace(digest=digest_of(source.arrays, {'real': report.sha256}))
