"""TGAN, MoCoGAN and 3D-GAN in plain PyTorch, as functions of our parameters by path: [B, C, T, H, W] for clips."""

import torch
from benchmarks.peers import paths
from torch import Tensor
from torch.nn import functional as F

from gans.core import Tree

TRANSPOSED = ('generator/block_', 'generator/times_')


class Peer(paths.Parameters):
    """The nets of all three systems."""

    def __init__(self, tree: Tree, channels_last: bool) -> None:
        super().__init__(tree, channels_last, TRANSPOSED)

    def up(self, name: str, x: Tensor) -> Tensor:
        weight = self.p[f'{name}/kernel']
        stride, pad = (2, 1) if weight.shape[-1] == 4 else (1, 0)
        op = {3: F.conv_transpose1d, 4: F.conv_transpose2d, 5: F.conv_transpose3d}[weight.ndim]
        return op(x, weight, self.p.get(f'{name}/bias'), stride, pad)

    def clips(self, frames: Tensor, batch: int) -> Tensor:
        """Frames [B T, C, H, W] as clips [B, C, T, H, W]."""
        return frames.unflatten(0, (batch, -1)).transpose(1, 2).contiguous(memory_format=self.order(5))

    def conv(self, name: str, x: Tensor) -> Tensor:
        weight, bias = self.p[f'{name}/kernel'], self.p.get(f'{name}/bias')
        if weight.ndim == 4:
            return F.conv2d(x, weight, bias, 2, 1)
        moco = name.startswith('critic_clips')
        return F.conv3d(x, weight, bias, (1, 2, 2) if moco else 2, (0, 1, 1) if moco else 1)

    def critic(self, name: str, x: Tensor, steps: list[int]) -> Tensor:
        """Scores, or maps of them where the last layer is a convolution."""
        for i, size in enumerate(steps):
            x = self.conv(f'{name}/block_{size}', x)
            x = F.leaky_relu(self.norm(f'{name}/norm_{size}', x) if i else x, 0.2)
        last = self.p[f'{name}/out/kernel']
        if last.ndim > 2:
            return self.conv(f'{name}/out', x)
        return self.dense(f'{name}/out', x.movedim(1, -1).flatten(1))[:, 0]

    def tgan(self, z: Tensor, frames: int, size: int) -> Tensor:
        times = z[:, :, None]
        for i in range(frames.bit_length()):
            name = f'generator/times_{2**i}'
            times = self.up(name, times)
            if 2**i < frames:
                times = F.relu(self.norm(f'generator/norm_times_{2**i}', times))
        times = torch.tanh(times).transpose(1, 2).flatten(0, 1)
        begin = lambda name, x: F.relu(self.norm(f'generator/norm_{name}', self.dense(f'generator/{name}', x)))
        clip = self.images(begin('clip', z)).repeat_interleave(frames, 0)
        x, side = torch.cat([clip, self.images(begin('frame', times))], 1), 4
        while side < size:
            side *= 2
            x = F.relu(self.norm(f'generator/norm_{side}', self.up(f'generator/block_{side}', x)))
        out = F.conv2d(x, self.p['generator/out/kernel'], self.p['generator/out/bias'], 1, 1)
        return self.clips(torch.tanh(out), len(z))

    def mocogan(self, z: Tensor, start: Tensor, steps: Tensor, size: int, frame: Tensor | None = None) -> Tensor:
        names = ('kernel', 'state_kernel', 'bias', 'state_bias')
        weights = [self.p[f'generator/motion/{name}'] for name in names]
        motion, _ = torch._VF.gru(steps, start[None], weights, True, 1, 0.0, True, False, True)
        codes = torch.cat([z[:, None].expand(-1, steps.shape[1], -1), motion], 2)
        codes = codes.flatten(0, 1) if frame is None else codes[torch.arange(len(z)), frame]
        x, side = self.images(self.dense('generator/stem_4', codes)), 4
        x = F.relu(self.norm('generator/norm_4', x))
        while side < size:
            side *= 2
            x = self.up(f'generator/block_{side}', x)
            x = F.relu(self.norm(f'generator/norm_{side}', x)) if side < size else torch.tanh(x)
        return self.clips(x, len(z)) if frame is None else x

    def gan3d(self, z: Tensor, size: int) -> Tensor:
        x, side = self.dense('generator/block_4', z).unflatten(1, (4, 4, 4, -1)).permute(0, 4, 1, 2, 3), 4
        x = F.relu(self.norm('generator/norm_4', x.contiguous(memory_format=self.order(5))))
        while side < size:
            side *= 2
            x = self.up(f'generator/block_{side}', x)
            x = F.relu(self.norm(f'generator/norm_{side}', x)) if side < size else torch.sigmoid(x)
        return x
