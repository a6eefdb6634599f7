"""Paths through the latent space."""

import numpy as np

from gans.errors import unknown


def lerp(a: np.ndarray, b: np.ndarray, t: np.ndarray | float) -> np.ndarray:
    """The straight path from a [d] to b [d] at t in [0, 1]; t [...] gives [..., d]."""
    t = np.asarray(t, np.float32)[..., None]
    return ((1 - t) * a + t * b).astype(np.float32)


def slerp(a: np.ndarray, b: np.ndarray, t: np.ndarray | float) -> np.ndarray:
    """The path along the sphere from a [d] to b [d] at t in [0, 1]; t [...] gives [..., d].

    Lengths go from |a| to |b| evenly, so a path between latents of a normal distribution stays where such latents
    are; the straight path cuts through the middle, where there are none (White 2016, arXiv:1609.04468). Where the
    arc is not defined (a or b zero, or both on one line) the path is straight.
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    length_a, length_b = np.linalg.norm(a), np.linalg.norm(b)
    if min(length_a, length_b) < 1e-12:
        return lerp(a, b, t)
    angle = np.arccos(np.clip(np.dot(a / length_a, b / length_b), -1, 1))
    if min(angle, np.pi - angle) < 1e-6:
        return lerp(a, b, t)
    t = np.asarray(t, np.float64)[..., None]
    direction = (np.sin((1 - t) * angle) * a / length_a + np.sin(t * angle) * b / length_b) / np.sin(angle)
    return (((1 - t) * length_a + t * length_b) * direction).astype(np.float32)


PATHS = {'linear': lerp, 'spherical': slerp}


def interpolations(starts: np.ndarray, ends: np.ndarray, steps: int, mode: str = 'spherical') -> np.ndarray:
    """Latents on the paths from starts [N, d] to ends [N, d], both included: float32 [N * steps, d].

    Paths come one after another, so `grid(..., columns=steps)` shows one in each row.
    """
    if mode not in PATHS:
        raise unknown('path', mode, PATHS)
    path, t = PATHS[mode], np.linspace(0, 1, steps)
    return np.concatenate([path(a, b, t) for a, b in zip(starts, ends, strict=True)])
