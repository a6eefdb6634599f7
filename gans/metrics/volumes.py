"""Metrics of volumes, of which voxels are occupied or not: compared by the intersection over the union (IoU).

None of them sees shapes beyond single voxels: a chair that is moved by two voxels is another one. Copies of the real
models have an IoU of 1 to the nearest and the best coverage, so read them beside those of the real halves.
"""

from collections.abc import Iterator

import numpy as np

from gans.ops.voxels import OCCUPIED

BLOCK = 256  # volumes of a product


def statistics(volumes: np.ndarray) -> dict[str, float]:
    """Of stored volumes [N, D, H, W, C]: the mean share of occupied voxels ('occupancy'), and the mean number of their
    pieces ('components'), voxels that touch at faces, edges or corners.
    """
    from scipy import ndimage

    occupied = volumes[..., 0] >= OCCUPIED
    pieces = [ndimage.label(volume, np.ones((3, 3, 3)))[1] for volume in occupied]
    return {'occupancy': float(occupied.mean()), 'components': float(np.mean(pieces))}


def matching(real: np.ndarray, fake: np.ndarray) -> dict[str, float]:
    """Of stored volumes [N, D, H, W, C] and [M, D, H, W, C]:

    - 'iou_nearest': the mean IoU of fakes and the real ones nearest to them; 1 are copies, so no value is the best;
    - 'iou_coverage': the share of real ones that are the nearest of some fake, and
    - 'iou_mmd': the mean distance 1 - IoU of real ones and the fakes nearest to them, the minimum matching distance
      (both Achlioptas 2018, 1707.02392, section 4.2, there for clouds of points).
    """
    nearest, best, closest = np.full(len(real), -1.0), [], []
    for ious in _ious(fake, real):  # [block of fakes, real]
        best.append(ious.max(1))
        closest.append(ious.argmax(1))
        nearest = np.maximum(nearest, ious.max(0))
    return {
        'iou_nearest': float(np.concatenate(best).mean()),
        'iou_coverage': len(np.unique(np.concatenate(closest))) / len(real),
        'iou_mmd': float(1 - nearest.mean()),
    }


def _ious(a: np.ndarray, b: np.ndarray) -> Iterator[np.ndarray]:
    """The IoU of each of a with all of b, float64 in blocks [n, len(b)]; two empty ones are equal."""
    flat = lambda some: (some[..., 0] >= OCCUPIED).reshape(len(some), -1).astype(np.float32)
    for i in range(0, len(a), BLOCK):
        one, found = flat(a[i : i + BLOCK]), []
        for j in range(0, len(b), BLOCK):
            other = flat(b[j : j + BLOCK])
            both = (one @ other.T).astype(np.float64)
            either = one.sum(1)[:, None] + other.sum(1) - both
            found.append(np.where(either > 0, both / np.maximum(either, 1), 1.0))
        yield np.concatenate(found, 1)
