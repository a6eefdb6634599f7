"""What the tests of --mode=compare share: pictures, files of them, and results."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

from gans.data import load as data
from gans.evaluation.compare import compare


def emoji() -> np.ndarray:
    return data.load({'name': 'openmoji', 'size': 16}).arrays['real'][:60]


def folder(path: Path, images: np.ndarray, suffix: str = 'png') -> Path:
    path.mkdir(parents=True)
    for i, image in enumerate(images):
        Image.fromarray(image[..., 0] if image.shape[2] == 1 else image).save(path / f'{i}.{suffix}')
    return path


def npz(path: Path, **arrays: np.ndarray) -> str:
    np.savez(path, **arrays)
    return str(path)


def values(out: Path) -> dict[str, float]:
    return {entry['metric']: entry['value'] for entry in json.loads(out.read_text())}


def smooth(num: int, seed: int, side: int = 24) -> np.ndarray:
    """Pictures that survive resizing, uint8 [num, side, side, 3]."""
    coarse = np.random.default_rng(seed).integers(30, 225, (num, 3, 3, 3), dtype=np.uint8)
    return np.stack([np.asarray(Image.fromarray(c).resize((side, side), Image.Resampling.BICUBIC)) for c in coarse])


def results(real: str, fake: str, tmp_path: Path, **options) -> dict[str, dict]:
    """By metric, its value and protocol."""
    compare(real, fake, out=str(tmp_path / 'out.json'), **options)
    return {entry['metric']: entry for entry in json.loads((tmp_path / 'out.json').read_text())}
