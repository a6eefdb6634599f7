"""Pictures of volumes: seen from two sides, from above, in parallel projection, lit from the upper left."""

from functools import cache

import numpy as np

from gans.ops.voxels import LEVEL

SIDES = ((30, 25), (-150, 25))  # degrees of each view: the turn about the vertical axis, and the height of the eye
PIXELS = 80  # of a view's side
STEP = 0.5  # voxels along a ray
LIGHT = np.array([-0.5, 0.7, 1.0]) / np.linalg.norm([-0.5, 0.7, 1.0])  # in the eye's axes: right, up, to the eye
COLOR = np.array([0.45, 0.62, 0.86], np.float32)  # where the light falls straight on
DARK = 0.35  # of that color, where no light falls


def render(volumes: np.ndarray) -> np.ndarray:
    """Float [N, D, H, W, C] in [0, 1], of which the first channel is seen -> [N, PIXELS, 2 PIXELS, 3] in [-1, 1].

    Depth comes to the eye, height goes up, width goes to the right.
    """
    return np.stack([np.concatenate([_view(volume, side) for side in SIDES], 1) for volume in volumes[..., 0]])


def _view(volume: np.ndarray, side: tuple[int, int]) -> np.ndarray:
    """One view of [D, H, W], [PIXELS, PIXELS, 3]: what is the first on each pixel's ray, by the slope there."""
    from scipy import ndimage

    places, axes = _rays(volume.shape, side)
    volume = np.nan_to_num(np.pad(volume, 1))
    met = volume.reshape(-1)[places] >= LEVEL  # [P, P, steps]
    first = met.argmax(2)[..., None]
    at = np.take_along_axis(places, first, 2)[..., 0]
    smooth = ndimage.gaussian_filter(volume.astype(np.float32), 1.0)
    slopes = -np.stack([slope.reshape(-1)[at] for slope in np.gradient(smooth)], -1)  # outward: z, y, x
    slopes /= np.linalg.norm(slopes, axis=-1, keepdims=True) + 1e-6
    light = np.maximum(0, slopes @ (axes.T @ LIGHT))
    shade = (DARK + (1 - DARK) * light) * (1 - 0.25 * first[..., 0] / met.shape[2])  # what is far is darker
    picture = np.where(met.any(2)[..., None], 2 * COLOR * shade[..., None] - 1, 1.0)
    return picture.astype(np.float32)


@cache
def _rays(shape: tuple[int, int, int], side: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """The voxels on each pixel's ray, from the eye on, int32 [P, P, steps], as places in the volume with a border of
    one voxel; and the eye's axes (right, up, to the eye), each by (z, y, x).
    """
    turn, height = np.radians(side)
    right = np.array([-np.sin(turn), 0, np.cos(turn)])
    up = np.array([-np.sin(height) * np.cos(turn), np.cos(height), -np.sin(height) * np.sin(turn)])
    eye = np.array([np.cos(height) * np.cos(turn), np.sin(height), np.cos(height) * np.sin(turn)])
    size, radius = np.array(shape), np.linalg.norm(shape) / 2
    reach = max(abs(right) @ size, abs(up) @ size) / 2  # of the volume's shadow
    across = ((np.arange(PIXELS) + 0.5) / PIXELS * 2 - 1) * reach
    along = np.arange(radius, -radius, -STEP)
    rays = across[None, :, None, None] * right - across[:, None, None, None] * up + along[:, None] * eye
    voxels = np.floor(rays + size / 2).astype(np.int32) + 1
    voxels = np.clip(voxels, 0, size + 1)
    return np.ravel_multi_index(tuple(voxels.transpose(3, 0, 1, 2)), size + 2).astype(np.int32), np.stack(
        [right, up, eye]
    )
