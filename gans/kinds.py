"""Kinds of examples: all that the data pipeline, the pictures and the metrics must know of each.

Another kind (captions) is a line of `KINDS`; a field of an example that is of no kind (a label) is kept
as it is, and nobody mirrors or draws it.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gans import binvox, files, films, pictures, plots, rendering, surfaces
from gans.core import Array, Spec
from gans.errors import unknown
from gans.ops import pixels, voxels


class Kind(NamedTuple):
    """What is special about a kind."""

    dtype: Any  # as examples are stored, saved and measured
    finish: Callable[[Array], Array]  # stored -> float32 as nets have them, traced
    keep: Callable[[Array], Array]  # the way back, traced
    store: Callable[[np.ndarray], np.ndarray]  # the way back, on the host
    # (samples [N, ...] as nets have them, or none for the real ones; the words around them; what is beside them)
    draw: Callable[[np.ndarray, pictures.Caption, plots.Beside], pictures.Picture]
    shown: int  # examples in a picture
    features: tuple[str, ...]  # the extractors of gans/features/ that see them; the first is always there
    # examples as nets have them -> images [N, h, w, 1 or 3] in [-1, 1] of them; None: they are seen together alone
    look: Callable[[np.ndarray], np.ndarray] | None = None
    mirror: Callable[[Array, Array], Array] | None = None  # ([B, ...], bool [B]) -> [B, ...], left to right
    crop: Callable[[Array, Array, int], Array] | None = None  # ([B, ...], corners int32 [B, 2], side) -> [B, ...]
    save: Callable[[Path, np.ndarray], None] | None = None  # (file without suffix, one stored example)
    # by the ending of a file that holds one example: (that file, one stored example)
    formats: Mapping[str, Callable[[Path, np.ndarray], None]] = {}


def _save_image(path: Path, image: np.ndarray) -> None:
    pictures.save_png(path.with_name(f'{path.name}.png'), image[..., 0] if image.shape[-1] == 1 else image)


def _draw_grid(look: Callable[[np.ndarray], np.ndarray]) -> Callable[..., pictures.Picture]:
    def draw(samples: np.ndarray, caption: pictures.Caption, beside: plots.Beside) -> np.ndarray:
        images = look(samples if len(samples) else beside.real)
        return pictures.annotate(pictures.grid(images, len(caption.columns) or None), caption)

    return draw


def _frames(clips: np.ndarray, most: int) -> np.ndarray:
    """Every k-th frame of clips [N, T, H, W, C], at most so many: [N, n, H, W, C]."""
    return clips[:, :: -(-clips.shape[1] // most)]


def _strips(clips: np.ndarray) -> np.ndarray:
    """Clips [N, T, H, W, C] as images of some of their frames side by side, [N, H, n W, C]."""
    frames = _frames(clips, FRAMES)
    n, count, height, width, channels = frames.shape
    return frames.transpose(0, 2, 1, 3, 4).reshape(n, height, count * width, channels)


def _draw_clips(samples: np.ndarray, caption: pictures.Caption, beside: plots.Beside) -> pictures.Film:
    """A sheet of frames, a clip in each row or, where columns have names, in each column of a row; and all of them
    moving.
    """
    clips = samples if len(samples) else beside.real
    columns = len(caption.columns)
    some = _frames(clips, max(2, FRAMES // max(1, columns)))
    sheet = pictures.grid(some.reshape(-1, *some.shape[2:]), some.shape[1] * max(1, columns))
    across = columns or (1 if caption.rows else None)
    film = [pictures.annotate(pictures.grid(frame, across), caption) for frame in clips.swapaxes(0, 1)]
    return pictures.Film(pictures.annotate(sheet, caption), np.stack(film))


def _occupied(volume: np.ndarray) -> np.ndarray:
    return volume[..., 0] >= voxels.OCCUPIED


FRAMES = 8  # of a clip that a sheet shows, at most
FORMATS = {  # of a stored volume, [D, H, W, 1]
    '.binvox': lambda path, volume: binvox.save_binvox(path, _occupied(volume)),
    '.npy': lambda path, volume: files.write(path, lambda file: np.save(file, volume[..., 0])),
    '.obj': lambda path, volume: surfaces.save_obj(path, voxels.to_float(volume[..., 0])),
    '.ply': lambda path, volume: surfaces.save_ply(path, voxels.to_float(volume[..., 0])),
}


def _same(x: Array) -> Array:
    return x


def _floats(x: np.ndarray) -> np.ndarray:
    return np.asarray(x, np.float32)


KINDS = {
    'points': Kind(
        dtype=np.float32,
        finish=_same,
        keep=_same,
        store=_floats,
        draw=lambda samples, caption, beside: plots.picture(samples, caption.title, beside),
        shown=2_000,
        features=('identity',),
    ),
    'images': Kind(
        dtype=np.uint8,
        finish=pixels.to_float,
        keep=pixels.to_pixels,
        store=pixels.to_uint8,
        draw=_draw_grid(_same),
        shown=64,
        features=('pixels', 'inception_v3', 'efficientnet_lite0', 'classifier'),
        look=_same,
        mirror=pixels.mirror,
        crop=pixels.crop,
        save=_save_image,
    ),
    'volumes': Kind(
        dtype=np.uint8,
        finish=voxels.to_float,
        keep=voxels.to_voxels,
        store=voxels.to_uint8,
        draw=_draw_grid(rendering.render),
        shown=16,
        features=('voxels',),
        look=rendering.render,
        mirror=voxels.mirror,
        save=lambda path, volume: FORMATS['.binvox'](path.with_name(f'{path.name}.binvox'), volume),
        formats=FORMATS,
    ),
    'clips': Kind(
        dtype=np.uint8,
        finish=pixels.to_float,
        keep=pixels.to_pixels,
        store=pixels.to_uint8,
        draw=_draw_clips,
        shown=16,
        features=('frames_pixels', 'frames_efficientnet_lite0'),
        look=_strips,
        mirror=pixels.mirror,
        crop=pixels.crop,
        save=lambda path, clip: films.save_clip(path.with_name(f'{path.name}.webp'), clip),
        formats={'.webp': films.save_clip, '.gif': films.save_clip},
    ),
    'tokens': Kind(  # captions: fields of other examples, never drawn or measured by themselves
        dtype=np.int32,
        finish=_same,
        keep=_same,
        store=lambda x: np.asarray(x, np.int32),
        draw=lambda samples, caption, beside: pictures.annotate(pictures.grid(np.ones((1, 8, 8, 3)), None), caption),
        shown=1,
        features=(),
    ),
}
BY_RANK = {1: 'points', 3: 'images'}  # of a spec that names no kind


def name_of(spec: Spec) -> str:
    """The name of the kind of a spec's examples, of `KINDS`."""
    name = spec.kind or BY_RANK.get(len(spec.shape), '')
    if name not in KINDS:
        raise unknown('kind of examples', name, KINDS)
    return name


def unit_of(spec: Spec) -> str:
    """What a spec's examples are called where they are counted: 'images', and whatever is none 'examples'."""
    return 'images' if is_image(spec) else 'examples'


def is_image(spec: Spec) -> bool:
    """Whether a spec's examples are images: for what is made for nothing else."""
    return name_of(spec) == 'images'


def kind_of(spec: Spec) -> Kind:
    """The kind of a spec's examples."""
    return KINDS[name_of(spec)]


def fields_of(spec: Spec) -> dict[str, Kind]:
    """The kinds of 'real' and of an example's other fields, by name; a field that is of no kind is left out."""
    named = {'real': spec, **spec.fields}
    return {name: kind_of(field) for name, field in named.items() if field.kind or len(field.shape) in BY_RANK}
