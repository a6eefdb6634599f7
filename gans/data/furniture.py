"""Furniture: real volumes that need no download; the models in the folder beside this file are CC0, see their LICENSE.

175 models of Blend Swap, of 11 categories (living room, kitchen, ...), from chairs and cupboards to plants and a truck.
Packed by gans/data/furniture_models/pack.py.
"""

import json
import lzma
from importlib.resources import files
from typing import Any

import numpy as np

from gans.data.base import Source
from gans.data.volumes import volume_set
from gans.errors import UserError, unknown

SIZES = (8, 16, 32, 64)
SPLITS = ('all', 'train', 'test')


def furniture(*, size: int = 32, split: str = 'all', group: str = 'all') -> Source:
    """Solid models [size, size, size, 1]; the labels are the 11 categories.

    Args:
        size: voxels of a side: 64, or 32, 16 or 8, where a voxel is occupied if any of its block of voxels is.
        split: 'all', or 'test' for every eighth of the list and 'train' for the others.
        group: 'all', or a category ('Living room'), or a word of the models' names ('chair'), in any case; the labels
            stay the same.

    Raises:
        UserError: a wrong argument.
    """
    if size not in SIZES:
        raise UserError(f'data.size is {size!r}; furniture comes in 8, 16, 32 and 64 voxels')
    if split not in SPLITS:
        raise unknown('data.split', split, SPLITS)
    named = models()
    categories = sorted({model['category'] for model in named})
    keep = np.arange(len(named))
    if group != 'all':
        of = lambda model: {model['category'].lower(), *model['name'].lower().split()}
        keep = np.array([i for i, model in enumerate(named) if group.lower() in of(model)], int)
        if not len(keep):
            raise unknown('data.group', group, ['all', *categories, *sorted(set().union(*map(of, named)))])
    test = np.isin(keep, keep[7::8])
    keep = {'all': keep, 'train': keep[~test], 'test': keep[test]}[split]
    labels = np.array([categories.index(model['category']) for model in named])
    return volume_set(pooled(_voxels()[keep], size), labels[keep], tuple(categories))


def pooled(voxels: np.ndarray, size: int) -> np.ndarray:
    """bool [N, S, S, S] as [N, size, size, size]: a voxel is occupied if any of its block is."""
    while len(voxels[0]) > size:
        voxels = voxels[:, ::2] | voxels[:, 1::2]
        voxels = voxels[:, :, ::2] | voxels[:, :, 1::2]
        voxels = voxels[..., ::2] | voxels[..., 1::2]
    return voxels


def models() -> list[dict[str, Any]]:
    """For each of the 175 models, in order: name, category, creator, model (its file in the library)."""
    table = _table()
    return [dict(zip(table['fields'], model, strict=True)) for model in table['models']]


def _voxels() -> np.ndarray:
    """bool [175, 64, 64, 64]."""
    side, packed = _table()['size'], (files('gans.data') / 'furniture_models' / 'voxels.xz').read_bytes()
    bits = np.unpackbits(np.frombuffer(lzma.decompress(packed), np.uint8))
    return bits.reshape(-1, side, side, side).view(bool)


def _table() -> dict[str, Any]:
    return json.loads((files('gans.data') / 'furniture_models' / 'models.json').read_text(encoding='utf-8'))
