"""A run's samples over its training: `strip.png`, a few side by side, and `progress.webp`, which moves.

Both are made from what lies in `samples/`, so a run that was killed and resumed ends with the same bytes.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gans import films, pictures

if TYPE_CHECKING:
    from PIL.Image import Image

STILLS, FRAMES = 8, 50  # pictures of a strip and of a film, at most
HEIGHT, SIDE = 480, 480  # pixels: the most of a strip's height, and of a film's longer side
SECONDS, LAST = 0.25, 2.0  # that a frame is seen, and the last one


def film(folder: Path) -> None:
    """Makes the strip and the film of a run's folder from the pictures of its samples; nothing from fewer than two."""
    paths = sorted((folder / 'samples').glob('step_*.png'))
    if len(paths) < 2:
        return
    pictures.save_png(folder / 'strip.png', _join(_read(_choose(paths, STILLS), HEIGHT, np.inf)))
    frames = _read(_choose(paths, FRAMES), SIDE, SIDE)
    size = tuple(max(frame.size[axis] for frame in frames) for axis in (0, 1))  # of a stage with larger images
    first, *others = (_fill(frame, size) for frame in frames)
    times = [round(1000 * SECONDS)] * len(others) + [round(1000 * LAST)]
    films.save(folder / 'progress.webp', [first, *others], times)


def _choose(paths: list[Path], most: int) -> list[Path]:
    """At most so many at equal distances, the first and the last among them."""
    return [paths[i] for i in np.unique(np.linspace(0, len(paths) - 1, min(most, len(paths))).round().astype(int))]


def _read(paths: list[Path], height: float, width: float) -> 'list[Image]':
    """Pictures, none higher or wider than that."""
    from PIL import Image

    found = []
    for path in paths:
        with Image.open(path) as picture:
            found.append(picture.convert('RGB'))
        factor = min(1, height / found[-1].height, width / found[-1].width)
        found[-1] = found[-1].resize([round(factor * side) for side in found[-1].size], Image.Resampling.LANCZOS)
    return found


def _join(parts: 'list[Image]') -> np.ndarray:
    """Pictures side by side, uint8 [h, w, 3], white between them."""
    height, gap = max(part.height for part in parts), 4 * pictures.GAP
    padded = [np.pad(part, ((0, height - part.height), (0, gap), (0, 0)), constant_values=255) for part in parts]
    return np.concatenate(padded, 1)[:, :-gap]


def _fill(picture: 'Image', size: tuple[int, int]) -> 'Image':
    """A picture in the upper left corner of white of that size."""
    from PIL import Image

    whole = Image.new('RGB', size, 'white')
    whole.paste(picture, (0, 0))
    return whole
