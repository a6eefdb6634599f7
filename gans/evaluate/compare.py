"""`--mode=compare`: two folders of images, or .npz files, compared without any run."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from gans.core import Spec
from gans.data.decode import eight_bits, has_frames
from gans.data.files import pictures_in, say_frames
from gans.data.images import square
from gans.errors import UserError
from gans.evaluate import write
from gans.evaluate.judge import judged
from gans.features import load
from gans.metrics.seen import content, see, see_once
from gans.train import workdir


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
      size: pixels of a side to which images of a folder are cropped and resampled; by default they stay as they are.
      out: FILE.json for the results, a list of objects with metric, value and protocol.

    Raises:
      UserError: there is nothing to read, less than two examples, or they do not fit each other.
    """
    if out and not out.endswith('.json'):
        raise UserError(f'--out={out}: the results of a comparison are JSON, name a FILE.json')
    truth, samples = _alike(read(real, size), read(fake, size), real, fake)
    extractor = load.load(features, Spec(truth.shape[1:]), weights=weights)
    common: dict[str, Any] = {
        'data': Path(real).name,
        'real hash': content(truth),
        'images': f'{size or "their own"} px',
    }
    seen = see(extractor, samples, {'labels': _labels(Path(fake).expanduser(), len(samples))})
    results, warnings = judged(see_once(extractor, truth), seen, None, extractor, common)
    for warning in warnings:
        workdir.say(warning)
    if out:
        workdir.made(Path(out).parent)
        workdir.write_json(Path(out), [result.json() for result in results])
    return write.table(f'{fake} against {real}', results) + (f'\nall in {out}' if out else '')


def read(place: str, size: int | None = None) -> np.ndarray:
    """The examples in a folder or a .npz file: uint8 images [N, H, W, 1 or 3], or float32 points [N, d]; N at least 2.

    Raises:
      UserError: see `compare`.
    """
    path = Path(place).expanduser()
    if path.is_dir():
        found = _folder(path, size)
    elif path.suffix == '.npz' and path.is_file():
        found = _array(path)
    else:
        raise UserError(f"there is no folder and no .npz file '{place}'")
    if len(found) < 2:
        raise UserError(f"'{place}' holds one example only: at least two are needed, for most metrics thousands")
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


def _array(path: Path) -> np.ndarray:
    """The one array of a .npz file, or its array 'samples'."""
    try:
        with np.load(path, allow_pickle=False) as file:
            name = 'samples' if 'samples' in file.files else file.files[0] if len(file.files) == 1 else None
            found = file[name] if name else None
    except (OSError, ValueError, EOFError, KeyError) as error:
        raise UserError(f"'{path}' is no readable .npz file ({error}): write it anew with numpy.savez") from None
    if found is None:
        raise UserError(f"'{path}' has several arrays: call the one that is meant 'samples'")
    if found.ndim == 4 and found.dtype == np.uint8 and found.shape[3] in (1, 3):
        return found
    if found.ndim == 2 and np.issubdtype(found.dtype, np.floating):
        if not np.isfinite(found).all():
            raise UserError(f"'{path}' holds points that are not finite: remove them")
        return found.astype(np.float32)
    wanted = 'uint8 [N, H, W, 1 or 3] for images, float [N, d] for points'
    raise UserError(f"'{path}' holds an array {found.dtype} {list(found.shape)}; wanted: {wanted}")


def _labels(path: Path, count: int) -> np.ndarray | None:
    """The array 'labels' of a .npz file, if it has one."""
    if path.suffix != '.npz':
        return None
    with np.load(path, allow_pickle=False) as file:
        found = file['labels'] if 'labels' in file.files else None
    if found is not None and (found.shape != (count,) or not np.issubdtype(found.dtype, np.integer)):
        raise UserError(f"'{path}' has labels {found.dtype} {list(found.shape)}; wanted: whole numbers [{count}]")
    return found


def _alike(real: np.ndarray, fake: np.ndarray, *names: str) -> tuple[np.ndarray, np.ndarray]:
    """Both in colour if one is; UserError if they are of different sizes."""
    if real.ndim == fake.ndim == 4 and real.shape[3] != fake.shape[3]:
        real, fake = (x if x.shape[3] == 3 else x.repeat(3, 3) for x in (real, fake))
    if real.shape[1:] != fake.shape[1:]:
        shapes = [f"'{name}' {' x '.join(map(str, x.shape[1:]))}" for name, x in zip(names, (real, fake), strict=True)]
        raise UserError(f'examples differ in size: {" and ".join(shapes)}; give --size=PIXELS, for folders of images')
    return real, fake
