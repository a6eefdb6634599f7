"""`--text`: what is made of sentences, in the words of the run, and of what lies between two of them."""

import json
import logging
from pathlib import Path
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import launching
import numpy as np
import pytest
from PIL import Image

import gans
from gans import pictures
from gans.core import Sampler, TrainState
from gans.data import blank
from gans.data.images import image_set
from gans.data.words import encode_sentences, with_captions
from gans.errors import UserError
from gans.ops.random import normal
from gans.systems._words import read
from gans.training import draw, remembered, told

KNOWN = ('', 'red', 'green', 'heart')
SOURCE = with_captions(image_set(np.zeros((2, 4, 4, 3), np.uint8)), [['red heart'], ['green']], KNOWN, 3)
STATE = TrainState(4, {'text': {}}, {'text': {}}, {}, {}, {}, None)


def encode_text(params, stats, captions, train):
    """Words are their one-hot numbers, sentences say of each word whether it is there: 1 or -1."""
    words = jax.nn.one_hot(captions - 1, 3)
    return (words, 2 * words.max(1) - 1), stats


TEXT = SimpleNamespace(apply=encode_text)


def make(state: TrainState, inputs: dict) -> jax.Array:
    """Images in the color of their words, black to full, with the latent in the first pixel."""
    color = read(TEXT, state.params, inputs['caption']).sentence
    return jnp.broadcast_to(color[:, None, None], (len(color), 4, 4, 3)).at[:, 0, 0].set(inputs['z'])


def experiment(**sampler) -> SimpleNamespace:
    inputs = lambda batch, keys: {'z': normal(keys, (3,)), 'caption': batch['caption']}
    system = SimpleNamespace(samplers={'samples': Sampler(inputs, make)._replace(**sampler)}, nets={'text': TEXT})
    return SimpleNamespace(system=system, source=SOURCE, config=SimpleNamespace(system='dfgan', seed=0))


@pytest.fixture
def run(tmp_path, monkeypatch) -> Path:
    """The folder of a run that makes these images."""
    monkeypatch.setattr(told, 'setup_stages', lambda *args, **options: [experiment()])
    monkeypatch.setattr(remembered, 'sources', lambda *args: None)
    monkeypatch.setattr(draw, 'restore', lambda stages, folder, step: (*stages, STATE, 4))
    return tmp_path


def test_rows_are_sentences_in_their_order_of_the_same_latents(run: Path) -> None:
    (run / 'more.txt').write_text('\ufeffgreen heart\n\nred\n', encoding='utf-8')
    options = told.Options(('Red heart!',), str(run / 'more.txt'), num=2, out=str(run / 'x.npz'))
    assert told.sample(None, run, options).startswith('2 samples of each of 3 sentences, of step 4: ')
    samples = np.load(run / 'x.npz')['samples']
    wanted = [(255, 0, 255), (255, 0, 255), (0, 255, 255), (0, 255, 255), (255, 0, 0), (255, 0, 0)]
    assert (samples[:, 1:] == np.array(wanted)[:, None, None]).all()
    latents = samples[:, 0, 0]
    assert (
        (latents[:2] == latents[2:4]).all() and (latents[:2] == latents[4:]).all() and (latents[0] != latents[1]).any()
    )
    told.sample(None, run, told.Options(('red', 'green'), num=3))
    sheet = np.asarray(Image.open(run / 'text_seed0.png'))
    assert sheet.shape[0] == pictures.LINE + 2 * 66 - 2
    assert (sheet[-130, -3] == [255, 0, 0]).all() and (sheet[-3, -3] == [0, 255, 0]).all()


def test_between_two_sentences_what_is_told_is_mixed_and_latents_stay(run: Path) -> None:
    said = told.interpolate(None, run, told.Options(('red', 'green heart'), num=3))
    assert said == f'8 ways from one sentence to another, of step 4: {run}/interpolation_text_seed0.png'
    sheet = np.asarray(Image.open(run / 'interpolation_text_seed0.png')).astype(int)[-(8 * 66 - 2) :, : 3 * 66 - 2]
    cells = [sheet[66 * row + 40, [40, 106, 172]] for row in (0, 7)]
    assert (cells[0] == cells[1]).all() and np.abs(cells[0] - [[255, 0, 0], [128, 128, 128], [0, 255, 255]]).max() <= 1
    corners = sheet[::66, [3, 69, 135]]
    assert (corners[:, :1] == corners).all() and (corners[0] != corners[1]).any()


def test_at_its_ends_a_way_is_what_either_sentence_is_told_by_itself() -> None:
    """All of it: attention must not see the places where only the other one has words."""
    ends = encode_sentences(['red', 'green heart red'], SOURCE.spec.fields['caption'])
    found, wanted = told._between(experiment(), STATE, ends, 4), read(TEXT, STATE.params, ends)
    for way, alone in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(np.asarray(way)[[0, 3, 4, 7]], np.asarray(alone)[[0, 1, 0, 1]])
    assert found.inside[1].all() and found.inside[0].tolist() == [True, False, False]


@pytest.mark.parametrize(
    ('call', 'options', 'line'),
    [
        (told.sample, {'text': ('read hart',)}, r"no word of 'read hart' is among the 3 that this run knows: 'read' "
         r"\(known are red\); 'hart' \(known are heart\)"),
        (told.sample, {'text': ('',)}, "no word of '' is among the 3"),
        (told.sample, {'text': ('red',), 'num': 0}, '--num=0 must be at least 1'),
        (told.sample, {'text_file': 'empty.txt'}, '--text-file=empty.txt is empty'),
        (told.sample, {'text_file': 'none.txt'}, "cannot read 'none.txt': No such file"),
        (told.interpolate, {'text': ('red',)}, 'give --text twice, not 1 times'),
        (told.interpolate, {'text': ('red', 'heart'), 'num': 1}, '--num=1 must be at least 2'),
        (told.interpolate, {'text': ('red', 'heart'), 'out': 'x.gif'}, '--out=x.gif: an interpolation of sentences'),
    ],
)  # fmt: skip
def test_mistakes_are_told(run: Path, monkeypatch, call, options, line) -> None:
    monkeypatch.chdir(run)
    Path('empty.txt').write_text('\n')
    with pytest.raises(UserError, match=line):
        call(None, run, told.Options(**options))


def test_a_system_without_words_says_so(run: Path, monkeypatch, capsys) -> None:
    silent = experiment(inputs=lambda batch, keys: {'z': normal(keys, (3,))})
    monkeypatch.setattr(told, 'setup_stages', lambda *args, **options: [silent])
    with pytest.raises(UserError, match="samples of system 'dfgan' are made from latents alone, not from words"):
        told.sample(None, run, told.Options(('red',)))
    for flags, line in (
        (('--mode=sample', '--label=3'), '--label has no meaning beside sentences: leave it out, or --text'),
        (('--mode=evaluate',), '--text is for --mode=sample and --mode=interpolate only'),
    ):
        assert launching.main('--config=dfgan_openmoji32:smoke', '--text=a', *flags) == 2
        assert capsys.readouterr().err == f'error: {line}\n'


def test_unknown_words_are_named_with_those_like_them(caplog) -> None:
    found = encode_sentences(['a redd green heart', 'red red red heart'], SOURCE.spec.fields['caption'])
    assert found.tolist() == [[2, 3, 0], [1, 1, 1]]
    lines = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert lines == [
        "'a redd green heart': words that this run does not know are left out: 'a'; 'redd' (known are red)",
        "'red red red heart': this run reads 3 words, so those after them are left out",
    ]


def test_python_is_given_sentences_too() -> None:
    run = gans.Run(Path('nowhere'), SimpleNamespace(system='dfgan'), experiment(), STATE, 4)
    made = run.sample(texts=['red', 'green'])
    assert made.shape == (2, 4, 4, 3) and made[:, 1, 1].tolist() == [[1, -1, -1], [-1, 1, -1]]
    np.testing.assert_array_equal(run.sample(3, texts=['red', 'green'])[2, 1, 1], made[0, 1, 1])
    np.testing.assert_array_equal(run.sample(inputs=np.array([[1, 0, 0], [2, 0, 0]])), made)
    with pytest.raises(UserError, match='there are inputs; leave them out'):
        run.sample(texts='red', inputs=np.zeros((1, 3), np.int32))


def test_a_run_keeps_its_own_words(tmp_path: Path) -> None:
    """In their order; data with others are refused by all that would read them."""
    looks = json.loads(json.dumps(blank.describe(SOURCE)))
    assert blank.blank(looks).spec.fields['caption'] == SOURCE.spec.fields['caption']
    here = [SimpleNamespace(stage='', source=SOURCE, config=SimpleNamespace(data=SimpleNamespace(name='captions:x')))]
    remembered.check_words(tmp_path, here)
    for known, said in ((['', 'green', 'red', 'heart'], '3 then, 3 now, in another order'),
                        (['', 'red', 'green'], "2 then, 3 now, such as 'heart'")):  # fmt: skip
        looks['spec']['fields']['caption']['classes'] = known
        (tmp_path / 'data.json').write_text(json.dumps({'examples': 2, 'digest': '', 'stages': {'': looks}}))
        with pytest.raises(UserError, match=f"the captions of 'captions:x' have other words .*{said}"):
            remembered.check_words(tmp_path, here)
    (tmp_path / 'data.json').write_text('{"examples": 2, "digest": "", "stages": {"": 1}}')
    with pytest.raises(UserError, match=r'data\.json does not hold what is written there'):
        remembered.check_words(tmp_path, here)


def test_long_sentences_are_wrapped_beside_their_rows() -> None:
    picture, words = np.zeros((130, 64, 3), np.uint8), 'a bird with a long black beak and wings of grey ' * 5
    found = pictures.annotate(picture, pictures.Caption(rows=(words, 'short')))
    assert len(found) == 130 and pictures.NARROWEST < found.shape[1] <= 64 + pictures.BESIDE + 4 * pictures.GAP
    lines = (found[:66, :-64].min((1, 2)) < 128).astype(int)
    assert np.count_nonzero(np.diff(lines) == 1) == 3  # of text, one below the other
