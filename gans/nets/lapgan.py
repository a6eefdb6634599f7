"""LAPGAN's nets for one level of the pyramid (Denton 2015, 1506.05751, section 4, and the authors' code): few wide
convolutions at the resolution of the level. The coarsest level is a GAN of other nets, such as 'mlp'.

Kernels and depth are those of the code for CIFAR-10, whose width is 128. Here the critic's convolutions are padded as
well, so that levels may be small. The dropout in the critic's last layer is left out.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

from gans.core import Array, Compute
from gans.ops.layers import Conv, Dense, Score, activation, initializer


def _with_class(self: 'LevelGenerator | LevelCritic', x: Array, label: Array | None, train: bool) -> Array:
    """Appends the class as one more channel: a linear map of the one-hot vector, and a ReLU."""
    if self.classes is None:
        return x
    height, width, _ = self.shape
    plane = Dense(height * width, self.compute, name='class')(jax.nn.one_hot(label, self.classes), train)
    return jnp.concatenate([x, nn.relu(plane).reshape(-1, height, width, 1).astype(x.dtype)], -1)


class LevelGenerator(nn.Module):
    """Noise [B, H, W, 1], upsampled coarser image [B, H, W, C], labels [B] -> residual [B, H, W, C], unbounded.

    classes: number of classes, None without labels. kernels: of the convolutions. init_std: small, so that initially
    residuals are small.
    """

    shape: tuple[int, ...]
    compute: Compute
    classes: int | None
    width: int = 128
    kernels: tuple[int, ...] = (7, 7, 5)
    activation: str = 'relu'
    init_std: float | None = 0.02

    @nn.compact
    def __call__(self, z: Array, low: Array, label: Array | None = None, train: bool = True) -> Array:
        act, init = activation(self.activation), initializer(self.init_std)
        x = _with_class(self, jnp.concatenate([low, z], -1), label, train)
        *hidden, last = self.kernels
        for i, kernel in enumerate(hidden):
            x = act(Conv(self.width, self.compute, kernel_init=init, kernel=kernel, name=f'conv_{i}')(x, train))
        out = Conv(self.shape[2], self.compute, kernel_init=init, kernel=last, name='out')
        return out(x, train).astype(jnp.float32)


class LevelCritic(nn.Module):
    """Residual [B, H, W, C], upsampled coarser image [B, H, W, C], labels [B] -> scores [B]. The critic sees their sum,
    the image itself.

    classes: number of classes, None without labels.
    """

    shape: tuple[int, ...]
    compute: Compute
    classes: int | None
    width: int = 128
    kernel: int = 5
    activation: str = 'relu'
    init_std: float | None = 0.02

    batchwise = False

    @nn.compact
    def __call__(self, residual: Array, low: Array, label: Array | None = None, train: bool = True) -> Array:
        act, init = activation(self.activation), initializer(self.init_std)
        x = _with_class(self, low + residual, label, train)
        for i, stride in enumerate((1, 2)):
            conv = Conv(self.width, self.compute, True, False, init, self.kernel, stride, name=f'conv_{i}')
            x = act(conv(x, train))
        return Score(compute=self.compute, kernel_init=init, name='out')(x.reshape(len(x), -1), train)
