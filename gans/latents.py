"""What generators begin from."""

from collections.abc import Callable

import ml_collections

from gans.core import Keys, Tree
from gans.errors import unknown
from gans.ops import random

LATENTS = {
    'normal': random.normal,
    'uniform': lambda keys, shape: random.uniform(keys, shape, -1.0, 1.0),
}


def make_latents(config: ml_collections.ConfigDict, classes: int | None = None) -> Callable[[Keys], Tree]:
    """Makes latents(keys [B]) -> z [B, size] of the distribution and the scale that the config names; with classes
    {'z': z, 'label': int32 [B]}, all classes as likely.
    """
    if config.distribution not in LATENTS:
        raise unknown('latents.distribution', config.distribution, LATENTS)
    draw = LATENTS[config.distribution]
    z = lambda keys: config.scale * draw(keys, (config.size,))
    if classes is None:
        return z

    def labeled(keys: Keys) -> Tree:
        k_z, k_label = random.split(keys, 2)
        return {'z': z(k_z), 'label': random.integers(k_label, classes)}

    return labeled
