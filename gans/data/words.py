"""Captions as numbers: words of a vocabulary that is made from the captions that are trained on."""

import difflib
import logging
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache

import jax.numpy as jnp
import numpy as np

from gans.core import Array, Batch, Keys, Spec
from gans.data.base import Source
from gans.errors import UserError
from gans.ops import random

WORD = re.compile(r'\w+')
PADDING = ''  # the word of number 0, which stands behind the end of each caption


def words_of(caption: str) -> list[str]:
    """Its words: lower case, letters and digits alone ('T-shirt' is two).

    An accent is the same word whether it is a character of its own, as macOS has them in the names of files, or not.
    """
    return WORD.findall(unicodedata.normalize('NFC', caption.lower()))


def vocabulary(captions: Iterable[str]) -> tuple[str, ...]:
    """All words of some captions, the most frequent first and equally frequent ones by the alphabet, behind PADDING:
    the same for the same captions in any order.
    """
    counts = Counter(word for caption in captions for word in words_of(caption))
    return (PADDING, *sorted(counts, key=lambda word: (-counts[word], word)))


def encode(caption: str, known: Sequence[str], length: int) -> tuple[np.ndarray, list[str]]:
    """(numbers int32 [length], words that are not known): the first `length` words that are, then 0."""
    return _encode(caption, _places(tuple(known)), length)


def _encode(caption: str, place: Mapping[str, int], length: int) -> tuple[np.ndarray, list[str]]:
    words = words_of(caption)
    found = [place[word] for word in words if place.get(word, 0)][:length]
    return np.array(found + [0] * (length - len(found)), np.int32), [word for word in words if not place.get(word, 0)]


@lru_cache(maxsize=4)
def _places(known: tuple[str, ...]) -> Mapping[str, int]:
    return {word: i for i, word in enumerate(known)}


def encode_all(captions: Sequence[Sequence[str]], known: Sequence[str], length: int) -> tuple[np.ndarray, np.ndarray]:
    """The captions of N examples, one or more each: (int32 [N, K, length], how many each has, int32 [N]).

    Captions of which no word is known are left out; equal ones of an example are one.

    Raises:
        UserError: an example has no caption with a known word.
    """
    rows, place = [], _places(tuple(known))
    for i, some in enumerate(captions):
        found = {tuple(_encode(caption, place, length)[0].tolist()): None for caption in some}
        found.pop((0,) * length, None)
        if not found:
            said = f"'{some[0]}'" if some else 'none at all'
            raise UserError(f'no caption of example {i} has a word of the vocabulary; it has {said}')
        rows.append(list(found))
    most = max(map(len, rows))
    filled = [[*row, *[row[0]] * (most - len(row))] for row in rows]
    return np.array(filled, np.int32), np.array([len(row) for row in rows], np.int32)


def nearest(word: str, known: Sequence[str]) -> list[str]:
    """Words of the vocabulary that are spelled like one that is not in it."""
    return difflib.get_close_matches(word, known[1:], n=3)


def encode_sentences(sentences: Sequence[str], caption: Spec) -> np.ndarray:
    """A user's sentences, int32 [N, length], in the vocabulary of a field 'caption'; says which words are left out.

    Raises:
        UserError: a sentence has no word of the vocabulary.
    """
    known, (length,) = caption.classes, caption.shape
    found = []
    for sentence in sentences:
        numbers, strange = encode(sentence, known, length)
        hints = '; '.join(_hint(word, known) for word in dict.fromkeys(strange))
        if not numbers.any():
            raise UserError(f"no word of '{sentence}' is among the {len(known) - 1:,} that this run knows"
                            + (f': {hints}' if hints else ''))  # fmt: skip
        if strange:
            logging.warning("'%s': words that this run does not know are left out: %s", sentence, hints)
        if len(words_of(sentence)) - len(strange) > length:
            logging.warning("'%s': this run reads %s words, so those after them are left out", sentence, length)
        found.append(numbers)
    return np.stack(found)


def _hint(word: str, known: Sequence[str]) -> str:
    like = nearest(word, known)
    return f"'{word}' (known are {', '.join(like)})" if like else f"'{word}'"


def caption_spec(known: Sequence[str], length: int) -> Spec:
    """Of the field 'caption': its classes are the vocabulary."""
    return Spec((length,), tuple(known), 'tokens')


def draw_caption(
    finish: Callable[[dict[str, Array], Keys], Batch], length: int
) -> Callable[[dict[str, Array], Keys], Batch]:
    """Makes finish(raw, keys) of raw examples with 'captions' [B, K, L], of which the first 'count' [B] count: one of
    them, drawn anew each time that the example comes, is its 'caption', int32 [B, length].
    """

    def drawn(raw: dict[str, Array], keys: Keys) -> Batch:
        raw = dict(raw)
        captions, count = raw.pop('captions'), raw.pop('count')
        which = (random.uniform(random.fold(keys, 'caption')) * count).astype(np.int32)
        caption = jnp.take_along_axis(captions, which[:, None, None], 1)[:, 0]
        return {**finish(raw, keys), 'caption': draw_words(caption, keys, length)}

    return drawn


def draw_words(captions: Array, keys: Keys, length: int) -> Array:
    """At most `length` words of captions int32 [B, L >= length], drawn and in their order: int32 [B, length] (the code
    of AttnGAN, 1711.10485).
    """
    longest = captions.shape[1]
    if longest == length:
        return captions
    lots = random.uniform(random.fold(keys, 'words'), (longest,))
    lots = jnp.where(captions != 0, lots, 1 + jnp.arange(longest))  # padding comes last, and in order
    return jnp.take_along_axis(captions, jnp.sort(jnp.argsort(lots, 1)[:, :length], 1), 1)


def with_captions(
    source: Source, captions: Sequence[Sequence[str]], known: Sequence[str], length: int, longest: int | None = None
) -> Source:
    """A held set with the field 'caption', one of each example's captions, see `encode_all` and `draw_caption`.

    Args:
        longest: words of a caption that are kept, of which `length` are drawn; by default the first `length` words.
    """
    numbers, count = encode_all(captions, known, longest or length)
    spec = source.spec._replace(fields={**source.spec.fields, 'caption': caption_spec(known, length)})
    arrays = {**source.arrays, 'captions': numbers, 'count': count}
    return source._replace(spec=spec, arrays=arrays, finish=draw_caption(source.finish, length))


def alike(captions: Array) -> Array:
    """Which of some captions, int32 [B, length], are the same: bool [B, B]."""
    return (captions[:, None] == captions[None]).all(-1)


def spell(captions: Array, known: Sequence[str]) -> tuple[str, ...]:
    """Captions int32 [B, length] in the words of their vocabulary, with spaces between."""
    return tuple(' '.join(known[i] for i in row if i) for row in np.asarray(captions))
