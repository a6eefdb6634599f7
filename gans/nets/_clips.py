"""What nets that draw the frames of clips share: what follows each of their hidden layers."""

import flax.linen as nn

from gans.core import Array, Compute
from gans.nets._residual import conditional_norm
from gans.ops.layers import Conv, Initializer, norm

NORMS = ('batch', 'conditional', 'none')  # of generators


def finish(
    kind: str,
    x: Array,
    *,
    common: Array,
    train: bool,
    name: str,
    compute: Compute,
    kernel_init: Initializer,
    convs: int,
) -> Array:
    """Norm and ReLU of x [N, H, W, C], in which frames are examples; then so many convolutions of 3 pixels, with both.

    'conditional' is batch norm whose scales and shifts are linear in `common` [N, c], which is the same for all frames
    of a clip, as BigGAN's for all that are of a class: the same channels draw each of them.
    """

    def normed(x: Array, name: str) -> Array:
        if kind == 'conditional':
            x = conditional_norm(x, common, train, name=f'norm_{name}', compute=compute, kernel_init=None)
        else:
            x = norm(kind, x, train, name=f'norm_{name}', compute=compute)
        return nn.relu(x)

    x = normed(x, name)
    for i in range(convs):
        conv = Conv(x.shape[3], compute, kind == 'none', kernel_init=kernel_init, name=f'conv_{name}_{i}')
        x = normed(conv(x, train), f'{name}_{i}')
    return x
