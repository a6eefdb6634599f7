"""Held-out examples: `load.split` is where they come from, for every set."""

import numpy as np
import pytest
from PIL import Image

from gans.data import images, load
from gans.data.images import image_set
from gans.data.part import take_split
from gans.errors import UserError


@pytest.fixture
def album(tmp_path) -> dict:
    """A folder of 80 pictures in classes of 60, 19 and 1, whose first value is their number."""
    for n in range(80):
        place = tmp_path / ('cats' if n < 60 else 'dogs' if n < 79 else 'rare')
        place.mkdir(exist_ok=True)
        Image.new('RGB', (4, 4), (n, 0, 0)).save(place / f'{n:02d}.png')
    return {'name': f'folder:{tmp_path}', 'size': 4, 'cache': f'{tmp_path}.cache'}


def numbers(source) -> list[int]:
    return images.whole(source)['real'][:, 0, 0, 0].tolist()


def test_a_folder_holds_an_eighth_out_in_which_classes_keep_their_shares(album, caplog) -> None:
    train, test = ({**album, 'split': 'train'}, {**album, 'split': 'test'})
    seen, held_out, whole = (load.load(config) for config in (train, test, album))
    assert (seen.size, held_out.size, whole.size) == (70, 10, 80)
    assert sorted(numbers(seen) + numbers(held_out)) == numbers(whole) == list(range(80))
    assert np.bincount(seen.arrays['label'], minlength=3)[2] == 1  # training has all classes
    shares = np.bincount(held_out.arrays['label'], minlength=3)
    assert abs(shares[0] - 7.5) <= 1 and abs(shares[1] - 2.4) <= 1
    assert len({seen.digest, held_out.digest, whole.digest}) == 3
    assert load.split(train, 'test').digest == held_out.digest and load.split(train, 'train').digest == seen.digest
    assert not [record for record in caplog.records if 'has seen' in record.getMessage()]
    streamed = load.load({**train, 'on_device_max_mb': 0})
    assert streamed.placement == 'streamed' and numbers(streamed) == numbers(seen) and streamed.digest == seen.digest


def test_training_that_has_seen_what_is_held_out_is_told_once(album, caplog) -> None:
    load._warn.cache_clear()
    for _ in range(2):
        test = load.split(album, 'test')
    assert test.size == 10 and load.trained_on_test(album, test)
    lines = [record.getMessage() for record in caplog.records if 'has seen' in record.getMessage()]
    assert lines == [f"'{album['name']}': training has seen the test split; data.split=train keeps it out"]
    assert not load.trained_on_test({**album, 'split': 'train'}, test)


def test_num_is_of_what_is_trained_on(album) -> None:
    config = {**album, 'split': 'train', 'num': 40}
    assert load.load(config).size == 40 and load.split(config, 'train').size == 40
    test = load.split(config, 'test')
    assert test.size == 10 and not set(numbers(test)) & set(numbers(load.load(config)))
    with pytest.raises(UserError, match=r'data\.num=71, but this set has 70 examples'):
        load.load({**config, 'num': 71})


def test_what_is_held_out_does_not_hang_on_the_order_of_a_folder() -> None:
    """Eight classes that come in turn: every eighth image would be all of one class."""
    pixels = np.arange(160, dtype=np.uint8).repeat(4).reshape(160, 2, 2, 1)
    source = image_set(pixels, np.arange(160) % 8, tuple('abcdefgh'))
    train, test = (images.hold(take_split(source, which)) for which in ('train', 'test'))
    assert (train.size, test.size) == (140, 20)
    assert np.ptp(np.bincount(test.arrays['label'], minlength=8)) <= 1
    assert sorted(numbers(train) + numbers(test)) == list(range(160))
    unlabeled = images.hold(take_split(image_set(pixels), 'test'))
    assert unlabeled.size == 20 and abs(np.mean(numbers(unlabeled)) - 80) < 40


def test_sets_with_splits_of_their_own_use_them() -> None:
    test = load.split({'name': 'digits'}, 'test')
    whole = load.load({'name': 'digits'}).arrays
    np.testing.assert_array_equal(test.arrays['real'], whole['real'][7::8])
    assert load.split({'name': 'digits', 'num': 1000, 'flip': True}, 'test').size == 224
    assert load.split({'name': 'digits', 'num': 1000}, 'train').size == 1000
    assert load.split_of({'name': 'fashion_mnist'}) == 'train' == load.split_of({'name': 'stacked', 'split': None})
    assert load.split_of({'name': 'stacked', 'of': 'digits'}) == 'all' == load.split_of({'name': 'ring'})


def test_stacks_of_held_out_digits_are_of_held_out_digits() -> None:
    single = {image.tobytes() for image in load.load({'name': 'digits', 'split': 'test'}).arrays['real'][..., 0]}
    stacks = load.split({'name': 'stacked', 'of': 'digits', 'num': 50}, 'test').arrays['real']
    assert all(stack[..., channel].tobytes() in single for stack in stacks for channel in range(3))


def test_a_drawn_set_is_its_own_split(caplog) -> None:
    test = load.split({'name': 'ring', 'flip': False}, 'test')
    assert test.placement == 'drawn' and test.spec == load.load({'name': 'ring'}).spec
    assert 'has seen' not in caplog.text
    with pytest.raises(UserError, match=r"unknown data\.split 'tset'; did you mean 'test'"):
        load.load({'name': 'ring', 'split': 'tset'})


def test_each_part_of_a_joined_set_is_split(album, caplog) -> None:
    load._warn.cache_clear()
    config = {
        'name': 'joined',
        'a': {**album, 'flip': True, 'split': 'train'},
        'b': {'name': 'digits'},
        'on_device_max_mb': 0,
    }
    test = load.split(config, 'test')
    assert {name: part.size for name, part in test.parts.items()} == {'a': 10, 'b': 224}
    assert test.placement == 'streamed' and load.trained_on_test(config, test)
    assert "'joined': training has seen the test split; data.PART.split=train keeps it out" in caplog.text
    config['b'] = {'name': 'digits', 'split': 'train'}
    assert not load.trained_on_test(config, test)
    assert {name: part.size for name, part in load.split(config, 'train').parts.items()} == {'a': 70, 'b': 1573}


def test_one_example_cannot_be_split() -> None:
    with pytest.raises(UserError, match='one example only'):
        take_split(image_set(np.zeros((1, 2, 2, 1), np.uint8)), 'train')
    parts = [take_split(image_set(np.zeros((2, 2, 2, 1), np.uint8)), which).size for which in ('train', 'test')]
    assert parts == [1, 1]
