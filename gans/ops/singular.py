"""Singular values of kernels, and what lies above 1: TGAN's clipping (Saito 2017, 1611.06624, section 4.2).

A kernel is the matrix W of its outputs by the rest, as for spectral norm. With W W^T = U diag(s^2) U^T, the nearest
matrix whose singular values are at most 1 is U diag(min(1, 1 / s)) U^T W: an eigenvalue problem as small as the smaller
side of W, in place of the singular value decomposition.

What that does to norms: each of the matrices has a norm of at most 1, and so has a dense layer. A convolution does not:
it multiplies its matrix with windows, in which an input is seen up to prod(ceil(kernel / stride)) times, so that its
norm is at most the root of that: 2.8 for kernels of 4 and stride 2 along three axes.
"""

import jax
import jax.numpy as jnp
from jax import lax

from gans.core import Array, Tree

HIGHEST = lax.Precision.HIGHEST  # squares lose half of the digits already
TINY = 1e-12
LEAST = 0.01  # of a batch norm's scale, as a share of the standard deviation


def excess(kernel: Array) -> tuple[Array, Array]:
    """What is to be taken from a kernel [..., features] so that no singular value is above 1, which is 0 to the bit
    where none is, and its largest one.
    """
    matrix = kernel.astype(jnp.float32).reshape(-1, kernel.shape[-1])  # [fan in, features]
    tall = matrix.shape[0] >= matrix.shape[1]
    gram = jnp.matmul(matrix.T, matrix, precision=HIGHEST) if tall else jnp.matmul(matrix, matrix.T, precision=HIGHEST)
    squares, vectors = jnp.linalg.eigh(gram)
    values = jnp.sqrt(jnp.maximum(squares, TINY))
    share = jnp.maximum(0.0, 1 - 1 / values)  # of each direction, that goes
    projector = jnp.matmul(vectors * share, vectors.T, precision=HIGHEST)
    over = (matrix, projector) if tall else (projector, matrix)
    return jnp.matmul(*over, precision=HIGHEST).reshape(kernel.shape), values[-1]


def excess_scale(scale: Array, variance: Array) -> Array:
    """What is to be taken from the scales [C] of a batch norm so that they lie between 0.01 and 1 standard deviations,
    those of its running variance [C]: then it stretches nothing. Negative ones become 0.01 of them.
    """
    std = jnp.sqrt(variance)
    return scale - jnp.clip(scale, LEAST * std, std)


def excesses(params: Tree, stats: Tree) -> tuple[Tree, Array]:
    """What is to be taken from all kernels and scales of batch norms of a net, zeros for other parameters, and the
    largest singular value of all kernels.

    Args:
      stats: of the net, of which the batch statistics are read.
    """
    found = dict(jax.tree.leaves_with_path(stats.get('batch_stats', {})))
    largest = [jnp.zeros(())]

    def of_leaf(path: tuple, leaf: Array) -> Array:
        name, variance = path[-1].key, found.get((*path[:-1], jax.tree_util.DictKey('var')))
        if name == 'kernel' and leaf.ndim > 1:
            over, value = excess(leaf)
            largest.append(value)
            return over
        return excess_scale(leaf, variance) if name == 'scale' and variance is not None else jnp.zeros_like(leaf)

    return jax.tree_util.tree_map_with_path(of_leaf, params), jnp.stack(largest).max()
