"""Pictures below a folder, decoded once and kept as a memory map of uint8."""

import hashlib
import json
import logging
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gans.cache import home
from gans.data.files import say_frames
from gans.errors import UserError

DECODING = 2  # raise it with any change in what decodes (`eight_bits`, `square`, `stretch`) that changes what is kept

Decode = Callable[[Path], tuple[np.ndarray, bool]]  # name -> its array, and whether the file has more frames
Rows = Iterator[tuple[Path, np.ndarray | Exception, bool]]  # see `_decode`


class Report(NamedTuple):
    """What is kept beside decoded images, as JSON."""

    readable: int  # how many there are
    sha256: str  # of their bytes
    unreadable: dict[str, str]  # why, by name
    frames: int  # images that have more frames than the one that is taken
    lengths: Sequence[int] = ()  # of clips: the frames of each


def load_or_decode(
    root: Path,
    names: Sequence[Path],
    files: Sequence[Path],
    shape: tuple[int | None, ...],
    options: list,
    make_decode: Callable[[], Decode],
    strict: bool = False,
    cache: str | None = None,
) -> tuple[np.ndarray, list[Path], Report]:
    """The readable ones of some pictures, uint8 [N, *shape], their names, and the report; says which are left out.

    If the shape begins with None, they are clips of any lengths, one behind the other: uint8 [all frames, *the rest].

    Args:
        root: their folder.
        names: of the pictures, or of whatever `decode` makes an array of.
        files: all that are read for them, relative to the folder.
        options: as JSON, all else that the arrays depend on.
        make_decode: called if they are not in the cache.
        strict: whether one that cannot be read is an error; otherwise it is named in the log and left out.
        cache: folder for the decoded images, by default $XDG_CACHE_HOME/gans or ~/.cache/gans; without the right to
            write there, all is decoded into memory each time. Only what is damaged is deleted from it.

    Raises:
        UserError: none can be read.
    """
    folder = Path(cache).expanduser() if cache else home()
    images, report = _load_or_decode(root, names, files, shape, options, make_decode, folder)
    for name, error in report.unreadable.items():
        if strict:
            raise UserError(f"cannot read '{root / name}' ({error}); remove it or leave data.strict False")
        logging.warning("left out '%s', which cannot be read: %s", root / name, error)
    say_frames(root, report.frames)
    return images, [name for name in names if str(name) not in report.unreadable], report


def _load_or_decode(
    root: Path,
    names: Sequence[Path],
    files: Sequence[Path],
    shape: tuple[int | None, ...],
    options: list,
    make_decode: Callable[[], Decode],
    cache: Path,
) -> tuple[np.ndarray, Report]:
    dated = [(str(name), *_dates(root / name)) for name in files]
    key = json.dumps([DECODING, str(root.resolve()), *options, dated])  # all that the result depends on
    done = cache / hashlib.sha256(key.encode()).hexdigest()[:32]
    kept, why = _read_cached(done, shape), None
    if kept is None:
        shutil.rmtree(done, ignore_errors=True)  # what is there is damaged
        decode = make_decode()
        try:
            _write(done, root, _decode(names, decode), shape)
        except OSError as error:  # another run may have been first
            why = error
        kept = _read_cached(done, shape)
    if kept is None:
        logging.warning("cannot keep decoded images in '%s' (%s); decoding into memory", cache, why)
        images = []
        report = _gather(root, _decode(names, decode), shape, images.append)
        kept = np.concatenate(images) if shape[0] is None else np.stack(images), report
    return kept


def _dates(path: Path) -> tuple[int, ...]:
    """What changes with a file; () if it has vanished since it was listed, which `_decode` will find."""
    try:
        found = path.stat()
    except OSError:
        return ()
    # The time of change as well, which nobody can set: a file may be replaced by one of equal date and size.
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size


def _read_cached(done: Path, shape: tuple[int | None, ...]) -> tuple[np.ndarray, Report] | None:
    """What `_write` wrote, if it is there and whole."""
    try:
        report = Report(**json.loads((done / 'report.json').read_text(encoding='utf-8')))
        whole = (sum(report.lengths), *shape[1:]) if shape[0] is None else (report.readable, *shape)
        return np.memmap(done / 'images.uint8', np.uint8, 'r', shape=whole), report
    except (OSError, ValueError, TypeError):
        return None


def _write(done: Path, root: Path, rows: Rows, shape: tuple[int | None, ...]) -> None:
    """Writes images and report into a folder of another name, which is renamed when all are there."""
    done.parent.mkdir(parents=True, exist_ok=True)
    making = Path(tempfile.mkdtemp(prefix='making-', dir=done.parent))
    try:
        with open(making / 'images.uint8', 'wb') as file:
            report = _gather(root, rows, shape, lambda image: file.write(image.tobytes()))
        (making / 'report.json').write_text(json.dumps(report._asdict()), encoding='utf-8')
        making.replace(done)
    finally:
        shutil.rmtree(making, ignore_errors=True)


def _gather(root: Path, rows: Rows, shape: tuple[int | None, ...], keep: Callable[[np.ndarray], Any]) -> Report:
    """Keeps the images, and reports. Raises UserError if there is none."""
    content, unreadable, readable, several, lengths = hashlib.sha256(), {}, 0, 0, []
    for name, image, frames in rows:
        if isinstance(image, Exception):
            unreadable[str(name)] = str(image) or type(image).__name__
        else:
            keep(image)
            content.update(np.ascontiguousarray(image))
            readable, several = readable + 1, several + frames
            lengths += [len(image)] if shape[0] is None else []
    if not readable:
        first, error = next(iter(unreadable.items()))
        count, what = len(unreadable), 'clips' if shape[0] is None else 'images'
        raise UserError(f"none of the {count} {what} in '{root}' can be read; the first is '{first}': {error}")
    return Report(readable, content.hexdigest(), unreadable, several, lengths)


def _decode(names: Sequence[Path], decode: Decode) -> Rows:
    """Each name, its image or why it cannot be read, and whether it has more frames; decoded by several threads."""

    def decoded(name: Path) -> tuple[Path, np.ndarray | Exception, bool]:
        try:
            return name, *decode(name)
        except MemoryError:
            raise
        except Exception as error:  # a broken file may raise anything at all
            return name, error, False

    with warnings.catch_warnings(), ThreadPoolExecutor() as pool:
        warnings.filterwarnings('ignore', module='PIL')  # of images that it reads: the cache would not warn again
        yield from pool.map(decoded, names)
