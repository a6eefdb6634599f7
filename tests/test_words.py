"""Captions as data, how words and images are matched, and DF-GAN."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gans import damsm
from gans.configs import override
from gans.core import Compute, Spec
from gans.data import load, words
from gans.data.feed import examples, fixed_key
from gans.errors import UserError
from gans.nets import build
from gans.nets._words import TextEncoder
from gans.systems import _words
from gans.systems.build import build as build_system

CAPTIONS = [['Red heart', 'red heart, love'], ['a T-shirt'], ['heart']]


def test_a_vocabulary_is_that_of_the_captions_in_any_order() -> None:
    flat = [caption for some in CAPTIONS for caption in some]
    known = words.vocabulary(flat)
    assert known == ('', 'heart', 'red', 'a', 'love', 'shirt', 't') == words.vocabulary(flat[::-1])
    numbers, unknown = words.encode('RED  heart of glass', known, 3)
    assert numbers.tolist() == [2, 1, 0] and unknown == ['of', 'glass']
    assert words.encode('a t shirt red', known, 2)[0].tolist() == [3, 6]
    assert words.nearest('hart', known)[0] == 'heart'


def test_captions_of_examples_are_filled_up_and_one_without_a_word_is_told() -> None:
    known = words.vocabulary(['red heart love'])
    numbers, count = words.encode_all([['red heart', 'Red, heart!', 'love of red'], ['love']], known, 4)
    assert numbers.shape == (2, 2, 4) and count.tolist() == [2, 1]
    with pytest.raises(UserError, match="no caption of example 1 has a word of the vocabulary; it has 'blue'"):
        words.encode_all([['red'], ['blue']], known, 4)


def test_an_example_comes_with_one_of_its_captions() -> None:
    source = load.load({'name': 'openmoji', 'size': 8, 'words': 8, 'split': 'train'})
    spec = source.spec.fields['caption']
    assert spec.shape == (8,) and spec.kind == 'tokens' and spec.classes[0] == ''
    found = examples(source, 64, fixed_key())
    assert found.keys() == {'real', 'label', 'caption'} and found['caption'].dtype == np.int32
    assert (found['caption'][:, 0] > 0).all()  # no caption is empty
    assert np.array_equal(found['caption'], examples(source, 64, fixed_key())['caption'])
    plain = load.load({'name': 'openmoji', 'size': 8, 'split': 'train'})
    np.testing.assert_array_equal(examples(plain, 64, fixed_key())['real'], found['real'])


def encoder(features: int = 6, vocabulary: int = 5) -> tuple:
    net = build.from_linen(TextEncoder(Compute(), vocabulary, features, 4), jax.ShapeDtypeStruct((2, 5), jnp.int32))
    return net, net.init(jax.random.key(0))[0]


def test_a_sentence_does_not_see_what_is_behind_its_end() -> None:
    """One of a word, and the longest: as they are by themselves; padded words are 0."""
    net, params = encoder()
    padded = jnp.array([[1, 2, 3, 0, 0], [4, 0, 0, 0, 0], [1, 2, 3, 4, 1]])
    (of_words, sentences), _ = net.apply(params, {}, padded, train=True)
    assert (np.asarray(of_words)[np.asarray(padded) == 0] == 0).all()
    for row, length in ((0, 3), (1, 1), (2, 5)):
        (alone, sentence), _ = net.apply(params, {}, padded[row : row + 1, :length], train=True)
        np.testing.assert_allclose(of_words[row, :length], alone[0], atol=1e-6)
        np.testing.assert_allclose(sentences[row], sentence[0], atol=1e-6)
    (other, _), _ = net.apply(params, {}, padded.at[0, 2].set(4), train=True)
    assert np.abs(other[0, 0] - of_words[0, 0]).max() > 1e-4  # the first word hears of the last one


def test_what_a_gan_is_told_has_a_length_of_its_own() -> None:
    """Whatever that of the encoder's sentences, which cosines do not see; and it passes no gradient to the encoder."""
    net, params = encoder()
    captions = jnp.array([[1, 2, 3, 0, 0], [4, 0, 0, 0, 0]])
    (of_words, sentences), _ = net.apply(params, {}, captions, train=False)
    told = _words.read(net, {'text': params}, captions)
    np.testing.assert_allclose(np.square(told.sentence).mean(1), 1, rtol=1e-3)
    np.testing.assert_allclose(damsm.cosine(told.sentence, sentences), 1, rtol=1e-3)
    np.testing.assert_array_equal(told.words, of_words)
    np.testing.assert_array_equal(_words.level(jnp.zeros((1, 3))), 0)
    slopes = jax.grad(lambda params: sum(x.sum() for x in _words.read(net, {'text': params}, captions)[:2]))(params)
    assert not any(leaf.any() for leaf in jax.tree.leaves(slopes))


def by_hand(of_words, inside, regions, gammas) -> float:
    """One image and one caption, loop by loop."""
    some = [word for word, there in zip(of_words, inside, strict=True) if there]
    scores = np.array([[word @ region for region in regions] for word in some])
    spread = np.exp(scores) / np.exp(scores).sum(0)
    total = 0.0
    for word, row in zip(some, spread, strict=True):
        share = np.exp(gammas[0] * row)
        context = (share / share.sum()) @ regions
        total += np.exp(gammas[1] * (context @ word) / np.linalg.norm(context) / np.linalg.norm(word))
    return float(np.log(total))


def test_word_scores_by_hand_and_in_any_order() -> None:
    rng = np.random.default_rng(0)
    of_words, regions = rng.normal(size=(3, 4, 5)), rng.normal(size=(3, 6, 5))
    inside = np.array([[1, 1, 0, 0], [1, 1, 1, 1], [1, 0, 0, 0]], bool)
    sharp = damsm.Sharpness(4.0, 5.0)
    found = damsm.word_scores(of_words, inside, regions, sharp)
    wanted = [[by_hand(of_words[j], inside[j], regions[i], sharp) for j in range(3)] for i in range(3)]
    np.testing.assert_allclose(found, wanted, rtol=1e-4)
    order = np.array([2, 0, 1])
    mixed = damsm.word_scores(of_words[order], inside[order], regions[order], sharp)
    np.testing.assert_allclose(mixed, np.asarray(found)[order][:, order], rtol=1e-5)


def test_pairs_of_equal_captions_count_neither_way() -> None:
    scores = np.array([[2.0, 1.5, 0.3], [1.0, 3.0, 0.1], [0.2, 0.4, 1.0]])
    same = np.array([[1, 1, 0], [1, 1, 0], [0, 0, 1]], bool)
    loss = 0.0
    for i in range(3):
        for row in (scores[i], scores[:, i]):
            rivals = [10 * row[j] for j in range(3) if j == i or not same[i, j]]
            loss += np.log(np.exp(rivals).sum()) - 10 * row[i]
    np.testing.assert_allclose(damsm.matching_loss(scores, same, 10.0), loss / 3, rtol=1e-4)


def test_a_word_that_is_all_zeros_passes_a_gradient() -> None:
    """As that of a net whose last layer begins at 0; and no padded word passes any."""
    inside, regions = np.array([[1, 1, 0], [1, 0, 0]], bool), np.random.default_rng(0).normal(size=(2, 4, 5))
    loss = lambda words: damsm.matching_loss(damsm.word_scores(words, inside, regions), np.eye(2, dtype=bool), 10.0)
    slopes = np.asarray(jax.grad(loss)(jnp.zeros((2, 3, 5))))
    assert np.isfinite(slopes).all() and (slopes[inside] != 0).any() and (slopes[~inside] == 0).all()


def test_examples_meet_over_devices() -> None:
    """Each is given what is the next one's of the whole batch; scores see all."""
    batch, spread = jnp.arange(8.0), Compute(device_axis='devices')
    over = lambda f: jax.vmap(f, axis_name='devices')(batch.reshape(4, 2))
    np.testing.assert_array_equal(_words.pass_on(batch, Compute()), np.roll(batch, -1))
    np.testing.assert_array_equal(over(lambda x: _words.pass_on(x, spread)).ravel(), np.roll(batch, -1))
    np.testing.assert_array_equal(over(lambda x: _words.gather(x, spread)), np.tile(batch, (4, 1)))


def test_the_nets_have_the_papers_widths() -> None:
    told = (jax.ShapeDtypeStruct((2, 256), jnp.float32),)
    spec, config = Spec((256, 256, 3)), {'net': 'dfgan', 'width': 32}
    of = lambda net: jax.eval_shape(net.init, jax.random.key(0))[0]
    generator = of(build.generator(config, spec, 100, Compute(), told=told))
    widths = [generator[f'block_{size}']['conv_1']['kernel'].shape[-1] for size in (8, 16, 32, 64, 128, 256)]
    assert widths == [256, 256, 256, 128, 64, 32] and generator['stem_4']['kernel'].shape == (100, 256 * 16)
    critic = of(build.critic(config, spec, Compute(), told=told))
    widths = [critic[f'block_{size}']['conv_1']['kernel'].shape[-1] for size in (128, 64, 32, 16, 8, 4)]
    assert widths == [64, 128, 256, 256, 256, 256] and critic['joint']['kernel'].shape == (3, 3, 512, 64)


def test_mistakes_are_told() -> None:
    import systems

    config = systems.smokes()['dfgan_openmoji32']
    with pytest.raises(UserError, match='these examples have no captions'):
        build_system(config, Spec((8, 8, 3)), Compute())
    captioned = Spec((8, 8, 3), fields={'caption': words.caption_spec(('', 'a'), 2)})
    mistakes = {
        'train.micro': (2, 'train.micro=2 has no meaning'),
        'train.batch_size': (1, 'set it to at least 2'),
        'encoders.features': (5, 'encoders.features=5 must be even'),
    }
    for key, (value, said) in mistakes.items():
        with pytest.raises(UserError, match=said):
            build_system(override(config, {key: value}, 'of a test'), captioned, Compute())
