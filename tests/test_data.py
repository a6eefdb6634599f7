"""Data: sets, their finishing, and batches as functions of (seed, step)."""

import gzip
import hashlib
import io
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from gans.core import Spec
from gans.data import feed, idx, images, load, openmoji, toys
from gans.data.base import Source, digest_of, finish_by_kind
from gans.data.transforms import flip
from gans.errors import UserError

KEY = jax.random.key(3)


def seeds(num: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 2**32, (num, 2), dtype=np.uint32)


def tiny(num: int = 10, size: int = 4, channels: int = 3) -> Source:
    """Images whose first value is their index, and labels that equal it."""
    pixels = np.random.default_rng(0).integers(0, 256, (num, size, size, channels), dtype=np.uint8)
    pixels[:, 0, 0, 0] = np.arange(num)
    return images.image_set(pixels, np.arange(num), [str(n) for n in range(num)])


def streamed(source: Source) -> Source:
    arrays = source.arrays
    return source._replace(arrays=None, read=lambda i: {name: array[i] for name, array in arrays.items()})


# The order of examples


@pytest.mark.parametrize('size', [1, 2, 3, 10, 16, 17, 1797, 60000])
def test_each_epoch_visits_every_example_once(size) -> None:
    order = feed.shuffle(np.arange(3 * size, dtype=np.uint32), size, seeds(1)[0]).reshape(3, size)
    assert order.dtype == np.uint32
    np.testing.assert_array_equal(np.sort(order), np.tile(np.arange(size), (3, 1)))
    if size >= 10:
        assert (order[0] != order[1]).mean() > 0.5 and (order[1] != order[2]).mean() > 0.5


@pytest.mark.parametrize('size', [1, 10, 1797, 60000])
def test_the_order_is_the_same_on_host_and_device_for_any_seed(size) -> None:
    places = np.uint32(2**32 - 600) + np.arange(500, dtype=np.uint32)
    host = np.stack([feed.shuffle(places, size, seed) for seed in seeds(3)])
    device = jax.jit(jax.vmap(lambda seed: feed.shuffle(jnp.asarray(places), size, seed)))(seeds(3))
    np.testing.assert_array_equal(host, device)


@pytest.mark.parametrize('size', [3, 10, 64, 100])
def test_every_example_is_as_likely_at_every_place(size) -> None:
    runs = 3000
    order = np.stack([feed.shuffle(np.arange(size, dtype=np.uint32), size, seed) for seed in seeds(runs)])
    counts = np.stack([np.bincount(order[:, place], minlength=size) for place in range(size)])
    chi2 = ((counts - runs / size) ** 2 / (runs / size)).sum(1) / (size - 1)
    assert chi2.mean() < 1.5 and chi2.max() < 4
    distance = np.bincount((order[:, 1].astype(int) - order[:, 0]) % size, minlength=size)[1:]  # of neighbors
    expected = runs / (size - 1)
    assert ((distance - expected) ** 2 / expected).sum() < (size - 2) + 5 * np.sqrt(2 * (size - 2))


def test_neighbors_in_the_order_are_unrelated() -> None:
    size = 60000
    for seed in seeds(5):
        order = feed.shuffle(np.arange(2 * size, dtype=np.uint32), size, seed).astype(float)
        for lag in (1, 2, 8, 64, size):
            assert abs(np.corrcoef(order[:-lag], order[lag:])[0, 1]) < 5 / np.sqrt(size)
        assert abs(np.abs(np.diff(order)).mean() / size - 1 / 3) < 0.01


def test_small_sets_come_in_every_order() -> None:
    orders = {tuple(feed.shuffle(np.arange(4, dtype=np.uint32), 4, seed)) for seed in seeds(1000)}
    assert len(orders) == 24


# Batches


def test_positions_count_examples_over_steps_repeats_and_devices() -> None:
    assert feed.positions(0, 2, 3).tolist() == [[0, 1, 2], [3, 4, 5]]
    assert feed.positions(1, 2, 4, 2, 2).tolist() == [[10, 11], [14, 15]]
    traced = jax.jit(lambda step, offset: feed.positions(step, 2, 4, offset, 2))(1, 2)
    np.testing.assert_array_equal(traced, feed.positions(1, 2, 4, 2, 2))
    assert traced.dtype == jnp.uint32


def test_a_batch_is_the_same_held_or_streamed_and_on_any_number_of_devices() -> None:
    source = flip(tiny())
    size = {'repeats': 2, 'batch': 6}

    @jax.jit
    def held(raw, step):
        return feed.fetch(source, raw, KEY, step, **size)

    @jax.jit
    def parts(raw, step):
        one = lambda part: feed.fetch(source, raw, KEY, step, **size, offset=2 * part, local=2)
        return jax.vmap(one)(jnp.arange(3))

    host = streamed(source)
    whole = jax.jit(lambda raw, step: feed.fetch(host, raw, KEY, step, **size))
    last = jax.jit(lambda raw, step: feed.fetch(host, raw, KEY, step, **size, offset=4, local=2))
    items = zip(
        feed.stream(host, KEY, 2, 5, **size), feed.stream(host, KEY, 2, 5, **size, offset=4, local=2), strict=True
    )
    seen = 0
    for step, (raw, raw_last) in enumerate(items, start=2):
        batch = held(source.arrays, step)
        assert batch['real'].shape == (2, 6, 4, 4, 3) and batch['label'].shape == (2, 6)
        assert batch['real'].dtype == jnp.float32 and batch['label'].dtype == jnp.int32
        assert isinstance(raw['real'], np.ndarray) and raw['real'].dtype == np.uint8
        pieces = parts(source.arrays, step)
        for name in batch:
            np.testing.assert_array_equal(batch[name], whole(raw, step)[name])
            np.testing.assert_array_equal(batch[name][:, 4:], last(raw_last, step)[name])
            np.testing.assert_array_equal(batch[name], jnp.concatenate(list(pieces[name]), 1))
        seen += 1
    assert seen == 3


@pytest.mark.parametrize('threads', [0, 3])
def test_a_stream_may_start_anywhere_and_passes_errors_on(threads) -> None:
    source = streamed(tiny())
    options = {'repeats': 1, 'batch': 4, 'threads': threads}
    late = next(feed.stream(source, KEY, 7, 9, **options))
    np.testing.assert_array_equal(late['label'], list(feed.stream(source, KEY, 0, 8, **options))[7]['label'])

    def broken(indices):
        raise UserError('the disk is gone')

    with pytest.raises(UserError, match='disk'):
        next(feed.stream(source._replace(read=broken), KEY, 0, 2, **options))


def test_an_epoch_of_batches_sees_each_example_once() -> None:
    source = tiny(12)
    fetch = jax.jit(lambda step: feed.fetch(source, source.arrays, KEY, step, repeats=2, batch=3))
    labels = np.ravel([fetch(step)['label'] for step in range(4)])
    np.testing.assert_array_equal(np.sort(labels.reshape(2, 12)), np.tile(np.arange(12), (2, 1)))
    assert (labels[:12] != labels[12:]).any()


def test_batches_map_over_keys_and_steps() -> None:
    source = tiny()
    fetch = lambda key, step: feed.fetch(source, source.arrays, key, step, repeats=1, batch=4)
    keys, steps = jax.random.split(KEY, 3), jnp.array([0, 5, 9])
    many = jax.jit(jax.vmap(fetch))(keys, steps)
    for n in range(3):
        np.testing.assert_array_equal(many['label'][n], fetch(keys[n], steps[n])['label'])


def test_examples_are_distinct_finished_and_never_flipped() -> None:
    source = flip(tiny())
    real = feed.examples(source, 25, KEY)
    assert real['real'].shape == (25, 4, 4, 3) and real['real'].dtype == np.float32
    np.testing.assert_array_equal(np.sort(real['label'][:10]), np.arange(10))
    np.testing.assert_array_equal(np.sort(real['label'][10:20]), np.arange(10))
    pixels = (real['real'] + 1) * 127.5
    np.testing.assert_allclose(pixels, source.arrays['real'][real['label']], atol=1e-4)
    again = feed.examples(streamed(source), 25, KEY)
    np.testing.assert_array_equal(real['real'], again['real'])
    assert (feed.examples(source, 25, jax.random.key(4))['label'] != real['label']).any()
    assert feed.examples(toys.ring(), 1500, KEY)['real'].shape == (1500, 2)


def test_half_of_the_images_are_flipped() -> None:
    source = tiny()
    flipping = flip(source)
    options = {'repeats': 1, 'batch': 400}
    plain = feed.fetch(source, source.arrays, KEY, 0, **options)['real'][0]
    mirrored = feed.fetch(flipping, source.arrays, KEY, 0, **options)['real'][0]
    flipped = (mirrored != plain).any((1, 2, 3))
    np.testing.assert_array_equal(mirrored, jnp.where(flipped[:, None, None, None], plain[:, :, ::-1], plain))
    assert 150 < flipped.sum() < 250


def test_images_are_finished_to_minus_one_and_one() -> None:
    raw = {'real': np.array([0, 255], np.uint8).reshape(2, 1, 1, 1)}
    np.testing.assert_array_equal(finish_by_kind(Spec((1, 1, 1)))(raw, None)['real'].ravel(), [-1, 1])


# Toys


def draw(source: Source, num: int = 16384) -> np.ndarray:
    return feed.examples(source, num, KEY)['real']


def test_toys_have_their_moments() -> None:
    line = draw(toys.gaussian1d())
    assert line.shape == (16384, 1) and line.dtype == np.float32
    assert abs(line.mean() - 4) < 0.04 and abs(line.std() - 1.25) < 0.03
    roll = draw(toys.swiss_roll(noise=0.0))
    radius, angle = np.hypot(*roll.T) * 7.5, np.arctan2(roll[:, 1], roll[:, 0])
    assert radius.min() >= 1.5 * np.pi - 1e-3 and radius.max() <= 4.5 * np.pi + 1e-3
    np.testing.assert_allclose(np.cos(radius - angle), 1, atol=1e-4)
    assert (draw(toys.dirac(), 5) == 0).all()


@pytest.mark.parametrize(
    ('source', 'modes'),
    [(toys.ring(), 8), (toys.ring(modes=3, sigma=0.1), 3), (toys.grid(), 25), (toys.grid(side=4), 16)],
)
def test_mixtures_tell_the_truth_about_their_modes(source, modes) -> None:
    real, (centers, sigma) = draw(source), source.modes
    assert centers.shape == (modes, 2) and np.abs(centers.mean(0)).max() < 1e-6
    distance = np.linalg.norm(real[:, None] - centers, axis=-1)
    counts = np.bincount(distance.argmin(1), minlength=modes)
    assert (abs(counts / 16384 * modes - 1) < 0.15).all()
    assert abs((real - centers[distance.argmin(1)]).std() / sigma - 1) < 0.02


def test_the_ring_is_closed_without_a_repeated_point() -> None:
    centers = toys.ring(modes=5, radius=3.0).modes.centers
    gaps = np.linalg.norm(centers - np.roll(centers, 1, 0), axis=1)
    np.testing.assert_allclose(gaps, gaps[0], rtol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(centers, axis=1), 3, rtol=1e-6)


def test_toys_may_have_labels() -> None:
    source = toys.grid(side=3, labels=True)
    real = feed.examples(source, 100, KEY)
    assert len(source.spec.classes) == 9 and real['label'].dtype == np.int32
    assert np.abs(real['real'] - source.modes.centers[real['label']]).max() < 0.3


def test_numbers_of_toys_may_be_traced() -> None:
    def batch(sigma, radius):
        return feed.fetch(load.load({'name': 'ring', 'sigma': sigma, 'radius': radius}), {}, KEY, 0, repeats=1, batch=8)

    many = jax.jit(jax.vmap(batch))(jnp.array([0.1, 0.2]), jnp.array([1.0, 2.0]))['real']
    np.testing.assert_allclose(many[1], 2 * many[0], rtol=1e-5)
    np.testing.assert_allclose(many[0], batch(0.1, 1.0)['real'], rtol=1e-5)


# Loading by name


def test_load_takes_a_config_and_leaves_out_none() -> None:
    ml_collections = pytest.importorskip('ml_collections')
    config = ml_collections.ConfigDict({'name': 'ring', 'modes': 4, 'flip': False, 'on_device_max_mb': 10.0})
    with config.unlocked():
        config.radius = None
    assert load.load(config).modes.centers.shape == (4, 2)


@pytest.mark.parametrize(
    ('config', 'says'),
    [
        ({'name': 'rinq'}, "did you mean 'ring'"),
        ({}, 'unknown data.name'),
        ({'name': 'tfds'}, 'tfds:NAME'),
        ({'name': 'ring', 'sigmas': 1.0}, "did you mean 'sigma'.*radius"),
        ({'name': 'ring', 'modes': 0}, 'data.modes is 0'),
        ({'name': 'grid', 'side': 2.5}, 'data.side is 2.5'),
        ({'name': 'ring', 'flip': True}, 'data.flip'),
        ({'name': 'openmoji', 'size': 33}, 'data.size is 33'),
        ({'name': 'openmoji', 'style': 'colour'}, "did you mean 'color'"),
        ({'name': 'openmoji', 'split': 'trian'}, "did you mean 'train'"),
        ({'name': 'fashion_mnist', 'split': 'valid'}, 'data.split'),
        ({'name': 'fashion_mnist', 'folder': '/nowhere'}, "data.folder '/nowhere'"),
        ({'name': 'digits', 'size': 0}, 'data.size is 0'),
        ({'name': 'folder:/nowhere'}, "no folder '/nowhere'"),
        ({'name': 'folder:/nowhere', 'channels': 2}, 'data.channels is 2'),
        ({'name': 'tfds:no_such_set'}, "TFDS has no set 'no_such_set'"),
    ],
)
def test_mistakes_are_told_in_one_line(config, says) -> None:
    with pytest.raises(UserError, match=says) as error:
        load.load(config)
    assert '\n' not in str(error.value)


def test_large_sets_are_streamed() -> None:
    held, large = (load.load({'name': 'digits', 'on_device_max_mb': mb}) for mb in (1, 0.1))
    assert held.arrays is not None and held.read is None
    assert large.arrays is None and large.size == held.size
    np.testing.assert_array_equal(large.read(np.array([5, 3]))['real'], held.arrays['real'][[5, 3]])


def test_the_digest_tells_which_examples_a_set_has() -> None:
    """Not by where they lie or how they are seen; a drawn set, whose numbers may be traced, has none."""
    whole = load.load({'name': 'digits'}).digest
    assert re.fullmatch('[0-9a-f]{16}', whole)
    for same in ({'on_device_max_mb': 0.01}, {'flip': True}):
        assert load.load({'name': 'digits', **same}).digest == whole
    others = [{'num': 20}, {'num': 21}, {'without': 3}, {'size': 4}]
    assert len({whole, *(load.load({'name': 'digits', **other}).digest for other in others)}) == 5
    assert load.load({'name': 'ring'}).digest is None


def test_the_digest_is_of_order_labels_and_shape_too() -> None:
    pixels, labels = np.arange(48, dtype=np.uint8).reshape(4, 2, 2, 3), np.array([0, 0, 1, 1], np.int32)
    held = {'real': pixels, 'label': labels}
    changes = [
        held,
        {'real': pixels[::-1], 'label': labels},
        {'real': pixels, 'label': labels[::-1]},
        {'real': pixels},
        {'real': pixels.reshape(4, 2, 6, 1), 'label': labels},
    ]
    assert len({digest_of(change) for change in changes}) == 5
    copies = {name: array.copy() for name, array in reversed(held.items())}
    assert digest_of(copies) == digest_of(held, {'real': hashlib.sha256(pixels).hexdigest()}) == digest_of(held)


def test_importing_and_loading_need_no_heavy_package() -> None:
    program = (
        'import sys, gans.data.feed, gans.data.load as load\n'
        "load.load(dict(name='ring'))\n"
        "heavy = {'PIL', 'grain', 'sklearn', 'tensorflow', 'tensorflow_datasets', 'array_record'} & set(sys.modules)\n"
        'import jax\n'
        'assert not heavy, heavy\n'
        'assert not jax._src.xla_bridge._backends, "a device was touched"\n'
    )
    subprocess.run([sys.executable, '-c', program], check=True)


# Image sets that come with the code or the machine


@pytest.mark.parametrize(('style', 'channels', 'size'), [('color', 3, 16), ('color', 3, 64), ('line', 1, 32)])
def test_openmoji(style, channels, size) -> None:
    source = load.load({'name': 'openmoji', 'size': size, 'style': style})
    real, label = source.arrays['real'], source.arrays['label']
    assert real.shape[1:] == source.spec.shape == (size, size, channels) and real.dtype == np.uint8
    assert source.size == len(real) == len(label) == {'color': 1618, 'line': 1580}[style]
    assert np.bincount(label).min() >= 80 and len(source.spec.classes) == label.max() + 1 == 8
    assert (real[:, 0, 0] > 250).mean() > 0.85  # the background is white
    if size == 64:
        assert len(np.unique(real.reshape(len(real), -1)[:, ::7], axis=0)) == len(real)


def test_openmoji_styles_and_captions_are_aligned() -> None:
    color = openmoji.openmoji(size=64, drop_duplicates=False).arrays
    line = openmoji.openmoji(size=64, style='line', drop_duplicates=False).arrays
    assert len(color['real']) == len(line['real']) == len(openmoji.table()) == 1644
    np.testing.assert_array_equal(color['label'], line['label'])
    same = (color['real'] == line['real']).all((1, 2, 3)).sum()
    assert same == 63
    ink = line['real'][..., 0] < 64  # where lines are, the color drawing is dark too
    assert (color['real'][ink].mean(-1) < 64).mean() > 0.95
    first = openmoji.table()[0]
    assert first['annotation'] == 'grinning face' and first['hexcode'] == '1F600' and 'smile' in first['tags']
    assert len({emoji['subgroups'] for emoji in openmoji.table()}) == 95


def test_digits_splits_are_disjoint() -> None:
    whole, train, test = (load.load({'name': 'digits', 'split': split}) for split in ('all', 'train', 'test'))
    assert (whole.size, train.size, test.size) == (1797, 1573, 224)
    assert (test.arrays['real'] == whole.arrays['real'][7::8]).all()
    assert sorted(np.concatenate([train.arrays['label'], test.arrays['label']])) == sorted(whole.arrays['label'])
    with pytest.raises(UserError, match=r"unknown data\.split 'trian'; did you mean 'train'"):
        load.load({'name': 'digits', 'split': 'trian'})


def test_openmoji_splits_are_disjoint() -> None:
    parts = {split: openmoji.indices(split=split) for split in openmoji.SPLITS}
    np.testing.assert_array_equal(np.sort(np.concatenate([parts['train'], parts['test']])), parts['all'])
    assert len(parts['test']) == 202
    source = openmoji.openmoji(split='test')
    assert source.size == 202


def test_shrinking_takes_the_mean_of_blocks() -> None:
    block = np.array([[0, 255], [255, 255]], np.uint8).reshape(1, 2, 2, 1)
    assert openmoji.shrunk(block, 2).ravel() == [191]


def test_the_licence_lies_beside_the_atlas() -> None:
    text = (Path(openmoji.__file__).parent / 'openmoji_atlas' / 'LICENSE').read_text()
    assert 'https://creativecommons.org/licenses/by-sa/4.0/' in text and 'All emojis designed by OpenMoji' in text


@pytest.mark.skipif(not any(Path(place).is_dir() for place in idx.DEBIAN), reason='dataset-fashion-mnist not installed')
@pytest.mark.parametrize(('split', 'num'), [('train', 60000), ('test', 10000)])
def test_fashion_mnist_of_debian(split, num) -> None:
    source = load.load({'name': 'fashion_mnist', 'split': split})
    assert source.spec.shape == (28, 28, 1) and source.size == num
    assert (np.bincount(source.arrays['label']) == num // 10).all()
    assert 70 < source.arrays['real'].mean() < 75


def write_idx(path: Path, array: np.ndarray) -> None:
    data = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, '>u4').tobytes() + array.tobytes()
    path.write_bytes(gzip.compress(data) if path.suffix == '.gz' else data)


def test_idx_files_plain_gzipped_padded_and_resampled(tmp_path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (6, 28, 28), dtype=np.uint8)
    labels = np.arange(6, dtype=np.uint8)
    write_idx(tmp_path / 'train-images-idx3-ubyte', pixels)
    write_idx(tmp_path / 'train-labels-idx1-ubyte.gz', labels)
    config = {'name': 'mnist', 'folder': str(tmp_path)}
    arrays = load.load(config).arrays
    np.testing.assert_array_equal(arrays['real'][..., 0], pixels)
    np.testing.assert_array_equal(arrays['label'], labels)
    assert arrays['label'].dtype == np.int32
    padded = load.load({**config, 'size': 32}).arrays['real']
    np.testing.assert_array_equal(padded[:, 2:-2, 2:-2, 0], pixels)
    assert padded.shape == (6, 32, 32, 1) and padded.sum() == pixels.sum()
    assert load.load({**config, 'size': 14}).arrays['real'].shape == (6, 14, 14, 1)
    with pytest.raises(UserError, match='t10k-images'):
        load.load({**config, 'split': 'test'})


def test_a_class_is_left_out_of_idx_files(tmp_path) -> None:
    """By name or number; the others keep their places and labels, in both splits."""
    pixels, labels = np.arange(24, dtype=np.uint8).reshape(6, 2, 2), np.array([9, 5, 0, 5, 1, 9], np.uint8)
    for split in ('train', 't10k'):
        write_idx(tmp_path / f'{split}-images-idx3-ubyte', pixels)
        write_idx(tmp_path / f'{split}-labels-idx1-ubyte', labels)
    for name, without in (
        ('fashion_mnist', 'sandal'),
        ('fashion_mnist', 5),
        ('fashion_mnist', '5'),
        ('mnist', '5'),
        ('mnist', 5),
    ):
        for split in ('train', 'test'):
            options = {'name': name, 'folder': str(tmp_path), 'size': 2, 'split': split}
            source = load.load({**options, 'without': without})
            assert source.size == 4 and source.arrays['label'].tolist() == [9, 0, 1, 9]
            np.testing.assert_array_equal(source.arrays['real'][..., 0], pixels[[0, 2, 4, 5]])
            whole = load.load({**options, 'without': None})
            assert whole.size == 6 and source.spec == whole.spec
    for wrong, said in (
        ('sandals', "unknown data.without 'sandals'; did you mean 'sandal'"),
        (10, "data.without '10'"),
    ):
        with pytest.raises(UserError, match=said):
            load.load({'name': 'fashion_mnist', 'folder': str(tmp_path), 'size': 2, 'without': wrong})


@pytest.mark.parametrize('damage', [lambda data: data[:-5], lambda data: b'PNG' + data, lambda data: data[:3]])
def test_broken_idx_files_are_named(tmp_path, damage) -> None:
    write_idx(tmp_path / 'train-labels-idx1-ubyte', np.zeros(2, np.uint8))
    path = tmp_path / 'train-images-idx3-ubyte'
    write_idx(path, np.zeros((2, 28, 28), np.uint8))
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(UserError, match='train-images-idx3-ubyte'):
        load.load({'name': 'mnist', 'folder': str(tmp_path)})


def test_digits() -> None:
    pytest.importorskip('sklearn')
    source = load.load({'name': 'digits'})
    real = source.arrays['real']
    assert real.shape == (1797, 8, 8, 1) and real.max() == 255 and len(np.unique(real)) == 17
    assert load.load({'name': 'digits', 'size': 16}).spec.shape == (16, 16, 1)


# Sets of TFDS


def write_tfds(
    root: Path, pictures: list[np.ndarray], shape: list[int], labels: Sequence[int] = (0, 1, 0, 1, 0, 1, 0)
) -> None:
    """A set 'tiny_pictures' as TFDS would prepare it, written without TensorFlow."""
    from array_record.python.array_record_module import ArrayRecordWriter
    from tensorflow_datasets.proto import tf_example_pb2

    place = root / 'tiny_pictures' / '1.0.0'
    place.mkdir(parents=True)
    writer = ArrayRecordWriter(str(place / 'tiny_pictures-train.array_record-00000-of-00001'), 'group_size:1')
    for picture, label in zip(pictures, labels, strict=False):
        file = io.BytesIO()
        Image.fromarray(picture).save(file, 'PNG')
        example = tf_example_pb2.Example()
        example.features.feature['image'].bytes_list.value.append(file.getvalue())
        example.features.feature['label'].int64_list.value.append(label)
        writer.write(example.SerializeToString())
    writer.close()
    feature = 'tensorflow_datasets.core.features'
    image = {'shape': {'dimensions': [str(n) for n in shape]}, 'dtype': 'uint8', 'encodingFormat': 'png'}
    features = {
        'image': {'pythonClassName': f'{feature}.image_feature.Image', 'image': image},
        'label': {'pythonClassName': f'{feature}.class_label_feature.ClassLabel', 'classLabel': {'numClasses': '2'}},
    }
    tree = {'pythonClassName': f'{feature}.features_dict.FeaturesDict', 'featuresDict': {'features': features}}
    (place / 'features.json').write_text(json.dumps(tree))
    (place / 'label.labels.txt').write_text('cat\ndog\n')
    split = {
        'name': 'train',
        'numBytes': '1000',
        'shardLengths': [str(len(pictures))],
        'filepathTemplate': '{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}',
    }
    info = {'name': 'tiny_pictures', 'version': '1.0.0', 'fileFormat': 'array_record', 'splits': [split]}
    (place / 'dataset_info.json').write_text(json.dumps(info))


@pytest.fixture
def pictures() -> list[np.ndarray]:
    return list(np.random.default_rng(0).integers(0, 256, (7, 12, 12, 3), dtype=np.uint8))


def test_tfds_is_read_without_tensorflow(tmp_path, pictures, capfd) -> None:
    pytest.importorskip('tensorflow_datasets')
    write_tfds(tmp_path, pictures, [12, 12, 3])
    config = {'name': 'tfds:tiny_pictures', 'data_dir': str(tmp_path)}
    source = load.load(config)
    assert source.spec.shape == (12, 12, 3) and source.spec.classes == ('cat', 'dog') and source.size == 7
    np.testing.assert_array_equal(source.arrays['real'], pictures)
    np.testing.assert_array_equal(source.arrays['label'], [0, 1, 0, 1, 0, 1, 0])
    large = load.load({**config, 'on_device_max_mb': 0.001})
    np.testing.assert_array_equal(large.read(np.array([3, 1], np.uint32))['real'], [pictures[3], pictures[1]])
    assert large.digest == source.digest  # held or streamed
    assert load.load({**config, 'size': 6}).digest != source.digest
    assert load.load({**config, 'split': 'train[:3]', 'size': 6, 'crop': 8}).arrays['real'].shape == (3, 6, 6, 3)
    cropped = load.load({**config, 'crop': 4}).arrays['real']
    np.testing.assert_array_equal(cropped, np.stack(pictures)[:, 4:8, 4:8])
    for part in ('valid', 'train[:0]'):
        with pytest.raises(UserError, match=r'data\.split'):
            load.load({**config, 'split': part})
    assert 'tensorflow' not in sys.modules
    assert capfd.readouterr().err == ''


def test_the_digest_of_tfds_follows_from_the_pictures(tmp_path, pictures) -> None:
    """Of one name, version and size: the same wherever they lie, another if one picture is another."""
    pytest.importorskip('tensorflow_datasets')
    others = [pictures[0] // 2, *pictures[1:]]
    for place, some in (('a', pictures), ('b', pictures), ('c', others)):
        write_tfds(tmp_path / place, some, [12, 12, 3])
    sets = [{'name': 'tfds:tiny_pictures', 'data_dir': str(tmp_path / place)} for place in 'abc']
    a, b, c = (load.load(config).digest for config in sets)
    assert a == b != c


def test_a_part_of_tfds_keeps_its_classes(tmp_path, pictures, caplog) -> None:
    """Streamed or held, though its records lie by class."""
    pytest.importorskip('tensorflow_datasets')
    write_tfds(tmp_path, pictures, [12, 12, 3], [0, 0, 0, 0, 0, 0, 1])
    config = {'name': 'tfds:tiny_pictures', 'data_dir': str(tmp_path), 'num': 3}
    held, large = load.load(config), load.load({**config, 'on_device_max_mb': 0})
    np.testing.assert_array_equal(held.arrays['label'], [0, 0, 1])
    np.testing.assert_array_equal(held.arrays['real'], large.read(np.arange(3))['real'])
    assert held.digest == large.digest and caplog.text == ''
    load.load({**config, 'num': None, 'split': 'train[:3]'})
    assert 'has no example of 1 of its 2 classes: dog' in caplog.text


def test_tfds_of_many_sizes_wants_a_size(tmp_path) -> None:
    pytest.importorskip('tensorflow_datasets')
    rng = np.random.default_rng(0)
    various = [rng.integers(0, 256, (8 + n, 10, 3), dtype=np.uint8) for n in range(3)]
    write_tfds(tmp_path, various, [-1, -1, 3])
    config = {'name': 'tfds:tiny_pictures', 'data_dir': str(tmp_path)}
    with pytest.raises(UserError, match=r'set data\.size'):
        load.load(config)
    assert load.load({**config, 'size': 8}).arrays['real'].shape == (3, 8, 8, 3)


def test_missing_sets_of_tfds_say_how_to_get_them(tmp_path) -> None:
    pytest.importorskip('tensorflow_datasets')
    for name in ('cifar10', 'celeb_a', 'mnist'):
        with pytest.raises(UserError, match=f'tfds build {name}'):
            if name == 'mnist':
                load.load({'name': 'tfds:mnist', 'data_dir': str(tmp_path)})
            else:
                load.load({'name': name, 'data_dir': str(tmp_path)})


def test_images_are_resampled_without_aliasing() -> None:
    stripes = np.tile(np.array([0, 255], np.uint8), (64, 32))
    small = images.square(Image.fromarray(stripes), 8, 1)
    assert small.shape == (8, 8, 1) and abs(small.astype(int) - 127).max() <= 16


def test_openmoji_by_group():
    faces, cats = (load.load({'name': 'openmoji', 'group': group}) for group in ('smileys-emotion', 'cat-face'))
    assert faces.size == 171 and cats.size == 9
    assert set(faces.arrays['label']) == {faces.spec.classes.index('smileys-emotion')}
    pictures = {image.tobytes() for image in faces.arrays['real']}
    assert all(image.tobytes() in pictures for image in cats.arrays['real'])
    with pytest.raises(UserError, match="did you mean 'smileys-emotion'"):
        load.load({'name': 'openmoji', 'group': 'smiley-emotion'})
