"""How well images and captions of a batch match, and what an encoder of both minimizes: the deep attentional multimodal
similarity model of AttnGAN (Xu 2018, 1711.10485, section 3.2).
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from gans.core import Array
from gans.data.words import alike

FAR = -1e9  # a score that never wins


class Sharpness(NamedTuple):
    """The paper's gammas."""

    regions: float = 5.0  # of the attention of a word over regions
    words: float = 5.0  # of the words that count in a caption
    captions: float = 10.0  # of the captions that an image may have


PAPER = Sharpness()


def cosine(a: Array, b: Array) -> Array:
    """Along the last axis."""
    length = lambda x: jnp.sqrt(jnp.square(x).sum(-1) + 1e-16)  # the root has no derivative at 0
    return (a * b).sum(-1) / (length(a) * length(b))


def attend(words: Array, inside: Array, regions: Array, sharp: float | Array) -> Array:
    """What of the regions [R, d] of an image each of the words [L, d] is of, [L, d].

    Each region first spreads over the words inside the caption (eq. 8), then each word over the regions (eq. 9).
    """
    scores = words @ regions.T  # [L, R]
    spread = jax.nn.softmax(jnp.where(inside[:, None], scores, FAR), 0)
    return jax.nn.softmax(sharp * spread, 1) @ regions


def word_scores(words: Array, inside: Array, regions: Array, sharp: Sharpness = PAPER) -> Array:
    """The score of each image with each caption by their words, [B, B]: log sum exp of the cosines of words with what
    they attend to (eq. 10, without the power 1 / gamma_2, as the authors' code has it).

    Args:
      words: [B, L, d]. inside: bool [B, L], False behind the ends. regions: [B, R, d].
    """

    def score(regions: Array, words: Array, inside: Array) -> Array:
        relevance = sharp.words * cosine(attend(words, inside, regions, sharp.regions), words)
        return jax.nn.logsumexp(jnp.where(inside, relevance, FAR))

    of_captions = jax.vmap(score, (None, 0, 0))
    return jax.vmap(of_captions, (0, None, None))(regions, words, inside)


def sentence_scores(sentences: Array, whole: Array) -> Array:
    """The cosine of each image with each caption, [B, B]."""
    return cosine(whole[:, None], sentences[None])


def matching_loss(scores: Array, same: Array, sharp: float | Array) -> Array:
    """The cross entropy of finding an image's caption among all, and a caption's image (eqs. 11 and 12): [].

    Args:
      scores: [B, B], images by captions. same: bool [B, B], captions that are the same, or of one class: pairs of them,
        but for each with itself, count neither as right nor as wrong.
    """
    both = jnp.where(same & ~jnp.eye(len(scores), dtype=bool), FAR, sharp * scores)
    found = sum(jnp.diagonal(jax.nn.log_softmax(both, axis)) for axis in (0, 1))
    return -found.mean()


def losses(
    told: tuple[Array, Array, Array], seen: tuple[Array, Array], captions: Array, sharp: Sharpness = PAPER
) -> tuple[dict[str, Array], Array]:
    """Those of words and of sentences, [] each, and the share of images that find their own caption.

    Args:
      told: words [B, L, d], sentences [B, d], inside bool [B, L]. seen: regions [B, R, d], whole images [B, d].
      captions: int32 [B, L]; equal ones are of one class.
    """
    (words, sentences, inside), (regions, whole), same = told, seen, alike(captions)
    scores = {
        'words': word_scores(words, inside, regions, sharp),
        'sentences': sentence_scores(sentences, whole),
    }
    found = jnp.take_along_axis(same, scores['sentences'].argmax(1)[:, None], 1).mean()
    return {name: matching_loss(each, same, sharp.captions) for name, each in scores.items()}, found
