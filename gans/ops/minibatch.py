"""What tells a critic of the examples around the one that it judges: of the batch, or the device's share of it."""

import flax.linen as nn
import jax.numpy as jnp

from gans.core import Array
from gans.errors import unknown
from gans.ops.batch_check import check_batch


def minibatch(kind: str | None, x: Array) -> Array:
    """A critic's last features [B, d] or [B, H, W, C], made flat, with what tells it of the other examples: nothing for
    None; 'std'; or 'discrimination', as a layer of the calling module.
    """
    if kind is not None:
        check_batch(f"critic.minibatch='{kind}'", len(x))
    if kind == 'std':
        x = with_std(x)
    flat = x.reshape(len(x), -1)
    if kind == 'discrimination':
        return MinibatchDiscrimination(name='minibatch')(flat)
    if kind not in (None, 'std'):
        raise unknown('critic.minibatch', kind, ['std', 'discrimination'])
    return flat


def with_std(x: Array) -> Array:
    """x [B, ..., C] -> [B, ..., C + 1]: behind its channels the standard deviation over the batch, averaged over all
    else: one number for all (Karras 2018, 1710.10196, section 3).
    """
    std = jnp.sqrt(x.astype(jnp.float32).var(0) + 1e-8).mean()
    return jnp.concatenate([x, jnp.full((*x.shape[:-1], 1), std, x.dtype)], -1)


class MinibatchDiscrimination(nn.Module):
    """x [B, d] -> [B, d + kernels]: behind its features how near each example is to those of the batch (Salimans 2016,
    1606.03498, section 3.2): with M = x T [B, kernels, dims], sum_j exp(-|M_i - M_j|_1) of each kernel.
    """

    kernels: int = 100
    dims: int = 5

    @nn.compact
    def __call__(self, x: Array) -> Array:
        tensor = self.param('tensor', nn.linear.default_kernel_init, (x.shape[-1], self.kernels * self.dims))
        m = (x.astype(jnp.float32) @ tensor).reshape(len(x), self.kernels, self.dims)
        near = jnp.exp(-jnp.abs(m[:, None] - m[None]).sum(-1)).sum(1)  # [B, kernels]
        return jnp.concatenate([x, near.astype(x.dtype)], -1)
