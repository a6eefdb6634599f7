"""Folders of image translation: pairs of images that belong together, and two domains without pairs."""

import logging
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gans.data.base import Source, digest, digest_of
from gans.data.decode import eight_bits, has_frames
from gans.data.decoded import Decode, load_or_decode
from gans.data.files import pictures_in
from gans.data.images import FITS, image_set, outline, pixels
from gans.data.part import SPLITS, take_split
from gans.errors import UserError, unknown

FOLDERS = ('train', 'val', 'test')
DIRECTIONS = ('AtoB', 'BtoA')
ALIKE = 0.02  # by how much proportions may differ that are meant to be the same
NAMED = 3  # pictures in a line


class Halves(NamedTuple):
    """The files of a pair, relative to the folder; the same one twice, if its halves are side by side."""

    a: Path
    b: Path


def paired(
    path: str,
    *,
    size: int = 256,
    channels: int = 3,
    source_channels: int = 3,
    direction: str = 'AtoB',
    split: str = 'train',
    fit: str = 'stretch',
    strict: bool = False,
    cache: str | None = None,
) -> Source:
    """Pairs of images, A and B, of which one is 'source' and the other 'real', what is to be made of it.

    The folder holds pictures with A on the left and B on the right, directly or in train, val and test; or two
    sub-folders, A the first by name, with pictures of equal names (and any suffixes), each with or without train, val
    and test. Held out is test, or val where there is no test, or without either a random eighth. What is left out is
    said: pictures without a partner, pairs whose halves differ in their proportions, what cannot be read.

    Args:
        path: of the folder.
        size: pixels of a side of both; smaller images are enlarged. For the papers' jitter 286, with random_crop 256.
        channels, source_channels: 3 for RGB, 1 for grey, of what is to be made and of what it is made from.
            Transparency and 16 bits are treated as in `folder`.
        direction: 'AtoB' makes B from A, 'BtoA' A from B.
        split: 'train', 'test' or 'all'.
        fit: 'stretch' whole images to squares (bicubic, antialiased, as the authors' code), or 'crop' their centers.
        strict: whether a pair that cannot be read is an error.
        cache: as of `folder`.

    Raises:
        UserError: no such folder, or no pair in it, or a wrong argument.
    """
    if direction not in DIRECTIONS:
        raise unknown('data.direction', direction, DIRECTIONS)
    counts = (source_channels, channels) if direction == 'AtoB' else (channels, source_channels)
    root = Path(path).expanduser()
    _check(size, fit, split, channels=channels, source_channels=source_channels)
    if not root.is_dir():
        absent = f"there is no folder '{path}'; give data.name as paired:PATH"
        return outline(absent, (size, size, channels), source=(size, size, source_channels))
    pairs, side_by_side = _list_pairs(root, strict)
    chosen, own = _of_split({name: name.parts[0] for name in pairs}, split, root)

    def make_decode() -> Decode:
        usual = _usual_proportion(root, chosen) if side_by_side else None
        return lambda name: _decode_pair(root, pairs[name], size, counts, FITS[fit], usual)

    files = dict.fromkeys(file for name in chosen for file in pairs[name])
    options = ['paired', size, counts, fit]
    images, _, report = load_or_decode(
        root, chosen, list(files), (size, size, sum(counts)), options, make_decode, strict, cache
    )
    a, b = images[..., : counts[0]], images[..., counts[0] :]
    real, source = (b, a) if direction == 'AtoB' else (a, b)
    made = image_set(real, source=source)._replace(digest=digest(report.sha256, counts, direction))
    return made if own else take_split(made, split)


def unpaired(
    path: str,
    *,
    domain: str = '',
    size: int = 256,
    channels: int = 3,
    split: str = 'train',
    fit: str = 'stretch',
    strict: bool = False,
    cache: str | None = None,
) -> Source:
    """One domain of two: the images in trainA, or trainB; held out are those in testA, or valA where there is no testA,
    or without either a random eighth.

    Without a domain, 'unpaired:PATH' is a joined set of both, with parts 'a' and 'b', see `gans.data.load.sections`.

    Args:
        path: of the folder in which trainA, trainB and so on lie.
        domain: 'a' or 'b'.
        Others are those of `paired`.

    Raises:
        UserError: no such folder, or no image in it, or a wrong argument.
    """
    if domain not in ('a', 'b'):
        raise unknown('data.domain', domain, ('a', 'b'))
    root = Path(path).expanduser()
    _check(size, fit, split, channels=channels)
    if not root.is_dir():
        return outline(f"there is no folder '{path}'; give data.name as unpaired:PATH", (size, size, channels))
    folders = {f'{name}{domain.upper()}': name for name in FOLDERS}
    there = {folder: name for folder, name in folders.items() if (root / folder).is_dir()}
    if not there:
        train = root / f'train{domain.upper()}'
        raise UserError(f"there is no folder '{train}': unpaired:PATH wants trainA, trainB, testA and testB")
    of = {Path(folder) / file: name for folder, name in there.items() for file in pictures_in(root / folder).names}
    chosen, own = _of_split(of, split, root)

    def decode(name: Path) -> tuple[np.ndarray, bool]:
        from PIL import Image

        with Image.open(root / name) as image:
            return FITS[fit](eight_bits(image), size, channels), has_frames(image)

    images, _, report = load_or_decode(
        root, chosen, chosen, (size, size, channels), ['unpaired', size, channels, fit], lambda: decode, strict, cache
    )
    source = image_set(images)
    source = source._replace(digest=digest_of(source.arrays, {'real': report.sha256}))
    return source if own else take_split(source, split)


def _check(size: int, fit: str, split: str, **channels: int) -> None:
    """Raises UserError for a wrong argument."""
    for key, value in channels.items():
        if value not in (1, 3):
            raise UserError(f'data.{key} is {value!r}; it must be 3 for RGB or 1 for grey')
    if fit not in FITS:
        raise unknown('data.fit', fit, FITS)
    if split not in SPLITS:
        raise unknown('data.split', split, SPLITS)
    pixels(size)


def _of_split(of: dict[Path, str], split: str, root: Path) -> tuple[list[Path], bool]:
    """The names that are of that split, and whether the folders tell so. of: by name, the folder that it is in.

    Without a folder of its own for what is held out, these are all names, of which some are still to be held out.
    """
    here = set(of.values()) & set(FOLDERS)
    held = 'test' if 'test' in here else 'val'
    if held not in here:
        return sorted(of), False
    wanted = {'train': ('train',), 'test': (held,), 'all': ('train', held)}[split]
    chosen = sorted(name for name, folder in of.items() if folder in wanted)
    if not chosen:
        raise UserError(f"'{root}' has no folder '{wanted[0]}' with images, which data.split={split} wants")
    return chosen, True


def _list_pairs(root: Path, strict: bool) -> tuple[dict[Path, Halves], bool]:
    """The pairs by name, and whether their halves are side by side."""
    names = pictures_in(root).names
    folders = sorted({name.parts[0] for name in names if len(name.parts) > 1})
    if not folders or set(folders) & set(FOLDERS):
        others = [name for name in names if folders and name.parts[0] not in FOLDERS]
        if others:
            logging.warning("left out of '%s': %s", root, _few(others, 'that lie outside of train, val and test'))
        return {name: Halves(name, name) for name in names if name not in others}, True
    if len(folders) != 2 or any(len(name.parts) == 1 for name in names):
        raise UserError(
            f"'{root}' is no folder of pairs: wanted are pictures with both halves side by side, directly or in train, "
            f'val and test, or two sub-folders with pictures of equal names, and it has {len(folders)}: '
            f'{", ".join(folders)}'
        )
    sides = [{}, {}]
    for name in names:
        own, half = Path(*name.parts[1:]).with_suffix(''), sides[folders.index(name.parts[0])]
        if own in half:
            raise UserError(f"'{root / half[own]}' and '{name.name}' have the same name: which of them is in the pair?")
        half[own] = name
    a, b = sides
    alone = sorted([*(a[own] for own in a.keys() - b.keys()), *(b[own] for own in b.keys() - a.keys())])
    if not a.keys() & b.keys():
        raise UserError(f"no picture in '{root / folders[0]}' has the name of one in '{root / folders[1]}'")
    if alone:
        line = _few(alone, f"that have no partner of the same name in '{folders[0]}' or '{folders[1]}'")
        if strict:
            raise UserError(f"of '{root}', {line}: remove them or leave data.strict False")
        logging.warning("left out of '%s': %s", root, line)
    return {own: Halves(a[own], b[own]) for own in sorted(a.keys() & b.keys())}, False


def _few(names: list[Path], what: str) -> str:
    listed = ', '.join(map(str, names[:NAMED])) + ', ...' * (len(names) > NAMED)
    return f'{len(names):,} pictures {what} ({listed})'


def _usual_proportion(root: Path, names: Iterable[Path]) -> float:
    """Width over height of most pictures; those that cannot be opened do not count."""
    from PIL import Image

    def proportion(name: Path) -> float | None:
        try:
            with Image.open(root / name) as image:
                return round(image.width / image.height, 2)
        except Exception:  # a broken file may raise anything at all, and will again where that is told
            return None

    with ThreadPoolExecutor() as pool:
        found = Counter(each for each in pool.map(proportion, names) if each)
    return found.most_common(1)[0][0] if found else 2.0


def _decode_pair(
    root: Path, halves: Halves, size: int, counts: tuple[int, int], fit: Callable, usual: float | None
) -> tuple[np.ndarray, bool]:
    """Both halves, their channels one after the other, uint8 [size, size, C]."""
    from PIL import Image

    opened, frames = [], False
    for file in dict.fromkeys(halves):
        with Image.open(root / file) as image:
            opened.append(eight_bits(image))
            frames |= has_frames(image)
    if usual is not None:
        (whole,) = opened
        width, height = whole.size
        if width < 2 or abs(2 * width / height - usual) < ALIKE * usual:
            raise UserError(f'it is {width} x {height}, where others have two halves side by side: one is missing')
        opened = [whole.crop((0, 0, width // 2, height)), whole.crop((width // 2, 0, width, height))]
    else:
        (w, h), (v, g) = (half.size for half in opened)
        if abs(w * g - v * h) > ALIKE * w * g:
            raise UserError(f'its halves are {w} x {h} and {v} x {g}, which are no pictures of the same')
    return np.concatenate([fit(half, size, count) for half, count in zip(opened, counts, strict=True)], -1), frames
