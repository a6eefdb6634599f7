"""Features with which a critic compares an example to its batch, or to the device's part of it."""

import flax.linen as nn
import jax.numpy as jnp

from gans.core import Array
from gans.errors import UserError, unknown
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


def with_std(x: Array, group: int | None = None, planes: int = 1, exact: bool = True) -> Array:
    """Appends standard deviations over groups of the batch, averaged over everything else, as channels, the last ones
    (Karras 2018, 1710.10196, section 3): x [B, ..., C] -> [B, ..., C + planes].

    Args:
      group: examples in a group, at most B. With M = B / group, example i is in the group of i + M, i + 2 M, ..., as in
        the authors' code; None: all are in one.
      planes: channels to append, each of which averages over so many equal parts of the channels.
      exact: groups must divide the batch; False, as for scores after training: the largest that do are taken.

    Raises:
      UserError: groups that do not divide the batch, which is the micro-batch of one device; or planes the channels.
    """
    batch, channels = len(x), x.shape[-1]
    group = batch if group is None else min(group, batch)
    if not exact:
        group = next(size for size in range(group, 0, -1) if batch % size == 0)
    if batch % group:
        raise UserError(
            f'critic.group={group} cannot divide the {batch} examples of a micro-batch on a device: choose a divisor,'
            ' or another train.batch_size'
        )
    if channels % planes:
        raise UserError(f'{channels} channels cannot be cut in {planes} parts for as many deviations: choose a divisor')
    grouped = x.astype(jnp.float32).reshape(group, batch // group, -1, planes, channels // planes)
    std = jnp.sqrt(grouped.var(0) + 1e-8).mean((1, 3))  # [B / group, planes]
    std = jnp.tile(std, (group, 1)).reshape(batch, *[1] * (x.ndim - 2), planes)
    return jnp.concatenate([x, jnp.broadcast_to(std, (*x.shape[:-1], planes)).astype(x.dtype)], -1)


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
