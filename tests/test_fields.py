"""Examples of several fields: a pair stays a pair, wherever the set lies, however it is flipped, cropped and cut up."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from several import drawn, pairs, streamed, whole_numbers

from gans.core import Spec
from gans.data import feed, images, load, openmoji
from gans.data.base import stored_shapes
from gans.data.joined import joined
from gans.data.transforms import flip, random_crop
from gans.errors import UserError

KEY = jax.random.key(3)


def batch_of(source, step=0, repeats=1, batch=40):
    raw = feed.held_arrays(source)
    if source.placement == 'streamed':
        raw = next(feed.stream(source, KEY, step, step + 1, repeats=repeats, batch=batch, threads=0))
    fetch = jax.jit(lambda raw: feed.fetch(source, raw, KEY, step, repeats=repeats, batch=batch))
    return fetch(raw)


def both() -> dict:
    """Sets of every make, by name."""
    return {
        'plain': pairs(),
        'flipped': flip(pairs()),
        'cropped': random_crop(pairs(), 6),
        'cropped, flipped': flip(random_crop(pairs(), 4)),
        'joined': joined(b=flip(random_crop(pairs(), 4)), a=pairs(7)),
        'joined with a drawn one': joined(a=pairs(5), b=drawn()),
    }


# What a batch has


def test_every_field_is_finished_by_its_kind() -> None:
    source = pairs()
    assert source.spec.fields == {'source': Spec((4, 4, 1)), 'point': Spec((1,)), 'words': Spec((2,))}
    batch = {name: array[0] for name, array in batch_of(source).items()}
    index = whole_numbers(batch['real'])[:, 0, 0, 0]
    np.testing.assert_array_equal(batch['label'], index % 3)
    np.testing.assert_array_equal(batch['point'][:, 0], index)
    np.testing.assert_array_equal(batch['words'], np.stack([2 * index, 2 * index + 1], -1))
    np.testing.assert_array_equal(whole_numbers(batch['source']), source.arrays['source'][index])
    kinds = {name: array.dtype for name, array in batch.items()}
    assert kinds == {'real': 'float32', 'source': 'float32', 'point': 'float32', 'words': 'int32', 'label': 'int32'}
    assert {name: (x.shape[1:], x.dtype) for name, x in feed.shapes(source, 2).items()} == {
        name: (array.shape[1:], array.dtype) for name, array in batch.items()
    }


@pytest.mark.parametrize('name', both())
def test_held_streamed_and_in_pieces_are_the_same_bits(name) -> None:
    """Four devices, and a stream that begins in the middle of an epoch, as after resuming."""
    source = both()[name]
    host, size = streamed(source), {'repeats': 2, 'batch': 8}
    assert (source.placement, host.placement) == ('held', 'streamed')
    one = lambda raw, step, part: feed.fetch(source, raw, KEY, step, **size, offset=2 * part, local=2)
    jit = partial(jax.jit, compiler_options={'xla_backend_optimization_level': 3})  # as users do
    pieces = jit(jax.vmap(one, (None, None, 0)))
    whole = jit(lambda raw, step: feed.fetch(source, raw, KEY, step, **size))
    read = jit(lambda raw, step: feed.fetch(host, raw, KEY, step, **size))
    last = jit(lambda raw, step: feed.fetch(host, raw, KEY, step, **size, offset=6, local=2))
    items = zip(
        feed.stream(host, KEY, 3, 5, **size), feed.stream(host, KEY, 3, 5, **size, offset=6, local=2), strict=True
    )
    for step, (raw, raw_last) in enumerate(items, start=3):
        batch, streaming, ends = whole(feed.held_arrays(source), step), read(raw, step), last(raw_last, step)
        parts = pieces(feed.held_arrays(source), step, jnp.arange(4))
        assert batch.keys() == streaming.keys() == feed.shapes(host, 8).keys()
        for field in batch:
            np.testing.assert_array_equal(batch[field], streaming[field])
            np.testing.assert_array_equal(batch[field], jnp.concatenate(list(parts[field]), 1))
            np.testing.assert_array_equal(batch[field][:, 6:], ends[field])
    abstract = jax.tree.map(lambda x: (x.shape, x.dtype), feed.abstract(host, 2, 8))
    assert abstract == jax.tree.map(lambda x: (x.shape, x.dtype), raw)
    held, others = feed.examples(source, 30, KEY), feed.examples(host, 30, KEY)
    assert held.keys() == batch.keys()
    for field, array in held.items():
        np.testing.assert_array_equal(array, others[field])
        assert array.shape[1:] == batch[field].shape[2:]


def test_a_drawn_set_has_fields_too() -> None:
    batch, real = batch_of(drawn()), feed.examples(drawn(), 5, KEY)
    np.testing.assert_array_equal(batch['source'], batch['real'] + 1)
    assert real['source'].shape == (5, 2) and drawn().placement == 'drawn'
    assert feed.shapes(drawn(), 3)['source'].shape == (3, 2)


# Flips and crops


def test_one_coin_flips_all_images_of_an_example() -> None:
    plain, flipped = batch_of(pairs()), batch_of(flip(pairs()))
    coins = {}
    for name in ('real', 'source'):
        before, after = (whole_numbers(batch[name])[0] for batch in (plain, flipped))
        coins[name] = (before != after).any((1, 2, 3))
        np.testing.assert_array_equal(after, np.where(coins[name][:, None, None, None], before[:, :, ::-1], before))
    np.testing.assert_array_equal(coins['real'], coins['source'])
    assert 10 < coins['real'].sum() < 30
    np.testing.assert_array_equal(plain['point'], flipped['point'])


@pytest.mark.parametrize('side', [2, 4, 6, 8])
def test_a_crop_is_at_the_same_place_in_all_images_of_an_example(side) -> None:
    source = random_crop(pairs(), side)
    assert source.spec.shape == (side, side, 3) and source.spec.fields['source'].shape == (side // 2, side // 2, 1)
    assert source.spec.fields['point'] == Spec((1,))
    batch = batch_of(source, batch=200)
    real, half = (whole_numbers(batch[name])[0] for name in ('real', 'source'))
    assert real.shape[1:] == (side, side, 3) and half.shape[1:] == (side // 2, side // 2, 1)
    np.testing.assert_array_equal(half[..., 0], 16 * real[:, ::2, ::2, 1] + real[:, ::2, ::2, 2])
    corners = {tuple(corner) for corner in real[:, 0, 0, 1:]}
    places = range(0, 8 - side + 1, 2)  # where the field of half the size has whole pixels
    assert corners == {(row, column) for row in places for column in places}
    np.testing.assert_array_equal(real[:, 0, 0, 0], batch['point'][0, :, 0])


def test_a_crop_may_be_anywhere_where_all_fields_are_of_one_size() -> None:
    values = pairs(4).arrays['real']
    source = random_crop(images.image_set(values, source=values), 5)
    batch = batch_of(source, batch=300)
    np.testing.assert_array_equal(batch['real'], batch['source'])
    assert len({tuple(corner) for corner in whole_numbers(batch['real'])[0, :, 0, 0, 1:]}) == 16


def test_crops_and_coins_are_independent_and_new_in_each_epoch() -> None:
    size = {'repeats': 1, 'batch': 12}
    source = flip(random_crop(pairs(), 2))
    seen = [whole_numbers(feed.fetch(source, source.arrays, KEY, step, **size)['real'])[0] for step in range(40)]
    corner, turned = [], []
    for batch in seen:
        assert sorted(batch[:, 0, 0, 0]) == list(range(12))
        turned += list(batch[:, 0, 0, 2] > batch[:, 0, 1, 2])
        corner += list(batch[:, 0, :, 2].min(1))
    assert 0.4 < np.mean(turned) < 0.6 and abs(np.corrcoef(corner, turned)[0, 1]) < 0.15
    assert abs(np.corrcoef(corner[:-12], corner[12:])[0, 1]) < 0.15


def test_metrics_see_the_central_square() -> None:
    found = feed.examples(flip(random_crop(pairs(), 6)), 12, KEY)
    real = whole_numbers(found['real'])
    assert (real[:, 0, 0, 1:] == 0).all()  # (8 - 6) / 2, but 'source' has no pixel that begins at 1
    np.testing.assert_array_equal(
        whole_numbers(found['source'])[..., 0], 16 * real[:, ::2, ::2, 1] + real[:, ::2, ::2, 2]
    )
    assert (whole_numbers(feed.examples(random_crop(pairs(), 4), 12, KEY)['real'])[:, 0, 0, 1:] == 2).all()
    held = images.hold(random_crop(pairs(), 4))
    assert held.arrays['real'].shape == (12, 4, 4, 3) and held.arrays['real'].dtype == np.uint8
    np.testing.assert_array_equal(held.arrays['real'], pairs().arrays['real'][:, 2:6, 2:6])
    np.testing.assert_array_equal(held.arrays['source'], pairs().arrays['source'][:, 1:3, 1:3])
    assert held.center is None and images.hold(streamed(pairs())).arrays.keys() == pairs().arrays.keys()


@pytest.mark.parametrize(
    ('make', 'says'),
    [
        (
            lambda: random_crop(pairs(), 5),
            "data.random_crop=5 are 2.5 pixels of 'source' of 4 x 4: take a multiple of 2",
        ),
        (lambda: random_crop(pairs(), 9), 'data.random_crop=9 does not lie in images of 8 x 8'),
        (lambda: random_crop(drawn(), 2), 'data.random_crop=2 is set, but this is no set of images'),
        (lambda: random_crop(pairs(), 0), 'data.random_crop is 0'),
        (lambda: flip(drawn()), 'data.flip is set'),
    ],
)
def test_what_cannot_be_cropped_or_flipped_is_told_in_one_line(make, says) -> None:
    with pytest.raises(UserError) as error:
        make()
    assert says in str(error.value) and '\n' not in str(error.value)


def test_a_field_that_is_not_in_proportion_is_named() -> None:
    narrow = images.image_set(pairs().arrays['real'], wide=np.zeros((12, 4, 8, 1), np.uint8))
    with pytest.raises(UserError, match=r"'wide' of 4 x 8 is not in proportion to 8 x 8"):
        random_crop(narrow, 4)


# Where they lie


def test_all_fields_count_for_what_lies_on_the_device(monkeypatch) -> None:
    """Of each example 8 x 8 x 3 + 4 x 4 bytes of images, a float, two whole numbers and a label."""
    sizes = {name: one.shape for name, one in stored_shapes(pairs()).items()}
    assert sizes == {'real': (8, 8, 3), 'label': (), 'source': (4, 4, 1), 'point': (1,), 'words': (2,)}
    monkeypatch.setitem(load.SETS, 'pairs', lambda: pairs())
    size = 12 * (192 + 16 + 4 + 8 + 4) / 1e6
    assert load.load({'name': 'pairs', 'on_device_max_mb': size}).placement == 'held'
    assert load.load({'name': 'pairs', 'on_device_max_mb': size - 1e-6}).placement == 'streamed'


def test_num_and_split_keep_pairs(monkeypatch) -> None:
    monkeypatch.setitem(load.SETS, 'pairs', lambda: pairs(40))
    for more in (
        {'num': 9},
        {'split': 'train'},
        {'split': 'test'},
        {'split': 'train', 'num': 20, 'on_device_max_mb': 0},
    ):
        source = load.load({'name': 'pairs', **more})
        raw = images.whole(source)
        index = raw['real'][:, 0, 0, 0]
        np.testing.assert_array_equal(raw['point'][:, 0], index)
        np.testing.assert_array_equal(raw['label'], index % 3)
        assert len(index) == source.size and raw['source'].shape == (source.size, 4, 4, 1)


# Real pairs


def test_openmoji_comes_in_pairs() -> None:
    source = load.load({'name': 'openmoji', 'size': 64, 'style': 'color', 'source': 'line'})
    color, line = (openmoji.openmoji(size=64, style=style, drop_duplicates=False).arrays for style in openmoji.STYLES)
    places = openmoji.indices(source='line')
    assert source.size == len(places) == 1617 and source.spec.fields['source'].shape == (64, 64, 1)
    np.testing.assert_array_equal(source.arrays['real'], color['real'][places])
    np.testing.assert_array_equal(source.arrays['source'], line['real'][places])
    np.testing.assert_array_equal(source.arrays['label'], color['label'][places])
    assert source.arrays['source'].min((1, 2, 3)).max() < 255  # none is blank
    other = load.load({'name': 'openmoji', 'style': 'line', 'source': 'color', 'size': 16})
    assert other.size == 1580 and other.spec.fields['source'].shape == (16, 16, 3)
    assert load.load({'name': 'openmoji', 'source': 'line', 'drop_duplicates': False}).size == 1644
    assert load.load({'name': 'openmoji'}).digest != load.load({'name': 'openmoji', 'source': 'line'}).digest
    for wrong, says in (('color', 'data.source=color is data.style itself'), ('lines', "did you mean 'line'")):
        with pytest.raises(UserError, match=says):
            load.load({'name': 'openmoji', 'source': wrong})


def test_splits_of_pairs_are_disjoint() -> None:
    parts = {split: openmoji.indices(split=split, source='line') for split in openmoji.SPLITS}
    np.testing.assert_array_equal(np.sort(np.concatenate([parts['train'], parts['test']])), parts['all'])
