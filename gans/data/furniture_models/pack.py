"""Rebuilds gans/data/furniture_models from Debian's package; the same bytes come each time.

    apt-get download sweethome3d-furniture
    dpkg-deb -x sweethome3d-furniture_*.deb FOLDER
    python gans/data/furniture_models/pack.py FOLDER/usr/share/sweethome3d/furniture/BlendSwap-CC-0.sh3f [--out FOLDER]

Packed are all 175 models of that library, which is CC0, in its order: turned and stretched as its catalog says (width,
height, depth), and voxelised at 64 voxels a side by gans/data/voxelize.py.
"""

import argparse
import json
import lzma
import sys
import zipfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from gans.data.meshes import READERS
from gans.data.voxelize import voxelize

SIZE = 64


def stretched(triangles: np.ndarray, entry: dict[str, str]) -> np.ndarray:
    """A model as the catalog has it: turned, and its bounding box as wide, high and deep."""
    if 'modelRotation' in entry:
        triangles = triangles @ np.array(entry['modelRotation'].split(), float).reshape(3, 3).T
    sides = triangles.max((0, 1)) - triangles.min((0, 1))
    wanted = np.array([float(entry[side]) for side in ('width', 'height', 'depth')])
    return triangles * np.where(sides > 0, wanted / np.maximum(sides, 1e-9), 1.0)


def entries(catalog: str) -> list[dict[str, str]]:
    """The catalog's entries, in its order."""
    found: dict[int, dict[str, str]] = {}
    for line in catalog.splitlines():
        key, equals, value = line.partition('=')
        name, number, place = key.partition('#')
        if equals and number and place.isdecimal():
            found.setdefault(int(place), {})[name] = value
    return [found[place] for place in sorted(found)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('library', type=Path, help='BlendSwap-CC-0.sh3f')
    parser.add_argument('--out', type=Path, default=Path(__file__).parent)
    args = parser.parse_args()
    models, volumes = [], []
    with zipfile.ZipFile(args.library) as library:
        for entry in entries(library.read('PluginFurnitureCatalog.properties').decode('latin-1')):
            triangles = READERS['.obj'](library.read(entry['model'].lstrip('/')))
            volume = voxelize(stretched(triangles, entry), SIZE)
            volumes.append(volume.transpose(2, 1, 0))  # [D, H, W]
            models.append([entry[field] for field in ('name', 'category', 'creator', 'model')])
            print(f'{volume.mean():.3f}', *models[-1][:2], flush=True)
    packed = lzma.compress(np.packbits(np.stack(volumes)).tobytes(), preset=9 | lzma.PRESET_EXTREME)
    (args.out / 'voxels.xz').write_bytes(packed)
    table = {'size': SIZE, 'fields': ['name', 'category', 'creator', 'model'], 'models': models}
    text = json.dumps(table, ensure_ascii=False, separators=(',', ':'))
    (args.out / 'models.json').write_text(text + '\n', encoding='utf-8')


if __name__ == '__main__':
    main()
