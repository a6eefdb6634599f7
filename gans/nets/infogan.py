"""InfoGAN's nets (Chen 2016, 1606.03657, appendix C.1) as 'Are GANs created equal?' (Lucic 2018, 1711.10337) uses them,
for any square image whose size is divisible by 4: two strided convolutions and a wide dense layer. The autoencoder is
the critic of that paper's BEGAN.

`width` scales all of them: w and 2w channels, 16w units; 64 in the papers. `norm`: none, batch, layer or instance, and
for critics spectral; never in a critic's first layer.
"""

import flax.linen as nn
import jax.numpy as jnp

from gans.core import Array, Compute
from gans.errors import UserError, unknown
from gans.ops.layers import NORMS, Conv, ConvTranspose, Dense, Score, activation, initializer, norm

DENSE_NORMS = tuple(kind for kind in NORMS if kind != 'instance')  # a single number per unit has no moments


def _check(shape: tuple[int, ...], role: str, kind: str, norms: tuple[str, ...]) -> None:
    if len(shape) != 3 or shape[0] != shape[1] or shape[0] % 4:
        raise UserError(
            f"net 'infogan' supports square images whose size is divisible by 4, not {shape}: change data.size"
        )
    if kind not in norms:
        raise unknown(f"{role}.norm of the net 'infogan'", kind, norms)


class _Layers(nn.Module):
    """Fields and layers that the three nets share."""

    shape: tuple[int, ...]
    compute: Compute
    width: int = 64
    norm: str = 'batch'
    activation: str = 'leaky_relu'
    init_std: float | None = 0.02

    batchwise = False

    def norm_act(self, x: Array, layer: str, train: bool) -> Array:
        x = norm(self.norm, x, train, name=f'norm_{layer}', compute=self.compute)
        return activation(self.activation)(x)

    def options(self, with_norm: bool) -> tuple:
        """Precision, bias (redundant before a norm), spectral norm and initializer of a linear layer."""
        bias = not with_norm or self.norm in ('none', 'spectral')
        return self.compute, bias, self.norm == 'spectral', initializer(self.init_std)

    def dense(self, x: Array, units: int, layer: str, train: bool) -> Array:
        """Dense layer, norm, activation: [B, d] -> [B, units]."""
        return self.norm_act(Dense(units, *self.options(True), name=layer)(x, train), layer, train)

    def down(self, x: Array, layer: str, channels: int, with_norm: bool, train: bool) -> Array:
        """Strided convolution, norm, activation: [B, H, W, C] -> [B, H/2, W/2, channels]."""
        x = Conv(channels, *self.options(with_norm), kernel=4, stride=2, padding=1, name=layer)(x, train)
        return self.norm_act(x, layer, train) if with_norm else activation(self.activation)(x)

    def images(self, x: Array, train: bool, prefix: str = '') -> Array:
        """From features to images in (-1, 1): [B, d] -> [B, *shape]."""
        size, _, channels = self.shape
        x = self.dense(x, (size // 4) ** 2 * 2 * self.width, f'{prefix}dense_{size // 4}', train)
        x = x.reshape(-1, size // 4, size // 4, 2 * self.width)
        middle, last = f'{prefix}block_{size // 2}', f'{prefix}block_{size}'
        x = ConvTranspose(self.width, *self.options(True), size=size // 2, name=middle)(x, train)
        x = self.norm_act(x, middle, train)
        x = ConvTranspose(channels, *self.options(False), size=size, name=last)(x, train)
        return jnp.tanh(x.astype(jnp.float32))


class Generator(_Layers):
    """Latents [B, d] -> images [B, H, W, C] in (-1, 1)."""

    @nn.compact
    def __call__(self, z: Array, train: bool = True) -> Array:
        _check(self.shape, 'generator', self.norm, DENSE_NORMS)
        return self.images(self.dense(z, 16 * self.width, 'stem', train), train)


class Critic(_Layers):
    """Images [B, H, W, C] -> scores [B]."""

    conditions = ('projection',)

    @nn.compact
    def __call__(self, x: Array, label: Array | None = None, train: bool = True) -> Array:
        _check(self.shape, 'critic', self.norm, (*DENSE_NORMS, 'spectral'))
        size = self.shape[0]
        x = self.down(x, f'block_{size // 2}', self.width, False, train)
        x = self.down(x, f'block_{size // 4}', 2 * self.width, True, train)
        x = self.dense(x.reshape(len(x), -1), 16 * self.width, 'dense', train)
        return Score(1, *self.options(False), name='out')(x, train, label)


class Autoencoder(_Layers):
    """Images [B, H, W, C] -> reconstructions of the same shape, through a code of dimension `width`."""

    @nn.compact
    def __call__(self, x: Array, train: bool = True) -> Array:
        _check(self.shape, 'critic', self.norm, (*DENSE_NORMS, 'spectral'))
        size = self.shape[0]
        x = self.down(x, f'encode_{size // 2}', self.width, False, train)
        x = Conv(2 * self.width, *self.options(False), kernel=4, stride=2, padding=1, name=f'encode_{size // 4}')(
            x, train
        )
        code = self.dense(x.reshape(len(x), -1), self.width, 'code', train)
        self.sow('features', 'features', code.astype(jnp.float32))
        return self.images(code, train, 'decode_')
