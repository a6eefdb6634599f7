"""Points whose distribution is known, drawn without end inside the compiled step (float32).

Means, widths and scales may be traced numbers; how many modes there are is structure and may not.
"""

import jax.numpy as jnp
import numpy as np

from gans.core import Array, Keys, Modes, Spec
from gans.data.base import Source, whole_number
from gans.ops import random


def gaussian1d(*, mean: float = 4.0, std: float = 1.25) -> Source:
    """One Gaussian on the line, [1]."""
    return _mixture(mean * np.ones((1, 1), np.float32), std, labels=False)


def ring(*, modes: int = 8, radius: float = 2.0, sigma: float = 0.02, labels: bool = False) -> Source:
    """Gaussians at equal distances around a circle, [2] (Metz et al. 2017, Unrolled GAN); the label is the mode."""
    angle = 2 * np.pi * np.arange(whole_number('modes', modes)) / modes
    return _mixture(radius * np.stack([np.cos(angle), np.sin(angle)], -1).astype(np.float32), sigma, labels)


def grid(*, side: int = 5, spacing: float = 2.0, sigma: float = 0.05, labels: bool = False) -> Source:
    """side x side Gaussians on a grid around 0, [2] (Srivastava et al. 2017, VEEGAN); the label is the mode.

    The toy code of WGAN-GP divides by 2.828: spacing=2/2.828, sigma=.05/2.828.
    """
    ticks = np.arange(whole_number('side', side), dtype=np.float32) - (side - 1) / 2
    return _mixture(spacing * np.stack(np.meshgrid(ticks, ticks, indexing='ij'), -1).reshape(-1, 2), sigma, labels)


def swiss_roll(*, noise: float = 0.25, scale: float = 7.5) -> Source:
    """A spiral t (cos t, sin t), t in [1.5 pi, 4.5 pi], with Gaussian noise, divided by scale, [2] (as in WGAN-GP)."""

    def finish(raw: dict[str, Array], keys: Keys) -> dict[str, Array]:
        place, jitter = random.split(keys, 2)
        t = random.uniform(place, (), 1.5 * np.pi, 4.5 * np.pi)  # [B]
        roll = t[:, None] * jnp.stack([jnp.cos(t), jnp.sin(t)], -1)
        return {'real': (roll + noise * random.normal(jitter, (2,))) / scale}

    return Source(Spec((2,)), finish)


def dirac() -> Source:
    """The point 0 on the line, [1] (Mescheder et al. 2018: which GANs converge even here?)."""
    return Source(Spec((1,)), lambda raw, keys: {'real': jnp.zeros((keys.shape[0], 1))})


def _mixture(centers: np.ndarray, sigma: float, labels: bool) -> Source:
    """Gaussians of equal weight around centers [K, d]."""
    count, dims = centers.shape

    def finish(raw: dict[str, Array], keys: Keys) -> dict[str, Array]:
        which, jitter = random.split(keys, 2)
        mode = random.integers(which, count)  # int32 [B]
        real = jnp.asarray(centers)[mode] + sigma * random.normal(jitter, (dims,))
        return {'real': real, 'label': mode} if labels else {'real': real}

    classes = tuple(f'mode {n}' for n in range(count)) if labels else ()
    return Source(Spec((dims,), classes), finish, modes=Modes(centers, sigma))
