"""Pix2Pix's U-Net (Isola 2017, 1611.07004, section 6.1.1): images that are halved down to a pixel, and doubled again;
each size on the way up is given that on the way down.

Where paper and codes part, this is the PyTorch code of the authors: activations come before convolutions, so that skips
carry values that are not activated yet; the first and the innermost convolution have no norm (of a single pixel, a norm
leaves nothing but its shift), and the last has none but a bias. With norm='batch' a net for 256 pixels has their
54,413,955 parameters. Dropout is where paper and Lua code have it, in the three innermost steps up; the PyTorch code
has it one to three steps further out.
"""

import flax.linen as nn
import jax.numpy as jnp

from gans.core import Array, Compute
from gans.errors import UserError
from gans.nets._translation import check_multiple, check_norm, has_bias, image_norm
from gans.ops.dropout import dropout, noise_keys
from gans.ops.layers import Conv, ConvTranspose, activation, initializer

LEAST, MOST = 5, 8  # halvings, unless the config says another number
DROPPED = 3  # steps up that have dropout, from the innermost


class Translator(nn.Module):
    """Images [B, h, w, c], and noise uint32 [B, 2] if there is dropout -> images [B, h, w, C] in (-1, 1).

    width: channels of the first convolution; they double until 8 times as many. depth: number of halvings, by default
    as many as images of `shape` allow, at most 8; sides must be multiples of 2^depth. norm: none, batch, instance (what
    the paper's batches of 1 make of batch norm) or plain_instance. dropout: its rate, the only noise; None: without.
    test_dropout: whether it stays on in sampling, as in the paper.
    """

    shape: tuple[int, ...]
    compute: Compute
    width: int = 64
    depth: int | None = None
    norm: str = 'instance'
    dropout: float | None = 0.5
    test_dropout: bool = True
    init_std: float | None = 0.02

    @property
    def halvings(self) -> int:
        """How often an image is halved. Raises UserError for images that the net does not support."""
        if self.depth is not None:
            return self.depth
        side = min(self.shape[:2])
        found = min(side.bit_length() - 1, MOST)
        if found < LEAST:
            raise UserError(
                f"net 'unet' halves images {LEAST} times or more, and these are {' x '.join(map(str, self.shape[:2]))}"
                f': use {2**LEAST} pixels or more, or set generator.depth'
            )
        return found

    @property
    def multiple(self) -> int:
        """What the sides of images must be multiples of, in pixels."""
        return 2**self.halvings

    @property
    def noisy(self) -> bool:
        return self.dropout is not None

    @nn.compact
    def __call__(self, x: Array, noise: Array | None = None, train: bool = True) -> Array:
        check_norm(self.norm)
        check_multiple(x.shape, self.multiple, 'unet')
        depth, init, bias = self.halvings, initializer(self.init_std), has_bias(self.norm)
        given = {'compute': self.compute, 'scale_std': self.init_std}
        channels = [self.width * min(2**i, 8) for i in range(depth)]
        skips = []
        for i, width in enumerate(channels):
            x = activation('leaky_relu')(x) if i else x
            x = Conv(width, self.compute, bias, False, init, 4, 2, 1, name=f'down_{i + 1}')(x, train)
            if 0 < i < depth - 1:
                x = image_norm(self.norm, x, train, name=f'down_norm_{i + 1}', **given)
            skips.append(x)
        keys = noise_keys(noise, DROPPED) if self.noisy and (train or self.test_dropout) else ()
        x = skips.pop()
        for i, width in zip(range(depth, 1, -1), reversed(channels[:-1]), strict=True):
            up = ConvTranspose(width, self.compute, bias, False, init, 4, 2, name=f'up_{i}')
            x = image_norm(self.norm, up(nn.relu(x), train), train, name=f'up_norm_{i}', **given)
            if depth - i < len(keys):
                x = dropout(x, self.dropout, keys[depth - i])
            x = jnp.concatenate([skips.pop(), x], -1)
        x = ConvTranspose(self.shape[2], self.compute, True, False, init, 4, 2, name='up_1')(nn.relu(x), train)
        return jnp.tanh(x.astype(jnp.float32))
