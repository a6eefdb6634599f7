"""Perceptual nets: frozen nets whose feature maps say how alike two images look, as parts of losses.

They are `Net`s that no player owns. Their weights are in a run's state and checkpoints, so that a run that goes on
needs no file; it is read once, where they are first in the state (`System.pretrained`).
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from gans import kinds
from gans.core import Array, Compute, Net, Spec, Tree
from gans.errors import UserError, unknown
from gans.features import efficientnet, torch_file, vgg
from gans.nets.build import from_linen
from gans.ops.conv import conv

NETS = ('vgg19', 'efficientnet_lite0')


class Perceptual(NamedTuple):
    """A frozen net, and where its parameters come from."""

    net: Net  # images [B, H, W, C] in [-1, 1] -> float32 features [B, h, w, f]
    read: Callable[[], Tree]  # its parameters; UserError: they are not here


def perceptual(name: str, spec: Spec, compute: Compute, weights: str | None = None) -> Perceptual:
    """The net of that name, up to a layer.

    Args:
      name: NET:LAYER. 'vgg19:relu5_4' is SRGAN's, 'vgg19:conv5_4', before the activation, ESRGAN's;
        'efficientnet_lite0:block_4' is the output of the fifth block, of which there are 16.
      spec: of the images.
      weights: a file with those of vgg19.

    Raises:
      UserError: an unknown net or layer, or examples that are no images.
    """
    kind, _, layer = name.partition(':')
    if not kinds.is_image(spec):
        raise UserError(f"the net '{name}' looks at images, not {kinds.name_of(spec)}")
    images = jax.ShapeDtypeStruct((2, *spec.shape), jnp.float32)
    if kind == 'vgg19':
        vgg.convolutions(layer)  # raises
        return Perceptual(from_linen(vgg.VGG19(layer, compute), images), partial(vgg.read, layer, weights))
    if kind != 'efficientnet_lite0':
        raise unknown('perceptual net', kind, NETS)
    if weights is not None:
        raise UserError(f"weights={weights} are for vgg19; '{kind}' has its own: leave them off")
    if layer not in LAYERS:
        raise unknown(f'layer of {kind}', layer, LAYERS)
    blocks = LAYERS.index(layer) + 1
    return Perceptual(from_linen(EfficientNetLite0(blocks, compute), images), partial(_read_lite0, blocks))


LAYERS = tuple(f'block_{i}' for i in range(len(efficientnet.BLOCKS)))  # of efficientnet_lite0


class EfficientNetLite0(nn.Module):
    """Images [B, H, W, C] in [-1, 1], C 1 or 3 -> float32 features [B, h, w, f] after so many blocks.

    Images are not resized. It computes in float32, with batch norms folded into the convolutions before them.
    """

    blocks: int
    compute: Compute = Compute()

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        params = {
            name: self.param(name, lambda rng, shapes=shapes: jax.tree.map(lambda x: jnp.zeros(x.shape), shapes))
            for name, shapes in lite0_shapes(self.blocks).items()
        }
        x = lite0_stem(params, jnp.broadcast_to(x, (*x.shape[:3], 3)), self.compute.conv)
        return efficientnet.run_blocks(params, x, self.blocks)


def lite0_stem(params: Tree, x: Array, form: str) -> Array:
    """Images [B, H, W, 3] in [-1, 1] -> what the first block takes. form: of a convolution, see gans/ops/conv.py."""
    stem, x = params['stem'], ((x + 1) * 127.5 - 127) / 128
    return efficientnet.relu6(conv(x, stem['kernel'], 2, 'SAME', form=form) + stem['bias'])


def lite0_shapes(blocks: int) -> Tree:
    """Shapes of the parameters of `EfficientNetLite0`, by layer."""
    layer = lambda *kernel: (
        {'kernel': jax.ShapeDtypeStruct(kernel, jnp.float32)} | {'bias': jax.ShapeDtypeStruct(kernel[-1:], jnp.float32)}
    )
    found = {'stem': layer(3, 3, 3, efficientnet.STEM)}
    for i, (kernel, _, before, expanded, width) in enumerate(efficientnet.BLOCKS[:blocks]):
        found[f'block_{i}'] = {
            'depthwise': layer(kernel, kernel, expanded),
            'project': layer(expanded, width),
            **({'expand': layer(before, expanded)} if expanded != before else {}),
        }
    return found


def _read_lite0(blocks: int) -> Tree:
    found = efficientnet.convert(torch_file.read(efficientnet.verified_file()))
    return {name: found[name] for name in lite0_shapes(blocks)}
