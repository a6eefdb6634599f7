"""Films: files of frames that run in a loop, .webp or .gif."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gans import files

if TYPE_CHECKING:
    from PIL.Image import Image

MILLISECONDS = (
    80  # that a frame of a clip is seen: of GIF a multiple of 10, and of 20 or more, or browsers slow it down
)


def save(path: Path, frames: 'Sequence[Image]', times: Sequence[int], lossless: bool = False) -> None:
    """Writes FILE.webp or FILE.gif of frames that run in a loop, each seen so many milliseconds.

    Args:
        lossless: of .webp; a .gif has 256 colors per frame.
    """
    first, *others = frames
    options = {'save_all': True, 'append_images': others, 'duration': list(times), 'loop': 0}
    if path.suffix == '.webp':
        options |= {'lossless': True} if lossless else {'quality': 80, 'method': 2}
    files.write(path, lambda file: first.save(file, path.suffix[1:].upper(), **options))


def save_clip(path: Path, clip: np.ndarray) -> None:
    """Writes a clip, uint8 [T, H, W, 1 or 3], as FILE.webp, lossless, or FILE.gif."""
    from PIL import Image

    frames = [Image.fromarray(frame[..., 0] if frame.shape[-1] == 1 else frame) for frame in clip]
    save(path, frames, [MILLISECONDS] * len(frames), lossless=True)
