"""What a feature extractor is: a frozen net through which images are compared, and what its numbers must say of it."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from gans.core import Array, Tree


class Extractor(NamedTuple):
    """A pure function of examples, its weights, and its part of a number's stamp."""

    name: str  # as users say it: 'inception_v3:pytorch_fid'
    title: str  # of the Fréchet distance in its features: 'FID' for Inception alone, 'FD (pixels)'
    # (params, uint8 images [B, H, W, C], C 1 or 3) -> (float32 features [B, f], logits [B, K] or None); traced, once
    # for each shape. None, of points [B, d]: they are the features, in float64
    apply: Callable[[Tree, Array], tuple[Array, Array | None]] | None
    params: Tree = ()
    weights: str = 'none'  # the first 16 digits of the SHA-256 of the weights
    resizing: str = 'none'  # what is done to images before they enter the net, in words
    notes: Mapping[str, Any] = {}  # what else belongs to the stamp: a classifier's accuracy
    batch: int = 64  # examples at a time
