"""Which files below a folder are pictures, and which are left out."""

import fnmatch
import json
import logging
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from gans.errors import UserError

# Formats that Pillow opens, but that hold no pixels (drawings), or that it does not decode by itself (films), or that
# hold measurements, whose brightness nothing tells.
NO_PICTURES = ('BUFR', 'EPS', 'FITS', 'GRIB', 'HDF5', 'IPTC', 'MPEG', 'PDF', 'WMF')
# The folders of runs and sweeps are known by these files, which are there from the beginning, and keys of them.
RUNS = {'config.json': {'system', 'data', 'train'}, 'sweep.json': {'name', 'seeds', 'rows'}}
# What they write in their folders, beside files that are no pictures.
OF_RUNS = ('samples', 'evaluation', 'checkpoints', 'tensorboard', 'rows', 'report', 'translated', 'projected')
OF_RUNS += (
    'directions_*.png',
    'truncation.png',
    'curves.png',
    'reals.png',
    'reals.webp',
    'strip.png',
    'progress.webp',
    'anomaly_step_*.png',
    '*_seed[0-9]*.png',
    '*_seed[0-9]*.webp',
)
KINDS = 10  # of files that are left out, in a line


class Listing(NamedTuple):
    """The pictures below a folder."""

    names: list[Path]  # relative to it, sorted
    groups: list[str]  # its sub-folders that may hold some, sorted


@cache
def suffixes() -> frozenset[str]:
    """Those of the formats that this Pillow can read, in lower case."""
    from PIL import Image

    formats = Image.registered_extensions()  # which has it look for all that it knows
    readable = {*Image.OPEN, 'MPO'} - {*NO_PICTURES}  # MPO is opened as JPEG
    return frozenset(suffix for suffix, format in formats.items() if format in readable)


def pictures_in(root: Path, others: Sequence[str] = ()) -> Listing:
    """The pictures below a folder; says in one line how many files are left out, and of which kinds.

    Left out are: what Pillow does not read by its suffix; what is hidden (a name that begins with a dot, __MACOSX); and
    the folders of runs and sweeps, so that a work folder in its data folder never becomes data. Links to folders are
    followed, but not to one that they lie in.

    Args:
        others: suffixes of what is wanted beside pictures, in lower case.

    Raises:
        UserError: there is none.
    """
    names, groups, left = [], [], Counter()

    def unreadable(error: OSError) -> None:
        logging.warning("left out '%s', which cannot be read: %s", error.filename, error.strerror)

    for text, folders, files in os.walk(root, followlinks=True, onerror=unreadable):
        place = Path(text)
        real, run = place.resolve(), is_run(place)
        if run and place != root:
            left['pictures of runs'] += sum(1 for _ in _pictures(place))
            folders.clear()
            continue
        own = [name for name in (*folders, *files) if run and any(fnmatch.fnmatch(name, some) for some in OF_RUNS)]
        left['of the run that it holds'] += len(own)
        hidden = [name for name in (*folders, *files) if name.startswith('.') or name == '__MACOSX']
        left['hidden'] += len(hidden)
        skip = {*own, *hidden}
        folders[:] = [n for n in folders if n not in skip and not real.is_relative_to((real / n).resolve())]
        if place == root:
            groups = sorted(name for name in folders if not is_run(place / name))
        for name in set(files) - skip:
            suffix = Path(name).suffix.lower()
            if not (place / name).is_file():
                left['broken links' if (place / name).is_symlink() else 'special files'] += 1
            elif suffix in suffixes() or suffix in others:
                names.append((place / name).relative_to(root))
            else:
                left[suffix or 'without a suffix'] += 1
    said = _list_kinds(left)
    if not names:
        there = f' (left out: {said})' if said else ''
        more = f', or {", ".join(others)}' if others else ''
        raise UserError(f"no image lies in '{root}'{there}; wanted are files such as .jpg, .png, .tif and .webp{more}")
    if said:
        logging.warning("left out of '%s': %s", root, said)
    return Listing(sorted(names), groups)


def say_frames(root: Path, count: int) -> None:
    """Says that of some images in a folder more was there than what is taken."""
    if count:
        logging.warning("of %s images in '%s' that have several frames, the first is taken", f'{count:,}', root)


def is_run(place: Path) -> bool:
    """Whether a folder is that of a run or a sweep."""
    for name, keys in RUNS.items():
        try:
            held = json.loads((place / name).read_bytes())
        except (OSError, ValueError):
            continue
        if isinstance(held, dict) and keys <= held.keys():
            return True
    return False


def _list_kinds(left: Counter[str]) -> str:
    """'5 .txt, 1 .db, 1 hidden': the most frequent first, and not more kinds than one can read."""
    kinds = sorted((-count, kind) for kind, count in left.items() if count)
    others = -sum(count for count, _ in kinds[KINDS:])
    return ', '.join([*(f'{-count:,} {kind}' for count, kind in kinds[:KINDS]), *[f'{others:,} others'][:others]])


def _pictures(place: Path) -> Iterator[Path]:
    return (path for path in place.rglob('*') if path.suffix.lower() in suffixes())
