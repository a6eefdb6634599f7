"""`--mode=project --input=FOLDER`: the w of which a net makes an image that is most like a given one.

How it is found is in `projector.py`. What is written is one w for all layers, and the noise of the layers with it.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import ml_collections
import numpy as np

from gans import files, films, kinds, pictures
from gans.core import Spec
from gans.data.decode import eight_bits
from gans.data.files import pictures_in
from gans.data.images import square
from gans.errors import UserError
from gans.features.distance import Distance, default, distance
from gans.latent_tools import projector, space
from gans.latent_tools.interpolate import FILMS
from gans.latent_tools.projector import OFFICIAL, Course, Settings
from gans.ops.pixels import to_float
from gans.training import draw, sampling

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PLACE = 'projected'  # in the run's folder, unless --out says another
SHOWN = 16  # images in the sheet, at most
FILMED, FRAMES = 4, 100  # images in a film of the course, and its frames
FRAME, LAST = 40, 2000  # milliseconds that one is seen, and the last


class Options(NamedTuple):
    """What is projected, and how images are compared."""

    input: str | None = None
    num: int | None = None
    seed: int = 0
    step: str = 'latest'
    out: str | None = None
    features: str | None = None
    weights: str | None = None


def project(config: ml_collections.ConfigDict, folder: Path, options: Options, settings: Settings = OFFICIAL) -> str:
    """Projects the images of a folder, or the first `num`: `w.npz` with the array 'w' [N, layers, d], their names and
    noise maps, and a sheet of targets, projections and distances; and a film of the course, if `out` is one. Returns a
    line that says where they are.

    Raises:
      UserError: no folder or no images; samples are no images, or made from no latents. Or some images cannot be read:
        the others are projected first.
    """
    if not options.input:
        raise UserError('project which images? set --input=FOLDER')
    if options.num is not None and options.num < 1:
        raise UserError(f'--num={options.num} must be at least 1')
    root, place = Path(options.input), Path(options.out or folder / PLACE)
    if not root.is_dir():
        raise UserError(f"--input={root}: there is no such folder{' (it is a file)' * root.is_file()}")
    moving = place if place.suffix in FILMS else None
    place = folder / PLACE if moving else place
    if place.suffix:
        raise UserError(f'--out={place}: name a FOLDER, for a sheet and a w.npz, or FILE.webp or .gif, for a film too')
    experiment, state, done = draw.restored(config, folder, options.step)
    spec = sampling.sampled_spec(experiment)
    if not kinds.is_image(spec):
        raise UserError(f'--input={root}: this system makes {kinds.name_of(spec)}, and no images')
    space.styles_of(experiment)  # raises
    between = make_distance(spec, options.features, options.weights)
    names, images, broken = _read(root, spec, options.num)
    few = sorted({0, settings.steps // 10, settings.steps})
    frames = np.linspace(0, settings.steps, min(FRAMES, settings.steps) + 1).astype(int) if moving else ()
    course = projector.run(experiment, state, images, between, options.seed, {*few, *frames}, settings)
    layers, _ = space.shape_of_w(experiment)
    arrays = {'w': np.repeat(course.w[:, None], layers, 1), 'names': np.array([str(name) for name in names])}
    arrays |= {f'noise_{i}': x for i, x in enumerate(course.maps)}
    files.write(place / 'w.npz', lambda file: np.savez(file, **arrays))
    shown = f'{sampling.words(done, options.seed)}, distance: {between.name}'
    pictures.save(place / 'sheet.png', _sheet(images, course, few, shown))
    said = f'{len(names)} images in w, of step {done:,}: {place / "w.npz"}, sheet {place / "sheet.png"}'
    if moving:
        _film(images, course.images, moving)
        said += f', film {moving}'
    first, last = course.distances[0].mean(), course.distances[-1].mean()
    said += f'\nmean distance ({between.name}) {first:.4g} at the mean of w, {last:.4g} at the end'
    if broken:
        raise UserError(f'{len(broken)} images cannot be read, the first is {broken[0]}; projected are {said}')
    return said


def _read(root: Path, spec: Spec, num: int | None) -> tuple[list[Path], np.ndarray, list[str]]:
    """Names, the central squares of images, float [N, H, W, C], and the names of files that are broken."""
    from PIL import Image

    _, side, channels = spec.shape
    names, images, broken = [], [], []
    for file in pictures_in(root).names[:num]:
        try:
            with Image.open(root / file) as image:
                images.append(square(eight_bits(image), side, channels))
            names.append(file)
        except MemoryError:
            raise
        except Exception:  # a broken file may raise anything at all
            broken.append(str(file))
    if not names:
        raise UserError(f"none of the images in '{root}' can be read, the first is {broken[0]}")
    return names, np.asarray(to_float(np.stack(images))), broken


def make_distance(spec: Spec, features: str | None, weights: str | None) -> Distance:
    """The mean squared difference of pixels; and, unless features are 'pixels', plus that of a net's features.

    features: see `gans.features.distance`; None: the best that is installed.
    """
    found = distance(features or default(), spec, weights)
    if found.name == 'pixels':
        return found
    pixels = distance('pixels', spec)
    return found._replace(between=lambda weights, a, b: found.between(weights, a, b) + pixels.between((), a, b))


def _film(images: np.ndarray, kept: Mapping[int, np.ndarray], out: Path) -> None:
    """The first images on their way, each beside what it is to be."""
    from PIL import Image

    few = min(FILMED, len(images))
    beside = lambda made: np.stack([images[:few], to_float(made[:few])], 1).reshape(-1, *images.shape[1:])
    frames = [Image.fromarray(pictures.grid(beside(made), 2)) for _, made in sorted(kept.items())]
    films.save(out, frames, [FRAME] * (len(frames) - 1) + [LAST])


def _sheet(images: np.ndarray, course: Course, steps: Sequence[int], shown: str) -> np.ndarray:
    """In each row a target and its projection after some steps; below, distances over steps."""
    columns, images = ('target', *(f'{step:,}' for step in steps)), images[:SHOWN]
    cells = np.stack([images, *(to_float(course.images[step][:SHOWN]) for step in steps)], 1)
    grid = pictures.grid(cells.reshape(-1, *images.shape[1:]), len(columns))
    rows = tuple(f'{value:.3g}' for value in course.distances[-1, : len(images)])
    parts = [
        pictures.annotate(grid, pictures.Caption(f'projections after steps, {shown}', columns, rows)),
        pictures.to_pixels(_plot(course.distances)),
    ]
    width = max(part.shape[1] for part in parts)
    return np.concatenate(
        [np.pad(part, ((0, 0), (0, width - part.shape[1]), (0, 0)), constant_values=255) for part in parts]
    )


def _plot(distances: np.ndarray) -> 'Figure':
    """Distances [steps, N] over steps."""
    from matplotlib.figure import Figure

    figure = Figure((4.8, 3.0), layout='constrained')
    axes = figure.subplots()
    axes.semilogy(distances, color='tab:blue', linewidth=0.6, alpha=0.5)
    axes.semilogy(distances.mean(1), color='black')
    axes.set(xlabel='step', ylabel='distance', title='black: the mean')
    return figure
