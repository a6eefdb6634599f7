"""Image encoders of DAMSM on a frozen net (Xu 2018, AttnGAN, 1711.10485, section 3.2): regions are the places of a
middle map, a whole image the means of the last one, each through a layer that learns.

The paper's net is Inception v3, of which this takes the weights of the Fréchet distance: Mixed_6e, 17 x 17 regions of
768 numbers. EfficientNet-Lite0 gives 8 x 8 regions of 112, and needs no download. Images are resized in the net.
"""

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from gans.core import Array, Compute, Tree
from gans.errors import UserError, unknown
from gans.features import efficientnet, inception, torch_file
from gans.features.perceptual import lite0_shapes, lite0_stem
from gans.features.resize import bilinear
from gans.ops.layers import Conv, Dense

FROZEN = 'trunk'  # the layer of `RegionEncoder` that is read from a file and never moves
MIDDLE = 11  # blocks of EfficientNet-Lite0 before the map of regions, a sixteenth of the side


class Trunk(NamedTuple):
    """A frozen net."""

    shapes: Callable[[], Tree]  # of its parameters
    # (parameters, images [B, H, W, 3] in [-1, 1], form of convolutions) -> (map [B, h, w, f], whole images [B, g])
    see: Callable[[Tree, Array, str], tuple[Array, Array]]
    read: Callable[[str | None], Tree]  # (file) -> its parameters; UserError: they are not here


def _lite0_shapes() -> Tree:
    kernel = (efficientnet.STAGES[-1][-1], efficientnet.FEATURES)
    head = {'kernel': jax.ShapeDtypeStruct(kernel, jnp.float32), 'bias': jax.ShapeDtypeStruct(kernel[1:], jnp.float32)}
    return {**lite0_shapes(len(efficientnet.BLOCKS)), 'head': head}


def _see_lite0(params: Tree, x: Array, form: str) -> tuple[Array, Array]:
    side = efficientnet.SIDE
    x = lite0_stem(params, jax.image.resize(x, (len(x), side, side, 3), 'linear'), form)
    maps = efficientnet.run_blocks(params, x, MIDDLE)
    return maps, efficientnet.pool(params, efficientnet.run_blocks(params, maps, first=MIDDLE))


def _read_lite0(weights: str | None) -> Tree:
    if weights is not None:
        raise UserError(f"weights={weights} are for inception_v3; 'efficientnet_lite0' has its own: leave them off")
    found = efficientnet.convert(torch_file.read(efficientnet.verified_file()))
    return {name: layer for name, layer in found.items() if name != 'logits'}


@cache
def _inception_shapes() -> Tree:
    images = jax.ShapeDtypeStruct((1, inception.SIZE, inception.SIZE, 3), jnp.float32)
    return jax.eval_shape(inception.InceptionV3(parent=None).init, jax.random.key(0), images)['params']


def _see_inception(params: Tree, x: Array, form: str) -> tuple[Array, Array]:
    net = inception.InceptionV3(parent=None)
    found = net.apply({'params': params}, bilinear(x, inception.SIZE))
    return found['Mixed_6e'], found['2048']


def _read_inception(weights: str | None) -> Tree:
    file = inception.verify(Path(weights).expanduser()) if weights else inception.fetch()
    return inception.convert(torch_file.read(file))


TRUNKS: Mapping[str, Trunk] = {
    'efficientnet_lite0': Trunk(_lite0_shapes, _see_lite0, _read_lite0),
    'inception_v3': Trunk(_inception_shapes, _see_inception, _read_inception),
}


class RegionEncoder(nn.Module):
    """Images [B, H, W, C] in [-1, 1], C 1 or 3 -> (regions [B, R, features], whole images [B, features]), float32.

    Gradients pass through the frozen net to the images, and none to its parameters, which begin at zero until they are
    read. trunk: of `TRUNKS`.
    """

    compute: Compute
    trunk: str
    features: int = 256

    batchwise = False

    @nn.compact
    def __call__(self, x: Array, train: bool = True) -> tuple[Array, Array]:
        trunk = trunk_of(self.trunk)
        zeros = lambda rng: jax.tree.map(lambda each: jnp.zeros(each.shape, each.dtype), trunk.shapes())
        params = lax.stop_gradient(self.param(FROZEN, zeros))
        maps, means = trunk.see(params, jnp.broadcast_to(x, (*x.shape[:3], 3)), self.compute.conv)
        regions = Conv(self.features, self.compute, False, kernel=1, name='regions')(maps, train)
        whole = Dense(self.features, self.compute, name='whole')(means, train)
        return regions.reshape(len(x), -1, self.features).astype(jnp.float32), whole.astype(jnp.float32)


def reader(trunk: str, weights: str | None = None) -> Callable[[], Tree]:
    """What reads the frozen part of a `RegionEncoder`: () -> {'trunk': parameters}, see `System.pretrained`.

    Args:
      weights: the file of inception_v3; by default it is taken from the cache folder, or downloaded.
    """
    read = trunk_of(trunk).read
    return lambda: {FROZEN: read(weights)}


def trunk_of(name: str) -> Trunk:
    if name not in TRUNKS:
        raise unknown('encoders.image', name, ['small', *TRUNKS])
    return TRUNKS[name]
