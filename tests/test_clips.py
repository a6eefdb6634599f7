"""Clips: as they are stored, cropped, drawn, saved, made to move, and measured."""

from functools import partial

import jax
import numpy as np
import pytest
from PIL import Image

from gans import kinds, pictures, plots
from gans.core import Spec
from gans.data import feed, load, moving
from gans.data.base import Source, finish_by_kind
from gans.errors import UserError
from gans.features.load import load as load_features
from gans.features.load import resolve
from gans.metrics import moving as metrics
from gans.metrics.extract import extract
from gans.metrics.measure import measure
from gans.metrics.score import Scorer, better
from gans.ops.pixels import to_uint8
from gans.ops.random import example_keys
from gans.training.save import save_samples

KIND = kinds.KINDS['clips']
SPEC = Spec((4, 6, 8, 3), kind='clips')


place = jax.jit(moving.place, static_argnums=2)


@partial(jax.jit, static_argnums=(0, 1))
def draw_paths(seed, frames):
    return moving.draw_paths(example_keys(jax.random.key(seed), np.arange(64)), frames, 18, 2.5)


def noise(num, shape=SPEC.shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (num, *shape), np.uint8)


def frames_of(path):
    with Image.open(path) as film:
        assert film.info.get('loop') == 0
        found = []
        for i in range(film.n_frames):
            film.seek(i)
            found.append(np.asarray(film.convert('RGB')))
        return np.stack(found), film.info['duration']


# The kind


def test_stored_and_back_mirrored_and_cropped_all_frames_alike():
    clips = noise(2)
    np.testing.assert_array_equal(KIND.store(np.asarray(KIND.finish(clips))), clips)
    np.testing.assert_array_equal(KIND.keep(KIND.finish(clips)), clips)
    flipped = np.asarray(KIND.mirror(clips, np.array([True, False])))
    np.testing.assert_array_equal(flipped, [clips[0, :, :, ::-1], clips[1]])
    cut = np.asarray(KIND.crop(clips, np.array([[0, 4], [1, 2]]), 4))
    np.testing.assert_array_equal(cut, [clips[0, :, :4, 4:], clips[1, :, 1:5, 2:6]])
    images = clips[:, 0]  # of which the same functions are told
    np.testing.assert_array_equal(kinds.KINDS['images'].mirror(images, np.array([True, False])), flipped[:, 0])
    np.testing.assert_array_equal(kinds.KINDS['images'].crop(images, np.array([[0, 4], [1, 2]]), 4), cut[:, 0])


def test_any_set_of_clips_is_cropped_and_mirrored(monkeypatch):
    source = Source(SPEC, finish_by_kind(SPEC), size=6, arrays={'real': noise(6)})
    monkeypatch.setitem(load.SETS, 'noise', lambda: source)
    made = load.load({'name': 'noise', 'random_crop': 4, 'flip': True})
    assert made.spec.shape == (4, 4, 4, 3) and made.spec.kind == 'clips'
    fetch = jax.jit(lambda raw: feed.fetch(made, raw, jax.random.key(0), 0, repeats=1, batch=6)['real'][0])
    batch = fetch(made.arrays)
    order = np.asarray(feed.shuffle(np.arange(6, dtype=np.uint32), 6, np.asarray(feed.shuffle_seed(jax.random.key(0)))))
    for clip, whole in zip(KIND.store(np.asarray(batch)), source.arrays['real'][order], strict=True):
        ways = [whole[:, i : i + 4, j : j + 4][:, :, ::way] for i in range(3) for j in range(5) for way in (1, -1)]
        assert any((clip == way).all() for way in ways)  # one square and one way for all frames


def test_sheets_and_films_of_clips(tmp_path):
    clips = KIND.finish(noise(3, (16, 8, 8, 3)))
    made = KIND.draw(clips, pictures.Caption(), plots.NOTHING)
    assert made.still.shape == (3 * 66 - 2, 8 * 66 - 2, 3) and made.frames.shape == (16, 130, 130, 3)
    stored = KIND.store(clips)
    np.testing.assert_array_equal(made.still[66:130:8, 66:130:8], stored[1, 2])  # a clip per row, every second frame
    np.testing.assert_array_equal(made.frames[5, 66:130:8, :64:8], stored[2, 5])
    assert KIND.draw(clips[:0], pictures.Caption(), plots.Beside(clips[:1])).still.shape == (64, 526, 3)
    named = KIND.draw(clips[:2], pictures.Caption('', ('a', 'b')), plots.NOTHING)
    assert named.still.shape == (pictures.LINE + 64, 8 * 66 - 2, 3)
    pictures.save(tmp_path / 'sheet.png', made)
    np.testing.assert_array_equal(pictures.to_pixels(made), np.asarray(Image.open(tmp_path / 'sheet.png')))
    moved, duration = frames_of(tmp_path / 'sheet.webp')
    np.testing.assert_array_equal(moved, made.frames)
    assert duration == 80
    with pytest.raises(UserError, match='images are made of pixels'):
        pictures.save(tmp_path / 'sheet.svg', made)
    assert KIND.look(clips).shape == (3, 8, 64, 3)


def test_files_of_samples(tmp_path):
    stored = noise(2)
    clips = np.asarray(KIND.finish(stored))
    assert save_samples(tmp_path / 'a.webp', clips[:1], SPEC).endswith('a.webp')
    found, duration = frames_of(tmp_path / 'a.webp')
    np.testing.assert_array_equal(found, stored[0])
    assert duration == 80
    grey, spec = np.asarray(KIND.finish(noise(2, (4, 6, 8, 1)))), SPEC._replace(shape=(4, 6, 8, 1))
    assert save_samples(tmp_path / 'b.gif', grey, spec).endswith('b_000000.gif and so on')
    found, duration = frames_of(tmp_path / 'b_000001.gif')
    np.testing.assert_array_equal(found[..., :1], KIND.store(grey[1]))
    assert duration == 80
    named = spec._replace(classes=('x', 'y'))
    assert save_samples(f'{tmp_path}/all/', grey, named, np.array([1, 0])).startswith('2 clips in')
    assert (tmp_path / 'all' / 'y' / '000000.webp').exists() and (tmp_path / 'all' / 'x' / '000001.webp').exists()
    save_samples(tmp_path / 'a.npz', clips, SPEC)
    np.testing.assert_array_equal(np.load(tmp_path / 'a.npz')['samples'], stored)
    with pytest.raises(UserError, match=r'NAME.webp, NAME.gif or FOLDER/'):
        save_samples('a.mp4', clips, SPEC)


# Moving sprites


def test_sprites_move_straight_ahead_and_bounce_exactly():
    way = np.asarray(draw_paths(1, 40))
    assert way.shape == (64, 40, 2) and way.min() >= 0 and way.max() <= 18
    steps = np.abs(np.diff(way, axis=1))
    speed = steps.max(1)  # along each axis; a step that meets a wall is shorter
    free = (way[:, :-1] > speed[:, None]) & (way[:, :-1] < 18 - speed[:, None])
    np.testing.assert_allclose(
        np.where(free, steps, speed[:, None]), np.broadcast_to(speed[:, None], steps.shape), atol=1e-4
    )
    total = np.linalg.norm(speed, axis=-1)
    assert 0.49 < total.min() < 0.7 and 2.2 < total.max() < 2.51
    assert (~free).any((1, 2)).mean() > 0.8  # of these, most meet a wall
    np.testing.assert_allclose(moving.bounce(np.array([-1.0, 19.0, 37.0, 72.5]), 18), [1, 17, 1, 0.5], atol=1e-5)
    assert (np.asarray(moving.bounce(np.array([-1.0, 3.0]), 0)) == 0).all()


def test_sprites_are_placed_between_pixels():
    ink = np.random.default_rng(0).random((1, 3, 3, 1)).astype(np.float32)
    at = np.array([[[0.0, 0.0], [2.0, 5.0], [1.25, 3.5]]], np.float32)
    found = np.asarray(place(ink, at, 8))[0, ..., 0]
    whole = np.zeros((2, 8, 8))
    whole[0, :3, :3], whole[1, 2:5, 5:] = ink[0, ..., 0], ink[0, ..., 0]
    np.testing.assert_allclose(found[:2], whole, atol=1e-6)
    middle = lambda image: np.array([(image.sum(1 - i) @ np.arange(len(image))) / image.sum() for i in (0, 1)])
    np.testing.assert_allclose(middle(found[2]) - middle(found[0]), [1.25, 3.5], atol=1e-5)
    np.testing.assert_allclose(found.sum((1, 2)), ink.sum(), rtol=1e-5)


def test_moving_digits_are_a_function_of_seed_and_step():
    source = load.load({'name': 'moving_digits', 'frames': 5, 'size': 16})
    assert source.spec.shape == (5, 16, 16, 1) and len(source.spec.classes) == 10 and source.placement == 'drawn'
    fetch = jax.jit(
        lambda step, offset: feed.fetch(source, {}, jax.random.key(3), step, repeats=1, batch=4, offset=offset, local=2)
    )
    here, there = fetch(7, 0), fetch(7, 2)
    assert here['real'].shape == (1, 2, 5, 16, 16, 1) and here['label'].dtype == np.int32
    assert not np.array_equal(here['real'], there['real']) and not np.array_equal(here['real'], fetch(8, 0)['real'])
    np.testing.assert_array_equal(here['real'], fetch(7, 0)['real'])
    assert -1 <= here['real'].min() < -0.99 and 0.2 < here['real'].max() <= 1
    swept = lambda speed, keys: load.load({'name': 'moving_digits', 'speed': speed}).finish({}, keys)
    assert jax.eval_shape(swept, 0.1, jax.random.split(jax.random.key(0), 2))['real'].shape == (2, 16, 32, 32, 1)
    two = load.load({'name': 'moving_digits', 'frames': 2, 'size': 16, 'number': 2})
    assert two.spec.classes == () and set(feed.shapes(two, 1)) == {'real'} and two.sprites is None
    held_out = load.split({'name': 'moving_digits', 'frames': 2, 'size': 16}, 'test')
    assert len(held_out.sprites.ink) == 224 and len(source.sprites.ink) == 1797
    for wrong in ({'frames': 0}, {'number': 1.5}, {'size': 0}, {'split': 'most'}):
        with pytest.raises(UserError, match=f'data.{next(iter(wrong))}'):
            load.load({'name': 'moving_digits', **wrong})


def test_moving_emoji_are_dark_on_white_and_read_as_what_they_are():
    source = load.load({'name': 'moving_emoji', 'frames': 6, 'split': 'test'})
    assert source.spec.shape == (6, 32, 32, 3) and source.spec.classes[0] == 'smileys-emotion'
    assert source.sprites.ink.shape == (202, 14, 14, 3)
    batch = feed.examples(source, 32, feed.fixed_key())
    clips = to_uint8(batch['real'])
    assert (np.median(clips, (1, 2, 3)) == 255).all() and (clips.min((2, 3, 4)) < 200).all()
    seen = metrics.read(clips, source.sprites)
    assert (seen.label == batch['label'][:, None]).mean() > 0.95
    assert metrics.statistics(clips, source.sprites)['path_kept'] > 0.95


# Measures


def test_features_of_clips_are_means_and_deviations_of_their_frames():
    clips = noise(3, (4, 8, 8, 1))
    extractor = load_features('frames_pixels', Spec((4, 8, 8, 1), kind='clips'))
    assert extractor.title == 'FD (pixels, mean and std over frames)' and extractor.kind == 'clips'
    found = extract(extractor, clips).features
    flat = clips.reshape(3, 4, 64) / 255
    np.testing.assert_allclose(found, np.concatenate([flat.mean(1), flat.std(1)], 1), atol=1e-5)
    with pytest.raises(UserError, match="features 'pixels' do not support clips: use frames_pixels or frames_eff"):
        resolve('pixels', SPEC)
    with pytest.raises(UserError, match="features 'frames_pixels' do not support images"):
        resolve('frames_pixels', Spec((8, 8, 3)))
    assert resolve('auto', SPEC).startswith('frames_')


def test_content_distance():
    still = noise(6, (1, 8, 8, 1)).repeat(4, 1)
    extractor = load_features('frames_pixels', Spec((4, 8, 8, 1), kind='clips'))
    found = measure(extract(extractor, noise(6, (4, 8, 8, 1), 1)), extract(extractor, still), extractor)
    assert found['fd_frames_pixels'].value > 1
    assert found['acd_color'].value == 0 and found['acd_features'].value < 1e-5
    clips = np.zeros((1, 4, 8, 8, 1), np.uint8)
    clips[0, 0] = 255  # of 6 pairs 3 differ, by 1 in color and by 8 in 64 features
    found = measure(extract(extractor, still), extract(extractor, clips.repeat(2, 0)), extractor)
    assert found['acd_color'].value == pytest.approx(0.5)
    assert found['acd_features'].value == pytest.approx(8 * np.sqrt(0.5), rel=1e-5)


@pytest.fixture(scope='module')
def digits():
    """Of some moving digits the sprites, clips as they are stored, labels, and places of their upper left corners."""
    source, ways = load.load({'name': 'moving_digits'}), draw_paths(5, 16)
    chosen = np.arange(64) * 28
    clips = to_uint8(2 * np.asarray(place(source.sprites.ink[chosen] / np.float32(255), ways, 32)) - 1)
    return source.sprites, clips, source.sprites.labels[chosen], np.asarray(ways)


def test_what_is_read_of_real_clips_is_what_was_drawn(digits):
    sprites, clips, labels, ways = digits
    seen = metrics.read(clips, sprites)
    assert (seen.label == labels[:, None]).mean() == 1 and np.abs(seen.corner - ways).max() < 0.3
    assert np.abs(seen.corner - ways).mean() < 0.03
    found = metrics.statistics(clips, sprites)
    assert all(found[name] == 1 for name in ('identity_kept', 'identity_frames', 'path_kept', 'bounces_right'))
    truth = np.linalg.norm(np.abs(np.diff(ways, axis=1)).max(1), axis=1).mean()
    assert found['speed'] == pytest.approx(truth, abs=0.02)
    assert found['path_error'] < 0.05 and found['speed_error'] < 0.04
    light = metrics.statistics(255 - clips, sprites._replace(white=True))
    assert light == found
    hazy = np.clip(clips + np.random.default_rng(0).normal(0, 15, clips.shape), 0, 255).astype(np.uint8)
    found = metrics.statistics(hazy, sprites)
    assert found['identity_kept'] > 0.95 and found['path_kept'] > 0.95


def test_what_is_wrong_with_clips_is_seen(digits):
    sprites, clips, *_ = digits
    of = lambda clips: metrics.statistics(clips, sprites)
    others = of(np.concatenate([clips[:, :8], np.roll(clips, 1, 0)[:, 8:]], 1))  # which jump, too
    assert others['identity_kept'] < 0.2 and others['path_kept'] == 0 and others['path_error'] > 1
    still = of(clips[:, :1].repeat(16, 1))
    assert still['identity_kept'] == 1 and still['path_kept'] == 0 and still['speed'] < 0.01
    jerky = of(clips[:, [0, 0, 2, 2, 4, 4, 6, 6, 8, 8, 10, 10, 12, 12, 14, 14]])
    assert jerky['identity_kept'] == 1 and jerky['path_kept'] < 0.7 and jerky['speed_error'] > 0.5
    there_and_back = of(np.concatenate([clips[:, :8], clips[:, 7::-1]], 1))  # it turns where no wall is
    assert there_and_back['path_kept'] < 0.2 and there_and_back['bounces_right'] < 0.9
    empty = of(np.zeros_like(clips))
    assert empty['identity_kept'] == empty['identity_frames'] == empty['path_kept'] == 0
    assert all(np.isfinite(list(found.values())).all() for found in (others, still, jerky, there_and_back, empty))


def test_moving_sets_are_measured_by_what_is_known_of_them(digits):
    _, clips, *_ = digits
    source = load.load({'name': 'moving_digits'})
    extractor = load_features('frames_pixels', source.spec)
    seen = extract(extractor, clips)
    found = measure(seen, seen, extractor, source.known)
    assert found['fd_frames_pixels'].value < 1e-3 and found['path_kept'].value == 1
    assert 'path_kept' not in measure(seen, seen, extractor)
    scorer = Scorer(source, kinds.KINDS['clips'].finish(clips), 32, None)
    assert scorer.floor['eval/identity_kept'] == 1 == scorer(KIND.finish(clips[:32]))['eval/path_kept']
    assert scorer.stamps({})['eval/path_kept'] == {'fake': 32}
    assert better('eval/identity_kept') == 'higher' and better('eval/path_error') == 'lower'
