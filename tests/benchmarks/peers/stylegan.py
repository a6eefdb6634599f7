"""StyleGAN's nets in plain PyTorch, as in the paper: images are enlarged, convolved and blurred one after another.

Parameters are a dict by our names, as in `stylegan2.py` beside this; images are [B, C, H, W].
"""

import math

import torch
from benchmarks.peers.progan import lrelu, pixel_norm, with_std
from benchmarks.peers.stylegan2 import bias
from torch import Tensor
from torch.nn import functional

SQRT2 = math.sqrt(2)


def dense(p: dict[str, Tensor], name: str, x: Tensor, gain: float = SQRT2, lrmul: float = 1.0) -> Tensor:
    kernel = p[f'{name}/kernel']
    return x @ (kernel * (gain * lrmul / math.sqrt(len(kernel)))) + p[f'{name}/bias'] * lrmul


def conv(p: dict[str, Tensor], name: str, x: Tensor, gain: float = SQRT2) -> Tensor:
    """Without the bias."""
    w = p[f'{name}/kernel']
    return functional.conv2d(x, w * (gain / math.sqrt(w[0].numel())), padding=w.shape[2] // 2)


def blurred(x: Tensor) -> Tensor:
    row = torch.tensor([1.0, 2.0, 1.0]) / 4
    taps = (row[:, None] * row).expand(x.shape[1], 1, 3, 3)
    return functional.conv2d(x, taps, padding=1, groups=x.shape[1])


def doubled(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2, mode='nearest')


def mapping(p: dict[str, Tensor], z: Tensor, depth: int) -> Tensor:
    x = pixel_norm(z)
    for i in range(depth):
        x = lrelu(dense(p, f'mapping/dense_{i + 1}', x, lrmul=0.01))
    return x


def epilogue(p: dict[str, Tensor], name: str, x: Tensor, w: Tensor, noise: Tensor) -> Tensor:
    x = lrelu(x + p[f'{name}/strength'][:, None, None] * noise + bias(p, name))
    scale, shift = dense(p, f'{name}/style', w, 1.0)[:, :, None, None].chunk(2, 1)
    return functional.instance_norm(x, eps=1e-8) * (1 + scale) + shift


def synthesis(p: dict[str, Tensor], ws: Tensor, noise: list[Tensor], side: int, alpha: float) -> Tensor:
    """noise: [B, 1, H, W] of each layer."""
    x, size, images = None, 4, []
    while size <= side:
        name, i = f'generator/block_{size}', 2 * len(images)
        if x is None:
            x = p[f'{name}/constant'].permute(2, 0, 1).expand(len(ws), -1, -1, -1)
        else:
            x = blurred(conv(p, f'{name}/conv_1', doubled(x)))
        x = epilogue(p, f'{name}/epilogue_1', x, ws[:, i], noise[i])
        x = epilogue(p, f'{name}/epilogue_2', conv(p, f'{name}/conv_2', x), ws[:, i + 1], noise[i + 1])
        to_rgb = f'generator/to_rgb_{size}'
        images.append(conv(p, to_rgb, x, 1.0) + bias(p, to_rgb))
        size *= 2
    return (1 - alpha) * doubled(images[-2]) + alpha * images[-1]


def critic(p: dict[str, Tensor], image: Tensor, group: int, alpha: float) -> Tensor:
    full = lambda name, x: lrelu(conv(p, f'critic/{name}', x) + bias(p, f'critic/{name}'))
    size = last = image.shape[2]
    x = full(f'from_rgb_{size}', image)
    while size > 4:
        x = blurred(full(f'block_{size}/conv_1', x))
        below = functional.avg_pool2d(conv(p, f'critic/block_{size}/conv_2', x), 2)
        x = lrelu(below + bias(p, f'critic/block_{size}/conv_2'))
        if size == last:
            x = (1 - alpha) * full(f'from_rgb_{size // 2}', functional.avg_pool2d(image, 2)) + alpha * x
        size //= 2
    x = full('conv_4', with_std(x, group)).permute(0, 2, 3, 1).flatten(1)
    return dense(p, 'critic/out', lrelu(dense(p, 'critic/dense_4', x)), 1.0)[:, 0]
