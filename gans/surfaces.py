"""Closed surfaces of volumes, and the mesh files .obj and .ply that they go to."""

from pathlib import Path

import numpy as np

from gans import files
from gans.ops.voxels import LEVEL

AROUND = ((0, 0), (1, 0), (1, 1), (0, 1))  # the cells around an edge, counterclockwise: steps back along two axes


def surface(volume: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The surface of a volume [D, H, W] in [0, 1] at LEVEL, by surface nets (Gibson 1998): a vertex in each cell of
    eight voxels' centers through which it passes, where it crosses the cell's edges on average, and a face of four
    vertices for each pair of neighboring voxels that it separates. It is closed, also at the border of the volume.

    Returns:
        vertices (x, y, z), float [V, 3], in units of the longest side, so that the volume lies in the unit cube;
        faces, int [F, 4], counterclockwise from outside.
    """
    grid = np.pad(np.nan_to_num(volume).astype(np.float32).transpose(2, 1, 0), 1)  # by x, y, z
    inside = grid >= LEVEL
    cells = tuple(n - 1 for n in grid.shape)
    sums, counts, crossed = np.zeros((3, *cells)), np.zeros(cells, int), []
    for axis in range(3):
        low, high = (np.delete(grid, place, axis) for place in (-1, 0))
        cross = np.delete(inside, -1, axis) != np.delete(inside, 0, axis)
        along = np.where(cross, (LEVEL - low) / np.where(cross, high - low, 1), 0)
        b, c = (axis + 1) % 3, (axis + 2) % 3
        crossed.append(cross)
        for steps in AROUND:
            cut = [slice(None)] * 3
            for other, step in zip((b, c), steps, strict=True):
                cut[other] = slice(step, cells[other] + step)
            here = cross[tuple(cut)]
            counts += here
            sums[axis] += along[tuple(cut)]
            sums[b] += here * steps[0]
            sums[c] += here * steps[1]
    places = np.argwhere(counts)
    vertices = places + (sums[:, counts > 0] / counts[counts > 0]).T - 0.5
    number = np.full(cells, -1)
    number[tuple(places.T)] = np.arange(len(places))
    faces = []
    for axis, cross in enumerate(crossed):
        edges = np.argwhere(cross)
        around = []
        for steps in AROUND:
            cell = edges.copy()
            cell[:, [(axis + 1) % 3, (axis + 2) % 3]] -= steps
            around.append(number[tuple(cell.T)])
        quads, leaves = np.stack(around, 1), inside[tuple(edges.T)]  # whether it leaves the inside upwards
        faces.append(np.where(leaves[:, None], quads, quads[:, ::-1]))
    return vertices / max(volume.shape), np.concatenate(faces)


def save_obj(path: Path, volume: np.ndarray) -> None:
    """Writes the surface of [D, H, W] in [0, 1] as Wavefront's .obj, text."""
    vertices, faces = surface(volume)
    lines = [f'v {x:.6g} {y:.6g} {z:.6g}' for x, y, z in vertices]
    lines += ['f ' + ' '.join(map(str, face)) for face in faces + 1]
    files.write(path, lambda file: file.write('\n'.join([*lines, '']).encode()))


def save_ply(path: Path, volume: np.ndarray) -> None:
    """Writes the surface of [D, H, W] in [0, 1] as .ply, binary."""
    vertices, faces = surface(volume)
    header = ['ply', 'format binary_little_endian 1.0', f'element vertex {len(vertices)}']
    header += [f'property float {axis}' for axis in 'xyz']
    header += [f'element face {len(faces)}', 'property list uchar int vertex_indices', 'end_header', '']
    rows = np.empty(len(faces), [('corners', 'u1'), ('vertices', '<i4', 4)])
    rows['corners'], rows['vertices'] = 4, faces
    content = '\n'.join(header).encode() + vertices.astype('<f4').tobytes() + rows.tobytes()
    files.write(path, lambda file: file.write(content))
