"""VGG19 (Simonyan 2014, 1409.1556) up to one of its layers, with the ImageNet weights of PyTorch's torchvision.

Images of any size, as they are: values in [0, 1], from which torchvision's means are taken, over its deviations.
"""

from pathlib import Path

import flax.linen as nn
import jax.numpy as jnp
import numpy as np

from gans import cache
from gans.core import Array, Compute, Tree
from gans.errors import UserError, unknown
from gans.features import torch_file
from gans.ops.layers import Conv

FILE = 'vgg19-dcbb9e9d.pth'
URL = f'https://download.pytorch.org/models/{FILE}'
SHA256 = 'dcbb9e9d'  # its first digits, which are in the name
MEAN, STD = np.array([0.485, 0.456, 0.406], np.float32), np.array([0.229, 0.224, 0.225], np.float32)
WIDTHS = ((64,) * 2, (128,) * 2, (256,) * 4, (512,) * 4, (512,) * 4)  # of the convolutions between pools
# (name of a convolution, its channels, the number of its layer in torchvision's `features`), in their order
CONVS = tuple(
    (f'{i}_{j}', width, 2 * sum(map(len, WIDTHS[: i - 1])) + (i - 1) + 2 * (j - 1))
    for i, widths in enumerate(WIDTHS, 1)
    for j, width in enumerate(widths, 1)
)
LAYERS = tuple(f'{kind}{name}' for name, _, _ in CONVS for kind in ('conv', 'relu'))


class VGG19(nn.Module):
    """Images [B, H, W, C] in [-1, 1], C 1 or 3 -> float32 features [B, h, w, f] after a layer.

    layer: 'conv5_4' is the fourth convolution of the fifth group before its activation, 'relu5_4' after it.
    """

    layer: str
    compute: Compute = Compute()

    @nn.compact
    def __call__(self, x: Array, train: bool = False) -> Array:
        x = ((jnp.broadcast_to(x, (*x.shape[:3], 3)) + 1) / 2 - MEAN) / STD
        for name, width, _ in convolutions(self.layer):
            if name.endswith('_1') and name != '1_1':
                x = halve(x)
            x = Conv(width, self.compute, kernel_init=nn.initializers.zeros, name=f'conv{name}')(x, train)
            if self.layer == f'conv{name}':
                break
            x = nn.relu(x)
        return x.astype(jnp.float32)


def halve(x: Array) -> Array:
    """The largest of each 2 x 2 pixels; a last odd row or column is left out, as in PyTorch."""
    b, h, w, c = x.shape
    if min(h, w) < 2:
        raise UserError(f'images of so few pixels have no such layer of vgg19: its maps would shrink below {h} x {w}')
    return x[:, : h // 2 * 2, : w // 2 * 2].reshape(b, h // 2, 2, w // 2, 2, c).max((2, 4))


def convolutions(layer: str) -> tuple[tuple[str, int, int], ...]:
    """Those of `CONVS` up to a layer."""
    if layer not in LAYERS:
        raise unknown('layer of vgg19', layer, LAYERS)
    return CONVS[: LAYERS.index(layer) // 2 + 1]


def read(layer: str, weights: str | None = None) -> Tree:
    """The parameters of `VGG19` of a layer.

    Args:
      weights: torchvision's file; by default it is looked for in the cache folder.

    Raises:
      UserError: it is not there, or is another.
    """
    path = Path(weights).expanduser() if weights else cache.home() / FILE
    try:
        found = torch_file.sha256(path)
    except OSError as error:
        raise UserError(
            f'cannot read the weights of vgg19, {path}: {error.strerror}; download {URL}, and save it there, or name '
            'the place of the file (srgan.weights)'
        ) from error
    if not found.startswith(SHA256):
        raise UserError(f'{path} is not the official VGG19: its SHA-256 is {found}, not {SHA256}...; use {URL}')
    return convert(torch_file.read(path), layer)


def convert(tensors: dict[str, np.ndarray], layer: str) -> Tree:
    """Converts torchvision's state dict, as far as a layer needs it."""
    state, before, params = torch_file.StateDict(tensors), 3, {}
    for name, width, place in convolutions(layer):
        kernel = state.take(f'features.{place}.weight', (width, before, 3, 3)).transpose(2, 3, 1, 0)
        params[f'conv{name}'] = {'kernel': kernel, 'bias': state.take(f'features.{place}.bias', (width,))}
        before = width
    return params
