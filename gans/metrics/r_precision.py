"""R-precision (Xu 2018, AttnGAN, 1711.10485, section 4): how often an image is nearer to its own caption than to
others, as encoders of both see them.

Each image has a pool: its own caption, and others that are drawn once, none of them equal to its own. It is a hit if
its own has the largest cosine; a tie is a miss, so an encoder to which all captions are the same has none. Captions
that are shuffled have nothing to do with the images: 1 / pool in expectation over pools, whatever the encoders do.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from gans import kinds
from gans.core import Array, Net, Params, Spec

POOL = 100  # captions
FOLDS, PART = 10, 10  # of which papers give the deviation, and the minimum of images in each
SHUFFLES = 199
SEED = 0  # of pools and shuffles: the same for all runs
TIE = 1e-6  # cosines that differ by less, by rounding, are equal
BLOCK = 256  # images of a product
BATCH = 64  # images that encoders see at a time

Embed = Callable[[Params, Array, Array], tuple[Array, Array]]


class Found(NamedTuple):
    """What becomes of N images."""

    hits: np.ndarray  # bool [N]
    shuffled: np.ndarray  # [K]: the share of hits when captions are shuffled, each time anew

    @property
    def value(self) -> float:
        return float(self.hits.mean())

    @property
    def error(self) -> float:
        """The standard error of the value."""
        return float(self.hits.std() / np.sqrt(max(1, len(self.hits) - 1)))

    @property
    def deviation(self) -> float | None:
        """Of the values of ten folds, as papers give it; None of too few images."""
        if len(self.hits) < FOLDS * PART:
            return None
        return float(np.std([fold.mean() for fold in np.array_split(self.hits, FOLDS)]))

    @property
    def p(self) -> float:
        """How likely so many hits are if images have nothing to do with their captions: a permutation test."""
        return float((1 + (self.shuffled >= self.value).sum()) / (1 + len(self.shuffled)))


class Retrieval(NamedTuple):
    """The captions that samples are made of, with their pools, and what sees both."""

    captions: np.ndarray  # int32 [N, L]
    pools: np.ndarray  # int [N, P - 1], see `draw_pools`
    embed: Embed  # see `make_embed`

    def stamp(self) -> dict[str, Any]:
        """What scores depend on beside samples and encoders."""
        return {'pool': self.pools.shape[1] + 1, 'pool seed': SEED, 'ties': 'misses'}

    def find(self, params: Params, images: np.ndarray, shuffles: int = 0) -> Found:
        """What becomes of images that are made of the captions.

        Args:
          params: of the encoders, by net.
          images: as they are stored, uint8 [N, H, W, C].
          shuffles: how often captions are shuffled, too.
        """
        parts = []
        for start in range(0, len(images), BATCH):  # all of one shape: the last ones again
            some = np.minimum(np.arange(start, start + BATCH), len(images) - 1)
            parts.append(jax.device_get(self.embed(params, images[some], self.captions[some])))
        whole, sentences = (np.concatenate(each)[: len(images)] for each in zip(*parts, strict=True))
        hits = find_hits(whole, sentences, self.pools, orders(len(images), shuffles))
        return Found(hits[0], hits[1:].mean(1))


def make_embed(text: Net, image: Net, spec: Spec) -> Embed:
    """Compiles (params by net, stored images [B, ...], captions int32 [B, L]) -> (images [B, d], sentences [B, d]).

    Args:
      text, image: nets as of gans/nets/_words.py. spec: of the images.
    """
    finish = kinds.kind_of(spec).finish

    def embed(params: Params, images: Array, captions: Array) -> tuple[Array, Array]:
        shown, (like, *_) = finish(images), image.inputs
        if shown.shape[1:] != like.shape[1:]:  # sketches, which are smaller than what the encoder has learnt to see
            shown = jax.image.resize(shown, (len(shown), *like.shape[1:]), 'bilinear')
        (_, whole), _ = image.apply(params['image'], {}, shown, train=False)
        (_, sentences), _ = text.apply(params['text'], {}, captions, train=False)
        return whole, sentences

    return jax.jit(embed)


def draw_pools(captions: np.ndarray, pool: int = POOL, seed: int = SEED) -> np.ndarray:
    """The places of the others in the pool of each caption, int [N, P - 1].

    P is `pool`, or less for all where one of the captions, int32 [N, L], has fewer that are not equal to it.
    """
    _, same = np.unique(captions, axis=0, return_inverse=True)
    same, draw = same.ravel(), np.random.default_rng(seed)
    others = min(pool - 1, len(same) - np.bincount(same).max())
    return np.stack([draw.choice(np.flatnonzero(same != own), others, replace=False) for own in same])


def orders(num: int, shuffles: int, seed: int = SEED) -> np.ndarray:
    """The places of the captions that images are asked for, int [1 + shuffles, num]: first their own."""
    draw = np.random.default_rng(seed)
    return np.stack([np.arange(num), *(draw.permutation(num) for _ in range(shuffles))])


def find_hits(images: np.ndarray, sentences: np.ndarray, pools: np.ndarray, orders: np.ndarray) -> np.ndarray:
    """Whether images find their captions in the pools of those: bool [K, N].

    Args:
      images, sentences: [N, d], what encoders make of images and captions.
      pools: int [N, P - 1], by caption. orders: int [K, N], the caption that each image is asked for.
    """
    images, sentences = (_directions(x) for x in (images, sentences))
    found = np.zeros(orders.shape, bool)
    for start in range(0, len(images), BLOCK):
        cosines = images[start : start + BLOCK] @ sentences.T  # [b, N]
        rows = np.arange(len(cosines))
        for hits, order in zip(found, orders, strict=True):
            own = order[start : start + BLOCK]
            rivals = np.take_along_axis(cosines, pools[own], 1)
            hits[start : start + BLOCK] = (cosines[rows, own, None] > rivals + TIE).all(1)
    return found


def _directions(x: np.ndarray) -> np.ndarray:
    """Vectors [N, d] of length 1, float64; 0 stays."""
    x = x.astype(np.float64)
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)
