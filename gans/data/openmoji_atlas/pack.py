"""Rebuilds gans/data/openmoji_atlas from the npm package of OpenMoji; the same bytes come each time.

    npm pack openmoji@17.0.0
    pip install resvg-py pillow
    python gans/data/openmoji_atlas/pack.py openmoji-17.0.0.tgz [--out FOLDER]

Selected are the emoji of Unicode without skin tones, components and flags, in the order of OpenMoji's own list. Each is
drawn on white at 64 pixels, in color and as a line drawing, and set row by row into one picture of 41 columns.
"""

import argparse
import io
import json
import tarfile
import tempfile
from pathlib import Path

import numpy as np
import resvg_py
from PIL import Image

SIZE, COLUMNS = 64, 41
STYLES = {'color': 'color', 'line': 'black'}  # our name, OpenMoji's


def selected(emoji: dict) -> bool:
    """Whether an entry of data/openmoji.json is packed."""
    return emoji['skintone'] == '' and not emoji['group'].startswith(('component', 'flags', 'extras-'))


def drawn(svg: Path) -> np.ndarray:
    """The picture of an SVG file on white, uint8 [SIZE, SIZE, 3]."""
    png = resvg_py.svg_to_bytes(svg_path=str(svg), width=SIZE, height=SIZE, background='white', skip_system_fonts=True)
    return np.asarray(Image.open(io.BytesIO(bytes(png))).convert('RGB'))


def atlas(pictures: list[np.ndarray]) -> Image.Image:
    """One picture of many, row by row."""
    rows = -(-len(pictures) // COLUMNS)
    cells = np.full((rows * COLUMNS, SIZE, SIZE, 3), 255, np.uint8)
    cells[: len(pictures)] = pictures
    sheet = cells.reshape(rows, COLUMNS, SIZE, SIZE, 3).swapaxes(1, 2).reshape(rows * SIZE, COLUMNS * SIZE, 3)
    return Image.fromarray(sheet)


def pack(package: Path, out: Path) -> None:
    """Writes the atlases and their table from the unpacked package."""
    version = json.loads((package / 'package.json').read_text())['version']
    emojis = [emoji for emoji in json.loads((package / 'data/openmoji.json').read_text()) if selected(emoji)]
    for style, folder in STYLES.items():
        pictures = [drawn(package / folder / 'svg' / f'{emoji["hexcode"]}.svg') for emoji in emojis]
        atlas(pictures).save(out / f'{style}.webp', lossless=True, quality=100, method=6)
    fields = ('hexcode', 'group', 'subgroups', 'annotation', 'tags')
    table = {
        'version': version,
        'size': SIZE,
        'columns': COLUMNS,
        'fields': fields,
        'emoji': [[emoji[field] for field in fields] for emoji in emojis],
    }
    text = json.dumps(table, ensure_ascii=False, separators=(',', ':'))
    (out / 'emoji.json').write_text(text + '\n', encoding='utf-8')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('package', type=Path, help='the .tgz of the npm package, or the folder it unpacks to')
    parser.add_argument('--out', type=Path, default=Path(__file__).parent)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if args.package.is_file():
            with tarfile.open(args.package) as tar:
                tar.extractall(folder, filter='data')
            args.package = Path(folder, 'package')
        pack(args.package, args.out)


if __name__ == '__main__':
    main()
