"""--mode=compare: folders and arrays of images or points, and every mistake as one line."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from comparing import emoji, folder, npz, results, smooth, values
from PIL import Image

from gans.data import load as data
from gans.errors import UserError
from gans.evaluation.compare import compare, read

RNG = np.random.default_rng(0)


def test_a_folder_and_an_array_of_the_same_images(tmp_path: Path) -> None:
    out = tmp_path / 'deep' / 'results.json'
    real = folder(tmp_path / 'real', emoji())
    fakes = npz(tmp_path / 'fake.npz', samples=emoji(), labels=np.arange(60))
    table = compare(str(real), fakes, 'pixels', out=str(out))
    found = values(out)
    assert found['fd_pixels'] < 1e-6 and found['precision'] == found['recall'] == found['memorized'] == 1
    assert found['fd_pixels/real'] > 0.1 and 'fd_pixels/untrained' not in found and str(out) in table
    entry = json.loads(out.read_text())[0]
    assert set(entry) == {'metric', 'value', 'protocol'}
    assert entry['protocol']['real'] == entry['protocol']['fake'] == 60 and len(entry['protocol']['real hash']) == 16


def test_grey_images_and_those_in_color_are_compared_in_color(tmp_path: Path) -> None:
    grey = emoji().mean(-1, keepdims=True).astype(np.uint8)
    assert read(str(folder(tmp_path / 'grey', grey))).shape == (60, 16, 16, 1)
    assert read(str(folder(tmp_path / 'mixed' / 'a', grey[:2]).parent)).shape[3] == 1
    folder(tmp_path / 'mixed' / 'b', emoji()[:2])
    assert read(str(tmp_path / 'mixed')).shape == (4, 16, 16, 3)
    out = tmp_path / 'out.json'
    compare(str(tmp_path / 'grey'), npz(tmp_path / 'rgb.npz', a=grey.repeat(3, 3)), 'pixels', out=str(out))
    assert values(out)['fd_pixels'] < 1e-6


def test_other_sizes_are_cropped_on_request(tmp_path: Path) -> None:
    real = folder(tmp_path / 'a', RNG.integers(0, 256, (3, 20, 30, 3), np.uint8), 'webp')
    folder(tmp_path / 'a' / 'b', RNG.integers(0, 256, (3, 12, 12, 3), np.uint8))
    with pytest.raises(UserError, match=r'have 2 sizes \(12 x 12, 30 x 20, ...\): give --size=PIXELS to crop them'):
        read(str(real))
    assert read(str(real), 16).shape == (6, 16, 16, 3)
    array = npz(tmp_path / 'a.npz', x=np.stack([np.asarray(Image.open(real / f'{i}.webp')) for i in range(3)]))
    assert (read(array, 16) == read(str(real), 16)[:3]).all() and read(array).shape == (3, 20, 30, 3)


@pytest.mark.parametrize('size', [1, 2, 3])
def test_few_pixels(size: int, tmp_path: Path) -> None:
    place = npz(tmp_path / 'a.npz', x=smooth(12, 0))
    found = results(place, place, tmp_path, features='pixels', size=size)
    assert ('spectrum_distance' in found, 'ms_ssim' in found) == (size > 1, size > 2)
    assert found['recall']['value'] == 1 and found['fd_pixels']['value'] < 1e-6


@pytest.mark.parametrize('size', [0, -4])
def test_no_pixels(size: int, tmp_path: Path) -> None:
    place = npz(tmp_path / 'a.npz', x=smooth(12, 0))
    with pytest.raises(UserError, match=f'--size={size}: it is a number of pixels, at least 1'):
        compare(place, place, size=size)


def test_columns(tmp_path: Path) -> None:
    place = npz(tmp_path / 'a.npz', x=smooth(12, 0)[:, :, :1])
    found = results(place, place, tmp_path, features='pixels')
    assert not {'spectrum_distance', 'ms_ssim'} & set(found) and found['recall']['value'] == 1


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def damaged(data: bytes) -> bytes:
    """A bit of the pictures is another: the checksum says so."""
    return data[:5000] + bytes([data[5000] ^ 1]) + data[5001:]


def renamed(data: bytes) -> bytes:
    """A .npy file, which is no archive."""
    np.save(file := io.BytesIO(), np.zeros((5, 8, 8, 3), np.uint8))
    return file.getvalue()


@pytest.mark.parametrize('damage', [cut, damaged, renamed, lambda data: b'', lambda data: b'<html>404</html>'])
@pytest.mark.parametrize('save', [np.savez, np.savez_compressed])
def test_a_file_that_is_not_what_it_was(damage, save, tmp_path: Path) -> None:
    path = tmp_path / 'a.npz'
    save(path, samples=RNG.integers(0, 256, (50, 16, 16, 3), np.uint8))
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(UserError, match=r"a\.npz' is no readable \.npz file \(.*write it anew") as caught:
        read(str(path))
    assert '\n' not in str(caught.value)


def test_a_folder_may_be_called_as_an_array_is(tmp_path: Path) -> None:
    place = str(folder(tmp_path / 'a.npz', emoji()))
    assert results(place, place, tmp_path, features='pixels')['recall']['value'] == 1


def test_labels_are_what_conditional_samples_were_asked_for(tmp_path: Path) -> None:
    source = data.load({'name': 'digits'})
    images, labels = source.arrays['real'][:200], source.arrays['label'][:200]
    out, real = tmp_path / 'out.json', npz(tmp_path / 'real.npz', a=images)
    wrong = np.where(np.arange(200) < 50, (labels + 1) % 10, labels)
    compare(real, npz(tmp_path / 'x.npz', samples=images, labels=wrong), 'classifier:digits', out=str(out))
    assert 0.7 < values(out)['accuracy'] <= 0.75
    with pytest.raises(UserError, match=r'has labels int32 \[100\]; wanted: whole numbers \[200\]'):
        compare(real, npz(tmp_path / 'y.npz', samples=images, labels=labels[:100]), 'classifier:digits')
    with pytest.raises(UserError, match=r"has labels 1..10; the classifier's are 0..9"):
        compare(real, npz(tmp_path / 'z.npz', samples=images, labels=labels + 1), 'classifier:digits')
    with pytest.raises(UserError, match=r'p\.npz. is no readable .npz file \(Object arrays'):
        compare(real, npz(tmp_path / 'p.npz', samples=images, labels=labels.astype(object)), 'classifier:digits')


def test_points(tmp_path: Path) -> None:
    real, fake = RNG.normal(size=(500, 2)), RNG.normal(size=(300, 2)) + 1
    out = tmp_path / 'out.json'
    compare(npz(tmp_path / 'r.npz', x=real), npz(tmp_path / 'f.npz', x=fake), out=str(out))
    assert values(out)['fd_identity'] == pytest.approx(2, rel=0.3) and 'sliced_wasserstein' in values(out)


@pytest.mark.parametrize(
    'make, said',
    [
        (lambda path: str(path / 'nowhere'), 'there is no folder and no .npz file'),
        (lambda path: str(folder(path / 'empty', [])), 'no image lies in'),
        (lambda path: str(folder(path / 'one', np.zeros((1, 8, 8, 3), np.uint8))), 'holds one example only'),
        (lambda path: npz(path / 'x.npz', a=np.zeros((5, 8, 8, 3), np.float32)), 'holds an array float32 [5, 8, 8, 3]'),
        (
            lambda path: npz(path / 'x.npz', a=np.zeros(3), b=np.zeros(3)),
            'has no array, or several: call the one that is meant',
        ),
        (lambda path: npz(path / 'x.npz'), 'has no array, or several'),
        (lambda path: npz(path / 'x.npz', a=np.zeros((0, 8, 8, 3), np.uint8)), 'holds no examples'),
        (lambda path: npz(path / 'x.npz', a=np.zeros((5, 0, 8, 3), np.uint8)), 'holds an array uint8 [5, 0, 8, 3]'),
        (lambda path: npz(path / 'x.npz', a=np.zeros((5, 0))), 'holds an array float64 [5, 0]'),
        (lambda path: npz(path / 'x.npz', a=np.full((5, 2), np.nan)), 'holds points that are not finite'),
        (lambda path: npz(path / 'x.npz', a=np.array([{}, {}])), 'is no readable .npz file'),  # pickled: not read
        (lambda path: npz(path / 'x.npz', a=np.zeros((5, 8, 8, 3), np.uint8)), 'examples differ in size'),
        (lambda path: npz(path / 'x.npz', a=np.zeros((5, 4), np.float32)), 'examples differ in size'),
    ],
)
def test_what_cannot_be_compared(make, said: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        compare(npz(tmp_path / 'real.npz', a=emoji()), make(tmp_path), 'pixels')
    assert said in str(caught.value)


def test_a_broken_image_is_named(tmp_path: Path) -> None:
    place = folder(tmp_path / 'a', emoji()[:3])
    (place / '1.png').write_bytes(b'no image')
    with pytest.raises(UserError, match=r"cannot read '.*1\.png' .*: remove it, or make it anew"):
        read(str(place))


def test_memory_that_runs_out_makes_no_picture_unreadable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def greedy(*args: object) -> None:
        raise MemoryError

    place = folder(tmp_path / 'a', emoji()[:3])
    monkeypatch.setattr('gans.evaluation.compare.eight_bits', greedy)
    with pytest.raises(MemoryError):
        read(str(place))
