"""A folder of images of any size and kind, decoded once and kept as a memory map of uint8."""

import hashlib
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from gans.cache import home
from gans.data.base import Source
from gans.data.images import image_set, pixels, square
from gans.errors import UserError

SUFFIXES = {'.bmp', '.gif', '.jpeg', '.jpg', '.pgm', '.png', '.ppm', '.tif', '.tiff', '.webp'}


def folder(path: str, *, size: int = 64, channels: int = 3, strict: bool = False, cache: str | None = None) -> Source:
    """All images below a folder: the central square of each, turned upright, resampled (Lanczos, antialiased).

    If they all lie in sub-folders, and there are at least two, then the sub-folders' names are the classes.

    Args:
        path: of the folder; names that begin with a dot are left out.
        size: pixels of a side.
        channels: 3 for RGB, 1 for grey. Transparency is laid over white, 16 bits become 8.
        strict: whether a file that cannot be read is an error; otherwise it is named in the log and left out.
        cache: folder for the decoded images, by default $XDG_CACHE_HOME/gans or ~/.cache/gans; without the right to
            write there, all is decoded into memory each time. Nothing is deleted from it.

    Raises:
        UserError: no such folder, or no readable image in it.
    """
    if channels not in (1, 3):
        raise UserError(f'data.channels is {channels!r}; it must be 3 for RGB or 1 for grey')
    pixels(size)
    root = Path(path).expanduser()
    if not root.is_dir():
        raise UserError(f"there is no folder '{path}'; give data.name as folder:PATH")
    names = images_in(root)
    groups = sorted({name.parts[0] for name in names})
    labelled = len(groups) > 1 and all(len(name.parts) > 1 for name in names)
    place = Path(cache).expanduser() if cache else home()
    images, kept = _decoded(root, names, size, channels, strict, place)
    labels = np.array([groups.index(names[i].parts[0]) for i in kept]) if labelled else None
    return image_set(images, labels, groups)


def images_in(root: Path) -> list[Path]:
    """The images below a folder, relative to it, sorted; UserError if there is none."""
    names = sorted(_names(root))
    if not names:
        raise UserError(f"no image lies in '{root}'; wanted are files such as {', '.join(sorted(SUFFIXES))}")
    return names


def _names(root: Path) -> list[Path]:
    """The images below a folder, relative to it; links to folders are followed, but not to one that they lie in."""
    found = []
    for place, folders, files in os.walk(root, followlinks=True):
        real = Path(place).resolve()
        folders[:] = [n for n in folders if not n.startswith('.') and not real.is_relative_to((real / n).resolve())]
        files = [n for n in files if not n.startswith('.') and Path(n).suffix.lower() in SUFFIXES]
        found += [Path(place, n).relative_to(root) for n in files if Path(place, n).is_file()]  # no dangling links
    return found


def _decoded(
    root: Path, names: list[Path], size: int, channels: int, strict: bool, cache: Path
) -> tuple[np.ndarray, np.ndarray]:
    """The readable images uint8 [N, size, size, channels] and their indices among the names; cached if possible."""
    stats = [(root / name).stat() for name in names]
    files = [(str(name), stat.st_mtime_ns, stat.st_size) for name, stat in zip(names, stats, strict=True)]
    key = json.dumps(['1', str(root.resolve()), size, channels, strict, files])  # all that the result depends on
    done = cache / hashlib.sha256(key.encode()).hexdigest()[:32]
    if not done.is_dir():
        try:
            _write(done, _decode(root, names, size, channels, strict))
        except OSError as error:
            if not done.is_dir():  # another run may have been first
                logging.warning("cannot keep decoded images in '%s' (%s); decoding into memory", cache, error)
                kept, images = zip(*_decode(root, names, size, channels, strict), strict=True)
                return np.stack(images), np.array(kept)
    kept = np.load(done / 'kept.npy')
    return np.memmap(done / 'images.uint8', np.uint8, 'r', shape=(len(kept), size, size, channels)), kept


def _write(done: Path, rows: Iterator[tuple[int, np.ndarray]]) -> None:
    """Writes rows of (index, image) in a folder of another name, which is renamed when all are there."""
    done.parent.mkdir(parents=True, exist_ok=True)
    making = Path(tempfile.mkdtemp(prefix='making-', dir=done.parent))
    try:
        kept = []
        with open(making / 'images.uint8', 'wb') as file:
            for i, image in rows:
                file.write(image.tobytes())
                kept.append(i)
        np.save(making / 'kept.npy', kept)
        making.replace(done)
    finally:
        shutil.rmtree(making, ignore_errors=True)


def _decode(root: Path, names: list[Path], size: int, channels: int, strict: bool) -> Iterator[tuple[int, np.ndarray]]:
    """The index and the image of each file that can be read, in order, decoded by several threads."""
    from PIL import Image, ImageOps

    def decoded(name: Path) -> np.ndarray | Exception:
        try:
            with Image.open(root / name) as image:
                return square(ImageOps.exif_transpose(image), size, channels)
        except Exception as error:  # a broken file may raise anything at all
            return error

    readable = 0
    with ThreadPoolExecutor() as pool:
        for i, image in enumerate(pool.map(decoded, names)):
            if isinstance(image, np.ndarray):
                readable += 1
                yield i, image
            elif strict:
                raise UserError(f"cannot read '{root / names[i]}' ({image}); remove it or leave data.strict False")
            else:
                logging.warning("left out '%s', which cannot be read: %s", root / names[i], image)
    if not readable:
        raise UserError(f"none of the {len(names)} images in '{root}' can be read; the first is '{names[0]}'")
