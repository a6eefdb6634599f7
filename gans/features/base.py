"""Feature extractors: frozen nets in whose features images are compared, with their part of the stamp of results."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from gans.core import Array, Tree


class Extractor(NamedTuple):
    """A pure function of examples, its weights, and its part of a result's stamp."""

    name: str  # as in configs: 'inception_v3:pytorch_fid'
    title: str  # of the Fréchet distance in its features: 'FID' for Inception alone, 'FD (pixels)'
    # (params, uint8 images [B, H, W, C], C 1 or 3, volumes [B, D, H, W, C] or clips [B, T, H, W, C]) -> (float32
    # features [B, f], logits [B, K] or None); traced once per shape. None for points [B, d]: they are the features,
    # in float64
    apply: Callable[[Tree, Array], tuple[Array, Array | None]] | None
    params: Tree = ()
    weights: str = 'none'  # first 16 digits of the SHA-256 of the weights
    resizing: str = 'none'  # preprocessing of images, in words
    notes: Mapping[str, Any] = {}  # other parts of the stamp, such as a classifier's accuracy
    batch: int = 64  # examples at a time
    kind: str = 'images'  # of the examples, see gans/kinds.py: what is measured beside its features

    @property
    def is_classifier(self) -> bool:
        """Whether the logits are of the data's own classes."""
        return self.name.startswith('classifier')
