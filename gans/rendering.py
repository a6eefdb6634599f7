"""Pictures of volumes for people: from two sides, from above."""

import numpy as np

from gans.ops import rendering

SIDES = (30.0, -150.0)  # degrees of the turn about the vertical axis
PIXELS = 80  # of a view's side
STEP = 0.5  # voxels along a ray


def render(volumes: np.ndarray) -> np.ndarray:
    """Float [N, D, H, W, C] in [0, 1], of which the first channel is seen -> [N, PIXELS, 2 PIXELS, 3] in [-1, 1]."""
    volumes = np.asarray(volumes, np.float32)
    turned = lambda turn: rendering.render_compiled(volumes, np.full(len(volumes), turn, np.float32), PIXELS, STEP)
    return np.concatenate([turned(turn) for turn in SIDES], 2)
