"""Volumes of files: voxels (.binvox, .npy, .mat) and meshes (.obj, .off, .stl, .ply), which are voxelised, solid."""

import io
from pathlib import Path

import numpy as np

from gans.binvox import read_binvox
from gans.core import Spec
from gans.data import meshes
from gans.data.base import Source, digest_of, finish_by_kind
from gans.data.decoded import load_or_decode
from gans.data.images import pixels
from gans.data.part import SPLITS, take_split
from gans.data.voxelize import voxelize
from gans.errors import UserError, unknown

UP = ('x', 'y', 'z')
FOLDERS = ('train', 'test')
DECODING = 1  # raise it with any change in what becomes of a file


def volumes(
    path: str,
    *,
    size: int = 64,
    up: str = 'y',
    threshold: float = 0.5,
    split: str = 'all',
    strict: bool = False,
    cache: str | None = None,
) -> Source:
    """All volumes below a folder, [size, size, size, 1]: depth is a file's z, height its y, width its x.

    Voxels are copied, never resampled: a grid that is smaller is enlarged by the largest whole factor that fits, one
    that is larger shrunk by the smallest, where a voxel is occupied if any of its block is; around them is nothing, as
    much at both ends. Meshes are scaled to `size`, see `voxelize`.

    If the files lie in sub-folders of two names or more (but for train, test and numbers, as ModelNet has them:
    chair/30/train), these are the classes.

    Args:
        path: of the folder.
        size: voxels of a side.
        up: the axis of the files that points up; ModelNet's is z.
        threshold: of .npy and .mat the value from which on a voxel is occupied, 8-bit levels counting as shares of 255.
            .npy are [D, H, W] or [D, H, W, 1], as we write them; .mat have an array [X, Y, Z], 'instance' or any.
        split: 'all', 'train' or 'test': the files in folders of that name, or, where there is none, 'test' is a random
            eighth.
        strict: whether a file that cannot be read, or is empty, is an error; otherwise it is named in the log and left
            out.
        cache: as of `folder`.

    Raises:
        UserError: no such folder, no readable volume in it, or a wrong argument.
    """
    if up not in UP:
        raise unknown('data.up', up, UP)
    if split not in SPLITS:
        raise unknown('data.split', split, SPLITS)
    pixels(size)
    root = Path(path).expanduser()
    if not root.is_dir():
        blank = volume_set(np.broadcast_to(np.uint8(0), (1, size, size, size)))
        return blank._replace(absent=f"there is no folder '{path}'; give data.name as volumes:PATH", digest='')
    suffixes = (*READERS, *meshes.READERS)
    names = sorted(p.relative_to(root) for p in root.rglob('[!.]*') if p.suffix.lower() in suffixes and p.is_file())
    classes = tuple(sorted(set(map(class_of, names))))  # the same for all splits
    own = any(set(FOLDERS) & set(name.parts[:-1]) for name in names)
    if own and split != 'all':
        names = [name for name in names if split in name.parts[:-1]]
    if not names:
        raise UserError(f"no volume lies in '{root}'; wanted are files {', '.join(suffixes)}")

    def decode(name: Path) -> tuple[np.ndarray, bool]:
        voxels = turn(read_voxels(root / name, size, threshold), up).transpose(2, 1, 0)
        return voxels * np.uint8(255), False

    options = ['volumes', DECODING, size, up, float(threshold)]
    found, kept, report = load_or_decode(root, names, names, (size,) * 3, options, lambda: decode, strict, cache)
    if len(classes) > 1 and '' not in classes:
        source = volume_set(found, np.array([classes.index(class_of(name)) for name in kept]), classes)
    else:
        source = volume_set(found)
    source = source._replace(digest=digest_of(source.arrays, {'real': report.sha256}))
    return source if own else take_split(source, split)


def class_of(name: Path) -> str:
    """The first folder of a file's path that is the name of no split, and no number; '' if there is none."""
    return next((part for part in name.parts[:-1] if part not in FOLDERS and not part.isdecimal()), '')


def volume_set(voxels: np.ndarray, labels: np.ndarray | None = None, classes: tuple[str, ...] = ()) -> Source:
    """The set of volumes [N, D, H, W], bool or of 255 levels of occupancy, and labels [N]."""
    spec = Spec((*voxels.shape[1:], 1), classes, 'volumes')
    levels = voxels if voxels.dtype == np.uint8 else voxels * np.uint8(255)
    arrays = {'real': levels[..., None]} | ({} if labels is None else {'label': labels.astype(np.int32)})
    return Source(spec, finish_by_kind(spec), size=len(voxels), arrays=arrays)


def read_voxels(path: Path, size: int, threshold: float = 0.5) -> np.ndarray:
    """The voxels of a file, bool [size, size, size] by (x, y, z).

    Raises:
        ValueError: it is damaged, in words.
        OSError: it cannot be read.
    """
    suffix = path.suffix.lower()
    if suffix in meshes.READERS:
        return voxelize(meshes.read_mesh(path), size)
    found = READERS[suffix](path.read_bytes())
    if found.dtype == np.uint8 and found.max(initial=0) > 1:
        found = found / 255
    occupied = found >= threshold
    if not occupied.any():
        raise ValueError(f'it is empty: no value is {threshold} or more, see data.threshold')
    return fit(occupied, size)


def fit(voxels: np.ndarray, size: int) -> np.ndarray:
    """Voxels bool [X, Y, Z] in the middle of [size, size, size], enlarged or shrunk by a whole factor."""
    side = max(voxels.shape)
    if side > size:
        factor = -(-side // size)
        blocks = center(voxels, factor * size).reshape(size, factor, size, factor, size, factor)
        return blocks.any((1, 3, 5))
    for axis in range(3):
        voxels = voxels.repeat(size // side, axis)
    return center(voxels, size)


def center(voxels: np.ndarray, size: int) -> np.ndarray:
    """Voxels [X, Y, Z] with nothing around them, as much at both ends or one voxel more at the far one."""
    return np.pad(voxels, [((size - n) // 2, size - n - (size - n) // 2) for n in voxels.shape])


def turn(voxels: np.ndarray, up: str) -> np.ndarray:
    """Voxels [X, Y, Z] turned, never mirrored, so that the axis `up` becomes y."""
    if up == 'z':
        return voxels.transpose(0, 2, 1)[:, :, ::-1]
    return voxels.transpose(1, 0, 2)[::-1] if up == 'x' else voxels


def _read_npy(content: bytes) -> np.ndarray:
    found = np.load(io.BytesIO(content), allow_pickle=False)
    return _three(found[..., 0] if found.ndim == 4 and found.shape[3] == 1 else found).transpose(2, 1, 0)


def _read_mat(content: bytes) -> np.ndarray:
    from scipy.io import loadmat

    try:
        held = loadmat(io.BytesIO(content))
    except Exception as error:  # of any type
        raise ValueError(f'it is cut off, or no .mat file ({error})') from None
    arrays = [x for name, x in held.items() if not name.startswith('__') and getattr(x, 'ndim', 0) == 3]
    if 'instance' not in held and len(arrays) != 1:
        raise ValueError(f"it has no array 'instance', and {len(arrays)} of three axes")
    return _three(held.get('instance', *arrays[:1]))


def _three(found: np.ndarray) -> np.ndarray:
    if found.ndim != 3 or not found.size or found.dtype.kind not in 'buif':
        raise ValueError(f'it is no array of numbers of three axes, but {found.dtype} {list(found.shape)}')
    return found


READERS = {'.binvox': read_binvox, '.npy': _read_npy, '.mat': _read_mat}
