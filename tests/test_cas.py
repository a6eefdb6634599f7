"""CAS of samples that are real images, of one image for all, and of images under wrong labels."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gans import configs, defaults
from gans.core import Compute, Sampler, System, TrainState
from gans.data import load
from gans.data.images import hold
from gans.evaluation import bench, run
from gans.evaluation.cas import cas, first
from gans.features import classifier
from gans.metrics.protocol import Result
from gans.ops import random
from gans.ops.pixels import to_float
from gans.training import sampling, setup
from gans.training.setup import Experiment

DIGITS = {'name': 'digits', 'flip': True, 'split': None}
COMMON = {'data': 'digits', 'latents seed': 0}


@pytest.fixture(scope='module', autouse=True)
def quick():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(classifier, 'STEPS', 200)
        patch.setattr(classifier, 'TRAINING', 'in a hurry')  # not to be taken for the classifier that is kept
        yield


@pytest.fixture(scope='module')
def train():
    pytest.importorskip('sklearn')
    return hold(load.split(DIGITS, 'train'))


def found(images: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    return {result.metric: result.value for result in cas(DIGITS, images, labels, COMMON)}


def test_real_images_teach_as_much_as_real_images(train) -> None:
    """The training set itself: the very same number."""
    results = cas(DIGITS, train.arrays['real'], train.arrays['label'], COMMON)
    assert [result.metric for result in results] == ['cas', 'cas/real']
    assert results[0].value == results[1].value > 0.93
    beside = {'metric': 'cas', **COMMON, 'classifier': 'training in a hurry', 'train': 1573, 'test': 224}
    beside['test split'] = 'seen in training'
    assert all(result.protocol == beside for result in results)


def test_a_generator_of_real_images_of_the_class_asked_for(train) -> None:
    """Drawn as a run's samples are: images and the labels of their latents stay together."""
    bank = jnp.stack([train.arrays['real'][train.arrays['label'] == i][:100] for i in range(10)])  # [10, 100, 8, 8, 1]

    inputs = lambda batch, keys: {'z': random.integers(keys, 100), 'label': batch['label']}
    make = lambda state, z: to_float(bank[z['label'], z['z']])
    system = System({}, {}, (), {'samples': Sampler(inputs, make, asked={'label': 'labels'})})
    experiment = Experiment(defaults.get_config(), train, Compute(), system, 1, None)
    state = TrainState(0, {}, {}, {}, {}, {}, jax.random.key(0))
    drawn = sampling.fixed_inputs(experiment, 800, 0)
    values = found(bench.samples(experiment, state, drawn, 0), drawn['label'])
    assert values['cas/real'] > 0.9 and abs(values['cas'] - values['cas/real']) < 0.05


@pytest.mark.parametrize('like', ['a', 'b'])
def test_of_a_joined_set_it_is_that_of_the_part(like: str, tmp_path, monkeypatch) -> None:
    """If it is its classes that samples are asked for in; otherwise other scores come without it."""
    pytest.importorskip('sklearn')
    parts = {'a': {'name': 'digits', 'split': 'train'}, 'b': {'name': 'openmoji', 'size': 16, 'num': 40}}
    config = configs.apply_defaults({'data': {'name': 'joined', **parts}}, 'of a test')
    inputs = lambda batch, keys: {'x': batch[like], 'label': batch['a_label']}
    sampler = Sampler(inputs, lambda state, inputs: inputs['x'], like=like, asked={'label': 'labels'})
    monkeypatch.setattr(setup, 'build', lambda *_: System({}, {}, (), {'samples': sampler}))
    monkeypatch.setattr(setup, 'repeats', lambda system: 1)
    experiment = setup.setup(config, devices=1)
    monkeypatch.setattr('gans.training.draw.restored', lambda *_: (experiment, experiment.init(), 0))
    monkeypatch.setattr(run, 'evaluate_pairs', lambda *_: ([Result('other', 0.0, {})], []))
    run.evaluate(config, tmp_path, run.Options(num=200, features='pixels'))
    found = {entry['metric']: entry['value'] for entry in json.loads((tmp_path / 'evaluation.json').read_text())}
    assert found.keys() == ({'other', 'cas', 'cas/real'} if like == 'a' else {'other'})
    assert found.get('cas', 1) > 0.5


def test_one_image_for_all_teaches_nothing(train) -> None:
    values = found(np.full((800, 8, 8, 1), 80, np.uint8), np.arange(800) % 10)
    assert values['cas'] < 0.2 and values['cas/real'] > 0.9


def test_as_many_real_images_as_samples(train) -> None:
    some = first(train, 100)
    assert some.size == 100 == len(some.arrays['real']) == len(some.arrays['label']) and first(train, 1573) is train
    assert first(train, 5000) is train and (first(train, 50).arrays['label'] == some.arrays['label'][:50]).all()
    assert len(np.unique(some.arrays['label'])) == 10
    for image, label in zip(some.arrays['real'], some.arrays['label'], strict=True):
        assert label in train.arrays['label'][(train.arrays['real'] == image).all((1, 2, 3))]
