"""StyleGAN2's nets in plain PyTorch, with the same trick: scaled activations in place of a kernel for each example.

Parameters are a dict by our names, 'critic/conv_8/kernel', as they are stored; images are [B, C, H, W]. Noise is drawn,
as it costs time, and its strengths are 0 at first.
"""

import math

import jax
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from gans.core import Tree
from gans.nets import stylegan2
from gans.ops.fir import TAPS

SQRT2, HALF = math.sqrt(2), math.sqrt(0.5)


def names(tree: Tree) -> dict[str, np.ndarray]:
    """Our parameters, or their gradients, by name; kernels of convolutions as PyTorch has them, [O, I, k, k]."""
    found = {'/'.join(entry.key for entry in path): np.asarray(x) for path, x in jax.tree.leaves_with_path(tree)}
    return {name: x.transpose(3, 2, 0, 1) if x.ndim == 4 else x for name, x in found.items()}


def parameters(tree: Tree) -> dict[str, Tensor]:
    return {name: torch.tensor(np.ascontiguousarray(x), requires_grad=True) for name, x in names(tree).items()}


def lrelu(x: Tensor) -> Tensor:
    return functional.leaky_relu(x, 0.2) * SQRT2


def dense(p: dict[str, Tensor], name: str, x: Tensor, lrmul: float = 1.0) -> Tensor:
    kernel = p[f'{name}/kernel']
    return x @ (kernel * (lrmul / math.sqrt(len(kernel)))) + p[f'{name}/bias'] * lrmul


def kernel(p: dict[str, Tensor], name: str) -> Tensor:
    w = p[f'{name}/kernel']
    return w / math.sqrt(w[0].numel())


def bias(p: dict[str, Tensor], name: str) -> Tensor:
    return p[f'{name}/bias'][:, None, None]


def taps(channels: int, gain: float) -> Tensor:
    row = torch.tensor(TAPS) / sum(TAPS)
    return (gain * row[:, None] * row).expand(channels, 1, -1, -1)


def filtered(x: Tensor, pad: int, stride: int = 1, gain: float = 1.0) -> Tensor:
    return functional.conv2d(x, taps(x.shape[1], gain), None, stride, pad, groups=x.shape[1])


def upsample(x: Tensor) -> Tensor:
    return functional.conv_transpose2d(x, taps(x.shape[1], 4.0), None, 2, 1, groups=x.shape[1])


def mapping(p: dict[str, Tensor], z: Tensor, depth: int) -> Tensor:
    x = z * torch.rsqrt((z**2).mean(1, keepdim=True) + 1e-8)
    for i in range(depth):
        x = lrelu(dense(p, f'mapping/dense_{i + 1}', x, stylegan2.LRMUL))
    return x


def modulated(p: dict[str, Tensor], name: str, x: Tensor, w: Tensor, up: bool = False, noise: bool = True) -> Tensor:
    style, k = dense(p, f'{name}/style', w), kernel(p, name)
    x = x * style[:, :, None, None]
    if up:
        x = functional.conv_transpose2d(x, k.transpose(0, 1).flip(2, 3), None, 2)
        x = filtered(x, 1, gain=4.0)
    else:
        x = functional.conv2d(x, k, None, 1, k.shape[2] // 2)
    if not noise:  # an image: without demodulation
        return x + bias(p, name)
    x = x * torch.rsqrt(style**2 @ (k**2).sum((2, 3)).T + 1e-8)[:, :, None, None]
    x = x + p[f'{name}/strength'] * torch.randn(len(x), 1, *x.shape[2:])
    return lrelu(x + bias(p, name))


def synthesis(p: dict[str, Tensor], ws: Tensor, side: int) -> Tensor:
    x = p['generator/constant'].permute(2, 0, 1).expand(len(ws), -1, -1, -1)
    x = x.contiguous(memory_format=torch.channels_last)
    x = modulated(p, 'generator/conv_4', x, ws[:, 0])
    rgb, size, i = modulated(p, 'generator/to_rgb_4', x, ws[:, 1], noise=False), 4, 1
    while size < side:
        size *= 2
        x = modulated(p, f'generator/up_{size}', x, ws[:, i], up=True)
        x = modulated(p, f'generator/conv_{size}', x, ws[:, i + 1])
        rgb = upsample(rgb) + modulated(p, f'generator/to_rgb_{size}', x, ws[:, i + 2], noise=False)
        i += 2
    return rgb


def conv(p: dict[str, Tensor], name: str, x: Tensor) -> Tensor:
    k = kernel(p, name)
    return lrelu(functional.conv2d(x, k, None, 1, k.shape[2] // 2) + bias(p, name))


def critic(p: dict[str, Tensor], x: Tensor, group: int) -> Tensor:
    size = x.shape[2]
    x = conv(p, f'critic/from_rgb_{size}', x)
    while size > 4:
        skip = functional.conv2d(filtered(x, 1, 2), kernel(p, f'critic/skip_{size}'))
        x = filtered(conv(p, f'critic/conv_{size}', x), 2)
        x = lrelu(functional.conv2d(x, kernel(p, f'critic/down_{size}'), None, 2) + bias(p, f'critic/down_{size}'))
        x, size = HALF * (x + skip), size // 2
    grouped = x.reshape(group, len(x) // group, *x.shape[1:])
    std = torch.sqrt(grouped.var(0, unbiased=False) + 1e-8).mean((1, 2, 3)).repeat(group)
    x = torch.cat([x, std[:, None, None, None].expand(-1, 1, 4, 4)], 1)
    x = conv(p, 'critic/conv_4', x).permute(0, 2, 3, 1).flatten(1)
    return dense(p, 'critic/out', lrelu(dense(p, 'critic/dense', x)))[:, 0]
