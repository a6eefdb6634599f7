"""StyleGAN2's nets (Karras 2020, 1912.04958), with labels as in StyleGAN2-ADA (Karras 2020, 2006.06676).

Three nets: a mapping from latents z to w; a synthesis from one w for each layer to images; a critic. Channels at a
resolution are `feature_maps(size, base, width)`: base 16384 is the paper's config F, 8192 is E.
"""

import math

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax
from jax.ad_checkpoint import checkpoint_name

from gans.core import Array, Compute, Tree
from gans.errors import unknown
from gans.ops import fir
from gans.ops.equalized import SQRT2, Equalized, EqualizedConv, EqualizedDense, feature_maps, lrelu, pixel_norm, sizes
from gans.ops.layers import PRODUCT
from gans.ops.minibatch import with_std
from gans.ops.modulated import modulated_conv
from gans.ops.noise import noise_maps

GENERATORS = ('skip', 'resnet', 'orig')
CRITICS = ('resnet', 'skip', 'orig')
LRMUL = 0.01  # of mapping nets, by default
CLASS_LAYERS = 8  # of the mapping of a critic's classes, whatever that of latents has
HALF = math.sqrt(0.5)


class Mapping(nn.Module):
    """Latents z [B, size], and labels int32 [B] if there are `classes` -> w [B, size]; all in float32.

    lrmul: rate of its layers, as a factor. z and the label's embedding are normalized separately, as in ADA. The
    statistic 'mean' is the running mean of w, by which w is truncated; in each training step it moves by `MOVE` of the
    way to the mean of the batch.
    """

    size: int
    compute: Compute
    depth: int = 8
    classes: int = 0
    lrmul: float = LRMUL

    MOVE = 0.005
    GAIN = 1.0  # of kernels; activations have the rest of sqrt(2)
    batchwise = False

    def normalize(self, z: Array, label: Array | None) -> Array:
        """What the first layer is given."""
        x = pixel_norm(z)
        if label is None:
            return x
        embedded = EqualizedDense(self.size, gain=1.0, name='embedding')(jax.nn.one_hot(label, self.classes))
        return jnp.concatenate([x, pixel_norm(embedded)], -1)

    @nn.compact
    def __call__(self, z: Array, label: Array | None = None, train: bool = True) -> Array:
        w = _dense_layers(self.normalize(z, label), self.size, self.depth, self.lrmul, self.GAIN)
        mean = self.variable('batch_stats', 'mean', jnp.zeros, (self.size,))
        if train:
            mean.value += self.MOVE * (lax.stop_gradient(w.mean(0)) - mean.value)
        return w


def _dense_layers(x: Array, size: int, depth: int, lrmul: float = LRMUL, gain: float = 1.0) -> Array:
    """The layers of a mapping net, in the calling module: [B, d] -> [B, size]."""
    for i in range(depth):
        x = lrelu(EqualizedDense(size, gain=gain, lrmul=lrmul, name=f'dense_{i + 1}')(x), SQRT2 / gain)
    return x


class Modulated(Equalized):
    """x [B, H, W, C], w [B, d] -> [B, H, W, features], or twice the size with `up`: a convolution that an affine map of
    w modulates, and a bias.

    Noise [B, H, W, 1] is added before the bias, if there is any, times a strength that is learned.
    """

    gain: float = 1.0
    kernel: int = 3
    up: bool = False
    demodulate: bool = True

    @nn.compact
    def __call__(self, x: Array, w: Array, noise: Array | None = None) -> Array:
        style = EqualizedDense(x.shape[-1], gain=1.0, bias=1.0, name='style')(w)
        kernel = self.make_kernel((self.kernel, self.kernel, x.shape[-1], self.features))
        x = x.astype(self.compute.dtype)
        x = modulated_conv(x, kernel, style, self.demodulate, self.up, self.compute.conv)
        x = checkpoint_name(x, PRODUCT)
        if noise is not None:
            x += (self.param('strength', nn.initializers.zeros, ()) * noise).astype(x.dtype)
        return self.add_bias(x)


class Resampled(Equalized):
    """x [B, H, W, C] -> [B, H/2, W/2, features], or twice the size with `up`: a convolution with the filter of
    `gans/ops/fir.py`.
    """

    gain: float = 1.0
    kernel: int = 3
    up: bool = False

    @nn.compact
    def __call__(self, x: Array) -> Array:
        kernel = self.make_kernel((self.kernel, self.kernel, x.shape[-1], self.features)).astype(self.compute.dtype)
        convolve = fir.up_conv if self.up else fir.conv_down
        return self.add_bias(checkpoint_name(convolve(x.astype(kernel.dtype), kernel, form=self.compute.conv), PRODUCT))


class Synthesis(nn.Module):
    """One w for each layer, [B, layers, d], and noise words uint32 [B, 2], or maps as `noise_maps` draws of them ->
    images [B, H, W, C].

    architecture: 'skip', the sum of an image of each resolution; 'resnet'; or 'orig', without either. noise,
    demodulate: turn these parts off. constant: what the first layer is given is learned, one for all images; if not, a
    dense layer makes it of the first w, the 'traditional input' of StyleGAN (1812.04948, table 1, C;
    `const_input_layer` in its code). bounded: images end in a tanh, as the DCGAN's
    do, and lie in (-1, 1); the authors' have no bounds.
    """

    shape: tuple[int, ...]
    compute: Compute
    base: int = 16384
    width: int = 512
    architecture: str = 'skip'
    noise: bool = True
    demodulate: bool = True
    constant: bool = True
    bounded: bool = False

    @property
    def layers(self) -> int:
        """How many take a w: at 4 x 4 the convolution and the image, from 8 x 8 two convolutions, and the image with
        the first convolution of the next size, which share one: 2 log2(size) - 2.
        """
        return 2 * len(sizes(self.shape, 'stylegan2', 8)) + 2

    def style_kernels(self, params: Tree) -> tuple[Array, ...]:
        """Of each layer the kernel [d, channels] that makes its style of w: of the convolutions, and the last image."""
        rest = sizes(self.shape, 'stylegan2', 8)
        names = ['conv_4', *(f'{kind}_{size}' for size in rest for kind in ('up', 'conv')), f'to_rgb_{rest[-1]}']
        return tuple(params[name]['style']['kernel'] for name in names)

    @property
    def noise_sides(self) -> tuple[int, ...]:
        """Of the maps, in pixels."""
        return (4, *(size for size in sizes(self.shape, 'stylegan2', 8) for _ in range(2))) if self.noise else ()

    @nn.compact
    def __call__(self, ws: Array, words: Array, train: bool = True) -> Array:
        if self.architecture not in GENERATORS:
            raise unknown('generator.architecture', self.architecture, GENERATORS)
        rest = sizes(self.shape, 'stylegan2', 8)
        noise = iter(noise_maps(words, self.noise_sides) if self.noise else ())

        def conv(name: str, x: Array, w: Array, up: bool = False) -> Array:
            features = feature_maps(int(name.rpartition('_')[2]), self.base, self.width)
            layer = Modulated(features, self.compute, up=up, demodulate=self.demodulate, name=name)
            return lrelu(layer(x, w, next(noise, None)), SQRT2)

        def image(size: int, x: Array, w: Array) -> Array:
            layer = Modulated(self.shape[2], self.compute, kernel=1, demodulate=False, name=f'to_rgb_{size}')
            return layer(x, w).astype(jnp.float32)

        first = (4, 4, feature_maps(4, self.base, self.width))
        if self.constant:
            x = jnp.broadcast_to(self.param('constant', nn.initializers.normal(1.0), first), (len(ws), *first))
        else:
            x = EqualizedDense(math.prod(first), gain=1.0, name='input')(ws[:, 0]).reshape(-1, *first)
        x = conv('conv_4', x, ws[:, 0])
        rgb = image(4, x, ws[:, 1]) if self.architecture == 'skip' else None
        for i, size in enumerate(rest):
            below = x
            x = conv(f'up_{size}', x, ws[:, 2 * i + 1], up=True)
            x = conv(f'conv_{size}', x, ws[:, 2 * i + 2])
            if self.architecture == 'resnet':
                skip = Resampled(x.shape[-1], self.compute, bias=None, kernel=1, up=True, name=f'skip_{size}')(below)
                x = HALF * (x + skip)
            if self.architecture == 'skip':
                rgb = fir.upsample(rgb) + image(size, x, ws[:, 2 * i + 3])
        rgb = image(rest[-1], x, ws[:, -1]) if rgb is None else rgb
        return jnp.tanh(rgb) if self.bounded else rgb


class Critic(nn.Module):
    """Images [B, H, W, C] -> scores [B].

    architecture: 'resnet'; 'skip', where the image is added to the features at each resolution; or 'orig', without
    either. group: examples whose deviation the last layers are given, None for none. With a label, one-hot [B, K], the
    score is the projection of the last features on what a mapping net of its own makes of the class, as in ADA.
    """

    shape: tuple[int, ...]
    compute: Compute
    base: int = 16384
    width: int = 512
    architecture: str = 'resnet'
    group: int | None = 4

    conditions = ('projection',)

    @property
    def batchwise(self) -> bool:
        return self.group is not None

    @nn.compact
    def __call__(self, x: Array, label: Array | None = None, train: bool = True) -> Array:
        if self.architecture not in CRITICS:
            raise unknown('critic.architecture', self.architecture, CRITICS)
        compute, end = self.compute, self.compute._replace(dtype=jnp.float32)
        channels = lambda size: feature_maps(size, self.base, self.width)

        def conv(name: str, x: Array, features: int, compute: Compute = compute, kernel: int = 3) -> Array:
            return lrelu(EqualizedConv(features, compute, gain=1.0, kernel=kernel, name=name)(x), SQRT2)

        def from_rgb(image: Array, size: int) -> Array:
            return conv(f'from_rgb_{size}', image, channels(size), kernel=1)

        image, x = x, from_rgb(x, self.shape[0])
        for size in reversed(sizes(self.shape, 'stylegan2', 8)):
            half = channels(size // 2)
            above = x
            x = conv(f'conv_{size}', x, channels(size))
            x = lrelu(Resampled(half, compute, name=f'down_{size}')(x), SQRT2)
            if self.architecture == 'resnet':
                x = HALF * (x + Resampled(half, compute, bias=None, kernel=1, name=f'skip_{size}')(above))
            if self.architecture == 'skip':
                image = fir.downsample(image)
                x = x + from_rgb(image, size // 2)
        if self.group is not None:
            x = with_std(x, self.group if train else math.gcd(self.group, len(x)))
        x = conv('conv_4', x, channels(4), end)
        x = lrelu(EqualizedDense(channels(4), end, gain=1.0, name='dense')(x.reshape(len(x), -1)), SQRT2)
        self.sow('features', 'features', x)
        if label is None:
            return EqualizedDense(1, end, gain=1.0, name='out')(x)[:, 0]
        vectors = EqualizedDense(self.width, end, gain=1.0, name='out')(x)
        return (vectors * ClassMapping(self.width, name='classes')(label)).sum(1) / math.sqrt(self.width)


class ClassMapping(nn.Module):
    """Classes, one-hot [B, K] -> vectors [B, size], float32."""

    size: int

    @nn.compact
    def __call__(self, label: Array) -> Array:
        embedded = EqualizedDense(self.size, gain=1.0, name='embedding')(label)
        return _dense_layers(pixel_norm(embedded), self.size, CLASS_LAYERS)
