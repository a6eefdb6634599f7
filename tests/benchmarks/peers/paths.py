"""Our parameters in PyTorch, by path: peers that are functions of them, with no modules of their own."""

import jax
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from gans.core import Tree


def arrays(tree: Tree, transposed: tuple[str, ...] = ()) -> dict[str, np.ndarray]:
    """Parameters, or their gradients, by path and in PyTorch's layout. transposed: how the names of transposed
    convolutions begin, whose kernels PyTorch has backwards.
    """
    found = {}
    for path, leaf in jax.tree.leaves_with_path(tree):
        name, x = '/'.join(entry.key for entry in path), np.asarray(leaf, np.float32)
        if name.startswith(transposed) and x.ndim > 2:
            spatial = range(x.ndim - 2)
            x = np.flip(x, [*spatial]).transpose(x.ndim - 2, x.ndim - 1, *spatial)
        elif x.ndim >= 2:
            x = x.transpose(x.ndim - 1, x.ndim - 2, *range(x.ndim - 2))
        found[name] = np.ascontiguousarray(x)
    return found


def layout(rank: int) -> torch.memory_format:
    return {4: torch.channels_last, 5: torch.channels_last_3d}.get(rank, torch.contiguous_format)


class Parameters:
    """Them, and the layers that all peers have."""

    def __init__(self, tree: Tree, channels_last: bool, transposed: tuple[str, ...] = ()) -> None:
        self.order = layout if channels_last else lambda rank: torch.contiguous_format
        self.p = {
            name: torch.from_numpy(x.copy()).contiguous(memory_format=self.order(x.ndim)).requires_grad_()
            for name, x in arrays(tree, transposed).items()
        }
        self.running = {}

    def norm(self, name: str, x: Tensor) -> Tensor:
        scale, shift = self.p[f'{name}/scale'], self.p.get(f'{name}/bias')
        mean, var = self.running.setdefault(name, (torch.zeros_like(scale), torch.ones_like(scale)))
        return F.batch_norm(x, mean, var, scale, shift, True)

    def dense(self, name: str, x: Tensor) -> Tensor:
        return F.linear(x, self.p[f'{name}/kernel'], self.p.get(f'{name}/bias'))

    def conv2d(self, name: str, x: Tensor, stride: int = 1) -> Tensor:
        """Padded so that a stride of 1 keeps the size, and one of 2 halves it."""
        weight = self.p[f'{name}/kernel']
        return F.conv2d(x, weight, self.p.get(f'{name}/bias'), stride, (weight.shape[-1] - 1) // 2)

    def images(self, x: Tensor, base: int = 4) -> Tensor:
        """Rows [N, base base C] as images [N, C, base, base]."""
        x = x.unflatten(1, (base, base, -1)).permute(0, 3, 1, 2)
        return x.contiguous(memory_format=self.order(4))
