"""Pictures of samples: grids of images, plots of points, paths through the latent space; and the files they go to."""

from pathlib import Path
from typing import Any

import numpy as np

from gans.core import Spec
from gans.data.images import to_uint8
from gans.errors import UserError, unknown
from gans.train import files

GAP = 2  # pixels between the images of a grid
REAL, SAMPLES = '0.6', '#0060d0'  # colours of points: grey and blue


def draw(samples: np.ndarray, real: np.ndarray | None, spec: Spec, columns: int | None = None) -> np.ndarray:
    """A picture of samples, uint8 [h, w, 3]: a grid of images, or points beside real ones.

    Args:
        samples: float [N, *spec.shape].
        real: float [M, *spec.shape] or None; not used for images.
        columns: images in a row, see `grid`.
    """
    return grid(samples, columns) if spec.is_image else points(samples, real)


def grid(images: np.ndarray, columns: int | None = None) -> np.ndarray:
    """Images beside and below each other, row by row, uint8 [h, w, 3]; the last row is filled up with white.

    Images of 32 pixels or less are enlarged by a whole factor so that people can see them.

    Args:
        images: float [N, H, W, C] in [-1, 1], C 1 or 3; what lies outside is clipped, NaN is black.
        columns: images in a row; by default as many as make the grid about square.
    """
    pixels = to_uint8(images)
    n, height, width, channels = pixels.shape
    if n == 0 or channels not in (1, 3):
        raise ValueError(f'a grid needs images [N, H, W, 1 or 3], N > 0; these are {pixels.shape}')
    columns = min(n, columns or int(np.ceil(np.sqrt(n))))
    rows = -(-n // columns)
    scale = max(1, 64 // max(height, width)) if max(height, width) <= 32 else 1
    pixels = pixels.repeat(scale, 1).repeat(scale, 2)  # nearest neighbour
    cells = np.full((rows * columns, height * scale + GAP, width * scale + GAP, 3), 255, np.uint8)
    cells[:n, :-GAP, :-GAP] = pixels  # one channel spreads over three
    cells = cells.reshape(rows, columns, *cells.shape[1:])  # [rows, columns, h, w, 3]
    return cells.transpose(0, 2, 1, 3, 4).reshape(rows * cells.shape[2], -1, 3)[:-GAP, :-GAP]


def points(samples: np.ndarray, real: np.ndarray | None = None, size: int = 480) -> np.ndarray:
    """Samples over real points, uint8 [size, size, 3]: densities for d = 1, a scatter of the first two axes otherwise.

    The axes are fixed by the real points, so that the pictures of a run can be compared. Samples that are not finite
    or lie outside are counted in the title.

    Args:
        samples: float [N, d].
        real: float [M, d], finite; without them the samples fix the axes.
        size: of the picture, in pixels.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    samples = np.asarray(samples, np.float64)[:, :2]
    finite = samples[np.isfinite(samples).all(1)]
    frame = finite if real is None else np.asarray(real, np.float64)[:, :2]
    low, high = (frame.min(0), frame.max(0)) if len(frame) else (np.zeros(2), np.zeros(2))  # [d]
    middle = (low + high) / 2
    reach = 0.65 * max((high - low).max(), 1e-3 * max(1, np.abs(middle).max()))  # never nothing
    inside = finite[(np.abs(finite - middle) <= reach).all(1)]
    figure = Figure(figsize=(size / 100, size / 100), dpi=100)
    canvas = FigureCanvasAgg(figure)
    axis = figure.add_axes((0.1, 0.07, 0.87, 0.86))  # a layout engine takes as long as the drawing
    clouds = [(inside, len(samples), SAMPLES, 'samples')]
    if real is not None:
        clouds.insert(0, (frame, len(frame), REAL, 'real'))
    for cloud, count, color, label in clouds:
        if samples.shape[1] == 1:
            bins = np.linspace(middle[0] - reach, middle[0] + reach, 81)
            density = np.histogram(cloud, bins)[0] / (max(1, count) * (bins[1] - bins[0]))
            axis.stairs(density, bins, color=color, fill=label == 'real', alpha=0.6, linewidth=1.5, label=label)
        else:
            dot = float(np.clip(6000 / max(1, count), 3, 16))
            axis.scatter(*cloud.T, s=dot, color=color, alpha=0.6, linewidths=0, label=label)
    axis.set_xlim(middle[0] - reach, middle[0] + reach)
    if samples.shape[1] == 1:
        axis.set_ylim(bottom=0)
        axis.set_yticks([])
    else:
        axis.set_ylim(middle[1] - reach, middle[1] + reach)
        axis.set_aspect('equal')
    axis.spines[['top', 'right']].set_visible(False)
    axis.legend(loc='upper right', fontsize=8, markerscale=2, framealpha=0.8)
    lost, outside = len(samples) - len(finite), len(finite) - len(inside)
    notes = [f', {lost} not finite'] * (lost > 0) + [f', {outside} outside'] * (outside > 0)
    axis.set_title(f'{len(samples)} samples' + ''.join(notes), fontsize=9)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def lerp(a: np.ndarray, b: np.ndarray, t: np.ndarray | float) -> np.ndarray:
    """The straight path from a [d] to b [d] at t in [0, 1]; t [...] gives [..., d]."""
    t = np.asarray(t, np.float32)[..., None]
    return ((1 - t) * a + t * b).astype(np.float32)


def slerp(a: np.ndarray, b: np.ndarray, t: np.ndarray | float) -> np.ndarray:
    """The path along the sphere from a [d] to b [d] at t in [0, 1]; t [...] gives [..., d].

    Lengths go from |a| to |b| evenly, so a path between latents of a normal distribution stays where such latents
    are; the straight path cuts through the middle, where there are none (White 2016, arXiv:1609.04468). Where the
    arc is not defined (a or b zero, or both on one line) the path is straight.
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    length_a, length_b = np.linalg.norm(a), np.linalg.norm(b)
    if min(length_a, length_b) < 1e-12:
        return lerp(a, b, t)
    angle = np.arccos(np.clip(np.dot(a / length_a, b / length_b), -1, 1))
    if min(angle, np.pi - angle) < 1e-6:
        return lerp(a, b, t)
    t = np.asarray(t, np.float64)[..., None]
    direction = (np.sin((1 - t) * angle) * a / length_a + np.sin(t * angle) * b / length_b) / np.sin(angle)
    return (((1 - t) * length_a + t * length_b) * direction).astype(np.float32)


PATHS = {'linear': lerp, 'spherical': slerp}


def interpolations(starts: np.ndarray, ends: np.ndarray, steps: int, mode: str = 'spherical') -> np.ndarray:
    """Latents on the paths from starts [N, d] to ends [N, d], both included: float32 [N * steps, d].

    Paths come one after another, so `grid(..., columns=steps)` shows one in each row.
    """
    if mode not in PATHS:
        raise unknown('path', mode, PATHS)
    path, t = PATHS[mode], np.linspace(0, 1, steps)
    return np.concatenate([path(a, b, t) for a, b in zip(starts, ends, strict=True)])


def save_png(path: Path, image: np.ndarray) -> None:
    """Writes a picture, uint8 [H, W, 3] or [H, W], in one instant; makes the folder.

    Raises:
        UserError: it cannot be written.
    """
    from PIL import Image

    files.write(path, lambda file: Image.fromarray(image).save(file, 'PNG'))


def save_samples(
    out: Path, samples: np.ndarray, spec: Spec, labels: np.ndarray | None = None, columns: int | None = None
) -> str:
    """Writes samples, float [N, *spec.shape], in the form that the ending of `out` asks for.

    - `NAME.png`: one picture, `draw` of the samples alone;
    - `NAME.npz`: array 'samples', uint8 [N, H, W, C] for images, float32 [N, d] for points; and 'labels', int32 [N],
      the classes that were asked for, if any;
    - `FOLDER/`: one PNG an image, 000000.png and so on; of a conditional system in a folder a class, FOLDER/CLASS/.

    Returns:
        What was written, in a line.

    Raises:
        UserError: another ending, points for a folder, or a place that cannot be written.
    """
    path, samples = Path(out), np.asarray(samples)
    if str(out).endswith('/'):
        if not spec.is_image:
            raise UserError(f"'{out}' is a folder of images, but samples are points {spec.shape}: use NAME.npz or .png")
        for i, image in enumerate(to_uint8(samples)):
            place = path if labels is None else path / spec.classes[labels[i]].replace('/', '-')
            save_png(place / f'{i:06}.png', image[..., 0] if image.shape[-1] == 1 else image)
        return f'{len(samples)} images in {path}/'
    if path.suffix == '.png':
        save_png(path, draw(samples, None, spec, columns))
        return f'a picture of {len(samples)} samples in {path}'
    if path.suffix == '.npz':
        array: Any = to_uint8(samples) if spec.is_image else samples.astype(np.float32)
        files.write(path, lambda file: np.savez(file, samples=array, **({} if labels is None else {'labels': labels})))
        return f"array 'samples' {array.dtype} {list(array.shape)} in {path}"
    raise UserError(f"cannot tell what to write to '{out}': use NAME.png (a picture), NAME.npz (an array) or FOLDER/")
