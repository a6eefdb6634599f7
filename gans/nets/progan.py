"""ProGAN's nets (Karras 2018, 1710.10196, table 2, and the authors' code) for images of 4, 8, 16, ... pixels.

Both grow: the net of a size has all layers of the nets of smaller ones, under the same names, and beside its own layers
to and from RGB those of every smaller size. Given alpha it fades from the net of half the size, at 0, to its own, at 1;
without, it is its own. At 1024 pixels the generator has 23,079,115 parameters and the critic 23,087,249.
"""

from collections.abc import Iterable, Iterator

import flax.linen as nn
import jax.numpy as jnp

from gans.core import Array, Compute
from gans.ops import fir
from gans.ops.equalized import SQRT2, Equalized, EqualizedConv, EqualizedDense, feature_maps, lrelu, pixel_norm, sizes
from gans.ops.minibatch import with_std
from gans.ops.nearest import pool, upsample

BLUR = (1.0, 2.0, 1.0)  # taps, of StyleGAN's nets


class Stem(Equalized):
    """Latents [B, d] -> [B, 4, 4, features], a dense layer with one bias for each channel."""

    @nn.compact
    def __call__(self, z: Array) -> Array:
        kernel = self.make_kernel((z.shape[-1], 16 * self.features)).astype(self.compute.dtype)
        return self.add_bias((z.astype(self.compute.dtype) @ kernel).reshape(-1, 4, 4, self.features))


class UpBlock(nn.Module):
    """x [B, H, W, C] -> [B, 2H, 2W, features]; at 4 pixels latents [B, d] -> [B, 4, 4, features]."""

    features: int
    compute: Compute

    @nn.compact
    def __call__(self, x: Array) -> Array:
        if x.ndim == 2:
            first = Stem(self.features, self.compute, SQRT2 / 4, name='dense')
        else:
            first = EqualizedConv(self.features, self.compute, resample='up', name='conv_1')
        x = pixel_norm(lrelu(first(x)))
        return pixel_norm(lrelu(EqualizedConv(self.features, self.compute, name='conv_2')(x)))


class DownBlock(nn.Module):
    """x [B, 2H, 2W, C] -> [B, H, W, features]; blur: before its size is halved."""

    features: int
    compute: Compute
    fused: bool
    blur: bool

    @nn.compact
    def __call__(self, x: Array) -> Array:
        x = lrelu(EqualizedConv(x.shape[-1], self.compute, name='conv_1')(x))
        x = fir.filtered(x, BLUR) if self.blur else x
        resample = 'down' if self.fused else 'none'
        x = lrelu(EqualizedConv(self.features, self.compute, resample=resample, name='conv_2')(x))
        return x if self.fused else pool(x)


class Growing(nn.Module):
    """What nets share whose images grow. fmap_base, fmap_max: of the channels at each size, see `feature_maps`."""

    shape: tuple[int, ...]
    compute: Compute
    fmap_base: int = 8192
    fmap_max: int = 512

    fades = True

    def maps(self, size: int) -> int:
        """Channels at a size."""
        return feature_maps(size, self.fmap_base, self.fmap_max)


class Drawing(Growing):
    """What those share that make images. bounded: these end in a tanh, at all sizes, and lie in (-1, 1), as the
    DCGAN's do; the authors' have no bounds.
    """

    bounded: bool = False

    def to_image(self, features: Iterable[Array], alpha: Array | None) -> Array:
        """Last features [B, size, size, C] of each size -> the image [B, H, W, C] of the largest, or faded to it."""
        last, images = self.shape[0], {}
        shown = {last} if alpha is None else {last, last // 2}
        for x in features:
            size = x.shape[1]
            if size in shown or self.is_initializing():
                to_rgb = EqualizedConv(self.shape[2], self.compute, 1.0, kernel=1, name=f'to_rgb_{size}')
                image = to_rgb(x).astype(jnp.float32)
                images[size] = jnp.tanh(image) if self.bounded else image
        return images[last] if alpha is None else fade(upsample(images[last // 2]), images[last], alpha)


class Generator(Drawing):
    """Latents [B, d] and alpha [B], or none -> images [B, H, W, C]."""

    @nn.compact
    def __call__(self, z: Array, alpha: Array | None = None, train: bool = True) -> Array:
        def features() -> Iterator[Array]:
            x = pixel_norm(z)
            for size in sizes(self.shape, 'progan'):
                x = UpBlock(self.maps(size), self.compute, name=f'block_{size}')(x)
                yield x

        return self.to_image(features(), alpha)


class Critic(Growing):
    """Images [B, H, W, C] and alpha [B], or none -> scores [B]; with condition 'projection' one for each class, of
    which the label's counts, one-hot [B, K].

    group: examples whose deviation is appended to the last features; None: the whole batch, as in the paper's tables.
    fused: whether convolutions are averaged before the leaky ReLU, as one strided convolution, or after it.
    """

    group: int | None = 4
    fused: bool = True

    blur = False
    batchwise = True
    conditions = ('projection',)

    @nn.compact
    def __call__(self, x: Array, alpha: Array | None = None, label: Array | None = None, train: bool = True) -> Array:
        first, *larger = sizes(self.shape, 'progan')
        last, compute, maps = self.shape[0], self.compute, self.maps
        from_rgb = lambda size, x: lrelu(EqualizedConv(maps(size), compute, kernel=1, name=f'from_rgb_{size}')(x))
        image, x = x, from_rgb(last, x)
        for size in reversed(larger):
            block = DownBlock(maps(size // 2), compute, self.fused, self.blur, name=f'block_{size}')
            x, image = block(x), pool(image)
            if self.is_initializing() or (alpha is not None and size == last):
                old = from_rgb(size // 2, image)
                x = x if alpha is None or size < last else fade(old, x, alpha)
        x = lrelu(EqualizedConv(maps(first), compute, name='conv_4')(with_std(x, self.group, exact=train)))
        x = lrelu(EqualizedDense(maps(2), compute, name='dense_4')(x.reshape(len(x), -1)))
        self.sow('features', 'features', x.astype(jnp.float32))
        if label is None:
            return EqualizedDense(1, compute, 1.0, name='out')(x)[:, 0].astype(jnp.float32)
        scores = EqualizedDense(label.shape[-1], compute, 1.0, name='out')(x).astype(jnp.float32)
        return (scores * label).sum(1)


class Classifier(nn.Module):
    """Features of the critic [B, f] -> logits of classes [B, classes]: further outputs of its last layer."""

    classes: int
    compute: Compute

    batchwise = False

    @nn.compact
    def __call__(self, x: Array, train: bool = True) -> Array:
        return EqualizedDense(self.classes, self.compute, 1.0, name='out')(x).astype(jnp.float32)


def fade(old: Array, new: Array, alpha: Array) -> Array:
    """(1 - alpha) old + alpha new, images or features [B, H, W, C], alpha [B] or []: exactly one of them at 0 and 1."""
    alpha = alpha.reshape(-1, 1, 1, 1).astype(new.dtype)
    return (1 - alpha) * old + alpha * new
