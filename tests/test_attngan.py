"""AttnGAN: attention to words, its nets, what it draws. Its losses: test_word_peers.py."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import systems
from test_stackgan2 import kernels

from gans.configs import override
from gans.core import Array, Compute, Spec, System
from gans.data.words import caption_spec, spell
from gans.nets.attngan import TreeCritic, WordGenerator, attend
from gans.step import init_state
from gans.systems.attngan import show_shares
from gans.systems.build import build

INSIDE = np.array([[1, 1, 0, 0], [1, 1, 1, 1], [1, 0, 0, 0]], bool)  # the longest caption, and one of a word


def test_attention_by_hand() -> None:
    """Each region of an example hears the words of that example alone."""
    rng = np.random.default_rng(0)
    x, words = (rng.normal(size=shape).astype(np.float32) for shape in ((3, 2, 3, 5), (3, 4, 5)))
    context, shares = (np.asarray(found) for found in attend(x, words, INSIDE))
    assert context.shape == x.shape and shares.shape == (3, 2, 3, 4)
    for i, row, column in np.ndindex(3, 2, 3):
        some = words[i][INSIDE[i]]
        weights = np.array([np.exp(x[i, row, column] @ word) for word in some])
        weights /= weights.sum()
        np.testing.assert_allclose(context[i, row, column], weights @ some, rtol=1e-4)
        np.testing.assert_allclose(shares[i, row, column, : len(some)], weights, rtol=1e-4)
        assert (shares[i, row, column, len(some) :] == 0).all()


def test_images_do_not_depend_on_the_batch() -> None:
    """In any order, and with more padding, they are the same; and another word makes another image."""
    net = WordGenerator((16, 16, 3), Compute(), 2, condition=4, maps=True, width=2, blocks=1)
    rng = np.random.default_rng(0)
    draw = lambda *shape: rng.normal(size=shape).astype(np.float32)
    given = [draw(3, 4), draw(3, 6), draw(3, 4), draw(3, 4, 6), INSIDE]
    variables = jax.jit(net.init)(jax.random.key(0), *given)
    make = jax.jit(lambda *given: net.apply(variables, *given, train=False))
    images, shares = make(*given)
    assert images.shape == (3, 16, 16, 6) and shares.shape == (3, 8, 8, 4)
    order = np.array([2, 0, 1])
    mixed = make(*(x[order] for x in given))
    for found, wanted in zip(mixed, (images, shares), strict=True):
        np.testing.assert_allclose(found, np.asarray(wanted)[order], atol=1e-5)
    words = given[3].copy()
    words[~INSIDE] = 9
    np.testing.assert_array_equal(make(*given[:3], words, INSIDE)[0], images)
    words = given[3].copy()
    words[1, 3] = 9
    apart = np.abs(make(*given[:3], words, INSIDE)[0] - images).max((1, 2, 3))
    assert apart[1] > 1e-3 and apart[0] == apart[2] == 0


@pytest.mark.parametrize(('width', 'blocks', 'length'), [(32, 2, 18), (48, 3, 12)])
def test_the_generator_has_the_papers_layers(width: int, blocks: int, length: int) -> None:
    """Those for birds and for COCO."""
    net = WordGenerator((256, 256, 3), Compute(), 3, 100, False, width, blocks)
    found, made = kernels(net, (100,), (256,), (100,), (length, 256), (length,))
    assert made == (2, 256, 256, 9)
    assert found['augmentation/moments'] == (256, 400)
    assert found['first_64/stem_4'] == (200, 2 * 16 * width * 16)
    first = [found[f'first_64/up_{size}/conv_norm/conv'][-1] // 2 for size in (8, 16, 32, 64)]
    assert first == [8 * width, 4 * width, 2 * width, width]
    for size in (128, 256):
        assert found[f'words_{size}'] == (256, width)
        for i in range(blocks):
            both = [found[f'residual_{size}_{i}/conv_norm_{j}/conv'] for j in (1, 2)]
            assert both == [(3, 3, 2 * width, 4 * width), (3, 3, 2 * width, 2 * width)]
        assert found[f'up_{size}/conv_norm/conv'] == (3, 3, 2 * width, 2 * width)
    assert [found[f'image_{size}/conv'] for size in (64, 128, 256)] == 3 * [(3, 3, width, 3)]
    assert len(found) == 6 + 2 * (2 + 2 * blocks) + 3


def test_critics_are_told_the_sentence_itself() -> None:
    found, made = kernels(TreeCritic((256, 256, 3), Compute(), 3, 96), (256, 256, 9), (256,))
    assert made == (2, 3, 2)
    assert {found[f'size_{size}/conv_joint'] for size in (64, 128, 256)} == {(3, 3, 8 * 96 + 256, 8 * 96)}


def test_a_word_is_brightest_where_most_of_it_is() -> None:
    shares = np.zeros((1, 4, 4, 2), np.float32)
    shares[0, 3, 0, 0], shares[0, 0, 0, 0] = 0.4, 0.2  # at the bottom most, at the top half as much; no second word
    found = np.asarray(show_shares(np.ones((1, 16, 16, 3), np.float32), shares))
    assert found.shape == (1, 2, 16, 16, 3) and found.min() == -1 and (found[0, 1] == -1).all()
    corners = found[0, 0, [15, 0, 0], [0, 0, 15], 0]
    np.testing.assert_allclose(corners, [1, 0, -1], atol=1e-6)


@functools.cache
def system(scales: int) -> System:
    config = override(systems.smoke('attngan'), {'attngan.scales': scales}, 'of a test')
    fields = {'caption': caption_spec(('', 'red', 'heart'), 4)}
    return build(config, Spec((16, 16, 3), fields=fields), Compute())


def test_one_scale_is_a_gan_without_attention() -> None:
    """The paper's AttnDCGAN, with its unconditional score beside."""
    assert list(system(1).samplers) == ['samples', 'scales']
    names = jax.eval_shape(system(1).nets['generator'].init, jax.random.key(0))[0]
    assert sorted(names) == ['augmentation', 'first_16', 'image_16']


def test_pictures_have_a_column_for_each_scale_and_word() -> None:
    def sheets() -> dict[str, Array]:
        state = init_state(system(2), jax.random.key(0))
        batch = {'caption': jnp.array([[1, 2, 0, 0], [2, 0, 0, 0]])}
        keys = jax.random.split(jax.random.key(1), 2)
        return {name: each.make(state, each.inputs(batch, keys)) for name, each in system(2).samplers.items()}

    found = jax.eval_shape(sheets)
    shapes = {name: (2 * max(len(each.columns), 1), 16, 16, 3) for name, each in system(2).samplers.items()}
    assert {name: made.shape for name, made in found.items()} == shapes
    assert [len(each.columns) for each in system(2).samplers.values()] == [0, 2, 5]


def test_rows_of_pictures_are_spelled() -> None:
    captions = np.array([[1, 2, 0, 0], [2, 0, 0, 0]], np.int32)
    assert spell(captions, ('', 'red', 'heart')) == ('red heart', 'heart')
