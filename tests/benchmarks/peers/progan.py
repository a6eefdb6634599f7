"""ProGAN's nets in plain PyTorch, with the same tricks as ours: kernels are scaled where they are used, and resampling
is fused with convolution. Submodules have the names of our layers. Images are [B, C, H, W].
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from gans.nets import progan
from gans.ops.equalized import feature_maps, sizes


class Equalized(nn.Module):
    """A dense layer or a convolution with its bias; resample: 'up', 'down' or 'none'."""

    def __init__(self, shape: tuple[int, ...], gain: float = 2**0.5, resample: str = 'none', biases: int = 0) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.randn(shape)), nn.Parameter(torch.zeros(biases or shape[0]))
        self.scale, self.resample = gain / math.sqrt(math.prod(shape[1:])), resample

    def forward(self, x: Tensor) -> Tensor:
        w = self.weight * self.scale
        if w.ndim == 2:
            x = functional.linear(x, w)
            if len(self.bias) == len(w):
                return x + self.bias
            x = x.view(len(x), 4, 4, -1).permute(0, 3, 1, 2)
        elif self.resample == 'up':
            x = up_conv(x, w)
        elif self.resample == 'down':
            x = conv_down(x, w)
        else:
            x = functional.conv2d(x, w, padding=w.shape[2] // 2)
        return x + self.bias[:, None, None]


def up_conv(x: Tensor, w: Tensor) -> Tensor:
    """The convolution of the image enlarged by repeating pixels."""
    return functional.conv_transpose2d(x, shifted(w).flip(2, 3).transpose(0, 1), stride=2, padding=1)


def conv_down(x: Tensor, w: Tensor) -> Tensor:
    """Means of 2 x 2 pixels of the convolution."""
    return functional.conv2d(x, shifted(w) / 4, stride=2, padding=1)


def shifted(w: Tensor) -> Tensor:
    """The sum of a kernel's four copies that are shifted by 0 or 1."""
    w = functional.pad(w, (1, 1, 1, 1))
    return w[:, :, 1:, 1:] + w[:, :, :-1, 1:] + w[:, :, 1:, :-1] + w[:, :, :-1, :-1]


def lrelu(x: Tensor) -> Tensor:
    return functional.leaky_relu(x, 0.2)


def pixel_norm(x: Tensor) -> Tensor:
    return x * torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-8)


def with_std(x: Tensor, group: int) -> Tensor:
    group = min(group, len(x))
    grouped = x.reshape(group, -1, *x.shape[1:])
    std = torch.sqrt(grouped.var(0, unbiased=False) + 1e-8).mean((1, 2, 3))
    return torch.cat([x, std.repeat(group)[:, None, None, None].expand(-1, 1, *x.shape[2:])], 1)


class Generator(nn.Module):
    def __init__(self, ours: progan.Generator, inputs: tuple[int, ...]) -> None:
        super().__init__()
        self.sizes, (before,), self.bounded = sizes(ours.shape, 'progan'), inputs, ours.bounded
        for size in self.sizes:
            made = feature_maps(size, ours.fmap_base, ours.fmap_max)
            first = (
                ('dense', Equalized((16 * made, before), 2**0.5 / 4, biases=made))
                if size == 4
                else ('conv_1', Equalized((made, before, 3, 3), resample='up'))
            )
            self.add_module(f'block_{size}', nn.ModuleDict([first, ('conv_2', Equalized((made, made, 3, 3)))]))
            self.add_module(f'to_rgb_{size}', Equalized((ours.shape[2], made, 1, 1), 1.0))
            before = made

    def forward(self, x: Tensor) -> Tensor:
        x = pixel_norm(x)
        for size in self.sizes:
            for layer in self.get_submodule(f'block_{size}').values():
                x = pixel_norm(lrelu(layer(x)))
        image = self.get_submodule(f'to_rgb_{size}')(x)
        return image.tanh() if self.bounded else image


class Critic(nn.Module):
    def __init__(self, ours: progan.Critic, inputs: tuple[int, ...]) -> None:
        super().__init__()
        self.sizes, self.group = sizes(ours.shape, 'progan'), ours.group
        maps = lambda size: feature_maps(size, ours.fmap_base, ours.fmap_max)
        for size in self.sizes:
            self.add_module(f'from_rgb_{size}', Equalized((maps(size), ours.shape[2], 1, 1)))
        for size in self.sizes[1:]:
            down = Equalized((maps(size // 2), maps(size), 3, 3), resample='down')
            both = [('conv_1', Equalized((maps(size), maps(size), 3, 3))), ('conv_2', down)]
            self.add_module(f'block_{size}', nn.ModuleDict(both))
        self.conv_4 = Equalized((maps(4), maps(4) + 1, 3, 3))
        self.dense_4 = Equalized((maps(2), 16 * maps(4)))
        self.out = Equalized((1, maps(2)), 1.0)

    def forward(self, x: Tensor) -> Tensor:
        x = lrelu(self.get_submodule(f'from_rgb_{self.sizes[-1]}')(x))
        for size in reversed(self.sizes[1:]):
            for layer in self.get_submodule(f'block_{size}').values():
                x = lrelu(layer(x))
        x = lrelu(self.conv_4(with_std(x, self.group)))
        return self.out(lrelu(self.dense_4(x.permute(0, 2, 3, 1).flatten(1))))[:, 0]
