"""Clips of files: films (GIF, WebP, MP4), folders of frames, and strips of frames side by side."""

import itertools
import logging
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from gans.core import Array, Batch, Keys, Spec
from gans.data.base import Source, digest, whole_number
from gans.data.decode import eight_bits
from gans.data.decoded import load_or_decode
from gans.data.files import pictures_in
from gans.data.images import pixels, square
from gans.errors import UserError
from gans.ops import random
from gans.ops.pixels import to_float

if TYPE_CHECKING:
    from PIL.Image import Image

FILMS = ('.gif', '.webp', '.apng')  # that Pillow reads; a picture of any other suffix is one frame, or a strip of them
VIDEOS = ('.mp4', '.m4v', '.avi', '.mov', '.mkv', '.webm', '.mpg', '.mpeg')
UNTIMED = 100  # milliseconds that a frame of a GIF is seen that says 0
STRIP = 4  # times longer than wide: a picture that was hardly meant as one frame
DECODING = 1  # raise it with any change in what becomes of a file


def clips(
    path: str,
    *,
    frames: int = 16,
    stride: int = 1,
    size: int = 64,
    channels: int = 3,
    length: int = 64,
    strips: bool = False,
    strict: bool = False,
    cache: str | None = None,
) -> Source:
    """All clips below a folder, [frames, size, size, channels]: of each the central square, resampled as in `folder`.

    A clip is a film (.gif, .webp, .apng; .mp4 and its like need PyAV), or a folder of pictures, which are its frames in
    the order of their names, frame_9 before frame_10. An example is a part of a clip whose start is drawn anew each
    time that the clip comes; clips of fewer frames than it spans are left out, which is said. In a GIF or WebP a frame
    that is seen n times as long as the shortest counts as n frames; a video is taken as it is, whatever its rate.

    If all clips lie in sub-folders, and there are at least two, then these are the classes.

    Args:
        path: of the folder.
        frames: of an example.
        stride: of the clip's frames every so many are taken.
        size: pixels of a side.
        channels: 3 for RGB, 1 for grey.
        length: frames of a clip that are kept, its first ones; memory and time to read are in proportion.
        strips: whether each picture is a clip of square frames side by side, or below each other, as MoCoGAN's are.
        strict: whether a clip that cannot be read is an error; otherwise it is named in the log and left out.
        cache: as of `folder`.

    Raises:
        UserError: no such folder, no clip in it that is long enough, videos without PyAV, or a wrong argument.
    """
    if channels not in (1, 3):
        raise UserError(f'data.channels is {channels!r}; it must be 3 for RGB or 1 for grey')
    pixels(size)
    for key, value in (('frames', frames), ('stride', stride), ('length', length)):
        whole_number(key, value)
    span = (frames - 1) * stride + 1
    if span > length:
        raise UserError(
            f'data.length={length} is less than {frames} frames at data.stride={stride} span: raise it to {span}'
        )
    spec, root = Spec((frames, size, size, channels), kind='clips'), Path(path).expanduser()
    if not root.is_dir():
        blank = {'real': np.broadcast_to(np.uint8(0), (1, span, *spec.shape[1:])), 'length': np.full(1, span, np.int32)}
        absent = f"there is no folder '{path}'; give data.name as clips:PATH"
        return Source(spec, _window(frames, stride), size=1, arrays=blank, absent=absent, digest='')
    files: dict[Path, list[Path]] = {}
    for file in pictures_in(root, VIDEOS).names:
        alone = strips or file.suffix.lower() in (*FILMS, *VIDEOS)
        files.setdefault(file if alone else file.parent, []).append(file)

    def make_decode() -> Callable[[Path], tuple[np.ndarray, bool]]:
        if videos := [name for name in files if name.suffix.lower() in VIDEOS]:
            _check_av(root / videos[0])
        return lambda name: (_read([root / file for file in files[name]], size, channels, length, strips), False)

    options = ['clips', DECODING, size, channels, length, strips]
    names, all_files = sorted(files), sorted(itertools.chain(*files.values()))
    shape = (None, *spec.shape[1:])
    held, kept, report = load_or_decode(root, names, all_files, shape, options, make_decode, strict, cache)
    lengths = np.array(report.lengths)
    enough = lengths >= span
    _say_short(root, kept, lengths, span)
    below = [name.parts[0] if len(name.parts) > 1 else '' for name in kept]
    groups = sorted({*below})
    labeled = len(groups) > 1 and '' not in groups
    starts, lengths = (np.cumsum(lengths) - lengths)[enough], lengths[enough]
    labels = np.array([groups.index(group) for group in below], np.int32)[enough] if labeled else None
    places = np.arange(lengths.max())

    def read(index: np.ndarray) -> dict[str, np.ndarray]:
        last = lengths[index, None] - 1  # which comes again behind the end, where no part begins
        found = {
            'real': held[starts[index, None] + np.minimum(places, last)],
            'length': lengths[index].astype(np.int32),
        }
        return found if labels is None else found | {'label': labels[index]}

    known = digest('clips', report.sha256, report.lengths, frames, stride, groups if labeled else [])
    spec = spec._replace(classes=tuple(groups) if labeled else ())
    all_labels = None if labels is None else lambda: labels
    return Source(spec, _window(frames, stride), size=len(lengths), read=read, labels=all_labels, digest=known)


def _window(frames: int, stride: int) -> Callable[[dict[str, Array], Keys], Batch]:
    """Makes finish(raw, keys): of clips [B, L, H, W, C], of which 'length' frames count, parts at random."""

    def finish(raw: dict[str, Array], keys: Keys) -> Batch:
        ways = raw['length'] - (frames - 1) * stride
        start = (random.uniform(random.fold(keys, 'window')) * ways).astype(np.int32)
        take = lambda clip, start: clip[start + stride * np.arange(frames)]
        rest = {name: array for name, array in raw.items() if name != 'length'}
        return {**rest, 'real': to_float(jax.vmap(take)(raw['real'], start))}

    return finish


def _say_short(root: Path, names: list[Path], lengths: np.ndarray, span: int) -> None:
    """Says which clips are left out; UserError if all are."""
    short = np.flatnonzero(lengths < span)
    if len(short) == len(lengths):
        longest = int(lengths.argmax())
        raise UserError(
            f"no clip in '{root}' has the {span} frames that data.frames at data.stride span; the longest, "
            f"'{names[longest]}', has {lengths[longest]}"
        )
    if len(short):
        first = f"the first is '{names[short[0]]}' with {lengths[short[0]]}"
        logging.warning("left out %s clips in '%s' of fewer than %s frames: %s", f'{len(short):,}', root, span, first)


def _read(files: list[Path], size: int, channels: int, length: int, strips: bool) -> np.ndarray:
    """The first frames of the clip in some files, uint8 [up to length, size, size, channels].

    Raises:
        ValueError: it is damaged, in words.
        OSError: it cannot be read.
    """
    suffix = files[0].suffix.lower()
    if suffix in VIDEOS:
        frames = _video(files[0])
    elif suffix in FILMS and not strips:
        frames = _film(files[0], length)
    else:
        frames = _strip(files[0]) if strips else _stills(sorted(files, key=_natural)[:length])
    found = [square(frame, size, channels) for frame in itertools.islice(frames, length)]
    if not found:
        raise ValueError('it has no frames')
    return np.stack(found)


def _film(path: Path, length: int) -> Iterator['Image']:
    from PIL import Image

    frames, times = [], []
    with Image.open(path) as film:
        try:
            for i in range(min(length, getattr(film, 'n_frames', 1))):
                film.seek(i)
                frames.append(eight_bits(film.copy(), turned=False))
                times.append(film.info.get('duration') or UNTIMED)
        except (EOFError, IndexError) as error:  # as Pillow has it
            raise ValueError(f'it is cut off ({error})') from None
    return (frame for frame, time in zip(frames, times, strict=True) for _ in range(round(time / min(times))))


def _stills(files: list[Path]) -> Iterable['Image']:
    from PIL import Image

    found = []
    for file in files:
        with Image.open(file) as image:
            found.append(eight_bits(image))
    sizes = sorted({image.size for image in found})
    if len(sizes) > 1:
        some = ', '.join(f'{width} x {height}' for width, height in sizes[:3])
        raise ValueError(f'its frames have {len(sizes)} sizes: {some}')
    if max(sizes[0]) >= STRIP * min(sizes[0]):
        raise ValueError(f'its pictures are {sizes[0][0]} x {sizes[0][1]}: if they are strips, set data.strips=True')
    return found


def _strip(path: Path) -> Iterable['Image']:
    from PIL import Image

    with Image.open(path) as image:
        whole = eight_bits(image)
    width, height = whole.size
    side = min(whole.size)
    if max(whole.size) % side:
        raise ValueError(f'it is no strip of square frames: it is {width} x {height}')
    corners = itertools.product(range(0, height, side), range(0, width, side))
    return [whole.crop((left, top, left + side, top + side)) for top, left in corners]


def _video(path: Path) -> Iterator['Image']:
    import av

    with av.open(str(path)) as file:
        if not file.streams.video:
            raise ValueError('it has no moving picture')
        for frame in file.decode(video=0):
            yield frame.to_image()


def _check_av(path: Path) -> None:
    try:
        import av  # noqa: F401
    except ImportError:
        raise UserError(f"'{path}' is read by PyAV, which is not here: `pip install -e '.[video]'`") from None


def _natural(path: Path) -> list[Any]:
    """A key by which frame_9 comes before frame_10."""
    return [int(part) if part.isdecimal() else part for part in re.split(r'(\d+)', path.name)]
