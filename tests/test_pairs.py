"""Folders of pairs, and of two domains without pairs."""

from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image

from gans import configs, ranges
from gans.data import feed, load
from gans.errors import UserError
from gans.metrics import protocol

COLORS = {'red': (255, 0, 0), 'green': (0, 255, 0), 'blue': (0, 0, 255)}


def halves(path: Path, a: object = 'red', b: object = 'blue', side: int = 8, height: int | None = None) -> Path:
    """A picture of two plain halves."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.new('RGB', (2 * side, height or side), a)
    image.paste(b, (side, 0, 2 * side, height or side))
    image.save(path)
    return path


def plain(path: Path, color: object = 'red', size: tuple[int, int] = (8, 8), mode: str = 'RGB') -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, color).save(path)
    return path


@pytest.fixture
def said(caplog):
    """Loads a set; gives it and the lines of the log."""

    def loaded(root: Path, family: str = 'paired', **options):
        caplog.clear()
        source = load.load({'name': f'{family}:{root}', 'size': 8, 'cache': f'{root}.cache', **options})
        return source, [record.getMessage() for record in caplog.records]

    return loaded


def colors(source, field: str = 'real') -> list[tuple[int, ...]]:
    """The color of the first pixel of each example."""
    arrays = source.arrays if source.arrays is not None else source.read(np.arange(source.size))
    return [tuple(map(int, image[0, 0])) for image in arrays[field]]


@pytest.fixture
def facades(tmp_path) -> Path:
    """Halves side by side, in train, val and test."""
    root = tmp_path / 'facades'
    for i, shade in enumerate((10, 20, 30)):
        halves(root / 'train' / f'{i}.png', (shade, 0, 0), (0, 0, shade))
    halves(root / 'val' / '0.png', (40, 0, 0), (0, 0, 40))
    halves(root / 'test' / '0.png', (50, 0, 0), (0, 0, 50))
    return root


def test_halves_side_by_side_in_either_direction(facades, said) -> None:
    source, lines = said(facades, source_channels=1)
    assert source.spec.shape == (8, 8, 3) and source.spec.fields['source'].shape == (8, 8, 1) and not lines
    assert colors(source) == [(0, 0, 10), (0, 0, 20), (0, 0, 30)]
    assert colors(source, 'source') == [(3,), (6,), (9,)]  # Pillow's grey of these reds
    back, _ = said(facades, direction='BtoA', channels=1)
    assert back.spec.shape == (8, 8, 1) and colors(back) == [(3,), (6,), (9,)]
    assert colors(back, 'source') == [(0, 0, 10), (0, 0, 20), (0, 0, 30)] and back.digest != source.digest
    assert said(facades, source_channels=1)[0].digest == source.digest  # from the cache


def test_splits_are_the_folders(facades, said) -> None:
    reds = lambda **options: [red for red, _, _ in colors(said(facades, **options)[0], 'source')]
    assert reds(split='test') == [50] and reds(split='all') == [50, 10, 20, 30] and reds(num=1) != []
    (facades / 'test' / '0.png').unlink()
    assert reds(split='test') == [40]  # then val is held out
    for name in ('val', 'test'):
        halves(facades / 'train' / f'{name}.png', (len(name), 0, 0))
        for file in (facades / name).iterdir():
            file.unlink()
    train, test = (set(reds(split=name)) for name in ('train', 'test'))
    assert len(train) == 4 and len(test) == 1 and not train & test  # then an eighth


def test_two_folders_of_equal_names(tmp_path, said) -> None:
    root = tmp_path / 'sketches'
    for i, shade in enumerate((10, 20)):
        plain(root / 'edges' / 'train' / f'{i}.png', (shade, 0, 0))
        plain(root / 'photos' / 'train' / f'{i}.bmp', (0, 0, shade), (16, 16))
    plain(root / 'edges' / 'val' / 'x.png')
    plain(root / 'photos' / 'val' / 'x.png', 'blue')
    source, lines = said(root)
    assert colors(source) == [(0, 0, 10), (0, 0, 20)] and colors(source, 'source') == [(10, 0, 0), (20, 0, 0)]
    assert not lines and colors(said(root, split='test')[0]) == [(0, 0, 255)]


def test_pictures_without_a_partner_are_named_and_left_out(tmp_path, said) -> None:
    root = tmp_path / 'x'
    for name in ('A/1.png', 'A/2.png', 'A/3.png', 'B/2.jpg', 'B/4.png', 'B/.DS_Store.png'):
        plain(root / name)
    source, lines = said(root, split='all')
    assert source.size == 1 and len(lines) == 2
    assert "3 pictures that have no partner of the same name in 'A' or 'B' (A/1.png, A/3.png, B/4.png)" in lines[1]
    with pytest.raises(UserError, match='remove them or leave'):
        said(root, strict=True)


def test_what_is_wrong_with_a_pair_is_told_and_the_others_are_taken(tmp_path, said) -> None:
    root = tmp_path / 'x'
    for i in range(3):
        halves(root / f'{i}.png')
    plain(root / 'half.png')
    (root / 'broken.png').write_bytes((root / '0.png').read_bytes()[:60])
    Image.fromarray(np.full((8, 16), 60_000, np.uint16)).save(root / 'deep.png')
    Image.new('RGBA', (16, 8), (255, 0, 0, 0)).save(root / 'glass.png')  # nothing of it is seen
    halves(root / 'small.png', side=3)
    source, lines = said(root, split='all')
    assert len(lines) == 2 and "broken.png', which cannot be read" in lines[0]
    assert 'it is 8 x 8, where others have two halves side by side: one is missing' in lines[1]
    shades = colors(source)
    assert shades[3:] == [(234, 234, 234), (255, 255, 255), (0, 0, 255)] and source.size == 6  # deep, glass, small
    two = tmp_path / 'two'
    for name in ('A/1.png', 'B/1.png', 'A/2.png'):
        plain(two / name)
    plain(two / 'B/2.png', size=(16, 8))
    source, (line,) = said(two, split='all')
    assert source.size == 1 and 'its halves are 8 x 8 and 16 x 8, which are no pictures of the same' in line


def test_whole_pictures_are_stretched_or_their_centers_taken(tmp_path, said) -> None:
    root = tmp_path / 'x'
    wide = np.zeros((4, 24, 3), np.uint8)
    wide[:, 4:8], wide[:, 12:] = 255, 255  # the middle of the left half is white
    root.mkdir()
    Image.fromarray(wide).save(root / '0.png')
    Image.fromarray(wide).save(root / '1.png')
    read = lambda **options: said(root, size=4, split='all', **options)[0].arrays['source'][0, 0, :, 0]
    np.testing.assert_array_equal(read(fit='crop'), 255)
    stretched = Image.fromarray(wide[:, :12]).resize((4, 4), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(read(), np.asarray(stretched)[0, :, 0])


def test_crops_and_flips_are_the_same_for_both_halves(tmp_path, said) -> None:
    root = tmp_path / 'x'
    root.mkdir()
    for i in range(2):
        half = np.random.default_rng(i).integers(0, 256, (8, 8, 3), np.uint8)
        Image.fromarray(np.concatenate([half, 255 - half], 1)).save(root / f'{i}.png')
    source, _ = said(root, random_crop=4, flip=True, split='all')
    batch = jax.tree.map(lambda x: x[0], feed.fetch(
        source, feed.held_arrays(source), jax.random.key(0), np.int32(0), repeats=1, batch=16
    ))  # fmt: skip
    assert batch['real'].shape == batch['source'].shape == (16, 4, 4, 3)
    np.testing.assert_allclose(batch['real'], -batch['source'], atol=1e-6)
    assert len(np.unique(batch['real'], axis=0)) > 8


@pytest.mark.parametrize('make, options, line', [
    ([], {}, 'no image lies in'),
    (['1.png', 'a/2.png'], {}, 'is no folder of pairs: .* and it has 1: a'),
    (['a/1.png', 'b/1.png', 'c/1.png'], {}, 'it has 3: a, b, c'),
    (['a/1.png', 'b/2.png'], {}, "no picture in '.*a' has the name of one in '.*b'"),
    (['a/1.png', 'a/1.jpg', 'b/1.png'], {}, 'have the same name: which of them'),
    (['test/1.png'], {}, "has no folder 'train' with images"),
    (['1.png'], {'direction': 'AToB'}, "did you mean 'AtoB'"),
    (['1.png'], {'fit': 'strech'}, "did you mean 'stretch'"),
    (['1.png'], {'source_channels': 2}, 'data.source_channels is 2; it must be 3 for RGB or 1 for grey'),
])  # fmt: skip
def test_what_is_no_folder_of_pairs_is_told_in_one_line(make, options, line, tmp_path, said) -> None:
    (tmp_path / 'x').mkdir()
    for name in make:
        halves(tmp_path / 'x' / name)
    with pytest.raises(UserError, match=line):
        said(tmp_path / 'x', **options)
    with pytest.raises(UserError, match="there is no folder '/nowhere'"):
        load.load({'name': 'paired:/nowhere'})
    absent = load.load({'name': 'paired:/nowhere', 'size': 4, 'source_channels': 1}, outlined=True)
    assert absent.spec.fields['source'].shape == (4, 4, 1)


# Domains without pairs.


@pytest.fixture
def horses(tmp_path) -> Path:
    """Three of A and two of B, and one of each held out."""
    root = tmp_path / 'horse2zebra'
    for i, folder in enumerate(('trainA', 'trainA', 'trainA', 'testA')):
        plain(root / folder / f'{i}.png', (10 * i, 0, 0))
    for i, folder in enumerate(('trainB', 'trainB', 'testB')):
        plain(root / folder / f'{i}.png', (0, 0, 10 * i))
    return root


def test_an_unpaired_set_is_a_joined_one(horses, said) -> None:
    source, lines = said(horses, 'unpaired', flip=True, b={'channels': 1})
    assert list(source.parts) == ['a', 'b'] and [part.size for part in source.parts.values()] == [3, 2] and not lines
    assert source.spec.fields['a'].shape == (8, 8, 3) and source.spec.fields['b'].shape == (8, 8, 1)
    assert colors(source.parts['a']) == [(0, 0, 0), (10, 0, 0), (20, 0, 0)]
    data = {'name': f'unpaired:{horses}', 'size': 8, 'cache': f'{horses}.cache'}
    test = load.split(data, 'test')
    assert [colors(part) for part in test.parts.values()] == [[(30, 0, 0)], [(0, 0, 20)]]
    stamp = protocol.data(data, test)
    one = lambda part: f'{part}: unpaired:horse2zebra domain={part} size=8'
    assert stamp['data'] == f'joined {one("a")}; {one("b")}' and stamp['split'] == 'a: train; b: train'
    assert not load.trained_on_test(data, test)
    ranges.check(configs.apply_defaults({'data': data}, 'of a test'))


def test_without_a_test_folder_val_or_an_eighth_is_held_out(horses, said) -> None:
    (horses / 'testA').rename(horses / 'valA')
    assert colors(said(horses, 'unpaired', domain='a', split='test')[0]) == [(30, 0, 0)]
    (horses / 'valA' / '3.png').rename(horses / 'trainA' / '3.png')
    (horses / 'valA').rmdir()
    sizes = [said(horses, 'unpaired', domain='a', split=split)[0].size for split in ('train', 'test', 'all')]
    assert sizes == [3, 1, 4]


@pytest.mark.parametrize('options, line', [
    ({'b': 3}, 'data.b=3: a joined set has sections'),
    ({'domain': 'c'}, "unknown data.domain 'c'"),
    ({'a': {'channel': 1}}, "data.a: unknown key of the data set .*did you mean 'channels'"),
])  # fmt: skip
def test_mistakes_in_an_unpaired_set(options, line, horses, said) -> None:
    with pytest.raises(UserError, match=line):
        said(horses, 'unpaired', **options)
    (horses / 'trainB').rename(horses / 'trainC')
    (horses / 'testB').rename(horses / 'testC')
    with pytest.raises(UserError, match=r"data\.b: there is no folder '.*trainB': unpaired:PATH wants trainA"):
        said(horses, 'unpaired')
