"""Solid voxels of a mesh of triangles, open or closed, however its parts overlap."""

from collections.abc import Iterator

import numpy as np

STEP = 0.3  # voxels between the points of a surface, at most
POINTS = 2**20  # that are held at a time


def voxelize(triangles: np.ndarray, size: int) -> np.ndarray:
    """The voxels that a mesh occupies, bool [size, size, size] by (x, y, z).

    A voxel is occupied if the surface passes through it, or if the surface keeps it from the outside, so thin parts are
    never lost and closed boxes are solid; what an open mesh encloses is empty. The mesh is scaled, alike along all
    axes, and moved, so that its bounding box is centered and its longest side leaves `margin(size)` voxels free at both
    ends.

    Args:
        triangles: corners, float [T, 3, 3] by (triangle, corner, axis).
        size: voxels of a side.

    Raises:
        ValueError: there is no triangle, a coordinate is not finite, or all corners are one point.
    """
    from scipy import ndimage

    if not len(triangles):
        raise ValueError('it has no faces')
    if not np.isfinite(triangles).all():
        raise ValueError('a coordinate is not finite')
    low, high = triangles.min((0, 1)), triangles.max((0, 1))
    side = (high - low).max()
    if side == 0:
        raise ValueError('all its corners are one point')
    scale = (size - 2 * margin(size)) * (1 - 1e-6) / side  # so that a face on a border is on its inner side
    triangles = (triangles - (low + high) / 2) * scale + size / 2
    found = np.zeros((size, size, size), bool)
    for points in _points(triangles):
        x, y, z = np.clip(points.astype(int), 0, size - 1).T
        found[x, y, z] = True
    return ndimage.binary_fill_holes(found)


def margin(size: int) -> int:
    """Voxels that stay free at each end: 1 of 32, 2 of 64."""
    return size // 32


def _points(triangles: np.ndarray) -> Iterator[np.ndarray]:
    """Points [N, 3] all over the triangles, in pieces: grids of n steps on each, n as its longest edge demands."""
    edges = np.linalg.norm(triangles - np.roll(triangles, 1, 1), axis=2).max(1)
    steps = np.maximum(1, np.ceil(edges / STEP).astype(int))
    for n in np.unique(steps):
        i, j = np.nonzero(np.add.outer(np.arange(n + 1), np.arange(n + 1)) <= n)
        weights = np.stack([i, j, n - i - j], 1) / n  # [points, 3]
        some = triangles[steps == n]
        piece = max(1, POINTS // len(weights))
        for start in range(0, len(some), piece):
            yield np.matmul(weights, some[start : start + piece]).reshape(-1, 3)
