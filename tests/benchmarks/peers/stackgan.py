"""Stage II of StackGAN in plain PyTorch, as functions of our parameters by path; images [B, C, H, W]."""

import torch
from benchmarks.peers import clips
from torch import Tensor
from torch.nn import functional as F


class Peer(clips.Peer):
    """Parameters, statistics of batch norms, and the nets."""

    def conv(self, name: str, x: Tensor) -> Tensor:
        weight = self.p[f'{name}/kernel']
        stride = 2 if weight.shape[-1] == 4 else 1
        return F.conv2d(x, weight, None, stride, 0 if weight.shape[-1] == 1 else 1)

    def conv_norm(self, name: str, x: Tensor) -> Tensor:
        return self.norm(f'{name}/norm', self.conv(f'{name}/conv', x))

    def up(self, name: str, x: Tensor) -> Tensor:
        return F.relu(self.conv_norm(name, F.interpolate(x, scale_factor=2)))

    def residual(self, name: str, x: Tensor, layers: int, slope: float = 0.0) -> Tensor:
        h = x
        for i in range(1, layers + 1):
            h = self.conv_norm(f'{name}/conv_norm_{i}', h if i == 1 else F.leaky_relu(h, slope))
        return F.leaky_relu(x + h, slope)

    def beside(self, x: Tensor, told: Tensor) -> Tensor:
        return torch.cat([x, told[:, :, None, None].expand(-1, -1, *x.shape[2:])], 1)

    def moments(self, sentence: Tensor) -> tuple[Tensor, Tensor]:
        """Means and log sigmas."""
        return F.leaky_relu(self.dense('generator/augmentation/moments', sentence), 0.2).chunk(2, 1)

    def generator(self, sketch: Tensor, sentence: Tensor, noise: Tensor, blocks: int, downs: list, ups: list) -> Tensor:
        """downs, ups: sizes of their layers."""
        mean, log_sigma = self.moments(sentence)
        x = F.relu(self.conv(f'generator/in_{sketch.shape[-1]}', sketch))
        for size in downs:
            x = F.relu(self.conv_norm(f'generator/down_{size}', x))
        x = F.relu(self.conv_norm('generator/joint', self.beside(x, mean + log_sigma.exp() * noise)))
        for i in range(blocks):
            x = self.residual(f'generator/residual_{i}', x, 2)
        for size in ups:
            x = self.up(f'generator/up_{size}', x)
        return torch.tanh(self.conv('generator/image/conv', x))

    def critic(self, x: Tensor, sentence: Tensor, downs: list[int], more: int) -> Tensor:
        act = lambda x: F.leaky_relu(x, 0.2)
        x = act(self.conv('critic/in', x))
        for size in downs:
            x = act(self.conv_norm(f'critic/down_{size}', x))
        for i in reversed(range(more)):
            x = self.conv_norm(f'critic/back_{i}', x)
            x = act(x) if i else x
        x = self.residual('critic/residual_4', x, 3, 0.2)
        told = act(self.dense('critic/told', sentence))
        x = act(self.conv_norm('critic/joint', self.beside(x, told)))
        return self.dense('critic/score', x.permute(0, 2, 3, 1).flatten(1))[:, 0]

    def divergence(self, sentence: Tensor) -> Tensor:
        mean, log_sigma = self.moments(sentence)
        return (-log_sigma + (torch.exp(2 * log_sigma) + mean**2 - 1) / 2).mean()
