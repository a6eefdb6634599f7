"""Joined sets: parts of their own size and order, in configs, placement, digests and stamps."""

import gan_ring8
import jax
import numpy as np
import pytest
from several import drawn, pairs, whole_numbers

from gans import configs, ranges
from gans.data import feed, images, load
from gans.data.joined import joined
from gans.errors import UserError
from gans.metrics import protocol
from gans.training.setup import setup

KEY = jax.random.key(3)
PARTS = {'a': {'name': 'openmoji', 'style': 'line', 'size': 16, 'num': 40}, 'b': {'name': 'digits', 'num': 30}}
JOINED = {'name': 'joined', **PARTS}


def numbered(num: int):
    return images.image_set(np.arange(num, dtype=np.uint8)[:, None, None, None])


def test_fields_are_called_by_their_parts() -> None:
    source = joined(b=pairs(5), a=numbered(3))
    assert list(source.parts) == ['a', 'b'] and list(source.fields) == ['a', 'b', 'b_source', 'b_point', 'b_words']
    assert source.spec.shape == (1, 1, 1) and source.spec.fields['b'].classes == ('a', 'b', 'c')
    assert source.size == 5 and source.placement == 'held'
    shapes = {name: x.shape[1:] for name, x in feed.shapes(source, 2).items()}
    own = {'b': (8, 8, 3), 'b_label': (), 'b_source': (4, 4, 1), 'b_point': (1,), 'b_words': (2,)}
    assert shapes == {'a': (1, 1, 1), **own}
    assert 'real' not in feed.examples(source, 4, KEY)


def test_each_part_visits_each_of_its_examples_once_an_epoch() -> None:
    """5 and 3 examples, 15 at a time: three epochs of one part, five of the other, each in an order of its own."""
    source = joined(a=numbered(5), b=numbered(3), c=numbered(5))
    fetch = jax.jit(lambda step: feed.fetch(source, feed.held_arrays(source), KEY, step, repeats=1, batch=15))
    for step in range(3):
        batch = {name: whole_numbers(array)[0].ravel() for name, array in fetch(step).items()}
        for name, size in (('a', 5), ('b', 3), ('c', 5)):
            np.testing.assert_array_equal(
                np.sort(batch[name].reshape(-1, size), 1), np.tile(np.arange(size), (15 // size, 1))
            )
        assert (batch['a'] != batch['c']).any()
    examples = feed.examples(source, 5, KEY)
    assert sorted(whole_numbers(examples['a']).ravel()) == list(range(5))


def test_a_part_knows_nothing_of_the_others() -> None:
    two, three = joined(a=pairs(9), b=numbered(4)), joined(a=pairs(9), b=numbered(6), aa=drawn())
    size = {'repeats': 1, 'batch': 8}
    one, other = (feed.fetch(some, feed.held_arrays(some), KEY, 2, **size) for some in (two, three))
    for name in ('a', 'a_label', 'a_source'):
        np.testing.assert_array_equal(one[name], other[name])


def test_it_is_loaded_from_nested_sections() -> None:
    source = load.load(JOINED)
    assert {name: part.size for name, part in source.parts.items()} == {'a': 40, 'b': 30} and source.size == 40
    flips = load.load({'name': 'joined', 'a': {**PARTS['a'], 'flip': True, 'random_crop': 8}, 'b': PARTS['b']})
    assert flips.spec.fields['a'].shape == (8, 8, 1) and flips.parts['b'].augment is None
    assert flips.digest == source.digest
    # what lies on the device is decided for all together
    sizes = {'a': 40 * (16 * 16 + 4), 'b': 30 * (64 + 4)}
    together = sum(sizes.values()) / 1e6
    for mb, placement in ((together, 'held'), (together - 1e-6, 'streamed')):
        found = load.load({**JOINED, 'on_device_max_mb': mb})
        assert {part.placement for part in found.parts.values()} == {found.placement} == {placement}
        assert found.digest == source.digest
    others = [{'a': {**PARTS['a'], 'num': 39}}, {'b': {**PARTS['b'], 'size': 4}}, {'c': {'name': 'ring'}}]
    assert len({source.digest, *(load.load({**JOINED, **other}).digest for other in others)}) == 4
    assert load.load({'name': 'joined', 'a': {'name': 'ring'}, 'b': {'name': 'grid'}}).digest is None


@pytest.mark.parametrize(
    ('change', 'says'),
    [
        ({'b': None}, 'at least two parts, not 1'),
        ({'b': {'name': 'digit'}}, "data.b: unknown data.name 'digit'; did you mean 'digits'"),
        ({'b': {'size': 4}}, 'data.b has no name'),
        ({'b': {'name': 'joined'}}, 'data.b.name=joined'),
        (
            {'b': {'name': 'digits', 'sise': 4}},
            "data.b: unknown key of the data set 'digits' 'sise'; did you mean 'size'",
        ),
        ({'b': {'name': 'digits', 'on_device_max_mb': 4.0}}, 'data.b.on_device_max_mb is of the whole set'),
        ({'b': {'name': 'ring', 'flip': True}}, 'data.b: data.flip is set'),
        ({'b': {'name': 'digits', 'random_crop': 9}}, 'data.b: data.random_crop=9'),
        ({'b': {'name': 'digits', 'num': 1798}}, 'data.b: data.num=1,798'),
        ({'a_label': {'name': 'ring'}}, "two fields would be called 'a_label'"),
        ({'flip': True}, 'data.flip=True: a joined set has sections'),
        ({'split': 'train'}, "data.split='train': a joined set has sections"),
        ({'num': 3}, 'data.num=3: a joined set has sections'),
    ],
)
def test_mistakes_are_told_in_one_line(change, says) -> None:
    with pytest.raises(UserError) as error:
        load.load({**JOINED, 'flip': False, **change})
    assert says in str(error.value) and '\n' not in str(error.value)


def test_parts_are_held_or_streamed_together() -> None:
    streamed = numbered(3)._replace(arrays=None, read=lambda i: {})
    with pytest.raises(ValueError, match='all parts are held or all are streamed'):
        joined(a=numbered(3), b=streamed)


def test_a_system_for_other_examples_is_refused() -> None:
    config = configs.override(gan_ring8.get_config('smoke'), {'data': {'name': 'joined'}}, 'of a test')
    config = configs.override(config, {'data.a.name': 'ring', 'data.b.name': 'grid'}, 'of a test')
    with pytest.raises(UserError, match="system 'gan' makes examples like 'real', and 'joined' has a, b alone"):
        setup(config, devices=1)


# Configs


def test_sections_are_set_by_dotted_keys() -> None:
    config = configs.override(configs.apply_defaults({'data': JOINED}, 'of a test'), {'data.a.size': 32}, 'of a test')
    assert config.data.a.to_dict() == {**PARTS['a'], 'size': 32} and config.data.b.to_dict() == PARTS['b']
    more = {'data.b.name': 'folder:~/x', 'data.b.flip': True, 'data.c.name': 'ring', 'data.c.sigma': 1}
    config = configs.override(config, more, 'of a test')
    assert config.data.b.name.startswith('folder:/') and config.data.b.flip is True
    assert config.data.c.to_dict() == {'name': 'ring', 'sigma': 1}
    config = configs.override(config, {'data.c': None, 'data.b': {'name': 'digits'}}, 'of a test')
    assert 'c' not in config.data and config.data.b.to_dict() == {'name': 'digits'}  # as a whole, like data itself
    assert configs.type_of(config, 'data.b.flip') is bool and configs.flatten(config)['data.a.size'] == 32
    for key, value, says in (
        ('data.b.flip', 'yes', 'data.b.flip'),
        ('data.a', 3, 'a section'),
        ('data.name.x', 3, 'data.name.x'),
    ):
        with pytest.raises(UserError, match=says):
            configs.override(config, {key: value}, 'of a test')


def test_numbers_of_parts_have_ranges() -> None:
    assert ranges.range_of('data.a.size') == ranges.range_of('data.size') is not None
    config = configs.apply_defaults({'data': {'name': 'joined', 'a': {'name': 'digits', 'size': 0}}}, 'of a test')
    with pytest.raises(UserError, match=r'data\.a\.size=0 must be at least 1'):
        ranges.check(config)


def test_the_stamp_tells_of_each_part() -> None:
    source = load.load(JOINED)
    config = {**JOINED, 'flip': False, 'on_device_max_mb': 3.0, 'a': {**PARTS['a'], 'flip': True, 'split': 'train'}}
    assert protocol.data(config, source) == {
        'data': 'joined a: openmoji num=40 size=16 style=line; b: digits num=30',
        'split': 'a: train; b: all',
        'data hash': source.digest,
    }
    cropped = protocol.data({'name': 'openmoji', 'random_crop': 16, 'source': 'line'}, source)
    assert cropped['data'] == 'openmoji random_crop=16 source=line'
