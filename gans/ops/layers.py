"""Linen layers: dense, convolution and transposed convolution with optional spectral norm; and normalization layers.

Names and shapes of parameters are linen's ('kernel', 'bias'), so that they carry over. Statistics are in 'batch_stats'.
"""

import math
from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.errors import ScopeParamShapeError
from jax import lax
from jax.ad_checkpoint import checkpoint_name

from gans.core import Array, Compute
from gans.errors import UserError, unknown
from gans.ops.batch_check import check_batch
from gans.ops.conv import conv, conv_transpose
from gans.ops.moments import BatchNorm, InstanceNorm, spread
from gans.ops.virtual import VirtualBatchNorm

Initializer = Callable[..., Array]

ACTIVATIONS = {
    'identity': lambda x: x,
    'relu': nn.relu,
    'leaky_relu': lambda x: nn.leaky_relu(x, 0.2),
    'elu': nn.elu,
    'tanh': jnp.tanh,
    'sigmoid': nn.sigmoid,
    'swish': nn.swish,
}

PRODUCT = 'product'  # name of the layers' outputs, for `jax.checkpoint`
NORMS = ('none', 'batch', 'layer', 'instance')
IMAGE_NORMS = ('none', 'batch', 'instance', 'plain_instance')
CRITIC_NORMS = (*NORMS, 'spectral')
GENERATOR_NORMS = (*NORMS, 'virtual')


def activation(name: str) -> Callable[[Array], Array]:
    """The activation of that name; leaky_relu has DCGAN's slope of 0.2."""
    if name not in ACTIVATIONS:
        raise unknown('activation', name, ACTIVATIONS)
    return ACTIVATIONS[name]


def initializer(std: float | None) -> Initializer:
    """N(0, std^2) as in DCGAN, or linen's default (LeCun normal) for None."""
    return nn.linear.default_kernel_init if std is None else nn.initializers.normal(std)


def _unit(x: Array) -> Array:
    return x / (jnp.linalg.norm(x) + 1e-12)


class Layer(nn.Module):
    """A linen module that reads its parameters without tracing how they are initialized.

    linen traces the initializer each time to compare its shape with the parameter's: a third of the tracing of a deep
    net.
    """

    @nn.nowrap
    def param(self, name: str, init: Initializer, shape: tuple[int, ...]) -> Array:
        if not self.has_variable('params', name):
            return super().param(name, init, shape)
        value = self.get_variable('params', name)
        if value.shape != tuple(shape):
            raise ScopeParamShapeError(name, '/'.join(self.path), value.shape, shape)
        return value


class Kernel(Layer):
    """Parameters of the linear layers, with their precision and spectral norm.

    spectral: divides the kernel, as a matrix [fan in, features], by its largest singular value, estimated with one
      power iteration per training step (Miyato 2018, 1802.05957, algorithm 1). The vector u is a statistic; gradients
      flow through sigma = u W v with u and v constant.
    """

    features: int
    compute: Compute = Compute()
    use_bias: bool = True
    spectral: bool = False
    kernel_init: Initializer = nn.linear.default_kernel_init

    def make_parameters(self, shape: tuple[int, ...], train: bool) -> tuple[Array, Array | float]:
        kernel = self.param('kernel', self.kernel_init, shape)
        if self.spectral:
            kernel = self.normalize(kernel, train)
        bias = self.param('bias', nn.initializers.zeros, (self.features,)) if self.use_bias else jnp.zeros(())
        return kernel.astype(self.compute.dtype), bias.astype(self.compute.dtype)

    def normalize(self, kernel: Array, train: bool) -> Array:
        matrix = kernel.reshape(-1, kernel.shape[-1])  # [fan in, features]
        init = lambda: _unit(jax.random.normal(self.make_rng('params'), (self.features,)))
        u = self.variable('batch_stats', 'u', init)
        v = _unit(lax.stop_gradient(matrix) @ u.value)
        if train:
            u.value = _unit(v @ lax.stop_gradient(matrix))
        return kernel / (v @ matrix @ u.value)


class Dense(Kernel):
    """x [B, d] -> [B, features]."""

    @nn.compact
    def __call__(self, x: Array, train: bool = True) -> Array:
        kernel, bias = self.make_parameters((x.shape[-1], self.features), train)
        return checkpoint_name(x.astype(self.compute.dtype) @ kernel + bias, PRODUCT)


class Score(Kernel):
    """A critic's last layer: features [B, d] -> scores [B], float32. Sows its input into the collection 'features'.

    With a label, one-hot [B, K], it adds the projection of the features on that class's vector (Miyato & Koyama 2018,
    1802.05637, eq. 3).
    """

    features: int = 1

    @nn.compact
    def __call__(self, x: Array, train: bool = True, label: Array | None = None) -> Array:
        self.sow('features', 'features', x.astype(jnp.float32))
        kernel, bias = self.make_parameters((x.shape[-1], 1), train)
        scores = (x.astype(self.compute.dtype) @ kernel + bias)[:, 0]
        if label is not None:
            vectors = Dense(x.shape[-1], self.compute, False, self.spectral, self.kernel_init, name='projection')
            scores += (vectors(label, train) * x).sum(1)
        return scores.astype(jnp.float32)


class Conv(Kernel):
    """x [B, H, W, C] -> [B, H', W', features]; `padding` as in `gans.ops.conv.conv`, or an int for all sides."""

    kernel: int = 3
    stride: int = 1
    padding: str | int | tuple = 'SAME'
    groups: int = 1

    @nn.compact
    def __call__(self, x: Array, train: bool = True) -> Array:
        shape = self.kernel, self.kernel, x.shape[-1] // self.groups, self.features
        kernel, bias = self.make_parameters(shape, train)
        padding = [(self.padding, self.padding)] * 2 if isinstance(self.padding, int) else self.padding
        x = conv(x.astype(self.compute.dtype), kernel, self.stride, padding, self.compute.conv, self.groups)
        return checkpoint_name(x + spread(bias, x.shape), PRODUCT)


class ConvTranspose(Kernel):
    """x [B, H, W, C] -> [B, size, size, features]: the transpose of a convolution of `kernel`, `stride` and symmetric
    padding (kernel - 1) // 2 that maps `size` pixels to H, as PyTorch's ConvTranspose2d with its output padding.

    size: pixels of the result's sides; 0: `stride` times those of x, whose height and width may differ then.
    """

    kernel: int = 4
    stride: int = 2
    size: int = 0

    @nn.compact
    def __call__(self, x: Array, train: bool = True) -> Array:
        kernel, bias = self.make_parameters((self.kernel, self.kernel, x.shape[-1], self.features), train)
        low = self.kernel - 1 - (self.kernel - 1) // 2
        sizes = [(n, self.size or n * self.stride) for n in x.shape[1:3]]
        pads = [(low, size - ((n - 1) * self.stride + 1) + self.kernel - 1 - low) for n, size in sizes]
        x = conv_transpose(x.astype(self.compute.dtype), kernel, self.stride, pads, form=self.compute.conv)
        return checkpoint_name(x + spread(bias, x.shape), PRODUCT)


def batch_norm(
    x: Array,
    train: bool,
    *,
    name: str,
    compute: Compute = Compute(),
    scale_init: Initializer = nn.initializers.ones,
    affine: bool = True,
    shift: bool = True,
) -> Array:
    """A batch norm layer `name` of the calling module, x [B, ..., C]; affine: with scales and, unless shift is False,
    shifts.
    """
    if train:
        check_batch('batch norm', len(x), compute.axis_name)
    scale = scale_init if affine else None
    return BatchNorm(compute.dtype, scale, affine and shift, compute.axis_name, name=name)(x, train)


def norm(
    kind: str,
    x: Array,
    train: bool,
    *,
    name: str,
    compute: Compute = Compute(),
    scale_std: float | None = None,
    label: Array | None = None,
) -> Array:
    """A normalization layer `name` of the calling module; x [B, d] or [B, H, W, C].

    'none' (and 'spectral', which applies to kernels) returns x unchanged. Batch norm has momentum 0.9 (0.1 in PyTorch's
    convention) and epsilon 1e-5. Scales of batch and instance norm are initialized from N(1, scale_std^2), as in
    DCGAN's code, or to 1 for None. 'plain_instance' has neither scales nor shifts, as PyTorch's instance norm. With a
    label, one-hot [B, K], scales and shifts are per class (conditional batch norm, Dumoulin 2017, 1610.07629).
    """
    if label is not None and kind != 'batch':
        raise UserError(f"generator.condition='norm' needs generator.norm='batch', not '{kind}'")
    ones = nn.initializers.ones
    scale = ones if scale_std is None else lambda *args: 1 + nn.initializers.normal(scale_std)(*args)
    if kind == 'virtual':
        return VirtualBatchNorm(compute, scale, name=name)(x)
    if kind == 'batch':
        x = batch_norm(x, train, name=name, compute=compute, scale_init=scale, affine=label is None)
        if label is None:
            return x
        scales = Dense(x.shape[-1], compute, False, kernel_init=scale, name=f'{name}_scales')(label)
        shifts = Dense(x.shape[-1], compute, False, kernel_init=nn.initializers.zeros, name=f'{name}_shifts')(label)
        return x * spread(scales, x.shape) + spread(shifts, x.shape)
    if kind == 'layer':  # over a whole example, with a scale and a shift per channel
        _check_moments(kind, x.shape[1:])
        return nn.LayerNorm(1e-5, compute.dtype, reduction_axes=tuple(range(1, x.ndim)), name=name)(x)
    if kind in ('instance', 'plain_instance') and x.ndim == 4:
        _check_moments(kind, x.shape[1:3])
        affine = kind == 'instance'
        return InstanceNorm(compute.dtype, scale if affine else None, affine, name=name)(x)
    if kind in ('none', 'spectral'):
        return x
    raise unknown(f'norm of a {x.ndim}-D activation', kind, ['none', 'batch', 'layer', 'instance (images only)'])


def _check_moments(kind: str, shape: tuple[int, ...]) -> None:
    """A single number minus its own mean is always 0."""
    if math.prod(shape) < 2:
        raise UserError(f'{kind} norm of a single number is always 0: choose another norm there, or a larger layer')
