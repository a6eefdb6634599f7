"""Folders of pictures: what is read, what is left out, and what is said of that."""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gans.data import decoded, folder, load
from gans.errors import UserError


def picture(path: Path, seed: int = 0, side: int = 8, **options) -> Path:
    """A file with a picture of noise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, **options)
    return path


@pytest.fixture
def said(caplog):
    """Loads a folder's set; gives it and the lines of the log."""

    def loaded(root: Path, **options):
        caplog.clear()
        source = load.load({'name': f'folder:{root}', 'size': 8, 'cache': f'{root}.cache', **options})
        return source, [record.getMessage() for record in caplog.records]

    return loaded


# Images of every kind


@pytest.fixture
def albums(tmp_path) -> dict:
    """A folder of pictures of every kind in two sub-folders, and the config to load it."""
    root = tmp_path / 'albums'
    (root / 'a' / 'deep').mkdir(parents=True)
    (root / 'b').mkdir()
    red = Image.new('RGB', (30, 20), 'red')
    red.save(root / 'a' / '0.png')
    red.convert('CMYK').save(root / 'a' / '1.JPG')
    red.convert('P').save(root / 'a' / 'deep' / '2.png')
    Image.new('RGBA', (16, 16), (255, 0, 0, 0)).save(root / 'b' / '3.png')
    Image.fromarray(np.full((9, 9), 0x8000, np.uint16)).save(root / 'b' / '4.png')
    Image.new('L', (8, 8), 100).save(root / 'b' / '5.tif')
    Image.new('1', (8, 8), 1).save(root / 'b' / '6.webp', lossless=True)
    (root / 'b' / '.hidden.png').write_bytes(b'')
    (root / 'b' / 'notes.txt').write_text('no image')
    (root / 'b' / 'up').symlink_to(root)
    (root / 'b' / 'gone.png').symlink_to(root / 'nothing.png')
    return {'name': f'folder:{root}', 'size': 8, 'cache': str(tmp_path / 'cache')}


def test_folder_reads_every_kind_of_image(albums) -> None:
    source = load.load(albums)
    real = source.arrays['real']
    assert real.shape == (7, 8, 8, 3) and source.spec.classes == ('a', 'b')
    np.testing.assert_array_equal(source.arrays['label'], [0, 0, 0, 1, 1, 1, 1])
    for n in (0, 1, 2):
        np.testing.assert_allclose(real[n], np.broadcast_to([255, 0, 0], (8, 8, 3)), atol=3)
    for n, grey in ((3, 255), (4, 128), (5, 100), (6, 255)):
        assert (real[n] == grey).all()
    assert load.load({**albums, 'channels': 1}).arrays['real'].shape == (7, 8, 8, 1)


def test_folder_keeps_decoded_images_until_a_file_changes(albums, monkeypatch) -> None:
    first = load.load(albums).arrays['real']
    with monkeypatch.context() as patch:
        patch.setattr(decoded, '_decode', lambda *args: pytest.fail('decoded again'))
        np.testing.assert_array_equal(load.load(albums).arrays['real'], first)
        large = load.load({**albums, 'on_device_max_mb': 0})
        np.testing.assert_array_equal(large.read(np.array([4, 2], np.uint32))['real'], first[[4, 2]])
    root = Path(albums['name'].partition(':')[2])
    Image.new('RGB', (5, 5), 'blue').save(root / 'a' / '0.png')
    assert (load.load(albums).arrays['real'][0] == [0, 0, 255]).all()
    assert not list(Path(albums['cache']).glob('making-*'))


def test_folder_works_without_a_cache(albums, tmp_path, caplog) -> None:
    (tmp_path / 'file').write_text('in the way')
    source = load.load({**albums, 'cache': str(tmp_path / 'file')})
    assert source.size == 7 and 'decoding into memory' in caplog.text


def test_broken_images_are_named_and_left_out(albums, caplog) -> None:
    root = Path(albums['name'].partition(':')[2])
    whole = (root / 'a' / '0.png').read_bytes()
    (root / 'a' / 'cut.png').write_bytes(whole[: len(whole) // 2])
    (root / 'b' / '00.jpg').write_text('no image')
    with caplog.at_level(logging.WARNING):
        source = load.load(albums)
    assert 'cut.png' in caplog.text and '00.jpg' in caplog.text
    assert source.size == 7
    np.testing.assert_array_equal(source.arrays['label'], [0, 0, 0, 1, 1, 1, 1])
    np.testing.assert_array_equal(load.load(albums).arrays['label'], source.arrays['label'])  # from the cache
    with pytest.raises(UserError, match=r'cut\.png|00\.jpg'):
        load.load({**albums, 'strict': True})


def test_folders_without_images_are_mistakes(tmp_path) -> None:
    config = {'name': f'folder:{tmp_path}', 'cache': str(tmp_path / 'cache')}
    with pytest.raises(UserError, match='no image lies in'):
        load.load(config)
    (tmp_path / 'x.png').write_text('no image')
    with pytest.raises(UserError, match='can be read'):
        load.load(config)
    assert not list((tmp_path / 'cache').iterdir())


def test_folder_turns_images_upright_and_takes_their_center(tmp_path) -> None:
    picture = np.zeros((4, 8, 3), np.uint8)
    picture[:, 2:4] = 255  # the left half of the central square
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    Image.fromarray(picture).save(tmp_path / 'x.png', exif=exif)
    real = folder.folder(str(tmp_path), size=4, cache=str(tmp_path / 'cache')).arrays['real'][0]
    assert (real[:, 2:] == 255).all() and (real[:, :2] == 0).all()


# What is a picture


def test_what_pillow_reads_is_read_and_the_rest_is_counted_by_suffix(tmp_path, said) -> None:
    root = tmp_path / 'mixed'
    kinds = {'png': 'PNG', 'jfif': 'JPEG', 'JPE': 'JPEG', 'jp2': 'JPEG2000', 'tga': 'TGA', 'ico': 'ICO', 'pcx': 'PCX'}
    kinds |= {'avif': 'AVIF'} if '.avif' in Image.registered_extensions() else {}
    for kind, format in kinds.items():
        picture(root / f'x.{kind}', format=format)
    for name in ('a.txt', 'b.txt', 'Thumbs.db', 'README', 'drawing.eps', 'film.mpg', 'page.PDF', 'sky.fits', '.x.png'):
        (root / name).write_bytes(b'nothing')
    picture(root / '__MACOSX' / 'y.png')
    picture(root / '.thumbnails' / 'z.png')
    (root / 'gone.png').symlink_to(root / 'nowhere.png')
    source, lines = said(root)
    assert source.size == len(kinds) >= 7
    told = '3 hidden, 2 .txt, 1 .db, 1 .eps, 1 .fits, 1 .mpg, 1 .pdf, 1 broken links, 1 without a suffix'
    assert lines == [f"left out of '{root}': {told}"]
    assert said(root)[1] == lines


def test_nothing_is_said_where_nothing_is_left_out(tmp_path, said) -> None:
    picture(tmp_path / 'x' / '0.png')
    assert said(tmp_path / 'x')[1] == []


def test_many_kinds_of_files_are_told_in_short(tmp_path, said) -> None:
    picture(tmp_path / 'x' / '0.png')
    for n in range(100):
        (tmp_path / 'x' / f'frame.{n:04}').write_bytes(b'')
    assert said(tmp_path / 'x')[1][0].endswith('1 .0008, 1 .0009, 90 others')


def test_a_folder_that_cannot_be_entered_is_named(tmp_path, said, monkeypatch) -> None:
    picture(tmp_path / 'x' / '0.png')
    (tmp_path / 'x' / 'locked').mkdir()
    scandir = os.scandir

    def locked(path):
        if str(path).endswith('locked'):
            raise PermissionError(13, 'Permission denied', str(path))
        return scandir(path)

    monkeypatch.setattr(os, 'scandir', locked)
    assert said(tmp_path / 'x')[1] == [f"left out '{tmp_path}/x/locked', which cannot be read: Permission denied"]


def test_the_first_of_several_frames_is_taken_and_that_is_said(tmp_path, said) -> None:
    first, *others = (Image.new('RGB', (8, 8), color) for color in ('red', 'green', 'blue'))
    (tmp_path / 'x').mkdir()
    for name, options in (('x.gif', {}), ('x.tif', {}), ('x.png', {}), ('x.webp', {'lossless': True})):
        first.save(tmp_path / 'x' / name, save_all=True, append_images=others, **options)
    for _ in ('decoded', 'from the cache'):
        source, lines = said(tmp_path / 'x')
        assert (source.arrays['real'] == [255, 0, 0]).all()
        assert lines == [f"of 4 images in '{tmp_path}/x' that have several frames, the first is taken"]


# Runs inside a data folder


@pytest.mark.parametrize(
    ('name', 'held'),
    [
        ('config.json', {'system': 'gan', 'data': {}, 'train': {}, 'seed': 0}),
        ('sweep.json', {'name': 'x', 'doc': '', 'command': '', 'seeds': [0], 'rows': []}),
    ],
)
def test_a_work_folder_inside_its_data_folder_is_no_data(name, held, tmp_path, said) -> None:
    root = tmp_path / 'train'
    for n in range(3):
        picture(root / 'cats' / f'{n}.png', n)
        picture(root / 'dogs' / f'{n}.png', 3 + n)
    before = said(root)[0]
    for place in ('runs/W', 'cats/W'):
        (root / place).mkdir(parents=True)
        (root / place / name).write_text(json.dumps(held))
        picture(root / place / 'samples' / 'step_00000004.png')
        picture(root / place / 'anything.png')
    source, lines = said(root)
    assert source.size == 6 and source.digest == before.digest and source.spec.classes == ('cats', 'dogs')
    assert f"left out of '{root}': 4 pictures of runs" in lines


def test_a_data_folder_may_be_the_work_folder(tmp_path, said) -> None:
    root = tmp_path / 'train'
    picture(root / '0.png')
    (root / 'config.json').write_text(json.dumps({'system': 'gan', 'data': {}, 'train': {}}))
    for name in (
        'samples/step_00000004.png',
        'evaluation/x.png',
        'curves.png',
        'strip.png',
        'progress.webp',
        'samples_seed0.png',
        'anomaly_step_08.png',
    ):
        picture(root / name)
    source, lines = said(root)
    assert source.size == 1 and lines == [f"left out of '{root}': 7 of the run that it holds, 1 .json"]


def test_a_config_of_something_else_is_no_run(tmp_path, said) -> None:
    for n, held in enumerate(('{"data": 1}', '[]', 'no JSON')):
        picture(tmp_path / 'x' / str(n) / '0.png')
        (tmp_path / 'x' / str(n) / 'config.json').write_text(held)
    assert said(tmp_path / 'x')[0].size == 3


# What cannot be read


def test_unreadable_files_are_named_from_the_cache_too(tmp_path, said) -> None:
    root = tmp_path / 'broken'
    whole = picture(root / '0.png', side=64).read_bytes()
    (root / 'cut.png').write_bytes(whole[: len(whole) // 2])
    (root / 'page.jpg').write_text('<html>')
    (root / 'empty.png').write_bytes(b'')
    first, again = said(root), said(root)
    assert first[1] == again[1] and first[0].size == again[0].size == 1
    for name in ('cut.png', 'page.jpg', 'empty.png'):
        assert sum(f"left out '{root / name}', which cannot be read: " in line for line in again[1]) == 1
    with pytest.raises(UserError, match=r'cut\.png.*truncated'):
        said(root, strict=True)  # from the cache as well


@pytest.mark.parametrize('name', ['images.uint8', 'report.json'])
def test_a_damaged_cache_is_not_believed(name, tmp_path, said) -> None:
    for n in range(3):
        picture(tmp_path / 'x' / f'{n}.png', n)
    whole = said(tmp_path / 'x')[0]
    pixels = np.array(whole.arrays['real'])
    (path,) = (tmp_path / 'x.cache').glob(f'*/{name}')
    path.write_bytes(path.read_bytes()[:20])
    source, lines = said(tmp_path / 'x')
    np.testing.assert_array_equal(source.arrays['real'], pixels)
    assert source.digest == whole.digest and not lines
    assert path.stat().st_size > 20  # it is kept anew
    path.unlink()
    assert said(tmp_path / 'x')[0].digest == whole.digest


@pytest.mark.parametrize('report', ['[]', '{"frames": 0}', '{"readable": "3"}', 'null'])
def test_a_cache_of_another_version_is_not_believed(report, tmp_path, said) -> None:
    picture(tmp_path / 'x' / '0.png')
    whole = said(tmp_path / 'x')[0]
    (path,) = (tmp_path / 'x.cache').glob('*/report.json')
    path.write_text(report)
    assert said(tmp_path / 'x')[0].digest == whole.digest


def test_a_picture_that_vanishes_after_it_was_listed_is_left_out(tmp_path, said, monkeypatch) -> None:
    picture(tmp_path / 'x' / '0.png')
    listed = folder.pictures_in(tmp_path / 'x')
    listed.names.append(Path('gone.png'))
    monkeypatch.setattr(folder, 'pictures_in', lambda root: listed)
    source, lines = said(tmp_path / 'x')
    assert source.size == 1 and "gone.png', which cannot be read: " in lines[-1]


def test_memory_that_runs_out_makes_no_picture_unreadable(tmp_path, said, monkeypatch) -> None:
    picture(tmp_path / 'x' / '0.png')

    def greedy(*args):
        raise MemoryError

    monkeypatch.setattr(folder, 'eight_bits', greedy)
    with pytest.raises(MemoryError):
        said(tmp_path / 'x')


def test_a_file_replaced_by_one_of_the_same_size_and_date_is_seen(tmp_path, said) -> None:
    path = tmp_path / 'x' / '0.bmp'
    picture(path, 0)
    before, date = said(path.parent)[0], path.stat().st_mtime_ns
    picture(path, 1)
    os.utime(path, ns=(date, date))
    after = said(path.parent)[0]
    assert before.digest != after.digest and (before.arrays['real'] != after.arrays['real']).any()


# Classes


def test_a_class_without_a_readable_picture_is_none_and_is_named(tmp_path, said) -> None:
    root = tmp_path / 'dead'
    for n in range(2):
        picture(root / 'cats' / f'{n}.png', n)
        picture(root / 'dogs' / f'{n}.png', 2 + n)
    (root / 'apes').mkdir()
    (root / 'apes' / 'note.txt').write_text('to come')
    (root / 'mice').mkdir()
    (root / 'mice' / 'broken.png').write_bytes(b'nothing')
    for _ in ('decoded', 'from the cache'):
        source, lines = said(root)
        assert source.spec.classes == ('cats', 'dogs') and source.arrays['label'].tolist() == [0, 0, 1, 1]
        dead = [line for line in lines if 'is no class' in line]
        assert dead == [f"'{root / name}' is no class: no image in it can be read" for name in ('apes', 'mice')]


def test_one_class_that_is_left_is_no_class(tmp_path, said) -> None:
    picture(tmp_path / 'x' / 'cats' / '0.png')
    (tmp_path / 'x' / 'mice').mkdir()
    (tmp_path / 'x' / 'mice' / 'broken.png').write_bytes(b'nothing')
    source, lines = said(tmp_path / 'x')
    assert source.spec.classes == () and list(source.arrays) == ['real'] and 'mice' in lines[-1]


def test_a_broken_picture_beside_the_classes_takes_no_labels_away(tmp_path, said) -> None:
    for name in ('cats', 'dogs'):
        picture(tmp_path / 'x' / name / '0.png')
    (tmp_path / 'x' / 'broken.png').write_bytes(b'nothing')
    assert said(tmp_path / 'x')[0].spec.classes == ('cats', 'dogs')


# Which examples these are


def test_twins_are_told_apart_and_copies_are_not(tmp_path, said) -> None:
    """By pictures and labels, not by the folder's place; from the cache and without one alike."""
    for place, seed in (('A', 1), ('B', 2), ('C', 1)):
        for n in range(3):
            picture(tmp_path / place / 'train' / f'{n}.png', 10 * seed + n)
    a, b, c = (said(tmp_path / place / 'train')[0].digest for place in 'ABC')
    assert a == c != b and said(tmp_path / 'A' / 'train')[0].digest == a
    (tmp_path / 'file').write_text('in the way')
    assert said(tmp_path / 'A' / 'train', cache=str(tmp_path / 'file'))[0].digest == a
    assert said(tmp_path / 'A' / 'train', on_device_max_mb=0)[0].digest == a
    assert said(tmp_path / 'A' / 'train', size=4)[0].digest != a
    for n in range(3):  # the same pictures, in classes
        picture(tmp_path / 'D' / 'train' / f'{n % 2}' / f'{n}.png', 10 + n)
    assert said(tmp_path / 'D' / 'train')[0].digest != a


def test_the_words_of_describe_are_the_same_each_time(tmp_path) -> None:
    """As a user sees them: files that cannot be read are named by each launch."""
    root = tmp_path / 'broken'
    picture(root / '0.png', side=16)
    (root / 'page.jpg').write_text('<html>')
    (root / 'Thumbs.db').write_bytes(b'')
    command = [sys.executable, 'launch.py', '--config=experiments/dcgan_folder128.py:smoke', '--mode=describe']
    command += ['--config.data.size=16', f'--config.data.name=folder:{root}']
    for _ in ('decoded', 'from the cache'):
        run = subprocess.run(command, cwd=Path(__file__).parent.parent, capture_output=True, text=True)
        assert run.returncode == 0, run.stderr
        lines = [line for line in run.stderr.splitlines() if 'left out' in line]
        assert len(lines) == 2 and f"left out of '{root}': 1 .db" in lines[0] and 'page.jpg' in lines[1]
        assert f'folder:{root}: 1 examples' in run.stdout
