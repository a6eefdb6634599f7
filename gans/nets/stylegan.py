"""StyleGAN's nets (Karras 2019, 1812.04948, and the authors' code) for images of 4, 8, 16, ... pixels.

A mapping from latents to w, a synthesis from one w for each layer to images, and ProGAN's critic with a blur before
images are halved. Synthesis and critic grow as ProGAN's nets do. The authors fuse resampling with convolutions from 128
pixels on; as that is the same function, it is fused at all sizes here.
"""

from collections.abc import Iterator

import flax.linen as nn
import jax.numpy as jnp
from jax import lax

from gans.core import Array, Compute, Tree
from gans.nets import progan, stylegan2
from gans.ops import fir
from gans.ops.equalized import SQRT2, Equalized, EqualizedConv, EqualizedDense, lrelu, pixel_norm, sizes
from gans.ops.moments import average, spread
from gans.ops.noise import noise_maps


class Mapping(stylegan2.Mapping):
    """StyleGAN2's, but that z and the label's embedding are normalized as one, and kernels have the gain of sqrt(2)."""

    GAIN = SQRT2

    def normalize(self, z: Array, label: Array | None) -> Array:
        if label is None:
            return pixel_norm(z)
        embedding = self.param('embedding', nn.initializers.normal(1.0), (self.classes, self.size))
        return pixel_norm(jnp.concatenate([z, embedding[label]], -1))


class Epilogue(Equalized):
    """What follows a convolution, of x [B, H, W, features] and w [B, d]: noise [B, H, W, 1], if there is any, times a
    strength of each channel; bias; leaky ReLU; and the style, to which an affine map makes w.
    """

    @nn.compact
    def __call__(self, x: Array, w: Array, noise: Array | None = None) -> Array:
        if noise is not None:
            x += (self.param('strength', nn.initializers.zeros, (self.features,)) * noise).astype(x.dtype)
        style = EqualizedDense(2 * self.features, gain=1.0, name='style')(w)
        return adain(lrelu(self.add_bias(x)), *jnp.split(style, 2, 1))


class Block(nn.Module):
    """x [B, H, W, C] and w of two layers [B, 2, d] -> [B, 2H, 2W, features]; of no x the first block, from a constant.

    noise: maps for both layers, or none.
    """

    features: int
    compute: Compute

    @nn.compact
    def __call__(self, x: Array | None, ws: Array, noise: list[Array]) -> Array:
        conv = lambda name, x, **how: EqualizedConv(self.features, self.compute, bias=None, name=name, **how)(x)
        if x is None:
            constant = self.param('constant', nn.initializers.ones, (4, 4, self.features))
            x = jnp.broadcast_to(constant.astype(self.compute.dtype), (len(ws), *constant.shape))
        else:
            x = fir.filtered(conv('conv_1', x, resample='up'), progan.BLUR)
        x = Epilogue(self.features, name='epilogue_1')(x, ws[:, 0], *noise[:1])
        return Epilogue(self.features, name='epilogue_2')(conv('conv_2', x), ws[:, 1], *noise[1:])


class Synthesis(progan.Drawing):
    """One w for each layer [B, layers, d], noise words uint32 [B, 2], or maps as `noise_maps` draws of them, and alpha
    [B], or none -> images [B, H, W, C].

    noise: turns it off.
    """

    noise: bool = True

    @property
    def layers(self) -> int:
        """How many take a w, two at each size: 2 log2(size) - 2."""
        return 2 * len(sizes(self.shape, 'stylegan'))

    @property
    def noise_sides(self) -> tuple[int, ...]:
        """Of the maps, in pixels."""
        return tuple(size for size in sizes(self.shape, 'stylegan') for _ in range(2)) if self.noise else ()

    def style_kernels(self, params: Tree) -> tuple[Array, ...]:
        """Of each layer the kernel [d, 2 channels] that makes its style, scales and then shifts, of w."""
        every = [params[f'block_{size}'][f'epilogue_{i}'] for size in sizes(self.shape, 'stylegan') for i in (1, 2)]
        return tuple(epilogue['style']['kernel'] for epilogue in every)

    @nn.compact
    def __call__(self, ws: Array, words: Array, alpha: Array | None = None, train: bool = True) -> Array:
        noise = noise_maps(words, self.noise_sides) if self.noise else []

        def features() -> Iterator[Array]:
            x = None
            for i, size in enumerate(sizes(self.shape, 'stylegan')):
                own = slice(2 * i, 2 * i + 2)
                x = Block(self.maps(size), self.compute, name=f'block_{size}')(x, ws[:, own], noise[own])
                yield x

        return self.to_image(features(), alpha)


class Critic(progan.Critic):
    """ProGAN's with a blur."""

    blur = True


def adain(x: Array, scale: Array, shift: Array) -> Array:
    """Adaptive instance norm (1812.04948, eq. 1): each channel of an image with mean 0 and variance 1 over its pixels,
    times 1 + scale, plus shift.

    x [B, H, W, C], scale and shift [B, C]; moments in float32.
    """
    wide = x.astype(jnp.float32)
    centered = wide - spread(average(wide, examples=True), x.shape)
    factor = (1 + scale) * lax.rsqrt(average(centered**2, examples=True) + 1e-8)
    return (centered * spread(factor, x.shape) + spread(shift, x.shape)).astype(x.dtype)
