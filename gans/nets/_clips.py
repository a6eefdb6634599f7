"""What nets that draw the frames of clips share: norms that are told what all frames of a clip have in common."""

import flax.linen as nn

from gans.core import Array, Compute
from gans.nets._residual import conditional_norm
from gans.ops.layers import norm

NORMS = ('batch', 'conditional', 'none')  # of generators


def finish(kind: str, x: Array, common: Array, train: bool, *, name: str, compute: Compute) -> Array:
    """Norm and ReLU of x [N, H, W, C], in which frames are examples.

    'conditional' is batch norm whose scales and shifts are linear in `common` [N, c], which is the same for all frames
    of a clip, as BigGAN's for all that are of a class: the same channels draw each of them.
    """
    if kind == 'conditional':
        x = conditional_norm(x, common, train, name=name, compute=compute, kernel_init=None)
    else:
        x = norm(kind, x, train, name=name, compute=compute)
    return nn.relu(x)
