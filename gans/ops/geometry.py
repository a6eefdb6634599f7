"""The geometry of a convolution, which all implementations share."""

from collections.abc import Iterator
from typing import NamedTuple

Pair = tuple[int, int]


class Geometry(NamedTuple):
    """The static parameters of a convolution, as (height, width) pairs; `image` is the size of its input."""

    image: Pair
    kernel: Pair
    stride: Pair
    pads: tuple[Pair, Pair]
    method: str  # 'direct', 'matmul' or 'winograd'
    flipped: bool  # kernels are [kh, kw, F, C] and flipped in space, as for transposed convolutions

    @property
    def axes(self) -> Iterator[tuple[int, int, int, int, int, int]]:
        """(size, kernel, stride, pad before, output size, effective pad after) per axis.

        The last one is what the last window reaches: less than the given padding if windows stop before the end, or
        negative if they do not reach the end of the image.
        """
        for n, k, s, (before, after) in zip(self.image, self.kernel, self.stride, self.pads, strict=True):
            out = (n + before + after - k) // s + 1
            yield n, k, s, before, out, (out - 1) * s + k - n - before
