"""Pictures of images: grids of them with words around, and the files that pictures go to."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from gans import files, films
from gans.errors import UserError
from gans.ops.pixels import to_uint8

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL.ImageFont import FreeTypeFont

GAP = 2  # pixels between the images of a grid
TEXT, SMALLEST = 13, 9  # pixels of letters: usually, and where a name would not fit over its column
LINE = 19  # pixels of a line of text
NARROWEST = 240  # pixels of a picture with words
BESIDE = 200  # pixels of the words at its left, as far as words are not longer
VECTOR = ('.svg', '.pdf')  # files that plots go to as they are, lines and letters


class Film(NamedTuple):
    """A picture that moves."""

    still: np.ndarray  # uint8 [h, w, 3]: what is seen of it where nothing moves
    frames: np.ndarray  # uint8 [T, h, w, 3]


# Pixels, uint8 [h, w, 3], a plot that is not drawn yet, or what moves.
Picture: TypeAlias = 'np.ndarray | Figure | Film'


class Caption(NamedTuple):
    """The words around a picture."""

    title: str = ''  # above it
    columns: tuple[str, ...] = ()  # over equal shares of its width
    rows: tuple[str, ...] = ()  # at the left of equal shares of its height


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


def side_by_side(fields: Mapping[str, np.ndarray], title: str = '') -> np.ndarray:
    """Rows of images that belong together under the names of their fields, uint8 [h, w, 3]: the first of each field,
    then the second of each, and so on, a few to a row.

    Args:
        fields: by name, each float [N, H, W, C] in [-1, 1], C 1 or 3; of any sizes, shown as large as the largest.
    """
    side = [max(images.shape[axis] for images in fields.values()) for axis in (1, 2)]
    cells = [_fit_in(images if images.shape[3] == 3 else images.repeat(3, 3), side) for images in fields.values()]
    names = tuple(fields) * max(1, round((len(cells[0]) / len(fields)) ** 0.5))
    picture = grid(np.stack(cells, 1).reshape(-1, *side, 3), len(names))
    return annotate(picture, Caption(title, names[: len(fields) * len(cells[0])]))


def _fit_in(images: np.ndarray, side: Sequence[int]) -> np.ndarray:
    """Images [N, h, w, C] as large as they fit into a cell [N, *side, C], in their proportions, on white."""
    h, w = images.shape[1:3]
    height, width = (side[0], w * side[0] // h) if w * side[0] <= h * side[1] else (h * side[1] // w, side[1])
    rows, columns = np.arange(height) * h // height, np.arange(width) * w // width
    cell = np.ones((len(images), *side, images.shape[3]), images.dtype)
    top, left = (side[0] - height) // 2, (side[1] - width) // 2
    cell[:, top : top + height, left : left + width] = images[:, rows][:, :, columns]  # nearest neighbor
    return cell


def annotate(picture: np.ndarray, caption: Caption) -> np.ndarray:
    """A picture, uint8 [h, w, 3], with the words of a caption above it and at its left; what is too long for its
    column or row is cut.
    """
    if not any(caption):
        return picture
    from PIL import Image, ImageDraw

    height, width = picture.shape[:2]
    font = _font(TEXT)
    down = (height + GAP) / max(1, len(caption.rows))
    rows = [_shorten(_wrap(name, BESIDE), int(down // LINE)) for name in caption.rows]
    left = round(max((font.getlength(line) + 4 * GAP for lines in rows for line in lines), default=0))
    lines = _wrap(caption.title, max(left + width, NARROWEST) - 2 * GAP)
    top = LINE * (len(lines) + bool(caption.columns))
    whole = Image.new('RGB', (max(left + width, NARROWEST), top + height), 'white')
    whole.paste(Image.fromarray(picture), (left, top))
    pen = ImageDraw.Draw(whole)
    for i, line in enumerate(lines):
        pen.text((GAP, LINE * (i + 0.5)), line, 'black', font, anchor='lm')
    across = (width + GAP) / max(1, len(caption.columns))
    for i, name in enumerate(caption.columns):
        name, small = _fit(name, across - 2 * GAP)
        pen.text((left + across * (i + 0.5) - GAP / 2, top - LINE / 2), name, 'black', small, anchor='mm')
    for i, lines in enumerate(rows):
        for j, line in enumerate(lines):
            place = top + down * (i + 0.5) - GAP / 2 + LINE * (j - (len(lines) - 1) / 2)
            pen.text((GAP, place), line, 'black', font, anchor='lm')
    return np.asarray(whole)


def to_pixels(picture: Picture) -> np.ndarray:
    """A picture as pixels, uint8 [h, w, 3]; a plot is drawn, what moves stands still."""
    if isinstance(picture, Film):
        return picture.still
    if isinstance(picture, np.ndarray):
        return picture
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(picture)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def save(path: Path, picture: Picture) -> None:
    """Writes a picture in one instant, a plot as the file's ending says: .png, .svg or .pdf; what moves as .png, and
    beside it as .webp; makes the folder. The same picture is the same bytes.

    Raises:
        UserError: it cannot be written, or it is made of pixels and the file is to be .svg or .pdf.
    """
    if path.suffix not in VECTOR:
        save_png(path, to_pixels(picture))
        if isinstance(picture, Film):
            films.save_clip(path.with_suffix('.webp'), picture.frames)
        return
    if isinstance(picture, (np.ndarray, Film)):
        raise UserError(f'{path}: images are made of pixels, and only plots are lines: name a FILE.png')
    import matplotlib

    undated = {'Date' if path.suffix == '.svg' else 'CreationDate': None}
    with matplotlib.rc_context({'svg.hashsalt': 'gans', 'pdf.fonttype': 42}):
        files.write(path, lambda file: picture.savefig(file, format=path.suffix[1:], metadata=undated))


def save_png(path: Path, image: np.ndarray) -> None:
    """Writes pixels, uint8 [H, W, 3] or [H, W], in one instant; makes the folder.

    Raises:
        UserError: it cannot be written.
    """
    from PIL import Image

    # The level is a third faster than the usual 6, and files are 3 to 12 % larger.
    files.write(path, lambda file: Image.fromarray(image).save(file, 'PNG', compress_level=3))


@cache
def _font(size: int) -> 'FreeTypeFont':
    """The font of plots, which has letters of many languages."""
    import matplotlib
    from PIL import ImageFont

    path = Path(matplotlib.get_data_path(), 'fonts', 'ttf', 'DejaVuSans.ttf')
    return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)


def _fit(name: str, width: float) -> tuple[str, 'FreeTypeFont']:
    """A name no wider than that, and its font: smaller letters first, then fewer."""
    for size in range(TEXT, SMALLEST - 1, -1):
        font = _font(size)
        if font.getlength(name) <= width:
            return name, font
    while name and font.getlength(f'{name}…') > width:
        name = name[:-1]
    return f'{name}…' if name else '', font


def _shorten(lines: list[str], most: int) -> list[str]:
    """The first lines, one at least; the last of them says whether there were more."""
    kept = lines[: max(1, most)]
    return kept if len(kept) == len(lines) else [*kept[:-1], f'{kept[-1]}…']


def _wrap(text: str, width: int) -> list[str]:
    """Lines of words no wider than that, as far as words are not."""
    lines = []
    for word in text.split():
        longer = f'{lines[-1]} {word}' if lines else word
        if lines and _font(TEXT).getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines
