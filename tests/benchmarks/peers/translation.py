"""Nets of image translation and super-resolution in plain PyTorch, as their authors have them.

Submodules have the names of our layers, so that weights carry over name by name (`paired`). Images are [B, C, H, W].
"""

from collections.abc import Iterator

import torch
from benchmarks.peers import nets
from torch import Tensor, nn
from torch.nn import functional

from gans.core import Tree
from gans.nets import cyclegan, patchgan, srgan, unet


def of(module: object, source: int) -> nn.Module:
    """The peer of one of our nets. source: channels of its input, all together."""
    makers = {
        unet.Translator: UNet,
        patchgan.Critic: patch_critic,
        cyclegan.Translator: resnet,
        srgan.Upscaler: SRResNet,
        srgan.Critic: sr_critic,
    }
    return makers[type(module)](module, source).to(memory_format=torch.channels_last)


def paired(peer: nn.Module, tree: Tree) -> Iterator[tuple[nn.Parameter, Tensor]]:
    """As `nets.paired`, where the channels that a pixel shuffle takes are in PyTorch's order."""
    shuffled = {id(p) for module in peer.modules() if isinstance(module, Shuffled) for p in module.conv.parameters()}
    for parameter, value in nets.paired(peer, tree):
        if id(parameter) in shuffled:
            value = value.unflatten(0, (4, -1)).transpose(0, 1).flatten(0, 1)
        yield parameter, value.reshape(parameter.shape)


def norm(kind: str, channels: int) -> nn.Module:
    return {
        'none': nn.Identity,
        'batch': lambda: nn.BatchNorm2d(channels),
        'instance': lambda: nn.InstanceNorm2d(channels, affine=True),
        'plain_instance': lambda: nn.InstanceNorm2d(channels),
    }[kind]()


def biased(kind: str) -> bool:
    return kind in ('none', 'plain_instance')


class UNet(nn.Module):
    """Pix2Pix's."""

    def __init__(self, ours: unet.Translator, source: int) -> None:
        super().__init__()
        self.depth, self.rate, bias = ours.halvings, ours.dropout, biased(ours.norm)
        channels = [ours.width * min(2**i, 8) for i in range(self.depth)]
        for i, width in enumerate(channels, 1):
            self.add_module(f'down_{i}', nn.Conv2d(source, width, 4, 2, 1, bias=bias))
            if 1 < i < self.depth:
                self.add_module(f'down_norm_{i}', norm(ours.norm, width))
            source = width
        for i in range(self.depth, 1, -1):
            read = channels[i - 1] * (1 if i == self.depth else 2)
            self.add_module(f'up_{i}', nn.ConvTranspose2d(read, channels[i - 2], 4, 2, 1, bias=bias))
            self.add_module(f'up_norm_{i}', norm(ours.norm, channels[i - 2]))
        self.up_1 = nn.ConvTranspose2d(2 * channels[0], ours.shape[2], 4, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        layers, skips = dict(self.named_children()), []
        for i in range(1, self.depth + 1):
            x = layers[f'down_{i}'](x if i == 1 else functional.leaky_relu(x, 0.2))
            x = layers.get(f'down_norm_{i}', nn.Identity())(x)
            skips.append(x)
        x = skips.pop()
        for i in range(self.depth, 1, -1):
            x = layers[f'up_norm_{i}'](layers[f'up_{i}'](functional.relu(x)))
            if self.rate is not None and i > self.depth - 3:
                x = functional.dropout(x, self.rate)
            x = torch.cat([skips.pop(), x], 1)
        return self.up_1(functional.relu(x)).tanh()


def patch_critic(ours: patchgan.Critic, source: int) -> nn.Module:
    layers, depth = nn.Sequential(), ours.depth
    kernel, pad = (4, 1) if depth else (1, 0)
    for i, stride in enumerate([2] * depth + [1] if depth else [1, 1]):
        width = ours.width * min(2**i, 8)
        conv = nn.Conv2d(source, width, kernel, stride, pad, bias=i == 0 or biased(ours.norm))
        layers.add_module(f'conv_{i + 1}', conv)
        if i:
            layers.add_module(f'norm_{i + 1}', norm(ours.norm, width))
        layers.add_module(f'act_{i + 1}', nn.LeakyReLU(0.2, inplace=True))
        source = width
    layers.add_module('out', nn.Conv2d(source, 1, kernel, 1, pad))
    return layers


class ResNetBlock(nn.Module):
    """CycleGAN's."""

    def __init__(self, kind: str, width: int) -> None:
        super().__init__()
        for i in (1, 2):
            self.add_module(f'conv_{i}', nn.Conv2d(width, width, 3, bias=biased(kind)))
            self.add_module(f'norm_{i}', norm(kind, width))

    def forward(self, x: Tensor) -> Tensor:
        pad = lambda x: functional.pad(x, (1, 1, 1, 1), mode='reflect')
        h = self.norm_1(self.conv_1(pad(x))).relu_()
        return x + self.norm_2(self.conv_2(pad(h)))


def resnet(ours: cyclegan.Translator, source: int) -> nn.Module:
    layers, bias, width = nn.Sequential(), biased(ours.norm), ours.width
    blocks = ours.blocks or (9 if min(ours.shape[:2]) >= 256 else 6)

    def add(name: str, layer: nn.Module, channels: int) -> None:
        layers.add_module(name, layer)
        way, _, number = name.partition('_')
        layers.add_module(f'{way}_norm_{number}'.rstrip('_'), norm(ours.norm, channels))
        layers.add_module(f'{name}_relu', nn.ReLU(inplace=True))

    layers.add_module('pad_first', nn.ReflectionPad2d(3))
    add('stem', nn.Conv2d(source, width, 7, bias=bias), width)
    for i in (1, 2):
        add(f'down_{i}', nn.Conv2d(width, 2 * width, 3, 2, 1, bias=bias), 2 * width)
        width *= 2
    for i in range(blocks):
        layers.add_module(f'block_{i + 1}', ResNetBlock(ours.norm, width))
    for i in (1, 2):
        add(f'up_{i}', nn.ConvTranspose2d(width, width // 2, 3, 2, 1, 1, bias=bias), width // 2)
        width //= 2
    layers.add_module('pad_last', nn.ReflectionPad2d(3))
    layers.add_module('out', nn.Conv2d(width, ours.shape[2], 7))
    layers.add_module('tanh', nn.Tanh())
    return layers


class SRBlock(nn.Module):
    """SRResNet's."""

    def __init__(self, kind: str, width: int) -> None:
        super().__init__()
        for i in (1, 2):
            self.add_module(f'conv_{i}', nn.Conv2d(width, width, 3, padding=1, bias=biased(kind)))
            self.add_module(f'norm_{i}', norm(kind, width))
        self.prelu = nn.PReLU()

    def forward(self, x: Tensor) -> Tensor:
        return x + self.norm_2(self.conv_2(self.prelu(self.norm_1(self.conv_1(x)))))


class Shuffled(nn.Module):
    """A convolution whose channels become pixels."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, 4 * width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return functional.pixel_shuffle(self.conv(x), 2)

    @property
    def weight(self) -> nn.Parameter:
        return self.conv.weight

    @property
    def bias(self) -> nn.Parameter:
        return self.conv.bias


class SRResNet(nn.Module):
    def __init__(self, ours: srgan.Upscaler, source: int) -> None:
        super().__init__()
        width = ours.width
        self.stem, self.stem_prelu = nn.Conv2d(source, width, 9, padding=4), nn.PReLU()
        self.blocks = [f'block_{i + 1}' for i in range(ours.blocks)]
        for name in self.blocks:
            self.add_module(name, SRBlock(ours.norm, width))
        self.trunk = nn.Conv2d(width, width, 3, padding=1, bias=biased(ours.norm))
        self.trunk_norm = norm(ours.norm, width)
        self.ups = srgan.doublings(ours.scale)
        for i in range(1, self.ups + 1):
            self.add_module(f'up_{i}', Shuffled(width))
            self.add_module(f'up_prelu_{i}', nn.PReLU())
        self.out = nn.Conv2d(width, ours.shape[2], 9, padding=4)

    def forward(self, x: Tensor) -> Tensor:
        layers = dict(self.named_children())
        x = first = self.stem_prelu(self.stem(x))
        for name in self.blocks:
            x = layers[name](x)
        x = first + self.trunk_norm(self.trunk(x))
        for i in range(1, self.ups + 1):
            x = layers[f'up_prelu_{i}'](layers[f'up_{i}'](x))
        return self.out(x)


def sr_critic(ours: srgan.Critic, source: int) -> nn.Module:
    layers, side = nn.Sequential(), ours.shape[0]
    for i, times in enumerate(srgan.WIDTHS):
        width, stride = ours.width * times, 1 + i % 2
        layers.add_module(f'conv_{i + 1}', nn.Conv2d(source, width, 3, stride, 1, bias=i == 0 or biased(ours.norm)))
        if i:
            layers.add_module(f'norm_{i + 1}', norm(ours.norm, width))
        layers.add_module(f'act_{i + 1}', nn.LeakyReLU(0.2, inplace=True))
        source, side = width, -(-side // stride)
    layers.add_module('vectors', nets.ToVectors())
    layers.add_module('dense', nn.Linear(side * side * source, ours.dense))
    layers.add_module('act', nn.LeakyReLU(0.2, inplace=True))
    layers.add_module('out', nn.Linear(ours.dense, 1))
    layers.add_module('scores', nn.Flatten(0))
    return layers
