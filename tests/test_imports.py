"""What a user waits for before the first step, or for an answer to a mistake."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import gan_ring8
import jax
import pytest

from gans.training import loop, program, report, setup

ROOT = Path(__file__).parent.parent

# What is there after each import, in one interpreter; then all modules of the package, without a look for devices.
CODE = """
import importlib, json, pkgutil, sys

found = []
for name in ('gans', 'launch'):
    importlib.import_module(name)
    found.append(sorted({module.partition('.')[0] for module in sys.modules}))

import gans
names = [name for _, name, _ in pkgutil.walk_packages(gans.__path__, 'gans.') if 'openmoji_atlas' not in name]
for name in names:
    importlib.import_module(name)
from jax._src import xla_bridge
print(json.dumps([found, len(names), xla_bridge.backends_are_initialized(), sorted(sys.modules)]))
"""
# Heavy packages that only some runs need, or that are needed late.
LATE = {'PIL', 'grain', 'matplotlib', 'orbax', 'scipy', 'sklearn', 'tensorboard', 'tensorflow_datasets', 'torch'}


def test_imports_are_light_and_touch_no_device() -> None:
    done = subprocess.run([sys.executable, '-c', CODE], cwd=ROOT, capture_output=True, text=True, check=True)
    (alone, launch), count, touched, all_ = json.loads(done.stdout)
    assert 'gans' in alone and not {'jax', 'numpy', 'flax'} & set(alone)
    assert 'absl' in launch and not {'jax', 'flax'} & set(launch), 'what answers to a mistake, and --helpfull'
    assert count > 90 and not touched
    assert {module.partition('.')[0] for module in all_} & LATE == set()


def test_first_call_is_compiled_ahead_and_once_and_scores_come_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until then the processor is needed to compile it."""
    events = []

    def compiled(event: str, seconds: float, fun_name: str = '', **_: object) -> None:
        if event.endswith('backend_compile_duration') and fun_name == 'jit(steps)':
            events.append(f'compiled {threading.current_thread() is threading.main_thread()}')

    def told(name: str, function: Callable) -> Callable:
        return lambda *args: (function(*args), events.append(name))[0]

    monkeypatch.setattr(jax, 'device_count', lambda: 1)
    monkeypatch.setattr(report, 'Scorer', told('scorer', report.Scorer))
    monkeypatch.setattr(loop, 'ahead', lambda *args: told('called', program.ahead(*args)))
    jax.monitoring.register_event_duration_secs_listener(compiled)
    try:
        loop.train(gan_ring8.get_config('smoke'), tmp_path)
    finally:
        jax.monitoring.unregister_event_duration_listener(compiled)
    assert events[:2] == ['compiled False', 'called']
    assert len([event for event in events if event.startswith('compiled')]) == events.count('scorer') == 1
    steps = [row.split(',')[0] for row in (tmp_path / 'metrics.csv').read_text().splitlines()]
    assert steps == ['step', '0', '2', '4']


def test_on_several_devices_nothing_is_compiled_ahead() -> None:
    experiment, call = setup.setup(gan_ring8.get_config('smoke'), devices=4), object()
    assert program.ahead(experiment, call) is call
