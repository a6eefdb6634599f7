"""data.num: a random part of a set that keeps its classes."""

import logging

import numpy as np
import pytest
from PIL import Image

from gans.data import load
from gans.data.part import choose
from gans.errors import UserError


def test_each_class_keeps_its_share_and_has_one_at_least() -> None:
    labels = np.repeat([0, 1, 2], [30, 3, 1])
    taken = [np.bincount(labels[choose(34, num, labels)], minlength=3).tolist() for num in (1, 2, 3, 20, 34)]
    assert [sum(counts) for counts in taken] == [1, 2, 3, 20, 34]
    assert sum(count > 0 for count in taken[1]) == 2
    assert taken[2:] == [[1, 1, 1], [17, 2, 1], [30, 3, 1]]
    even = np.arange(1000) % 10
    assert np.bincount(even[choose(1000, 250, even)]).tolist() == [25] * 10


@pytest.mark.parametrize('labels', [None, np.arange(1000) % 7, np.repeat([3, -1], 500)])
def test_a_part_is_random_ascending_and_lies_in_larger_ones(labels) -> None:
    small, large = choose(1000, 100, labels), choose(1000, 400, labels)
    assert len(set(small)) == 100 and (np.diff(small) > 0).all() and set(small) < set(large)
    assert abs(small.mean() - 500) < 100 and abs(np.diff(small).std() - 10) < 3  # as spread as chance would have it
    np.testing.assert_array_equal(small, choose(1000, 100, labels))


def test_the_order_of_names_or_classes_does_not_matter() -> None:
    """Sorted by class, brightness or anything else, a part is like the whole."""
    values = np.sort(np.random.default_rng(0).normal(size=2000))
    for labels in (None, np.arange(2000) // 500):
        part = values[choose(2000, 500, labels)]
        assert abs(part.mean()) < 0.1 and abs(part.std() - 1) < 0.1


def test_parts_of_sets(caplog) -> None:
    whole = load.load({'name': 'digits'})
    part = load.load({'name': 'digits', 'num': 100})
    assert part.size == len(part.arrays['real']) == 100 and part.arrays['label'].dtype == np.int32
    assert np.bincount(part.arrays['label']).min() >= 9
    pictures = [image.tobytes() for image in whole.arrays['real']]
    places = [pictures.index(image.tobytes()) for image in part.arrays['real']]
    np.testing.assert_array_equal(whole.arrays['label'][places], part.arrays['label'])
    streamed = load.load({'name': 'digits', 'num': 100, 'on_device_max_mb': 0})
    np.testing.assert_array_equal(streamed.read(np.array([7, 3], np.uint32))['real'], part.arrays['real'][[7, 3]])
    assert streamed.digest == part.digest != whole.digest
    assert load.load({'name': 'digits', 'num': 1797}).digest == whole.digest
    assert caplog.text == ''
    for num in (0, 1798):
        with pytest.raises(UserError, match='1,797 examples'):
            load.load({'name': 'digits', 'num': num})


def test_empty_classes_are_named(tmp_path, caplog) -> None:
    for name, count in (('cats', 30), ('dogs', 3), ('rare', 1)):
        (tmp_path / name).mkdir()
        for n in range(count):
            Image.new('RGB', (8, 8), (n, count, 0)).save(tmp_path / name / f'{n}.png')
    config = {'name': f'folder:{tmp_path}', 'size': 8, 'num': 20}
    source = load.load(config)
    assert np.bincount(source.arrays['label']).tolist() == [17, 2, 1] and caplog.text == ''
    load.load({**config, 'num': 2})
    assert f"'folder:{tmp_path}' has no example of 1 of its 3 classes: " in caplog.text
    caplog.clear()
    load.load({'name': 'stacked', 'of': 'digits', 'num': 100})
    assert "'stacked' has no example of 906 of its 1,000 classes: 000, 001, 002, 003, 004, ..." in caplog.text
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        load.load({'name': 'digits', 'without': 3})  # as asked
    assert caplog.text == ''
