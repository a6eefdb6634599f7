"""Resuming is exact: a run that was killed at any moment ends as the run that was not, to the last bit."""

import csv
import json
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import launching
import numpy as np
import pytest
from launching import finished

CONFIG = """
from ml_collections import ConfigDict
from experiments import common

def get_config(variant=''):
    config = common.get_config()
    config.data.name = 'openmoji'
    config.data.size = 16
    config.data.flip = True
    config.latents.size = 8
    config.generator = ConfigDict({'net': 'mlp', 'widths': (16,), 'norm': 'batch'})
    config.critic = ConfigDict({'net': 'mlp', 'widths': (16,), 'norm': 'spectral'})
    config.terms.r1 = {'weight': 10.0, 'every': 4}
    config.instance_noise.sigma = 0.1
    config.flip_targets = 0.05
    config.ema.decay = 0.99
    config.train.update(steps=200, batch_size=16, n_critic=2, log_every=4, sample_every=50, checkpoint_every=20)
    config.eval.update(every=20, samples=64, features=None)
    return config
"""


@pytest.fixture(scope='module')
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp('config') / 'resumed.py'
    path.write_text(CONFIG)
    return path


def launch(config: Path, folder: Path, *args: str) -> subprocess.Popen:
    # Without the cache, compiling would be most of what these tests do.
    return launching.launch(config, folder, f'--compilation_cache={config.parent}/cache', *args, xla='')


@pytest.fixture(scope='module')
def uninterrupted(config: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('uninterrupted')
    finished(launch(config, folder))
    return folder


def wait_for(condition: callable, process: subprocess.Popen, timeout: float = 200) -> None:
    end = time.monotonic() + timeout
    while not condition():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < end, 'nothing happened'
        time.sleep(0.005)


def rows(folder: Path) -> int:
    path = folder / 'metrics.csv'
    return len(path.read_bytes().splitlines()) if path.exists() else 0


def assert_same(folder: Path, other: Path) -> None:
    assert (folder / 'metrics.csv').read_bytes() == (other / 'metrics.csv').read_bytes()
    pictures = sorted(path.name for path in (other / 'samples').iterdir())
    assert pictures == sorted(path.name for path in (folder / 'samples').iterdir())
    for name in (*(f'samples/{name}' for name in pictures), 'reals.png', 'strip.png', 'progress.webp', 'curves.png'):
        assert (folder / name).read_bytes() == (other / name).read_bytes(), name
    from gans.training.checkpoints import Checkpoints
    from gans.training.setup import setup
    from gans.training.workdir import read_config

    template = setup(read_config(folder / 'config.json'), devices=1).abstract()
    ours, theirs = (Checkpoints(each / 'checkpoints').restore(template) for each in (folder, other))
    assert ours.step == theirs.step == 200
    import jax

    for path, leaf in jax.tree.leaves_with_path(ours.state):
        theirs_leaf = dict(jax.tree.leaves_with_path(theirs.state))[path]
        if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            leaf, theirs_leaf = jax.random.key_data(leaf), jax.random.key_data(theirs_leaf)
        np.testing.assert_array_equal(leaf, theirs_leaf, err_msg=str(path))


def test_sigkill_at_an_arbitrary_moment(config: Path, uninterrupted: Path, tmp_path: Path) -> None:
    """And another kind of run at several: test_stages.py."""
    chance = random.Random(1)  # of the number of rows, and of a delay that also lands inside saves
    until = chance.randrange(8, 45)
    process = launch(config, tmp_path)
    wait_for(lambda: rows(tmp_path) >= until, process)
    time.sleep(chance.random() * 0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    _, errors = finished(launch(config, tmp_path))
    assert 'going on from step' in errors
    assert_same(tmp_path, uninterrupted)


@pytest.fixture(scope='module')
def stopped(config: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A run that a SIGTERM has stopped, after several checkpoints, and what it said last."""
    folder = tmp_path_factory.mktemp('stopped')
    process = launch(config, folder)
    wait_for(lambda: rows(folder) >= 30, process)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM and 'Traceback' not in errors
    return folder, errors.splitlines()[-1]


def test_sigterm_saves_at_once(config: Path, uninterrupted: Path, stopped: tuple[Path, str], tmp_path: Path) -> None:
    folder, last = stopped
    assert last.startswith('stopped: SIGTERM: saved step')
    step = int(last.split('saved step ')[1].split(' ')[0].replace(',', ''))
    assert (folder / 'checkpoints' / str(step)).is_dir()
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    _, errors = finished(launch(config, tmp_path))
    assert f'going on from step {step:,}' in errors
    assert_same(tmp_path, uninterrupted)


def test_damaged_checkpoint_falls_back(
    config: Path, uninterrupted: Path, stopped: tuple[Path, str], tmp_path: Path
) -> None:
    shutil.copytree(stopped[0], tmp_path, dirs_exist_ok=True)
    steps = sorted(int(path.name) for path in (tmp_path / 'checkpoints').iterdir() if path.name.isdecimal())
    for path in (tmp_path / 'checkpoints' / str(steps[-1])).rglob('*'):
        if path.is_file() and path.stat().st_size > 200:
            path.write_bytes(path.read_bytes()[:100])
    _, errors = finished(launch(config, tmp_path))
    assert f'going on from step {steps[-2]:,}' in errors and str(steps[-1]) in errors.split('going on')[0]
    assert_same(tmp_path, uninterrupted)


def test_finished_run_is_not_trained_again(config: Path, uninterrupted: Path) -> None:
    before = (uninterrupted / 'summary.json').read_bytes()
    out, _ = finished(launch(config, uninterrupted))
    assert str(uninterrupted / 'curves.png') in out
    assert (uninterrupted / 'summary.json').read_bytes() == before


def test_another_config_is_refused(config: Path, uninterrupted: Path) -> None:
    process = launch(config, uninterrupted, '--config.train.batch_size=32')
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert 'train.batch_size (16 there, 32 now)' in errors and 'Traceback' not in errors


def test_metrics_do_not_depend_on_logging(config: Path, uninterrupted: Path, tmp_path: Path) -> None:
    overrides = ('log_every=12', 'steps=40', 'sample_every=40')
    finished(launch(config, tmp_path, *(f'--config.train.{override}' for override in overrides)))
    theirs = {row['step']: row for row in csv.DictReader((uninterrupted / 'metrics.csv').open())}
    compared = 0
    for row in csv.DictReader((tmp_path / 'metrics.csv').open()):
        for name, value in row.items():
            if value and theirs[row['step']][name]:
                assert value == theirs[row['step']][name]
                compared += name != 'step'
    assert compared > 20
    assert json.loads((tmp_path / 'summary.json').read_text())['steps'] == 40
