"""Distances of images by what a frozen net sees in them."""

from collections.abc import Callable
from typing import NamedTuple

from jax import lax

from gans.core import Array, Compute, Spec, Tree
from gans.errors import UserError
from gans.features import efficientnet

SIDE = 256  # pixels in which images are compared, at most
LAYERS = {'efficientnet_lite0': 'block_2', 'vgg19': 'relu3_4'}  # whose features are compared, unless a name says


class Distance(NamedTuple):
    """How far images are from each other."""

    name: str  # 'pixels', or NET:LAYER
    between: Callable[[Tree, Array, Array], Array]  # (weights, images [N, H, W, C], the same) -> [N], >= 0
    weights: Tree = ()


def default() -> str:
    """Of the distances that need no download the best that is installed."""
    return 'efficientnet_lite0' if efficientnet.is_installed() else 'pixels'


def distance(name: str, spec: Spec, weights: str | None = None) -> Distance:
    """The mean squared difference of pixels, or that of a net's features: as LPIPS (Zhang 2018, 1801.03924), but of one
    layer, and without learned weights: of unit length at each place, summed over channels.

    Args:
      name: 'pixels', or a net as in `gans.features.perceptual`, with its layer or without.
      spec: of the images; of large ones means of squares of pixels are compared.
      weights: a file with those of vgg19.
    """
    factor = max(1, spec.shape[0] // SIDE)

    def shrink(x: Array) -> Array:
        """Means of squares of pixels."""
        n, height, width, channels = x.shape
        return x.reshape(n, height // factor, factor, width // factor, factor, channels).mean((2, 4))

    if name == 'pixels':
        if weights:
            raise UserError(f"--weights={weights} are for vgg19; 'pixels' have none: leave them off")
        return Distance(name, lambda _, a, b: ((shrink(a) - shrink(b)) ** 2).mean((1, 2, 3)))
    from gans.features.perceptual import perceptual

    name = name if ':' in name else f'{name}:{LAYERS.get(name, "")}'
    small = spec._replace(shape=(spec.shape[0] // factor, spec.shape[1] // factor, spec.shape[2]))
    found = perceptual(name, small, Compute(), weights)

    def unit(params: Tree, x: Array) -> Array:
        y, _ = found.net.apply(params, {}, shrink(x), train=False)
        return y * lax.rsqrt((y**2).sum(-1, keepdims=True) + 1e-8)

    def between(params: Tree, a: Array, b: Array) -> Array:
        return ((unit(params, a) - unit(params, b)) ** 2).sum(3).mean((1, 2))

    return Distance(name, between, found.read())
