"""AttnGAN's generator and critics in plain PyTorch, as functions of our parameters by path. Images [B, C, h, w] of all
sizes are lists, smallest first, where ours are one array.
"""

from collections.abc import Sequence

import torch
from benchmarks.peers import words
from torch import Tensor
from torch.nn import functional as F


class Peer(words.Peer):
    """The nets 'text', 'image', 'generator' and 'critic'."""

    def conv_norm(self, name: str, x: Tensor, gated: bool = True) -> Tensor:
        x = self.norm(f'{name}/norm', self.conv2d(f'{name}/conv', x))
        return F.glu(x, 1) if gated else x

    def up(self, name: str, x: Tensor) -> Tensor:
        return self.conv_norm(f'{name}/conv_norm', F.interpolate(x, scale_factor=2, mode='nearest'))

    def moments(self, sentence: Tensor) -> tuple[Tensor, Tensor]:
        """Means and log-variances of what the generator is told."""
        mean, log_variance = F.glu(self.dense('generator/augmentation/moments', sentence), 1).chunk(2, 1)
        return mean, log_variance

    def attend(self, x: Tensor, words: Tensor, inside: Tensor) -> Tensor:
        """Regions [B, C, h, w], words [B, L, C], inside bool [B, L] -> contexts [B, C, h, w]."""
        scores = torch.bmm(x.flatten(2).transpose(1, 2), words.transpose(1, 2))
        shares = scores.masked_fill(~inside[:, None], float('-inf')).softmax(2)
        return torch.bmm(shares, words).transpose(1, 2).reshape(x.shape)

    def generator(
        self, z: Tensor, noise: Tensor, words: Tensor, sentence: Tensor, inside: Tensor, sizes: Sequence[int]
    ) -> list[Tensor]:
        mean, log_variance = self.moments(sentence)
        told, first = mean + (log_variance / 2).exp() * noise, f'generator/first_{sizes[0]}'
        x = self.norm(f'{first}/norm_4', self.dense(f'{first}/stem_4', torch.cat([told, z], 1)))
        x, side, images = F.glu(self.images(x), 1), 4, []
        while side < sizes[0]:
            side *= 2
            x = self.up(f'{first}/up_{side}', x)
        for size in sizes:
            if size > side:
                side = size
                x = torch.cat([x, self.attend(x, self.dense(f'generator/words_{size}', words), inside)], 1)
                i = 0
                while f'generator/residual_{size}_{i}/conv_norm_1/conv/kernel' in self.p:
                    name, i = f'generator/residual_{size}_{i}', i + 1
                    x = x + self.conv_norm(f'{name}/conv_norm_2', self.conv_norm(f'{name}/conv_norm_1', x), False)
                x = self.up(f'generator/up_{size}', x)
            images.append(torch.tanh(self.conv2d(f'generator/image_{size}/conv', x)))
        return images

    def layer(self, name: str, which: str, x: Tensor, stride: int = 1) -> Tensor:
        x, norm = self.conv2d(f'{name}/conv_{which}', x, stride), f'{name}/norm_{which}'
        return F.leaky_relu(self.norm(norm, x) if f'{norm}/scale' in self.p else x, 0.2)

    def read(self, x: Tensor) -> Tensor:
        """What the critic of that size sees in images: maps of 4 x 4."""
        size = side = x.shape[-1]
        name = f'critic/size_{size}'
        while side > 4:
            side //= 2
            x = self.layer(name, str(side), x, 2)
        back = [i for i in range(size.bit_length()) if f'{name}/conv_back_{i}/kernel' in self.p]
        for i in reversed(back):
            x = self.layer(name, f'back_{i}', x)
        return x

    def score(self, size: int, maps: Tensor, sentence: Tensor | None = None) -> Tensor:
        """Scores [B] of maps: with a sentence, or alone."""
        name, head = f'critic/size_{size}', 'alone'
        if sentence is not None:
            told = sentence[:, :, None, None].expand(-1, -1, *maps.shape[2:])
            maps, head = self.layer(name, 'joint', torch.cat([maps, told], 1)), 'told'
        return self.dense(f'{name}/{head}', maps.permute(0, 2, 3, 1).flatten(1))[:, 0]
