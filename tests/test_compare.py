"""--mode=compare: folders and arrays of images, and every mistake as one line."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from absl import flags
from PIL import Image

import launch
from gans.data import load as data
from gans.errors import UserError
from gans.evaluate.compare import compare, read

RNG = np.random.default_rng(0)


def folder(path: Path, images: np.ndarray, suffix: str = 'png') -> Path:
    path.mkdir(parents=True)
    for i, image in enumerate(images):
        Image.fromarray(image[..., 0] if image.shape[2] == 1 else image).save(path / f'{i}.{suffix}')
    return path


def npz(path: Path, **arrays: np.ndarray) -> str:
    np.savez(path, **arrays)
    return str(path)


@pytest.fixture(scope='module')
def emoji() -> np.ndarray:
    return data.load({'name': 'openmoji', 'size': 16}).arrays['real'][:60]


def values(out: Path) -> dict[str, float]:
    return {entry['metric']: entry['value'] for entry in json.loads(out.read_text())}


def test_a_folder_and_an_array_of_the_same_images(emoji: np.ndarray, tmp_path: Path) -> None:
    out = tmp_path / 'deep' / 'results.json'
    real = folder(tmp_path / 'real', emoji)
    fakes = npz(tmp_path / 'fake.npz', samples=emoji, labels=np.arange(60))
    table = compare(str(real), fakes, 'pixels', out=str(out))
    found = values(out)
    assert found['fd_pixels'] < 1e-6 and found['precision'] == found['recall'] == found['memorised'] == 1
    assert found['fd_pixels/real'] > 0.1 and 'fd_pixels/untrained' not in found and str(out) in table
    entry = json.loads(out.read_text())[0]
    assert set(entry) == {'metric', 'value', 'protocol'}
    assert entry['protocol']['real'] == entry['protocol']['fake'] == 60 and len(entry['protocol']['real hash']) == 16


def test_grey_images_and_those_in_colour_are_compared_in_colour(emoji: np.ndarray, tmp_path: Path) -> None:
    grey = emoji.mean(-1, keepdims=True).astype(np.uint8)
    assert read(str(folder(tmp_path / 'grey', grey))).shape == (60, 16, 16, 1)
    assert read(str(folder(tmp_path / 'mixed' / 'a', grey[:2]).parent)).shape[3] == 1
    folder(tmp_path / 'mixed' / 'b', emoji[:2])
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


def test_labels_are_what_conditional_samples_were_asked_for(tmp_path: Path) -> None:
    source = data.load({'name': 'digits'})
    images, labels = source.arrays['real'][:200], source.arrays['label'][:200]
    out, real = tmp_path / 'out.json', npz(tmp_path / 'real.npz', a=images)
    wrong = np.where(np.arange(200) < 50, (labels + 1) % 10, labels)
    compare(real, npz(tmp_path / 'x.npz', samples=images, labels=wrong), 'classifier:digits', out=str(out))
    assert 0.7 < values(out)['accuracy'] <= 0.75
    with pytest.raises(UserError, match=r'has labels int32 \[100\]; wanted: whole numbers \[200\]'):
        compare(real, npz(tmp_path / 'y.npz', samples=images, labels=labels[:100]), 'classifier:digits')


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
            "has several arrays: call the one that is meant",
        ),
        (lambda path: npz(path / 'x.npz', a=np.full((5, 2), np.nan)), 'holds points that are not finite'),
        (lambda path: npz(path / 'x.npz', a=np.array([{}, {}])), 'is no readable .npz file'),  # pickled: not read
        (lambda path: npz(path / 'x.npz', a=np.zeros((5, 8, 8, 3), np.uint8)), 'examples differ in size'),
        (lambda path: npz(path / 'x.npz', a=np.zeros((5, 4), np.float32)), 'examples differ in size'),
    ],
)
def test_what_cannot_be_compared(make, said: str, emoji: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        compare(npz(tmp_path / 'real.npz', a=emoji), make(tmp_path), 'pixels')
    assert said in str(caught.value)


def test_a_broken_image_is_named(emoji: np.ndarray, tmp_path: Path) -> None:
    place = folder(tmp_path / 'a', emoji[:3])
    (place / '1.png').write_bytes(b'no image')
    with pytest.raises(UserError, match=r"cannot read '.*1\.png' .*: remove it, or make it anew"):
        read(str(place))


@pytest.mark.parametrize(
    'args, code, said',
    [
        ((), 2, 'compare what? --real=PATH --fake=PATH'),
        (('--real=REAL', '--fake=REAL', '--out=a.txt'), 2, 'name a FILE.json'),
        (('--real=REAL', '--fake=REAL', '--features=classifier'), 2, "of which set's labels? give features"),
        (('--real=REAL', '--fake=REAL', '--features=pixels'), 0, ''),
    ],
)
def test_the_command_line(args, code, said, emoji, tmp_path, capsys, monkeypatch) -> None:
    real = npz(tmp_path / 'real.npz', a=emoji)
    for name in flags.FLAGS:
        flags.FLAGS[name].unparse()
    argv = ['launch.py', '--mode=compare', *(arg.replace('REAL', real) for arg in args)]
    monkeypatch.setattr(sys, 'argv', argv)
    assert launch.main(argv) == code
    out, errors = capsys.readouterr()
    assert said in errors and ('fd_pixels' in out) == (code == 0)
