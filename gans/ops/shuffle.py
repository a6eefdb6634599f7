"""Pixel shuffle (Shi 2016, 1609.05158): channels that become pixels."""

from gans.core import Array


def pixel_shuffle(x: Array, factor: int) -> Array:
    """[B, H, W, factor * factor * C] -> [B, factor * H, factor * W, C].

    Channel (i * factor + j) * C + c becomes channel c of pixel (i, j), as in TensorFlow's depth_to_space, where whole
    pixels are moved. PyTorch's is c * factor * factor + i * factor + j, so that kernels of its nets would need their
    output channels in another order.
    """
    b, h, w, c = x.shape
    x = x.reshape(b, h, w, factor, factor, c // factor**2).swapaxes(2, 3)
    return x.reshape(b, factor * h, factor * w, c // factor**2)
