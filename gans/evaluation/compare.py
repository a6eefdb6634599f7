"""`--mode=compare`: two folders of images, or .npz files, compared without any run."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from gans.core import Spec
from gans.data.decode import eight_bits, has_frames
from gans.data.files import pictures_in, say_frames
from gans.data.images import resize, square
from gans.errors import UserError
from gans.evaluation import write
from gans.evaluation.judge import HALVES, evaluate_pairs
from gans.features import load
from gans.metrics.extract import content_hash, extract, extract_cached
from gans.training import workdir

SMALLEST, LARGEST = 1e-100, 1e100  # points of such a size have squares, and sums of them, in float64


def compare(
    real: str,
    fake: str,
    features: str = 'auto',
    weights: str | None = None,
    size: int | None = None,
    out: str | None = None,
) -> str:
    """Measures the examples at `fake` against those at `real`, and returns a table.

    Args:
      real, fake: a folder of images, or a .npz of one array (or one called 'samples'): images uint8 [N, H, W, C] or
        points float [N, d]. 'labels' int [N] beside the fake ones are the classes that they were asked for.
      features, weights: see `gans.features.load.load`.
      size: pixels of a side to which images are cropped and resampled; by default they stay as they are.
      out: FILE.json for the results, a list of objects with metric, value and protocol.

    Raises:
      UserError: there is nothing to read, less than two examples, or they do not fit each other.
    """
    if out and not out.endswith('.json'):
        raise UserError(f'--out={out}: the results of a comparison are JSON, name a FILE.json')
    if out and (Path(out).is_dir() or not os.access(workdir.make_folder(Path(out).parent), os.W_OK)):
        raise UserError(f'--out={out}: there no file can be written; name another')
    if size is not None and size < 1:
        raise UserError(f'--size={size}: it is a number of pixels, at least 1')
    truth, samples = _alike(read(real, size), read(fake, size), real, fake)
    labels = _labels(fake, len(samples))
    extractor = load.load(features, Spec(truth.shape[1:]), weights=weights)
    common: dict[str, Any] = {
        'data': Path(real).name,
        'real hash': content_hash(truth),
        'images': f'{size or "their own"} px',
    }
    seen = extract(extractor, samples, {'labels': labels})
    if labels is not None and extractor.name == 'classifier':
        last = seen.logits.shape[1] - 1
        if not 0 <= labels.min() <= labels.max() <= last:
            raise UserError(f"'{fake}' has labels {labels.min()}..{labels.max()}; the classifier's are 0..{last}")
    known = extract_cached(extractor, truth)
    first, second = np.array_split(np.random.default_rng(0).permutation(len(truth)), 2)  # whatever the names' order
    pairs = {'': (known, seen), HALVES: (known.part(first), known.part(second))}
    results, warnings = evaluate_pairs(pairs, extractor, common)
    if out:
        workdir.write_json(Path(out), [result.json() for result in results])
    for warning in warnings:
        workdir.say(warning)
    return write.table(f'{fake} against {real}', results) + (f'\nall in {out}' if out else '')


def read(place: str, size: int | None = None) -> np.ndarray:
    """The examples in a folder or a .npz file: uint8 images [N, H, W, 1 or 3], or float64 points [N, d]; N at least 2.

    Raises:
      UserError: see `compare`.
    """
    path = Path(place).expanduser()
    if path.is_dir():
        found = _folder(path, size)
    elif _is_npz(path):
        found = _array(path, size)
    else:
        raise UserError(f"there is no folder and no .npz file '{place}'")
    if len(found) < 2:
        held = 'one example only' if len(found) else 'no examples'
        raise UserError(f"'{place}' holds {held}: at least two are needed, for most metrics thousands")
    return found


def _folder(path: Path, size: int | None) -> np.ndarray:
    """All images below a folder; grey ones stay grey if all are."""
    from PIL import Image

    names = pictures_in(path).names

    def decoded(name: Path) -> tuple[np.ndarray, bool]:
        try:
            with Image.open(path / name) as image:
                found, frames = eight_bits(image), has_frames(image)
            channels = len(found.getbands())
            whole = np.asarray(found).reshape(*found.size[::-1], channels)
            return square(found, size, channels) if size else whole, frames
        except MemoryError:  # the file may well be good
            raise
        except Exception as error:  # a broken file may raise anything at all
            raise UserError(f"cannot read '{path / name}' ({error}): remove it, or make it anew") from None

    with ThreadPoolExecutor() as pool:
        images, frames = zip(*pool.map(decoded, names), strict=True)
    say_frames(path, sum(frames))
    channels = max(image.shape[2] for image in images)
    shapes = sorted({image.shape[:2] for image in images})
    if len(shapes) > 1:
        some = ', '.join(f'{w} x {h}' for h, w in shapes[:3])
        raise UserError(
            f"the images in '{path}' have {len(shapes)} sizes ({some}, ...): give --size=PIXELS to crop them"
        )
    return np.stack([image if image.shape[2] == channels else image.repeat(3, 2) for image in images])


def _array(path: Path, size: int | None) -> np.ndarray:
    """The one array of a .npz file, or its array 'samples'."""
    found = _read_array(path, lambda names: 'samples' if 'samples' in names else names[0] if len(names) == 1 else None)
    if found is None:
        raise UserError(f"'{path}' has no array, or several: call the one that is meant 'samples'")
    if found.ndim == 4 and found.dtype == np.uint8 and found.shape[3] in (1, 3) and all(found.shape[1:]):
        return resize(found, size) if size else found
    if found.ndim == 2 and np.issubdtype(found.dtype, np.floating) and found.shape[1]:
        if not np.isfinite(found).all():
            raise UserError(f"'{path}' holds points that are not finite: remove them")
        largest = np.abs(found).max(initial=0)
        if largest and not SMALLEST < largest < LARGEST:
            raise UserError(f"'{path}' holds points up to {largest:.3g}, whose squares float64 lacks: scale all points")
        found = found.astype(np.float64)
        if size:
            raise UserError(f"--size={size} is for images, and '{path}' holds points: leave it out")
        return found
    wanted = 'uint8 [N, H, W, 1 or 3] for images, float [N, d] for points'
    raise UserError(f"'{path}' holds an array {found.dtype} {list(found.shape)}; wanted: {wanted}")


def _labels(place: str, count: int) -> np.ndarray | None:
    """The array 'labels' of a .npz file, if it has one."""
    path = Path(place).expanduser()
    found = _read_array(path, lambda names: 'labels' if 'labels' in names else None) if _is_npz(path) else None
    if found is not None and (found.shape != (count,) or not np.issubdtype(found.dtype, np.integer)):
        raise UserError(f"'{path}' has labels {found.dtype} {list(found.shape)}; wanted: whole numbers [{count}]")
    return found


def _is_npz(path: Path) -> bool:
    return path.suffix.lower() == '.npz' and path.is_file()


def _read_array(path: Path, choose: Callable[[list[str]], str | None]) -> np.ndarray | None:
    """The array of a .npz file that is chosen among the names there; None if none is."""
    try:
        with np.load(path, allow_pickle=False) as file:
            name = choose(file.files)
            return None if name is None else file[name]
    except MemoryError:  # the file may well be good
        raise
    except Exception as error:  # a broken file may raise anything at all
        raise UserError(f"'{path}' is no readable .npz file ({error}): write it anew with numpy.savez") from None


def _alike(real: np.ndarray, fake: np.ndarray, *names: str) -> tuple[np.ndarray, np.ndarray]:
    """Both in color if one is; UserError if they are of different sizes."""
    if real.ndim == fake.ndim == 4 and real.shape[3] != fake.shape[3]:
        real, fake = (x if x.shape[3] == 3 else x.repeat(3, 3) for x in (real, fake))
    if real.shape[1:] != fake.shape[1:]:
        shapes = [f"'{name}' {' x '.join(map(str, x.shape[1:]))}" for name, x in zip(names, (real, fake), strict=True)]
        raise UserError(f'examples differ in size: {" and ".join(shapes)}; give --size=PIXELS, for images')
    return real, fake
