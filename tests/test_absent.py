"""What is not here: packages that only some runs need, and data whose shape is known all the same."""

import logging
import sys
from pathlib import Path

import numpy as np
import pytest
from ml_collections import ConfigDict

from experiments import common
from gans.cost import describe
from gans.data import feed, idx, load
from gans.errors import UserError
from gans.training import logs


@pytest.fixture
def nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No data set is here."""
    monkeypatch.setenv('TFDS_DATA_DIR', str(tmp_path))
    monkeypatch.setattr('tensorflow_datasets.core.constants.DATA_DIR', str(tmp_path), raising=False)
    monkeypatch.setattr(idx, 'DEBIAN', ())
    monkeypatch.setitem(sys.modules, 'sklearn.datasets', None)


@pytest.mark.parametrize(
    'data, shape, classes',
    [
        ({'name': 'mnist', 'without': '3', 'split': 'test'}, (28, 28, 1), 10),
        ({'name': 'fashion_mnist', 'size': 32, 'num': 100}, (32, 32, 1), 10),
        ({'name': 'stacked', 'of': 'digits', 'num': 50}, (8, 8, 3), 1000),
        ({'name': 'digits', 'split': 'test', 'random_crop': 6}, (6, 6, 1), 10),
        ({'name': 'cifar10', 'flip': True}, (32, 32, 3), 10),
        ({'name': 'celeb_a', 'size': 32}, (32, 32, 3), 0),
        ({'name': 'folder:nowhere', 'channels': 1}, (64, 64, 1), 0),
    ],
)
def test_sets_of_known_shape(nothing: None, data: dict, shape: tuple, classes: int) -> None:
    source = load.load(data, outlined=True)
    assert source.absent and source.spec.shape == shape and len(source.spec.classes) == classes
    with pytest.raises(UserError):
        load.load(data)


def test_describe_needs_no_data(nothing: None, monkeypatch: pytest.MonkeyPatch) -> None:
    config = common.get_config()
    config.data.name = 'mnist'
    config.latents.size = 8
    config.generator = ConfigDict({'net': 'mlp', 'widths': (4,)})
    config.critic = ConfigDict({'net': 'mlp', 'widths': (4,)})
    config.terms.r1 = {'weight': 1.0, 'every': 4}
    monkeypatch.setattr(describe, 'flops', lambda experiment, due=None: 1e6 * len(due or ('critic', 'generator', 'r1')))
    said = describe.describe(config)
    assert 'mnist: not here, shape (28, 28, 1)' in said
    generator, critic = 8 * 4 + 4 + 4 * 784 + 784, 784 * 4 + 4 + 4 + 1
    for line in (f'parameters   {generator + critic:,}', f'generator  {generator:,}', f'critic     {critic:,}'):
        assert f'{line}\n' in said
    assert '2.25 MFLOP per step on the average, 3 MFLOP where all updates are due' in said
    config.generator.condition = config.critic.condition = 'concat'
    config.data.name = 'folder:nowhere'
    with pytest.raises(UserError, match=r"needs labels.* \(there is no folder 'nowhere'"):
        describe.describe(config)


def test_a_run_without_tensorboard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It trains; one line says how to have it."""
    logs.has_tensorboard.cache_clear()
    monkeypatch.setitem(sys.modules, 'tensorboard', None)
    try:
        with caplog.at_level(logging.WARNING):
            for folder in (tmp_path / 'a', tmp_path / 'b'):
                log = logs.Logs(folder)
                log.scalars(1, {'critic/loss': 1.0})
                log.timing(1, {'steps_per_second': 1.0})
                log.flush()
                log.close()
                logs.add_scalars(folder / 'tensorboard', 1, {'kid': 1.0})
        assert [record.message for record in caplog.records] == [
            "nothing is written for TensorBoard, which is not here: `pip install -e '.[tensorboard]'`"
        ]
        assert {path.name for path in folder.iterdir()} == {'metrics.csv'}
    finally:
        logs.has_tensorboard.cache_clear()


def test_a_streamed_set_without_grain(monkeypatch: pytest.MonkeyPatch) -> None:
    source = load.load({'name': 'openmoji', 'size': 16, 'on_device_max_mb': 0.1})
    feed.check_reading(source)
    monkeypatch.setitem(sys.modules, 'grain', None)
    with pytest.raises(UserError, match=r"pip install -e '\.\[grain\]'.*data\.on_device_max_mb"):
        feed.check_reading(source)
    feed.check_reading(source._replace(arrays={'real': np.zeros((2, 16, 16, 3), np.uint8)}))  # held
