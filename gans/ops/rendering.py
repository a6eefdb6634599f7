"""Pictures of volumes in parallel projection, lit from the upper left of the eye; traceable."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gans.core import Array
from gans.ops.voxels import LEVEL

HEIGHT = 25.0  # degrees of the eye above the ground
LIGHT = np.array([-0.5, 0.7, 1.0]) / np.linalg.norm([-0.5, 0.7, 1.0])  # in the eye's axes: right, up, to the eye
COLOR = np.array([0.45, 0.62, 0.86], np.float32)  # where the light falls straight on
DARK = 0.35  # of that color, where no light falls
BLOCK = 8  # volumes that are seen at once


def render(volumes: Array, turns: Array, pixels: int, step: float = 1.0) -> Array:
    """Float [N, D, H, W, C] in [0, 1], of which the first channel is seen -> [N, pixels, pixels, 3] in [-1, 1].

    At no turn depth comes to the eye, height goes up, width goes to the right.

    Args:
        turns: [N], degrees of the eye about the vertical axis, to the right.
        step: voxels along a ray.
    """
    look = lambda one: _render(*one, pixels, step)
    return lax.map(look, (volumes[..., 0], turns), batch_size=BLOCK)


def _render(volume: Array, turn: Array, pixels: int, step: float) -> Array:
    """One picture of [D, H, W]: what is the first on each pixel's ray, by the slope there."""
    volume, axes = jnp.pad(jnp.nan_to_num(volume), 1), _axes(turn)
    places = _rays(volume.shape, axes, pixels, step)  # [pixels, pixels, steps]
    met = volume.reshape(-1)[places] >= LEVEL
    first = met.argmax(2)
    at = jnp.take_along_axis(places, first[..., None], 2)[..., 0]
    slopes = -jnp.stack([slope.reshape(-1)[at] for slope in _slopes(volume)], -1)  # outward: z, y, x
    slopes /= jnp.linalg.norm(slopes, axis=-1, keepdims=True) + 1e-6
    light = jnp.maximum(0, slopes @ (axes.T @ LIGHT.astype(np.float32)))
    shade = (DARK + (1 - DARK) * light) * (1 - 0.25 * first / met.shape[2])  # what is far is darker
    return jnp.where(met.any(2)[..., None], 2 * COLOR * shade[..., None] - 1, 1.0)


def _axes(turn: Array) -> Array:
    """The eye's axes (right, up, to the eye), each by (z, y, x): [3, 3]."""
    across, height = jnp.radians(turn), np.radians(HEIGHT)
    sin, cos, up, flat = jnp.sin(across), jnp.cos(across), np.sin(height), np.cos(height)
    right = jnp.stack([-sin, jnp.zeros(()), cos])
    return jnp.stack([right, jnp.stack([-up * cos, jnp.full((), flat), -up * sin]),
                      jnp.stack([flat * cos, jnp.full((), up), flat * sin])])  # fmt: skip


def _rays(shape: tuple[int, ...], axes: Array, pixels: int, step: float) -> Array:
    """The voxels on each pixel's ray, from the eye on, int32 [pixels, pixels, steps], as places in a volume of that
    shape, whose border of one voxel is empty.
    """
    size = np.array(shape) - 2
    radius = np.linalg.norm(size) / 2
    reach = jnp.abs(axes[:2]) @ size.astype(np.float32) / 2  # of the volume's shadow
    across = ((np.arange(pixels, dtype=np.float32) + 0.5) / pixels * 2 - 1) * reach.max()
    along = np.arange(radius, -radius, -step, dtype=np.float32)
    right, up, eye = axes
    rays = across[None, :, None, None] * right - across[:, None, None, None] * up + along[:, None] * eye
    voxels = jnp.floor(rays + size.astype(np.float32) / 2).astype(np.int32) + 1
    z, y, x = jnp.moveaxis(jnp.clip(voxels, 0, size + 1), -1, 0)
    return (z * shape[1] + y) * shape[2] + x


def _slopes(volume: Array) -> list[Array]:
    """The gradient along each axis of a volume that is smoothed by about one voxel."""
    shifted = lambda x, axis, by: jnp.roll(x, by, axis)  # the border is empty, so that what comes around is nothing
    for axis in 2 * (0, 1, 2):
        volume = volume / 2 + (shifted(volume, axis, 1) + shifted(volume, axis, -1)) / 4
    return [(shifted(volume, axis, -1) - shifted(volume, axis, 1)) / 2 for axis in range(3)]


render_compiled = jax.jit(render, static_argnums=(2, 3))
