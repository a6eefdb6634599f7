"""Features with which a critic compares an example to its batch, or to the device's part of it."""

import flax.linen as nn
import jax.numpy as jnp

from gans.core import Array
from gans.errors import unknown
from gans.ops.batch_check import check_batch


def minibatch(kind: str | None, x: Array) -> Array:
    """Flattens a critic's last features [B, d] or [B, H, W, C], and appends statistics of the batch: None, 'std', or
    'discrimination', as a layer of the calling module.
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
    """Appends the standard deviation over the batch, averaged over everything else to one number, as a channel (Karras
    2018, 1710.10196, section 3): x [B, ..., C] -> [B, ..., C + 1].
    """
    std = jnp.sqrt(x.astype(jnp.float32).var(0) + 1e-8).mean()
    return jnp.concatenate([x, jnp.full((*x.shape[:-1], 1), std, x.dtype)], -1)


class MinibatchDiscrimination(nn.Module):
    """Appends each example's similarity to the batch (Salimans 2016, 1606.03498, section 3.2): with M = x T
    [B, kernels, dims], sum_j exp(-|M_i - M_j|_1) per kernel; x [B, d] -> [B, d + kernels].
    """

    kernels: int = 100
    dims: int = 5

    @nn.compact
    def __call__(self, x: Array) -> Array:
        tensor = self.param('tensor', nn.linear.default_kernel_init, (x.shape[-1], self.kernels * self.dims))
        m = (x.astype(jnp.float32) @ tensor).reshape(len(x), self.kernels, self.dims)
        similarity = jnp.exp(-jnp.abs(m[:, None] - m[None]).sum(-1)).sum(1)  # [B, kernels]
        return jnp.concatenate([x, similarity.astype(x.dtype)], -1)
