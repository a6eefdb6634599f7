"""BigGAN in plain PyTorch, as its authors have it; submodules have the names of our layers. Images are [B, C, H, W].

Classes are one-hot, so that a class's vector is a column of a linear layer's weight.
"""

from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

from gans.nets import biggan
from gans.nets._residual import block_names


def conv(channels: int, made: int, kernel: int = 3, bias: bool = True) -> nn.Module:
    return spectral_norm(nn.Conv2d(channels, made, kernel, padding=kernel // 2, bias=bias))


def upsample(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2, mode='nearest')


class Attention(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        plain = partial(conv, kernel=1, bias=False)
        self.queries, self.keys = plain(channels, channels // 8), plain(channels, channels // 8)
        self.values, self.out = plain(channels, channels // 2), plain(channels // 2, channels)
        self.weight = nn.Parameter(torch.zeros(()))  # sigma, under the name by which `nets.paired` looks for it

    def forward(self, x: Tensor) -> Tensor:
        queries = self.queries(x).flatten(2)
        keys, values = (functional.max_pool2d(layer(x), 2).flatten(2) for layer in (self.keys, self.values))
        weights = (queries.transpose(1, 2) @ keys).softmax(-1)  # [B, queries, keys]
        return x + self.weight * self.out((values @ weights.transpose(1, 2)).unflatten(2, x.shape[2:]))


class UpBlock(nn.Module):
    def __init__(self, channels: int, made: int, told: int) -> None:
        super().__init__()
        for i, size in ((1, channels), (2, made)):
            self.add_module(f'norm_{i}', nn.BatchNorm2d(size, affine=False))
            for of in ('scales', 'shifts'):
                self.add_module(f'norm_{i}_{of}', spectral_norm(nn.Linear(told, size, bias=False)))
        self.conv_1, self.conv_2 = conv(channels, made), conv(made, made)
        self.shortcut = conv(channels, made, 1)

    def norm(self, i: int, x: Tensor, told: Tensor) -> Tensor:
        scales, shifts = (getattr(self, f'norm_{i}_{of}')(told)[:, :, None, None] for of in ('scales', 'shifts'))
        return getattr(self, f'norm_{i}')(x) * (1 + scales) + shifts

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        h = self.conv_1(upsample(self.norm(1, x, told).relu_()))
        return self.conv_2(self.norm(2, h, told).relu_()) + upsample(self.shortcut(x))


class DownBlock(nn.Module):
    def __init__(self, channels: int, made: int, halve: bool, first: bool) -> None:
        super().__init__()
        self.halve, self.first = halve, first
        self.conv_1, self.conv_2 = conv(channels, made), conv(made, made)
        if halve or channels != made:
            self.shortcut = conv(channels, made, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv_2(self.conv_1(x if self.first else x.relu()).relu_())
        if self.halve:
            h, x = functional.avg_pool2d(h, 2), functional.avg_pool2d(x, 2)
        return h + (self.shortcut(x) if hasattr(self, 'shortcut') else x)


class Score(nn.Linear):
    def __init__(self, features: int, classes: int) -> None:
        super().__init__(features, 1)
        self.projection = spectral_norm(nn.Linear(classes, features, bias=False))

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        return super().forward(x)[:, 0] + (self.projection(label) * x).sum(1)


class Net(nn.Module):
    """What tells a net the class, as ours has it around its nets."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        return self.net(x, label)


class Generator(nn.Module):
    def __init__(self, ours: biggan.Generator, latents: int, classes: int) -> None:
        super().__init__()
        stem, *blocks = (ours.width * times for times in biggan.plan(ours.shape).generator)
        self.share, size, channels = latents // (len(blocks) + 1), biggan.BASE, stem
        self.embedding = nn.Linear(classes, ours.label_size, bias=False)
        self.stem_4 = spectral_norm(nn.Linear(self.share, size * size * stem))
        self.steps = []
        for made in blocks:
            size *= 2
            self.add_module(f'block_{size}', UpBlock(channels, made, ours.label_size + self.share))
            self.steps.append(f'block_{size}')
            if size in ours.attention:
                self.add_module(f'attention_{size}', Attention(made))
                self.steps.append(f'attention_{size}')
            channels = made
        self.norm = f'norm_{size}'
        self.add_module(self.norm, nn.BatchNorm2d(channels))
        self.out = conv(channels, ours.shape[2])

    def forward(self, z: Tensor, label: Tensor) -> Tensor:
        first, *shares = z.split(self.share, 1)
        x, vector = self.stem_4(first).view(len(z), 4, 4, -1).permute(0, 3, 1, 2), self.embedding(label)
        shares = iter(shares)
        for name in self.steps:
            layer = getattr(self, name)
            x = layer(x, torch.cat([vector, next(shares)], 1)) if name.startswith('block') else layer(x)
        return self.out(getattr(self, self.norm)(x).relu_()).tanh()


class Critic(nn.Module):
    def __init__(self, ours: biggan.Critic, classes: int) -> None:
        super().__init__()
        _, blocks, halvings = biggan.plan(ours.shape)
        size, channels, self.steps = ours.shape[0], ours.shape[2], []
        for i, name in enumerate(block_names(ours.shape, halvings, len(blocks))):
            made, halve = ours.width * blocks[i], i < halvings
            self.add_module(name, DownBlock(channels, made, halve, i == 0))
            self.steps.append(name)
            channels, size = made, size // 2 if halve else size
            if halve and size in ours.attention:
                self.add_module(f'attention_{size}', Attention(made))
                self.steps.append(f'attention_{size}')
        self.out = spectral_norm(Score(channels, classes))

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        for name in self.steps:
            x = getattr(self, name)(x)
        return self.out(x.relu().sum((2, 3)), label)
