"""The files that samples go to."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from gans import files, kinds, pictures, plots
from gans.core import Spec
from gans.errors import UserError


def save_samples(
    out: Path | str,
    samples: np.ndarray,
    spec: Spec,
    labels: np.ndarray | None = None,
    draw: Callable[[], pictures.Picture] | None = None,
) -> str:
    """Writes samples, float [N, *spec.shape], in the form that the ending of `out` asks for.

    - `NAME.png`: one picture, that of `draw`, by default of the samples alone, of clips beside it the same moving,
      `NAME.webp`; of points `NAME.svg` or `NAME.pdf`, too;
    - `NAME.npz`: array 'samples', uint8 [N, H, W, C] for images, float32 [N, d] for points; and 'labels', int32 [N],
      the classes that were asked for, if any;
    - `FOLDER/`: one PNG per image, 000000.png and so on, one .binvox per volume, one .webp per clip, lossless; of a
      conditional system in a folder per class, FOLDER/CLASS/;
    - of volumes `NAME.binvox` or `NAME.npy`, voxels, `NAME.obj` or `NAME.ply`, their surface: of several samples one
      file each, NAME_000000.obj and so on; so of clips `NAME.webp` or `NAME.gif`.

    Returns:
        What was written, in a line.

    Raises:
        UserError: another ending, points for a folder, or a place that cannot be written.
    """
    path, samples, kind = Path(out), np.asarray(samples), kinds.kind_of(spec)
    if str(out).endswith('/'):
        if kind.save is None:
            name = kinds.name_of(spec)
            raise UserError(
                f"'{out}' is a folder of one file per sample, but samples are {name} {spec.shape}: use NAME.npz or .png"
            )
        for i, example in enumerate(kind.store(samples)):
            place = path if labels is None else path / spec.classes[labels[i]].replace('/', '-')
            kind.save(place / f'{i:06}', example)
        return f'{len(samples)} {kinds.name_of(spec)} in {path}/'
    if path.suffix in kind.formats:
        many = len(samples) > 1
        places = [path.with_stem(f'{path.stem}_{i:06}') for i in range(len(samples))] if many else [path]
        for place, example in zip(places, kind.store(samples), strict=True):
            kind.formats[path.suffix](place, example)
        return f'{len(samples)} {kinds.name_of(spec)} in {places[0]}{" and so on" if many else ""}'
    if path.suffix in ('.png', *pictures.VECTOR):
        pictures.save(path, draw() if draw else kind.draw(samples, pictures.Caption(), plots.NOTHING))
        return f'a picture of {len(samples)} samples in {path}'
    if path.suffix == '.npz':
        array = kind.store(samples)
        files.write(path, lambda file: np.savez(file, samples=array, **({} if labels is None else {'labels': labels})))
        return f"array 'samples' {array.dtype} {list(array.shape)} in {path}"
    raise UserError(
        f"cannot tell what to write to '{out}': use NAME.png (a picture; of points NAME.svg or .pdf, too), NAME.npz (an"
        f' array){"".join(f", NAME{suffix}" for suffix in kind.formats)} or FOLDER/'
    )
