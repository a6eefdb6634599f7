"""Files of voxels .binvox (Patrick Min's tool): a header in text, and runs of equal voxels."""

from pathlib import Path

import numpy as np

from gans import files

LONGEST = 255  # voxels of a run


def read_binvox(content: bytes) -> np.ndarray:
    """The voxels of a file, bool [X, Y, Z].

    Raises:
        ValueError: it is damaged, in words.
    """
    header, found, data = content.partition(b'\ndata\n')
    lines = [line.split() for line in header.decode('latin-1').splitlines()]
    if not lines or not lines[0] or lines[0][0] != '#binvox' or not found:
        raise ValueError('it has no header of a .binvox file')
    if lines[0][1:] != ['1']:
        raise ValueError(f"its version is {' '.join(lines[0][1:])}, not 1")
    sides = next(([int(n) for n in words[1:]] for words in lines if words[0] == 'dim'), [])
    if len(sides) != 3 or min(sides) < 1:
        raise ValueError("its header has no line 'dim' of three sides")
    runs = np.frombuffer(data[: len(data) // 2 * 2], np.uint8).reshape(-1, 2)
    count, wanted = int(runs[:, 1].sum(dtype=np.int64)), int(np.prod(sides, dtype=np.int64))
    if count != wanted:
        raise ValueError(f'it holds {count:,} voxels of {wanted:,}: it is cut off, or damaged')
    return np.repeat(runs[:, 0] > 0, runs[:, 1]).reshape(sides).transpose(0, 2, 1)  # y runs fastest, then z, then x


def save_binvox(path: Path, voxels: np.ndarray) -> None:
    """Writes voxels, bool [D, H, W]: depth is z, height is y, width is x."""
    depth, height, width = voxels.shape
    flat = voxels.transpose(2, 0, 1).reshape(-1)
    starts = np.concatenate([[0], np.flatnonzero(np.diff(flat)) + 1])
    lengths = np.diff([*starts, len(flat)])
    pieces = -(-lengths // LONGEST)  # runs that each stretch is cut into
    runs = np.full((pieces.sum(), 2), LONGEST, np.uint8)
    runs[:, 0] = np.repeat(flat[starts], pieces)
    runs[pieces.cumsum() - 1, 1] = lengths - (pieces - 1) * LONGEST
    header = f'#binvox 1\ndim {width} {depth} {height}\ntranslate 0 0 0\nscale 1\ndata\n'
    files.write(path, lambda file: file.write(header.encode() + runs.tobytes()))
