"""PatchGAN (Isola 2017, 1611.07004, section 3.2.2 and appendix 6.1.2): a critic that scores each patch of an image.

Parameters are those of the authors' PyTorch code, 2,768,705 for patches of 70 pixels, six channels and batch norm: no
norm after the first convolution, biases in the first and the last, and before norms without shifts of their own.
Patches at the border, or larger than the image, read zeros.
"""

import flax.linen as nn
import jax.numpy as jnp

from gans.core import Array, Compute
from gans.errors import UserError
from gans.nets._translation import check_norm, has_bias, image_norm
from gans.ops.layers import IMAGE_NORMS, Conv, activation, initializer

KERNEL = 4


def patch_of(depth: int) -> int:
    """Pixels of a side of the patch that a score depends on, for so many convolutions of stride 2; 0: all are 1 x 1."""
    field = 1
    for stride in [*[2] * depth, 1, 1][::-1] if depth else []:
        field = (field - 1) * stride + KERNEL
    return field


DEPTHS = {patch_of(depth): depth for depth in range(8)}  # 1, 16, 34, 70, 142, 286, ...


class Critic(nn.Module):
    """Images [B, H, W, C], what they were made from among their channels if it is conditional -> scores [B, h, w].

    patch: pixels of a side that one score sees: 1, 16, 34, 70, 142 or 286 (the paper's are 1, 16, 70 and 286).
    width: channels of the first convolution; they double with each, until 8 times as many. norm: none, batch, instance,
    plain_instance or spectral.
    """

    shape: tuple[int, ...]
    compute: Compute
    patch: int = 70
    width: int = 64
    norm: str = 'instance'
    init_std: float | None = 0.02

    batchwise = False

    @property
    def depth(self) -> int:
        """The number of convolutions of stride 2. Raises UserError for patches of which there are none."""
        if self.patch not in DEPTHS:
            raise UserError(f'critic.patch={self.patch}: a patch is of {", ".join(map(str, DEPTHS))} pixels')
        return DEPTHS[self.patch]

    @property
    def receptive_field(self) -> int:
        return self.patch

    @nn.compact
    def __call__(self, x: Array, train: bool = True) -> Array:
        check_norm(self.norm, 'critic', (*IMAGE_NORMS, 'spectral'))
        act, init, spectral = activation('leaky_relu'), initializer(self.init_std), self.norm == 'spectral'
        depth, sides, (kernel, pad) = self.depth, x.shape[1:3], (KERNEL, 1) if self.depth else (1, 0)
        if depth and (min(sides) >> depth) < 3:
            raise UserError(
                f'critic.patch={self.patch} needs images of {3 << depth} pixels or more, and these are '
                f'{" x ".join(map(str, sides))}: choose a smaller patch'
            )
        strides = [2] * depth + [1] if depth else [1, 1]
        for i, stride in enumerate(strides):
            width, bias = self.width * min(2**i, 8), i == 0 or has_bias(self.norm)
            x = Conv(width, self.compute, bias, spectral, init, kernel, stride, pad, name=f'conv_{i + 1}')(x, train)
            if i:
                x = image_norm(self.norm, x, train, name=f'norm_{i + 1}', compute=self.compute, scale_std=self.init_std)
            x = act(x)
        self.sow('features', 'features', x.astype(jnp.float32).mean((1, 2)))  # of an example: the mean over its patches
        out = Conv(1, self.compute, True, spectral, init, kernel, 1, pad, name='out')(x, train)
        return out[..., 0].astype(jnp.float32)
