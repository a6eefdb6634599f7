"""3D-GAN's nets (Wu 2016, 1610.07584) for any volume whose sides are equal and halve to `base`.

As DCGAN's, with kernels of 4 and stride 2 along three axes: channels double with every halving. At 64 voxels and the
default width they are the paper's (512, 256, 128, 64). The generator's first layer is a dense layer, equivalent to the
transposed convolution of 1 x 1 x 1, likewise the critic's last. The generator has no biases beside those of its norms,
as the released models ('conv biases zeroed: training had none'); the critic has some where no norm follows.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

from gans.core import Array, Compute
from gans.errors import UserError, unknown
from gans.nets._sizes import doublings
from gans.ops.layers import CRITIC_NORMS, GENERATOR_NORMS, Dense, Score, activation, initializer, norm
from gans.ops.layers3d import Conv3d, ConvTranspose3d


def sizes(shape: tuple[int, ...], base: int) -> list[int]:
    """[base, ..., D]: the resolutions of the blocks. Raises UserError for volumes that the nets do not support."""
    if len(shape) != 4 or len(set(shape[:3])) > 1:
        raise UserError(f"net 'gan3d' supports volumes [D, H, W, C] of equal sides, not {shape}: set another data.name")
    return doublings('gan3d', base, shape[0], 'voxels')


class Generator(nn.Module):
    """Latents [B, z] -> volumes [B, D, H, W, C] in (0, 1).

    width: channels of the last hidden block. base: voxels of the first block's sides. occupancy: of the first samples,
    by a bias of the last layer, for data that are mostly empty; None: there is no bias, and it is 1/2.
    """

    shape: tuple[int, ...]
    compute: Compute
    width: int = 64
    base: int = 4
    norm: str = 'batch'
    activation: str = 'relu'
    init_std: float | None = 0.02
    occupancy: float | None = None

    @nn.compact
    def __call__(self, z: Array, train: bool = True) -> Array:
        if self.norm not in GENERATOR_NORMS:
            raise unknown('generator.norm', self.norm, GENERATOR_NORMS)
        base, *steps = sizes(self.shape, self.base)
        act, init = activation(self.activation), initializer(self.init_std)
        channels = self.width * 2 ** (len(steps) - 1)

        def finish(x: Array, size: int) -> Array:
            return act(norm(self.norm, x, train, name=f'norm_{size}', compute=self.compute, scale_std=self.init_std))

        x = Dense(base**3 * channels, self.compute, False, kernel_init=init, name=f'block_{base}')(z, train)
        x = finish(x.reshape(-1, base, base, base, channels), base)
        for size in steps[:-1]:
            channels //= 2
            x = ConvTranspose3d(channels, self.compute, False, kernel_init=init, name=f'block_{size}')(x, train)
            x = finish(x, size)
        last = f'block_{steps[-1]}'
        x = ConvTranspose3d(self.shape[-1], self.compute, False, kernel_init=init, name=last)(x, train)
        x = x.astype(jnp.float32)
        if self.occupancy is not None:
            logit = jnp.log(self.occupancy) - jnp.log1p(-self.occupancy)
            x += self.param('bias', lambda rng, shape: jnp.full(shape, logit, jnp.float32), self.shape[-1:])
        return jax.nn.sigmoid(x)


class Critic(nn.Module):
    """Volumes [B, D, H, W, C] -> scores [B], logits of the paper's probabilities.

    width: channels of the first block. norm: none, batch, layer or spectral; never in the first block.
    """

    shape: tuple[int, ...]
    compute: Compute
    width: int = 64
    base: int = 4
    norm: str = 'batch'
    activation: str = 'leaky_relu'
    init_std: float | None = 0.02

    conditions = ('projection',)
    batchwise = False

    @nn.compact
    def __call__(self, x: Array, label: Array | None = None, train: bool = True) -> Array:
        if self.norm not in CRITIC_NORMS:
            raise unknown('critic.norm', self.norm, CRITIC_NORMS)
        act, init, spectral = activation(self.activation), initializer(self.init_std), self.norm == 'spectral'
        steps, channels = sizes(self.shape, self.base)[1:], self.width
        for size in reversed(steps):
            first = size == steps[-1]
            bias = first or self.norm in ('none', 'spectral')
            x = Conv3d(channels, self.compute, bias, spectral, init, name=f'block_{size}')(x, train)
            if not first:
                x = norm(self.norm, x, train, name=f'norm_{size}', compute=self.compute, scale_std=self.init_std)
            x = act(x)
            channels *= 2
        out = Score(compute=self.compute, spectral=spectral, kernel_init=init, name='out')
        return out(x.reshape(len(x), -1), train, label)
