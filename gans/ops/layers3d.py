"""Linen layers of volumes and clips: as those of gans/ops/layers.py, by the convolutions of gans/ops/conv3d.py."""

import flax.linen as nn
from jax.ad_checkpoint import checkpoint_name

from gans.core import Array
from gans.ops.conv3d import Padding, Stride, conv3d, conv3d_transpose
from gans.ops.layers import PRODUCT, Kernel
from gans.ops.moments import spread


class Conv3d(Kernel):
    """x [B, D, H, W, C] -> [B, D', H', W', features].

    padding: as of `gans.ops.conv3d.conv3d`; None: as many zeros at each end, (kernel - 1) // 2.
    """

    kernel: int = 4
    stride: Stride = 2
    padding: Padding | None = None

    @nn.compact
    def __call__(self, x: Array, train: bool = True) -> Array:
        kernel, bias = self.make_parameters((*[self.kernel] * 3, x.shape[-1], self.features), train)
        pads = [((self.kernel - 1) // 2,) * 2] * 3 if self.padding is None else self.padding
        x = conv3d(x.astype(self.compute.dtype), kernel, self.stride, pads, self.compute.conv)
        return checkpoint_name(x + spread(bias, x.shape), PRODUCT)


class ConvTranspose3d(Kernel):
    """x [B, D, H, W, C] -> [B, s D, s H, s W, features], s the stride: `Conv3d`'s transpose, as PyTorch's."""

    kernel: int = 4
    stride: int = 2

    @nn.compact
    def __call__(self, x: Array, train: bool = True) -> Array:
        kernel, bias = self.make_parameters((*[self.kernel] * 3, x.shape[-1], self.features), train)
        low = self.kernel - 1 - (self.kernel - 1) // 2
        pads = [(low, self.stride + self.kernel - 2 - low)] * 3
        x = conv3d_transpose(x.astype(self.compute.dtype), kernel, self.stride, pads, self.compute.conv)
        return checkpoint_name(x + spread(bias, x.shape), PRODUCT)
