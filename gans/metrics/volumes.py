"""Metrics of volumes, of which voxels are occupied or not: compared by the intersection over the union (IoU).

None of them sees shapes beyond single voxels: a chair that is moved by two voxels is another one. Copies of the real
models have an IoU of 1 to the nearest and the best coverage, so read them beside those of the real halves.
"""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from gans.ops.voxels import OCCUPIED

BLOCK = 256  # volumes of a product


class Targets(NamedTuple):
    """What each sample should equal, of volumes."""

    examples: np.ndarray  # uint8 [N, D, H, W, C]
    field: str  # of the examples, that they are

    @property
    def quick(self) -> tuple[str, ...]:
        """The scores that training reports."""
        return ('iou',)

    def stamps(self) -> dict[str, dict[str, Any]]:
        """What each score depends on beside the volumes, by its name."""
        shared = {'target': self.field, 'occupied': f'from {OCCUPIED} of 255 on'}
        return {'iou': shared, 'average_precision': {**shared, 'levels': 256}}

    def score(self, volumes: np.ndarray, names: Iterable[str] = ('iou', 'average_precision')) -> dict[str, float]:
        """Means over volumes, uint8 [M, D, H, W, C], M <= N, of their scores against the first targets."""
        compare = {'iou': iou, 'average_precision': average_precision}
        return {name: float(compare[name](volumes, self.examples[: len(volumes)]).mean()) for name in names}


def iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The IoU of each of a with its own of b, stored volumes [N, D, H, W, C] both -> [N]; two empty ones are equal."""
    a, b = ((x >= OCCUPIED).reshape(len(x), -1) for x in (a, b))
    either = (a | b).sum(1)
    return np.where(either, (a & b).sum(1) / np.maximum(either, 1), 1.0)


def average_precision(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The area under precision against recall of a's voxels as guesses, by their 256 levels, at which of b's are
    occupied: stored volumes [N, D, H, W, C] -> [N], 0 where none is. As Wu 2016 (1610.07584, section 4.3) scores
    shapes, there best over shifts and mirror images.
    """
    found = []
    for guess, truth in zip(a, b, strict=True):
        occupied = truth >= OCCUPIED
        right, all_of = (np.bincount(x.reshape(-1), minlength=256)[::-1] for x in (guess[occupied], guess))
        right, all_of = right.cumsum(), all_of.cumsum()  # from the surest level on
        precision = right / np.maximum(all_of, 1)
        found.append(float((np.diff(right, prepend=0) * precision).sum() / max(1, right[-1])))
    return np.array(found)


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
