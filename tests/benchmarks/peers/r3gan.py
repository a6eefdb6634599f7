"""R3GAN in plain PyTorch, as its authors have it; submodules have the names of our layers. Images are [B, C, H, W]."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from gans.core import Tree


def filters(channels: int) -> Tensor:
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0])
    return (torch.outer(taps, taps) / 64).expand(channels, 1, 4, 4)


def upsample(x: Tensor) -> Tensor:
    return functional.conv_transpose2d(x, 4 * filters(x.shape[1]), stride=2, padding=1, groups=x.shape[1])


def downsample(x: Tensor) -> Tensor:
    return functional.conv2d(x, filters(x.shape[1]), stride=2, padding=1, groups=x.shape[1])


class Block(nn.Module):
    def __init__(self, width: int, group: int) -> None:
        super().__init__()
        self.wide = nn.Conv2d(width, 2 * width, 1)
        self.grouped = nn.Conv2d(2 * width, 2 * width, 3, 1, 1, groups=2 * width // group)
        self.narrow = nn.Conv2d(2 * width, width, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        h = functional.leaky_relu(self.wide(x), 0.2)
        return x + self.narrow(functional.leaky_relu(self.grouped(h), 0.2))


class Stages(nn.Module):
    """What both nets have; sizes and widths from the smallest resolution up."""

    def __init__(self, size: int, widths: tuple[int, ...], blocks: int, group: int) -> None:
        super().__init__()
        self.sizes = [size * 2**i for i in range(len(widths))]
        self.names = {n: [f'block_{n}_{i + 1}' for i in range(blocks)] for n in self.sizes}
        for n, width in zip(self.sizes, widths, strict=True):
            for name in self.names[n]:
                self.add_module(name, Block(width, group))

    def stage(self, n: int, x: Tensor) -> Tensor:
        for name in self.names[n]:
            x = getattr(self, name)(x)
        return x

    def to(self, n: int, x: Tensor) -> Tensor:
        return getattr(self, f'to_{n}')(x) if hasattr(self, f'to_{n}') else x


class Generator(Stages):
    def __init__(self, latents: int, size: int, widths: tuple[int, ...], blocks: int, group: int) -> None:
        super().__init__(size, widths, blocks, group)
        self.basis = nn.Parameter(torch.empty(widths[0], size, size))
        self.stem = nn.Linear(latents, widths[0], bias=False)
        for n, a, b in zip(self.sizes[1:], widths, widths[1:], strict=False):
            if a != b:
                self.add_module(f'to_{n}', nn.Conv2d(a, b, 1, bias=False))
        self.out = nn.Conv2d(widths[-1], 3, 1, bias=False)

    def forward(self, z: Tensor) -> Tensor:
        x = self.basis * self.stem(z)[:, :, None, None]
        for n in self.sizes:
            x = self.stage(n, x if n == self.sizes[0] else upsample(self.to(n, x)))
        return self.out(x)


class Critic(Stages):
    def __init__(self, size: int, widths: tuple[int, ...], blocks: int, group: int) -> None:
        super().__init__(size, widths, blocks, group)
        self.add_module('in', nn.Conv2d(3, widths[-1], 1, bias=False))
        for n, a, b in zip(self.sizes, widths, widths[1:], strict=False):
            if a != b:
                self.add_module(f'to_{n}', nn.Conv2d(b, a, 1, bias=False))
        self.pool = nn.Parameter(torch.empty(widths[0], 1, size, size))
        self.out = nn.Linear(widths[0], 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = getattr(self, 'in')(x)
        for n in reversed(self.sizes):
            x = self.stage(n, x if n == self.sizes[-1] else self.to(n, downsample(x)))
        return self.out(functional.conv2d(x, self.pool, groups=x.shape[1]).flatten(1))[:, 0]


def arranged(tree: Tree, name: str) -> Tensor:
    """The value of a parameter of ours that has this name there, in PyTorch's order."""
    *path, last = name.replace('weight', 'kernel').split('.')
    for key in path:
        tree = tree[key]
    value = torch.tensor(tree[last].__array__())
    orders = {'basis': (2, 0, 1), 'pool': (3, 2, 0, 1)}
    order = orders.get(last) or {1: (0,), 2: (1, 0), 4: (3, 2, 0, 1)}[value.ndim]
    return value.permute(order).contiguous()
