"""Triangles of mesh files: .obj, .off, .stl and .ply. Faces of more than three corners are cut into fans."""

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

TYPES = {  # of .ply
    **dict.fromkeys(('char', 'int8'), 'i1'),
    **dict.fromkeys(('uchar', 'uint8'), 'u1'),
    **dict.fromkeys(('short', 'int16'), 'i2'),
    **dict.fromkeys(('ushort', 'uint16'), 'u2'),
    **dict.fromkeys(('int', 'int32'), 'i4'),
    **dict.fromkeys(('uint', 'uint32'), 'u4'),
    **dict.fromkeys(('float', 'float32'), 'f4'),
    **dict.fromkeys(('double', 'float64'), 'f8'),
}


def read_mesh(path: Path) -> np.ndarray:
    """The corners of a mesh's triangles, float64 [T, 3, 3] by (triangle, corner, axis), none of them beyond its end.

    Raises:
        ValueError: it is damaged, in words.
        OSError: it cannot be read.
    """
    try:
        return READERS[path.suffix.lower()](path.read_bytes())
    except (IndexError, KeyError, StopIteration, UnicodeDecodeError) as error:
        raise ValueError(f'it is cut off, or no {path.suffix} file') from error


def _corners(vertices: Sequence, faces: Sequence[Sequence[int]]) -> np.ndarray:
    """Vertices [V, 3], and faces of any number of corners, as triangles."""
    places = np.array([(f[0], f[i], f[i + 1]) for f in faces for i in range(1, len(f) - 1)], int).reshape(-1, 3)
    if len(places) and not 0 <= places.min() <= places.max() < len(vertices):
        raise ValueError(f'a face names a corner that is none of its {len(vertices)}')
    return np.asarray(vertices, float).reshape(-1, 3)[places]


def _read_obj(content: bytes) -> np.ndarray:
    vertices, faces = [], []
    for line in content.decode('utf-8', 'replace').replace('\\\n', ' ').splitlines():
        if line.startswith('v '):
            vertices.append([float(x) for x in line.split()[1:4]])
        elif line.startswith('f '):
            corners = [int(corner.partition('/')[0]) for corner in line.split()[1:]]
            faces.append([corner - 1 if corner > 0 else corner + len(vertices) for corner in corners])
    return _corners(vertices, faces)


def _read_off(content: bytes) -> np.ndarray:
    lines = [line.partition('#')[0].strip() for line in content.decode().splitlines()]
    head, *lines = [line for line in lines if line]
    match = re.fullmatch(r'(?:ST)?C?N?OFF\s*([\d\s]*)', head)  # the counts are often glued on: OFF490 518 0
    if not match:
        raise ValueError(f"it begins with '{head[:20]}', not with OFF")
    counts, *lines = ([match[1]] if match[1] else []) + lines
    v, f = (int(count) for count in counts.split()[:2])
    if len(lines) < v + f:
        raise ValueError(f'it has {len(lines):,} lines of {v:,} corners and {f:,} faces')
    vertices = [[float(x) for x in line.split()[:3]] for line in lines[:v]]
    numbers = ([int(x) for x in line.split()[: int(line.split()[0]) + 1]] for line in lines[v : v + f])
    return _corners(vertices, [corners[1:] for corners in numbers])


def _read_stl(content: bytes) -> np.ndarray:
    count = int.from_bytes(content[80:84], 'little')
    if len(content) == 84 + 50 * count:
        facets = np.frombuffer(content[84:], np.dtype([('normal', '<f4', 3), ('corners', '<f4', (3, 3)), ('', '<u2')]))
        return facets['corners'].astype(float)
    if not content.lstrip().startswith(b'solid'):
        raise ValueError(f'it has {len(content):,} bytes, and {count:,} triangles take {84 + 50 * count:,}')
    corners = re.findall(rb'vertex\s+(\S+)\s+(\S+)\s+(\S+)', content)
    if len(corners) % 3 or b'endsolid' not in content:
        raise ValueError('it is cut off')
    return np.array(corners, float).reshape(-1, 3, 3)


def _read_ply(content: bytes) -> np.ndarray:
    head, end, body = content.partition(b'end_header')
    lines = [line.split() for line in head.decode().splitlines() if line.strip()]
    if lines[0] != ['ply'] or not end:
        raise ValueError('it has no header of a .ply file')
    body = body[body.index(b'\n') + 1 :]
    kind = next(words[1] for words in lines if words[0] == 'format')
    read = _ascii(body) if kind == 'ascii' else _binary(body, '<' if kind == 'binary_little_endian' else '>')
    elements = []
    for words in lines:
        if words[0] == 'element':
            elements.append((words[1], int(words[2]), []))
        elif words[0] == 'property':
            elements[-1][2].append((words[-1], words[1:-1]))
    held = {}
    for name, count, properties in elements:
        rows = [{key: _value(read, types) for key, types in properties} for _ in range(count)]
        held[name] = rows
    faces = [next(row[key] for key in ('vertex_indices', 'vertex_index') if key in row) for row in held['face']]
    return _corners([[row[axis] for axis in 'xyz'] for row in held['vertex']], faces)


def _value(read: Callable[[str], float], types: list[str]) -> float | list[int]:
    """One property of a row: a number, or of ['list', TYPE, TYPE] as many as the first one says."""
    if types[0] != 'list':
        return read(TYPES[types[0]])
    return [int(read(TYPES[types[2]])) for _ in range(int(read(TYPES[types[1]])))]


def _ascii(body: bytes) -> Callable[[str], float]:
    words: Iterator[bytes] = iter(body.split())
    return lambda kind: float(next(words))


def _binary(body: bytes, order: str) -> Callable[[str], float]:
    place = 0

    def read(kind: str) -> float:
        nonlocal place
        size = int(kind[1])
        if place + size > len(body):
            raise ValueError('it is cut off')
        value = np.frombuffer(body, order + kind, 1, place)[0]
        place += size
        return value.item()

    return read


READERS: dict[str, Callable[[bytes], np.ndarray]] = {
    '.obj': _read_obj,
    '.off': _read_off,
    '.stl': _read_stl,
    '.ply': _read_ply,
}
