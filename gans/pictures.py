"""Pictures of examples: grids of images, plots of points; and the files they go to."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gans import files
from gans.ops.pixels import to_uint8

GAP = 2  # pixels between the images of a grid
REAL, SAMPLES = '0.6', '#0060d0'  # colors of points: grey and blue


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
    pixels = pixels.repeat(scale, 1).repeat(scale, 2)  # nearest neighbor
    cells = np.full((rows * columns, height * scale + GAP, width * scale + GAP, 3), 255, np.uint8)
    cells[:n, :-GAP, :-GAP] = pixels  # one channel spreads over three
    cells = cells.reshape(rows, columns, *cells.shape[1:])  # [rows, columns, h, w, 3]
    return cells.transpose(0, 2, 1, 3, 4).reshape(rows * cells.shape[2], -1, 3)[:-GAP, :-GAP]


def side_by_side(columns: Sequence[np.ndarray]) -> np.ndarray:
    """Rows of images that belong together, uint8 [h, w, 3]: the first of each column, then the second, and so on.

    Args:
        columns: each float [N, H, W, C] in [-1, 1], C 1 or 3; of any sizes, shown in that of the largest.
    """
    side = [max(images.shape[axis] for images in columns) for axis in (1, 2)]
    of, cells = len(columns), []
    for images in columns:
        rows, places = (np.arange(to) * size // to for to, size in zip(side, images.shape[1:3], strict=True))
        images = images[:, rows][:, :, places]  # nearest neighbor
        cells.append(images if images.shape[3] == 3 else images.repeat(3, 3))
    return grid(np.stack(cells, 1).reshape(-1, *side, 3), of * max(1, round((len(cells[0]) / of) ** 0.5)))


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


def save_png(path: Path, image: np.ndarray) -> None:
    """Writes a picture, uint8 [H, W, 3] or [H, W], in one instant; makes the folder.

    Raises:
        UserError: it cannot be written.
    """
    from PIL import Image

    files.write(path, lambda file: Image.fromarray(image).save(file, 'PNG'))
