"""Latents: the random inputs of generators."""

from collections.abc import Callable, Sequence

import ml_collections
from jax.scipy.special import ndtr, ndtri

from gans.choices import choose
from gans.core import Array, Batch, Keys
from gans.errors import unknown
from gans.ops import random

CUT = 2.0  # where truncated normal latents end


def truncated_normal(keys: Keys, shape: Sequence[int]) -> Array:
    """N(0, 1) within [-CUT, CUT], as if numbers outside were drawn again (BigGAN, Brock 2019, 1809.11096, section 3.1):
    at the same quantiles as the numbers of `random.normal`, so that both are alike for the same keys.
    """
    low, high = ndtr(-CUT), ndtr(CUT)
    return ndtri(low + (high - low) * ndtr(random.normal(keys, shape)))


LATENTS = {
    'normal': random.normal,
    'truncated_normal': truncated_normal,
    'uniform': lambda keys, shape: random.uniform(keys, shape, -1.0, 1.0),
    'unit': lambda keys, shape: random.uniform(keys, shape, 0.0, 1.0),
}


def make_latents(config: ml_collections.ConfigDict) -> Callable[[Keys], Array]:
    """Makes latents(keys [B]) -> z [B, size], with the distribution and scale of the config."""
    if isinstance(config.distribution, str) and config.distribution not in LATENTS:
        raise unknown('latents.distribution', config.distribution, LATENTS)
    draw = lambda keys: choose(config.distribution, lambda name: LATENTS[name](keys, (config.size,)))
    return lambda keys: config.scale * draw(keys)


def with_label(latents: Callable[[Keys], Array]) -> Callable[[Batch, Keys], dict[str, Array]]:
    """Makes inputs(batch, keys [B]) -> {'z' [B, size], 'label' int32 [B]}, with the labels of the batch."""
    return lambda batch, keys: {'z': latents(random.split(keys, 1)[0]), 'label': batch['label']}
