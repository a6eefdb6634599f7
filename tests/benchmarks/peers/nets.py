"""The project's nets in plain PyTorch: MLPs, DCGAN's, SN-GAN's ResNets.

Submodules have the names of our layers, so that weights carry over name by name (`paired`). Image nets take and make
[B, C, H, W] in channels-last memory, where the seams to dense layers cost nothing; MLPs take and make [B, d].
"""

import itertools
import math
from collections import OrderedDict
from collections.abc import Iterator

import jax
import numpy as np
import torch
from benchmarks.peers import progan as peers
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm
from torch.nn.utils.parametrize import is_parametrized

from gans.core import Net, Tree
from gans.nets import dcgan, mlp, progan, resnet

ACTIVATIONS = {
    'identity': nn.Identity,
    'relu': lambda: nn.ReLU(inplace=True),
    'leaky_relu': lambda: nn.LeakyReLU(0.2, inplace=True),
}


def of(net: Net) -> nn.Module:
    """The peer of one of our nets, with weights of its own; of the options only those that the cases use."""
    makers = {
        mlp.Generator: mlp_generator,
        mlp.Critic: mlp_critic,
        dcgan.Generator: dcgan_generator,
        dcgan.Critic: dcgan_critic,
        resnet.Generator: resnet_generator,
        resnet.Critic: resnet_critic,
        progan.Generator: peers.Generator,
        progan.Critic: peers.Critic,
    }
    return makers[type(net.module)](net.module, net.inputs[0].shape[1:]).to(memory_format=torch.channels_last)


def paired(peer: nn.Module, tree: Tree) -> Iterator[tuple[nn.Parameter, Tensor]]:
    """Each parameter of a peer, and our array of the same name (a weight or its gradient), in PyTorch's layout."""
    for path, leaf in jax.tree.leaves_with_path(tree):
        *layers, name = (entry.key for entry in path)
        layer, value = peer.get_submodule('.'.join(layers)), np.asarray(leaf, np.float32)
        if isinstance(layer, nn.ConvTranspose2d) and name == 'kernel':  # PyTorch's is that of the convolution backwards
            value = value[::-1, ::-1].transpose(2, 3, 0, 1)
        elif name == 'kernel':
            value = value.transpose(3, 2, 0, 1) if value.ndim == 4 else value.T
        if name == 'bias':
            parameter = layer.bias
        else:  # a kernel, or the scale of a norm
            parameter = layer.parametrizations.weight.original if is_parametrized(layer) else layer.weight
        yield parameter, torch.from_numpy(value.copy())


def settle(layer: nn.Module) -> Tensor:
    """Moves the power iteration of a layer's spectral norm to its end; returns u [features]."""
    norm, weight = layer.parametrizations.weight[0], layer.parametrizations.weight.original
    u, _, v = torch.linalg.svd(weight.detach().flatten(1), full_matrices=False)
    norm._u.copy_(u[:, 0])
    norm._v.copy_(v[0])
    return u[:, 0]


class Maxout(nn.Module):
    """[B, pieces * n] -> [B, n]."""

    def __init__(self, pieces: int) -> None:
        super().__init__()
        self.pieces = pieces

    def forward(self, x: Tensor) -> Tensor:
        return x.unflatten(1, (self.pieces, -1)).amax(1)


class ToImages(nn.Module):
    """[B, size * size * channels] -> [B, channels, size, size], channels-last, without a copy."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        return x.view(len(x), self.size, self.size, -1).permute(0, 3, 1, 2)


class ToVectors(nn.Module):
    """The way back: [B, C, H, W] -> [B, H * W * C]."""

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(0, 2, 3, 1).flatten(1)


def _spectral(kind: str, layer: nn.Module) -> nn.Module:
    return spectral_norm(layer) if kind == 'spectral' else layer


def _hidden(ours: mlp.Generator | mlp.Critic, features: int, pieces: int = 1) -> OrderedDict[str, nn.Module]:
    layers = OrderedDict()
    for i, width in enumerate(ours.widths):
        layers[f'dense_{i}'] = nn.Linear(features, width * pieces, bias=ours.norm == 'none')
        if pieces > 1:
            layers[f'maxout_{i}'] = Maxout(pieces)
        if ours.norm == 'batch':
            layers[f'norm_{i}'] = nn.BatchNorm1d(width)
        layers[f'activation_{i}'] = ACTIVATIONS[ours.activation]()
        features = width
    return layers


def mlp_generator(ours: mlp.Generator, inputs: tuple[int, ...]) -> nn.Module:
    layers = _hidden(ours, *inputs)
    layers['out'] = nn.Linear(ours.widths[-1], math.prod(ours.shape))
    if len(ours.shape) == 3:
        layers['tanh'] = nn.Tanh()
    return nn.Sequential(layers)


def mlp_critic(ours: mlp.Critic, inputs: tuple[int, ...]) -> nn.Module:
    layers = _hidden(ours, math.prod(inputs), ours.pieces)
    return nn.Sequential(layers | {'out': nn.Linear(ours.widths[-1], 1), 'scores': nn.Flatten(0)})


def dcgan_generator(ours: dcgan.Generator, inputs: tuple[int, ...]) -> nn.Module:
    base, *sizes = dcgan.sizes(ours.shape, ours.base)
    channels, bias = ours.width * 2 ** (len(sizes) - 1), ours.norm == 'none'
    layers = OrderedDict({f'stem_{base}': nn.Linear(*inputs, base * base * channels, bias), 'images': ToImages(base)})
    for before, size in itertools.pairwise([base, *sizes]):
        if ours.norm == 'batch':
            layers[f'norm_{before}'] = nn.BatchNorm2d(channels)
        layers[f'activation_{before}'] = ACTIVATIONS[ours.activation]()
        last = size == sizes[-1]
        made = ours.shape[2] if last else channels // 2
        kernel = ours.kernel - size % 2  # an odd size comes of an odd kernel
        layers[f'block_{size}'] = nn.ConvTranspose2d(channels, made, kernel, 2, (kernel - 1) // 2, bias=bias or last)
        channels = made
    return nn.Sequential(layers | {'tanh': nn.Tanh()})


def dcgan_critic(ours: dcgan.Critic, inputs: tuple[int, ...]) -> nn.Module:
    base, *sizes = dcgan.sizes(ours.shape, ours.base)
    layers, channels, made = OrderedDict(), inputs[2], ours.width
    for size in reversed(sizes):
        first, kernel = size == sizes[-1], ours.kernel - size % 2
        conv = nn.Conv2d(channels, made, kernel, 2, (kernel - 1) // 2, bias=first or ours.norm != 'batch')
        layers[f'block_{size}'] = _spectral(ours.norm, conv)
        if ours.norm == 'batch' and not first:
            layers[f'norm_{size}'] = nn.BatchNorm2d(made)
        layers[f'activation_{size}'] = ACTIVATIONS[ours.activation]()
        channels, made = made, 2 * made
    out = _spectral(ours.norm, nn.Linear(base * base * channels, 1))
    return nn.Sequential(layers | {'vectors': ToVectors(), 'out': out, 'scores': nn.Flatten(0)})


def _upsample(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2, mode='nearest')


class UpBlock(nn.Module):
    def __init__(self, channels: int, made: int) -> None:
        super().__init__()
        self.norm_1, self.conv_1 = nn.BatchNorm2d(channels), nn.Conv2d(channels, made, 3, padding=1)
        self.norm_2, self.conv_2 = nn.BatchNorm2d(made), nn.Conv2d(made, made, 3, padding=1)
        self.shortcut = nn.Conv2d(channels, made, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv_1(_upsample(self.norm_1(x).relu_()))
        h = self.conv_2(self.norm_2(h).relu_())
        return h + _upsample(self.shortcut(x))


class DownBlock(nn.Module):
    def __init__(self, channels: int, made: int, halve: bool, first: bool) -> None:
        super().__init__()
        self.halve, self.first = halve, first
        hidden = made if first else channels
        self.conv_1 = spectral_norm(nn.Conv2d(channels, hidden, 3, padding=1))
        self.conv_2 = spectral_norm(nn.Conv2d(hidden, made, 3, padding=1))
        if halve or channels != made:
            self.shortcut = spectral_norm(nn.Conv2d(channels, made, 1))

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv_2(self.conv_1(x if self.first else x.relu()).relu_())
        if self.halve:
            h, x = functional.avg_pool2d(h, 2), functional.avg_pool2d(x, 2)
        return h + (self.shortcut(x) if hasattr(self, 'shortcut') else x)


class SumOfPixels(nn.Module):
    """[B, C, H, W] -> [B, C]."""

    def forward(self, x: Tensor) -> Tensor:
        return x.sum((2, 3))


def resnet_generator(ours: resnet.Generator, inputs: tuple[int, ...]) -> nn.Module:
    channels, *blocks = (ours.width * times for times in resnet.plan(ours.shape).generator)
    size = ours.shape[0] // 2 ** len(blocks)
    layers = OrderedDict({f'stem_{size}': nn.Linear(*inputs, size * size * channels), 'images': ToImages(size)})
    for made in blocks:
        size *= 2
        layers[f'block_{size}'] = UpBlock(channels, made)
        channels = made
    layers |= {f'norm_{size}': nn.BatchNorm2d(channels), 'relu': nn.ReLU(inplace=True)}
    return nn.Sequential(layers | {'out': nn.Conv2d(channels, ours.shape[2], 3, padding=1), 'tanh': nn.Tanh()})


def resnet_critic(ours: resnet.Critic, inputs: tuple[int, ...]) -> nn.Module:
    size, _, channels = inputs
    _, blocks, halvings = resnet.plan(ours.shape)
    layers = OrderedDict()
    for i, times in enumerate(blocks):
        name = f'block_{size}' if i <= halvings else f'block_{size}_{i - halvings + 1}'
        layers[name] = DownBlock(channels, ours.width * times, halve=i < halvings, first=i == 0)
        channels, size = ours.width * times, size // 2 if i < halvings else size
    layers |= {'relu': nn.ReLU(inplace=True), 'sum': SumOfPixels(), 'out': spectral_norm(nn.Linear(channels, 1))}
    return nn.Sequential(layers | {'scores': nn.Flatten(0)})
