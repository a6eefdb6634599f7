"""Features of clips: those of their frames as images, pooled over time."""

import jax.numpy as jnp

from gans.core import Array, Tree
from gans.features.base import Extractor


def over_frames(images: Extractor) -> Extractor:
    """Mean and standard deviation over a clip's frames of each feature of an extractor of images: [B, 2 f].

    They see what is in a clip and how much it changes, but not the order of its frames: a clip that runs backward is
    the same. The Fréchet distance in them is no FVD (1812.01717), whose net sees motion.
    """

    def apply(params: Tree, clips: Array) -> tuple[Array, None]:
        b, t = clips.shape[:2]
        found, _ = images.apply(params, clips.reshape(b * t, *clips.shape[2:]))
        found = found.reshape(b, t, -1)
        return jnp.concatenate([found.mean(1), found.std(1)], 1), None

    return images._replace(
        name=f'frames_{images.name}',
        title=f'{images.title[:-1]}, mean and std over frames)',
        apply=apply,
        notes={**images.notes, 'pooled': 'mean and standard deviation over frames'},
        batch=max(1, images.batch // 8),
        kind='clips',
    )
