"""StyleGAN's nets in plain PyTorch, as in the paper: images are enlarged, convolved and blurred one after another; or,
fused, with the same trick as ours, strided convolutions of summed kernels.

Parameters are a dict by our names, as in `stylegan2.py` beside this; images are [B, C, H, W].
"""

import math

import torch
from benchmarks.peers.progan import conv_down, lrelu, pixel_norm, up_conv, with_std
from benchmarks.peers.stylegan2 import bias, kernel
from torch import Tensor
from torch.nn import functional

SQRT2 = math.sqrt(2)


def dense(p: dict[str, Tensor], name: str, x: Tensor, gain: float = SQRT2, lrmul: float = 1.0) -> Tensor:
    kernel = p[f'{name}/kernel']
    return x @ (kernel * (gain * lrmul / math.sqrt(len(kernel)))) + p[f'{name}/bias'] * lrmul


def conv(p: dict[str, Tensor], name: str, x: Tensor, gain: float = SQRT2) -> Tensor:
    """Without the bias."""
    w = kernel(p, name) * gain
    return functional.conv2d(x, w, padding=w.shape[2] // 2)


def enlarged(p: dict[str, Tensor], name: str, x: Tensor, fused: bool) -> Tensor:
    return up_conv(x, kernel(p, name) * SQRT2) if fused else conv(p, name, doubled(x))


def reduced(p: dict[str, Tensor], name: str, x: Tensor, fused: bool) -> Tensor:
    return conv_down(x, kernel(p, name) * SQRT2) if fused else functional.avg_pool2d(conv(p, name, x), 2)


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


def synthesis(
    p: dict[str, Tensor],
    ws: Tensor,
    side: int,
    noise: list[Tensor] | None = None,
    alpha: float | None = None,
    fused: bool = True,
) -> Tensor:
    """noise: [B, 1, H, W] of each layer, or drawn. alpha: how far the last size has faded in; None: all of it has."""
    x, size, i = None, 4, 0
    while size <= side:
        maps = [torch.randn(len(ws), 1, size, size) for _ in range(2)] if noise is None else noise[i : i + 2]
        name, before = f'generator/block_{size}', x
        if x is None:
            x = p[f'{name}/constant'].permute(2, 0, 1).expand(len(ws), -1, -1, -1)
        else:
            x = blurred(enlarged(p, f'{name}/conv_1', x, fused))
        x = epilogue(p, f'{name}/epilogue_1', x, ws[:, i], maps[0])
        x = epilogue(p, f'{name}/epilogue_2', conv(p, f'{name}/conv_2', x), ws[:, i + 1], maps[1])
        size, i = 2 * size, i + 2
    image = to_image(p, x, side)
    return image if alpha is None else (1 - alpha) * doubled(to_image(p, before, side // 2)) + alpha * image


def to_image(p: dict[str, Tensor], x: Tensor, size: int) -> Tensor:
    name = f'generator/to_rgb_{size}'
    return conv(p, name, x, 1.0) + bias(p, name)


def critic(p: dict[str, Tensor], image: Tensor, group: int, alpha: float | None = None, fused: bool = True) -> Tensor:
    full = lambda name, x: lrelu(conv(p, f'critic/{name}', x) + bias(p, f'critic/{name}'))
    size = last = image.shape[2]
    x = full(f'from_rgb_{size}', image)
    while size > 4:
        x = blurred(full(f'block_{size}/conv_1', x))
        name = f'critic/block_{size}/conv_2'
        x = lrelu(reduced(p, name, x, fused) + bias(p, name))
        if size == last and alpha is not None:
            x = (1 - alpha) * full(f'from_rgb_{size // 2}', functional.avg_pool2d(image, 2)) + alpha * x
        size //= 2
    x = full('conv_4', with_std(x, group)).permute(0, 2, 3, 1).flatten(1)
    return dense(p, 'critic/out', lrelu(dense(p, 'critic/dense_4', x)), 1.0)[:, 0]
