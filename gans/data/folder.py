"""A folder of images of any size and kind, decoded once and kept as a memory map of uint8."""

import hashlib
import json
import logging
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gans.cache import home
from gans.data.base import Source, digest_of
from gans.data.decode import eight_bits, has_frames
from gans.data.files import pictures_in, say_frames
from gans.data.images import image_set, outline, pixels, square
from gans.errors import UserError

DECODING = 2  # raise it with any change here, or in `eight_bits` and `square`, that changes images or what is said

Rows = Iterator[tuple[Path, np.ndarray | Exception, bool]]  # see `_decode`


class Report(NamedTuple):
    """What is kept beside decoded images, as JSON."""

    readable: int  # how many there are
    sha256: str  # of their bytes
    unreadable: dict[str, str]  # why, by name
    frames: int  # images that have more frames than the one that is taken


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
    images, report = _load_or_decode(root, names, size, channels, Path(cache).expanduser() if cache else home())
    for name, error in report.unreadable.items():
        if strict:
            raise UserError(f"cannot read '{root / name}' ({error}); remove it or leave data.strict False")
        logging.warning("left out '%s', which cannot be read: %s", root / name, error)
    say_frames(root, report.frames)
    kept = [name for name in names if str(name) not in report.unreadable]
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


def _load_or_decode(root: Path, names: list[Path], size: int, channels: int, cache: Path) -> tuple[np.ndarray, Report]:
    """The readable images uint8 [N, size, size, channels]; cached if possible."""
    files = [(str(name), *_dates(root / name)) for name in names]
    key = json.dumps([DECODING, str(root.resolve()), size, channels, files])  # all that the result depends on
    done = cache / hashlib.sha256(key.encode()).hexdigest()[:32]
    kept, why = _read_cached(done, size, channels), None
    if kept is None:
        shutil.rmtree(done, ignore_errors=True)  # what is there is damaged
        try:
            _write(done, root, _decode(root, names, size, channels))
        except OSError as error:  # another run may have been first
            why = error
        kept = _read_cached(done, size, channels)
    if kept is None:
        logging.warning("cannot keep decoded images in '%s' (%s); decoding into memory", cache, why)
        images = []
        report = _gather(root, _decode(root, names, size, channels), images.append)
        kept = np.stack(images), report
    return kept


def _dates(path: Path) -> tuple[int, ...]:
    """What changes with a file; () if it has vanished since it was listed, which `_decode` will find."""
    try:
        found = path.stat()
    except OSError:
        return ()
    # The time of change as well, which nobody can set: a file may be replaced by one of equal date and size.
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size


def _read_cached(done: Path, size: int, channels: int) -> tuple[np.ndarray, Report] | None:
    """What `_write` wrote, if it is there and whole."""
    try:
        report = Report(**json.loads((done / 'report.json').read_text(encoding='utf-8')))
        shape = (report.readable, size, size, channels)
        return np.memmap(done / 'images.uint8', np.uint8, 'r', shape=shape), report
    except (OSError, ValueError, TypeError):
        return None


def _write(done: Path, root: Path, rows: Rows) -> None:
    """Writes images and report into a folder of another name, which is renamed when all are there."""
    done.parent.mkdir(parents=True, exist_ok=True)
    making = Path(tempfile.mkdtemp(prefix='making-', dir=done.parent))
    try:
        with open(making / 'images.uint8', 'wb') as file:
            report = _gather(root, rows, lambda image: file.write(image.tobytes()))
        (making / 'report.json').write_text(json.dumps(report._asdict()), encoding='utf-8')
        making.replace(done)
    finally:
        shutil.rmtree(making, ignore_errors=True)


def _gather(root: Path, rows: Rows, keep: Callable[[np.ndarray], Any]) -> Report:
    """Keeps the images, and reports. Raises UserError if there is none."""
    content, unreadable, readable, several = hashlib.sha256(), {}, 0, 0
    for name, image, frames in rows:
        if isinstance(image, Exception):
            unreadable[str(name)] = str(image) or type(image).__name__
        else:
            keep(image)
            content.update(image)
            readable, several = readable + 1, several + frames
    if not readable:
        first, error = next(iter(unreadable.items()))
        count = len(unreadable)
        raise UserError(f"none of the {count} images in '{root}' can be read; the first is '{first}': {error}")
    return Report(readable, content.hexdigest(), unreadable, several)


def _decode(root: Path, names: list[Path], size: int, channels: int) -> Rows:
    """Each name, its image or why it cannot be read, and whether it has more frames; decoded by several threads."""
    from PIL import Image

    def decoded(name: Path) -> tuple[Path, np.ndarray | Exception, bool]:
        try:
            with Image.open(root / name) as image:
                return name, square(eight_bits(image), size, channels), has_frames(image)
        except MemoryError:
            raise
        except Exception as error:  # a broken file may raise anything at all
            return name, error, False

    with warnings.catch_warnings(), ThreadPoolExecutor() as pool:
        warnings.filterwarnings('ignore', module='PIL')  # of images that it reads: the cache would not warn again
        yield from pool.map(decoded, names)
