"""Clips of files: films, folders of frames, strips; what is too short, damaged or of several sizes."""

import logging
import sys

import jax
import numpy as np
import pytest
from PIL import Image

from gans import films
from gans.data import clips, feed, load
from gans.data.blank import describe
from gans.errors import UserError
from gans.ops.pixels import to_uint8


def ramp(length, first=0, size=8):
    """A clip of flat frames, each brighter than the one before: [length, size, size, 1]."""
    return np.broadcast_to(
        np.arange(first, first + length, dtype=np.uint8)[:, None, None, None], (length, size, size, 1)
    )


def save_stills(folder, clip, suffix='.png'):
    folder.mkdir(parents=True, exist_ok=True)
    for i, frame in enumerate(clip):
        Image.fromarray(frame[..., 0]).save(folder / f'frame_{i}{suffix}')


@pytest.fixture
def read(tmp_path):
    """Reads the clips in the folder 'set' there."""
    options = {'size': 8, 'channels': 1, 'frames': 4, 'cache': str(tmp_path / 'cache')}
    return lambda **given: load.load({'name': f'clips:{tmp_path}/set', **options, **given})


def raw(source, i):
    """The stored frames of a clip that count."""
    return source.arrays['real'][i, : source.arrays['length'][i], 0, 0, 0].tolist()


def test_films_frames_and_strips_are_read_frame_by_frame(tmp_path, read):
    root = tmp_path / 'set'
    films.save_clip(root / 'a.gif', ramp(6))
    films.save_clip(root / 'b.webp', ramp(7, 20))
    save_stills(root / 'c', ramp(12, 40))  # of which the tenth comes before the second by its letters
    source = read()
    assert source.spec.shape == (4, 8, 8, 1) and source.spec.kind == 'clips' and source.spec.classes == ()
    assert [raw(source, i) for i in range(3)] == [[*range(6)], [*range(20, 27)], [*range(40, 52)]]
    assert [raw(read(length=5), i) for i in range(3)] == [[*range(5)], [*range(20, 25)], [*range(40, 45)]]
    (root / 'strips').mkdir()
    for name, axis in (('wide', 1), ('high', 0)):
        Image.fromarray(np.concatenate(ramp(5)[..., 0], axis)).save(root / 'strips' / f'{name}.png')
    strips = load.load({'name': f'clips:{root}/strips', 'size': 8, 'channels': 1, 'frames': 4, 'strips': True})
    assert [raw(strips, i) for i in range(2)] == [[*range(5)]] * 2
    with pytest.raises(UserError, match=r'its pictures are 40 x 8: if they are strips, set data.strips=True'):
        save_stills(tmp_path / 'set' / 'd', np.zeros((3, 8, 40, 1), np.uint8))
        read(strict=True)
    color = load.load({'name': f'clips:{root}', 'size': 4, 'frames': 4})
    assert color.arrays['real'].shape == (3, 12, 4, 4, 3)


def test_a_part_of_a_clip_is_drawn_by_seed_and_step(tmp_path, read):
    films.save_clip(tmp_path / 'set' / 'a.webp', ramp(20))
    source = read(stride=3)
    key = jax.random.key(2)
    fetch = lambda made, raw, step: jax.jit(
        lambda raw: feed.fetch(made, raw, key, step, repeats=1, batch=64)['real'][0]
    )(raw)
    found = to_uint8(np.asarray(fetch(source, source.arrays, 5)))[..., 0, 0, 0]
    np.testing.assert_array_equal(found, found[:, :1] + [0, 3, 6, 9])
    assert {*found[:, 0].tolist()} == {*range(11)}  # all starts, the first and the last
    np.testing.assert_array_equal(found, to_uint8(np.asarray(fetch(source, source.arrays, 5)))[..., 0, 0, 0])
    streamed = read(stride=3, on_device_max_mb=0)
    assert streamed.placement == 'streamed' and streamed.digest == source.digest != read(stride=2).digest
    raws = next(feed.stream(streamed, key, 5, 6, repeats=1, batch=64, threads=0))
    np.testing.assert_array_equal(to_uint8(np.asarray(fetch(streamed, raws, 5)))[..., 0, 0, 0], found)
    assert describe(source)['batch'] == {'real': [[4, 8, 8, 1], 'float32']}
    shown = to_uint8(feed.examples(source, 8, feed.fixed_key())['real'])
    assert shown.shape == (8, 4, 8, 8, 1)


def test_what_stands_still_for_longer_is_that_many_frames(tmp_path, read):
    """Writers of GIF and WebP make one frame of equal ones."""
    levels = np.array([3, 3, 3, 9, 9, 50])
    for name in ('a.gif', 'b.webp'):
        films.save_clip(tmp_path / 'set' / name, ramp(256)[levels])
    source = read()
    assert [raw(source, i) for i in range(2)] == [levels.tolist()] * 2


def test_sub_folders_are_classes(tmp_path, read):
    for i, name in enumerate(('run/a', 'run/b', 'jump/c')):
        save_stills(tmp_path / 'set' / name, ramp(5, 10 * i))
    films.save_clip(tmp_path / 'set' / 'jump' / 'd.gif', ramp(5, 30))
    source = read()
    assert source.spec.classes == ('jump', 'run') and source.arrays['label'].tolist() == [0, 0, 1, 1]
    assert [raw(source, i)[0] for i in range(4)] == [20, 30, 0, 10]
    parts = [read(split=which) for which in ('train', 'test')]
    assert [part.size for part in parts] == [3, 1]
    save_stills(tmp_path / 'set', ramp(6, 50))  # frames in the folder itself are a clip, of no class
    source = read()
    assert source.spec.classes == () and raw(source, 0) == [*range(50, 56)]


def test_short_and_damaged_clips_are_left_out_in_one_line_each(tmp_path, read, caplog):
    root = tmp_path / 'set'
    films.save_clip(root / 'good.gif', ramp(9))
    films.save_clip(root / 'one.gif', ramp(1))
    save_stills(root / 'two', ramp(2))
    save_stills(root / 'mixed', ramp(4))
    save_stills(root / 'mixed' / '..' / 'mixed', ramp(2, size=4), '.bmp')
    for name in ('cut.gif', 'cut.webp'):
        films.save_clip(root / name, np.random.default_rng(0).integers(0, 256, (9, 8, 8, 3), np.uint8))
        content = (root / name).read_bytes()
        (root / name).write_bytes(content[: len(content) // 2])
    (root / 'no.gif').write_bytes(b'GIF89a no film at all')
    with caplog.at_level(logging.WARNING):
        source = read()
    assert source.size == 1
    said = '\n'.join(record.message for record in caplog.records)
    assert f"left out 2 clips in '{root}' of fewer than 4 frames: the first is 'one.gif' with 1" in said
    assert "mixed', which cannot be read: its frames have 2 sizes: 4 x 4, 8 x 8" in said
    assert "cut.gif', which cannot be read: it is cut off" in said
    assert "cut.webp', which cannot be read" in said and "no.gif', which cannot be read" in said
    with pytest.raises(UserError, match='cannot read'):
        read(strict=True)
    with pytest.raises(UserError, match=r"has the 10 frames .* the longest, 'good.gif', has 9"):
        read(frames=10)
    assert load.load({'name': f'clips:{root}', 'size': 8, 'frames': 1}).size == 3


def test_wrong_arguments_are_one_line(tmp_path):
    of = lambda **given: load.load({'name': f'clips:{tmp_path}/none', **given}, outlined=True)
    assert of().absent.startswith('there is no folder') and of().spec.shape == (16, 64, 64, 3)
    assert describe(of())['batch'] == {'real': [[16, 64, 64, 3], 'float32']}
    with pytest.raises(UserError, match='there is no folder'):
        load.load({'name': f'clips:{tmp_path}/none'})
    with pytest.raises(UserError, match=r'data.length=30 is less than .* raise it to 31'):
        of(stride=2, length=30)
    for wrong in ({'channels': 4}, {'frames': 0}, {'stride': 1.5}, {'length': None, 'size': 0}):
        with pytest.raises(UserError, match=f'data.{list(wrong)[-1]} is'):
            of(**wrong)
    with pytest.raises(UserError, match=r'no image lies in .* or .mp4'):
        (tmp_path / 'none').mkdir()
        of()


def test_videos_need_pyav(tmp_path, read, monkeypatch):
    (tmp_path / 'set').mkdir()
    (tmp_path / 'set' / 'a.mp4').write_bytes(b'no film')
    monkeypatch.setitem(sys.modules, 'av', None)
    with pytest.raises(UserError, match=r"a.mp4' is read by PyAV, which is not here: `pip install -e '.\[video\]'`"):
        read()


def test_videos_are_read(tmp_path, read):
    av = pytest.importorskip('av')
    (tmp_path / 'set').mkdir()
    with av.open(str(tmp_path / 'set' / 'a.mp4'), 'w') as file:
        stream = file.add_stream('mpeg4', rate=25)
        stream.width, stream.height, stream.pix_fmt = 48, 32, 'yuv420p'
        for level in range(0, 240, 24):
            frame = av.VideoFrame.from_ndarray(np.full((32, 48, 3), level, np.uint8), 'rgb24')
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    (tmp_path / 'set' / 'b.mp4').write_bytes(b'no film')
    source = read()
    assert source.size == 1 and np.abs(np.array(raw(source, 0)) - np.arange(0, 240, 24)).max() <= 4
    assert clips.VIDEOS[0] == '.mp4'
