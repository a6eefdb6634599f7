"""The encoders of DAMSM and the nets of DF-GAN in plain PyTorch, as functions of our parameters by path."""

import torch
from benchmarks.peers.paths import Parameters
from torch import Tensor
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

LSTM = ('kernel', 'state_kernel', 'bias', 'state_bias')


class Peer(Parameters):
    """The nets 'text', 'image', 'generator' and 'critic'. Images are [B, C, H, W]."""

    def text(self, captions: Tensor) -> tuple[Tensor, Tensor]:
        """Words [B, L, d], 0 behind the ends, and sentences [B, d]."""
        # Our table of words is [vocabulary, d], which `arrays` turned as it turns kernels.
        x = F.embedding(captions, self.p['text/embedding'].T)
        packed = pack_padded_sequence(x, (captions != 0).sum(1), True, False)
        weights = [self.p[f'text/{way}/{name}'] for way in ('forward', 'backward') for name in LSTM]
        start = x.new_zeros(2, len(x), weights[1].shape[1])
        out, h, _ = torch._VF.lstm(packed.data, packed.batch_sizes, (start, start), weights, True, 1, 0.0, True, True)
        words, _ = pad_packed_sequence(packed._replace(data=out), True, total_length=captions.shape[1])
        order = packed.unsorted_indices
        return words, h[:, order].transpose(0, 1).flatten(1)

    @torch.no_grad()
    def told(self, captions: Tensor) -> tuple[Tensor, Tensor]:
        """What a GAN is told of them: words as they are, and sentences of mean square 1."""
        words, sentence = self.text(captions)
        return words, sentence * (sentence.square().mean(1, True) + 1e-12).rsqrt()

    def image(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Regions [B, R, d] and whole images [B, d]."""
        size = x.shape[-1]
        while size > 8:
            x, size = F.leaky_relu(self.conv2d(f'image/conv_{size}', x, 2), 0.2), size // 2
        x = F.leaky_relu(self.conv2d(f'image/conv_{size}', x), 0.2)
        regions = self.conv2d('image/regions', x).flatten(2).transpose(1, 2)
        return regions, self.dense('image/whole', x.mean((2, 3)))

    def fuse(self, name: str, x: Tensor, told: Tensor) -> Tensor:
        for i in (1, 2):
            both = []
            for what in ('scale', 'shift'):
                layer = f'{name}/affine_{i}/{what}'
                hidden = F.relu(self.dense(f'{layer}_hidden', told))
                both.append((self.dense(layer, hidden) + self.p[f'{layer}_bias'])[:, :, None, None])
            x = F.leaky_relu(both[0] * x + both[1], 0.2)
        return x

    def shortcut(self, name: str, x: Tensor) -> Tensor:
        return self.conv2d(f'{name}/shortcut', x) if f'{name}/shortcut/kernel' in self.p else x

    def generator(self, z: Tensor, sentence: Tensor, size: int) -> Tensor:
        told, side = torch.cat([z, sentence], 1), 4
        x = self.images(self.dense('generator/stem_4', z))
        while side < size:
            side *= 2
            name = f'generator/block_{side}'
            x = F.interpolate(x, scale_factor=2, mode='nearest')
            h = self.conv2d(f'{name}/conv_1', self.fuse(f'{name}/fuse_1', x, told))
            h = self.conv2d(f'{name}/conv_2', self.fuse(f'{name}/fuse_2', h, told))
            x = self.shortcut(name, x) + h
        return torch.tanh(self.conv2d('generator/out', F.leaky_relu(x, 0.2)))

    def critic(self, x: Tensor, sentence: Tensor) -> Tensor:
        side = x.shape[-1]
        x = self.conv2d(f'critic/in_{side}', x)
        while side > 4:
            side //= 2
            name = f'critic/block_{side}'
            h = F.leaky_relu(self.conv2d(f'{name}/conv_1', x, 2), 0.2)
            h = F.leaky_relu(self.conv2d(f'{name}/conv_2', h), 0.2)
            x = F.avg_pool2d(self.shortcut(name, x), 2) + self.p[f'{name}/gain'] * h
        told = sentence[:, :, None, None].expand(-1, -1, *x.shape[2:])
        x = F.leaky_relu(self.conv2d('critic/joint', torch.cat([x, told], 1)), 0.2)
        return self.dense('critic/out', x.permute(0, 2, 3, 1).flatten(1))[:, 0]


def match(words: Tensor, inside: Tensor, regions: Tensor, sharp: tuple[float, float]) -> Tensor:
    """The score of each image with each caption by their words, [B, B]."""
    far = ~inside[None, :, :, None]
    scores = torch.einsum('jld,ird->ijlr', words, regions)
    spread = scores.masked_fill(far, -1e9).softmax(2)
    found = torch.einsum('ijlr,ird->ijld', (sharp[0] * spread).softmax(3), regions)
    relevance = sharp[1] * F.cosine_similarity(found, words[None], dim=3)
    return relevance.masked_fill(far[..., 0], -1e9).logsumexp(2)


def find(scores: Tensor, same: Tensor, sharp: float) -> Tensor:
    """The cross entropy of finding an image's caption, and a caption's image."""
    rivals = (sharp * scores).masked_fill(same & ~torch.eye(len(scores), dtype=bool), -1e9)
    right = torch.arange(len(scores))
    return F.cross_entropy(rivals, right) + F.cross_entropy(rivals.T, right)
