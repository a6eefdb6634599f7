"""What a run says before its first step and at its end, how fast it says it is, and what its summary remembers."""

import datetime
import json
import re
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import gan_ring8
import jax
import numpy as np
import pytest
import stylegan2_openmoji32

from gans import devices, modes
from gans.core import Spec
from gans.kinds import unit_of
from gans.training import loop, opening, provenance
from gans.training.progress import Progress

ROOT = Path(__file__).parent.parent


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time is what is in it."""
    now = [100.0]
    monkeypatch.setattr(time, 'monotonic', lambda: now[0])
    return now


def test_a_run_says_what_it_is_and_what_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    """A new run, and the same one going on: nothing is said twice, and no rate is one of compiling."""
    monkeypatch.setattr(opening.cache, 'home', lambda: tmp_path / 'cache')
    monkeypatch.setattr(jax, 'device_count', lambda: 1)
    monkeypatch.setattr(sys, 'argv', ['launch.py', '--config=a b.py'])
    provenance.launch.cache_clear()
    config = gan_ring8.get_config('smoke')
    summary = loop.train(config, tmp_path / 'run')
    said = capsys.readouterr().err.splitlines()
    assert said[0].endswith(': a new run') and re.fullmatch(r'device   .*cpu.*, jax [\d.]+', said[1])
    assert said[2:6] == [
        'data     ring: drawn anew without end, shape (2,)',
        'nets     generator 162, critic 105 parameters',  # 2*8+8 + 8*8+8 + 8*2+2 and so on
        'updates  critic 1 x, every step, moves critic; generator 1 x, every step, moves generator',
        'steps    4, batches of 8',
    ]
    assert said[6] == 'compiling'
    assert re.match(r'step 2/4  critic/loss', said[7])  # the first call's results
    assert all('examples/s' in line for line in said[8:] if line.startswith('step')) and 'images' not in str(said)

    held = json.loads((tmp_path / 'run/summary.json').read_text())
    assert held == summary and held['command'] == "launch.py '--config=a b.py'" and held['host']
    assert abs(datetime.datetime.fromisoformat(held['date']) - datetime.datetime.now(datetime.UTC)).seconds < 600
    assert held['process_memory_peak_bytes'] > 5e7
    if (ROOT / '.git').exists():
        assert re.fullmatch('[0-9a-f]{40}', held['commit']) and held['dirty'] in (True, False)

    config.train.steps = 8
    loop.train(config, tmp_path / 'run')
    said = capsys.readouterr().err
    assert 'going on from step 4' in said and re.search(r'^compiling \(about \d+ s, the last time\)$', said, re.M)
    assert 'step 6/8  critic/loss' in said


def test_rates_are_of_what_was_waited_for(clock: list[float], capsys: pytest.CaptureFixture) -> None:
    with Progress(1000, 2000, examples=64, unit='images') as progress:
        progress.advance(10)  # called, not computed
        assert progress.rate() is None
        clock[0] += 30  # compiling
        progress.restart(1010)
        progress.finish(1010)  # the worker has it as well, later
        progress.show(1010, {'critic/loss': 1.0})
        progress.advance(500)
        clock[0] += 10
        progress.finish(1110)
        progress.show(1110, {'critic/loss': 1.0, 'eval/fd': 3.0, 'critic/other': 2.0, 'both/g_bound': 0.5}, ('bound',))
        assert progress.rate() == 10.0
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        'step 1,010/2,000  critic/loss 1',
        'step 1,110/2,000  10 steps/s, 640 images/s, 01:29 left  critic/loss 1 fd 3 both/g_bound 0.5',
    ]
    assert unit_of(Spec((2,))) == 'examples' and unit_of(Spec((8, 8, 1))) == 'images'


def test_a_cpu_beside_a_gpu_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, 'has_gpu', lambda: True)
    monkeypatch.setattr(jax, 'default_backend', lambda: 'cpu')
    monkeypatch.setenv('JAX_PLATFORMS', 'cpu')
    assert devices.explain_idle_gpu() == ''
    monkeypatch.delenv('JAX_PLATFORMS')
    assert "pip install -e '.[cuda" in devices.explain_idle_gpu()
    monkeypatch.setattr(devices, 'has_gpu', lambda: False)
    assert devices.explain_idle_gpu() == ''


def test_stages_and_warnings_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {'parameters': {}, 'schedule': [], 'examples': ''}.items():
        monkeypatch.setattr(opening, name, lambda _, value=value: value)
    monkeypatch.setattr(devices, 'explain_idle_gpu', lambda: 'the CPU computes')
    stage = lambda name, end: SimpleNamespace(stage=name, end=end, config=gan_ring8.get_config('smoke'), source=None)
    said = opening.describe([stage('', 10), stage('big', 1600)], 10)
    assert said[1] == 'warning: the CPU computes'
    assert said[-1] == 'stages   first to step 10, big to step 1,600; now big'


def test_a_gamma_of_another_resolution_is_warned_of() -> None:
    """One that is far too large or too small for the images; not where they grow."""

    def said(gamma: float, *sizes: int, net: str = 'stylegan2') -> list[str]:
        config = stylegan2_openmoji32.get_config()
        config.critic.net, config.terms.r1.weight, config.train.batch_size = net, gamma, 16
        at = [SimpleNamespace(config=config, source=SimpleNamespace(spec=Spec((size, size, 3)))) for size in sizes]
        return opening.doubt_gamma(at, at[-1])

    assert said(10.0, 32) == [
        'warning: terms.r1.weight=10 is 781 times the usual 0.013 (.0002 size^2 / batch) for data.size=32 and'
        ' train.batch_size=16'
    ]
    assert len(said(0.1, 1024)) == len(said(10.0, 32, 32, net='stylegan')) == 1
    assert said(0.1, 32) == said(0.0, 32) == said(10.0, 16, 32) == said(10.0, 32, net='dcgan') == []


def test_the_end_names_scores_bounds_and_what_comes_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    final = {'eval/fd_pixels': 2.0, 'generator/category_information': 2.295, 'critic/loss': 1.0}
    summary = {'steps': 4, 'seconds': 1.0, 'final': final, 'headline': ['category_information']}
    monkeypatch.setattr(loop, 'train', lambda config, folder: summary)
    modes.train(None, tmp_path, modes.Options(command='python launch.py --config=x.py'))
    out, said = capsys.readouterr()
    assert said == 'done: 4 steps in 1 s, fd_pixels 2, category_information 2.295\n'
    assert out.splitlines()[1:] == [
        'next:',
        '  python launch.py --config=x.py --mode=sample',
        '  python launch.py --config=x.py --mode=evaluate',
    ]


def test_matched_codes_whatever_the_features(monkeypatch: pytest.MonkeyPatch) -> None:
    """A category that is the class after a permutation has no error, whatever its number is."""
    from gans.data.images import image_set
    from gans.evaluation import codes
    from gans.features.base import Extractor
    from gans.metrics.extract import Extracted

    labels = np.arange(60) % 3
    images = np.broadcast_to((labels * 100).astype(np.uint8)[:, None, None, None], (60, 8, 8, 1))
    look = lambda params, x: (x.reshape(len(x), -1).astype(np.float32), jax.nn.one_hot(x[:, 0, 0, 0] // 100, 3))
    fake = Extractor('classifier', 'FD (classifier)', look, {}, 'w', 'none', {}, 20)
    monkeypatch.setattr(codes.load, 'load', lambda *args: fake)
    source = image_set(images, labels, 'abc')
    drawn = Extracted(images, np.zeros((60, 4)), None, codes=(labels + 1) % 3)
    (found,) = codes.matched({'name': 'x'}, source, drawn, {'fake': 60})
    assert found.metric == 'code_error' and found.value == 0 and found.protocol['features'] == 'classifier'
    assert codes.matched({'name': 'x'}, image_set(images), drawn, {}) == []  # no labels
