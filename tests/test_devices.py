"""The whole trainer, through two stages, on several devices and in several processes: the same run, but for the order
of sums.
"""

import subprocess
from pathlib import Path

import launching
import numpy as np
import pytest
from launching import finished, free_port

from gans.training.logs import read_metrics

CONFIG = """
from ml_collections import ConfigDict
from experiments import common

def get_config(variant=''):
    config = common.get_config()
    config.data.name = 'openmoji'
    config.data.size = 16
    config.data.on_device_max_mb = 0.1 if variant == 'streamed' else 2000.0
    config.latents.size = 8
    config.generator = ConfigDict({'net': 'mlp', 'widths': (16,), 'norm': 'batch'})
    config.critic = ConfigDict({'net': 'mlp', 'widths': (16,)})
    config.terms.r1 = {'weight': 10.0}
    config.ema.decay = 0.9
    config.train.sync_batch_norm = True
    config.train.update(steps=12, batch_size=16, log_every=4, sample_every=12, checkpoint_every=6)
    config.eval.update(every=6, samples=64, features=None)
    config.stages.last = {  # from a checkpoint on, smaller batches and a wider critic
        'begin': 6, 'train': {'batch_size': 8}, 'critic': {'widths': (24,)}
    }
    return config
"""


@pytest.fixture(scope='module')
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp('config') / 'spread.py'
    path.write_text(CONFIG)
    return path


def launch(config: Path, variant: str, folder: Path, devices: int, *args: str) -> subprocess.Popen:
    xla = f'{launching.FAST} --xla_force_host_platform_device_count={devices}'
    return launching.launch(f'{config}{variant}', folder, *args, xla=xla)


@pytest.fixture(scope='module')
def single(config: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('single')
    finished(launch(config, '', folder, 1))
    return folder


def assert_close(folder: Path, other: Path) -> None:
    ours, theirs = (read_metrics(each / 'metrics.csv') for each in (folder, other))
    assert ours.keys() == theirs.keys()
    for name, column in ours.items():
        np.testing.assert_allclose(column, theirs[name], rtol=1e-4, atol=1e-6, err_msg=name)


def test_four_devices_run_as_one(config: Path, single: Path, tmp_path: Path) -> None:
    """With data that they are sent; test_contract.py has those that lie there."""
    finished(launch(config, ':streamed', tmp_path, 4))
    assert_close(tmp_path, single)


def test_two_processes_run_as_one(config: Path, single: Path, tmp_path: Path) -> None:
    port = free_port()
    parts = [launch(config, ':streamed', tmp_path, 1, f'--distributed=127.0.0.1:{port},2,{i}') for i in range(2)]
    finished(*parts)
    assert_close(tmp_path, single)
    assert {path.name for path in (tmp_path / 'checkpoints').iterdir()} >= {'6', '12'}


def test_batch_that_cannot_be_divided(config: Path, tmp_path: Path) -> None:
    process = launch(config, '', tmp_path, 3)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert 'train.batch_size=16 cannot be divided by 3 devices' in errors and 'Traceback' not in errors
