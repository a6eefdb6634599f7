"""SIGINT, SIGTERM and SIGHUP: one line, the exit code of the signal, nothing half-written; what trains is saved."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import launching
import pytest
from launching import ROOT, free_port

from gans.training import signals
from gans.training.signals import Signals

RING = 'experiments/gan_ring8.py:smoke'
EVERY = ('train.log_every', 'train.sample_every', 'train.checkpoint_every', 'eval.every')
LONG = ['--config.train.steps=200000', *(f'--config.{key}=2000' for key in EVERY)]
PROGRAM = """
import signal, sys, time
sys.path.insert(0, {root!r})
from gans.training import signals
signals.install()
signals.PATIENCE = 0.5

def told() -> None:
    print('ready', flush=True)

def main(argv) -> int:
{body}

sys.exit(signals.run(main, sys.argv))
"""


def signalled(body: str, number: signal.Signals, **more: object) -> tuple[int, str, float]:
    """Runs a program until it says that it is ready, and sends it a signal: -> exit code, what it said, seconds."""
    code = PROGRAM.format(root=str(ROOT), body='\n'.join('    ' + line for line in body.splitlines()))
    process = subprocess.Popen(
        [sys.executable, '-c', code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more
    )
    assert process.stdout.readline() == 'ready\n', process.stderr.read()
    process.send_signal(number)
    began = time.monotonic()
    _, errors = process.communicate(timeout=60)
    return process.returncode, errors, time.monotonic() - began


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_one_line_and_what_is_half_written_is_put_away(number: signal.Signals, tmp_path: Path) -> None:
    body = 'try:\n    told()\n    time.sleep(30)\nfinally:\n    open("away", "w").close()'
    code, errors, _ = signalled(body, number, cwd=tmp_path)
    assert code == 128 + number and (tmp_path / 'away').exists()
    assert errors == f'stopped: {number.name}; the same command goes on from what is saved\n'


def test_an_import_is_not_interrupted_but_ended(tmp_path: Path) -> None:
    """Half imported, a module may make anything of an exception."""
    body = 'try:\n    __main__.told()\n    time.sleep(30)\nexcept BaseException:\n    pass'
    (tmp_path / 'slow.py').write_text(f'import __main__, time\n{body}')
    code, errors, seconds = signalled(f'sys.path.insert(0, {str(tmp_path)!r})\nimport slow\nreturn 0', signal.SIGINT)
    assert code == 130 and errors.startswith('stopped: SIGINT') and errors.count('\n') == 1 and seconds < 20


@pytest.mark.parametrize(
    'body',
    [
        'try:\n    told()\n    time.sleep(30)\nexcept BaseException:\n    raise ImportError("another error")',
        'told()\ntry:\n    time.sleep(30)\nexcept BaseException:\n    pass\nreturn 2',
        'told()\nwhile True:\n    try:\n        time.sleep(30)\n    except BaseException:\n        pass',
        'class Odd:\n    def __del__(self):\n        told()\n        time.sleep(1)\nOdd()\ntime.sleep(30)\nreturn 0',
    ],
)
def test_an_exception_that_is_lost_on_its_way(body: str) -> None:
    code, errors, _ = signalled(body, signal.SIGINT)
    assert code == 130 and errors.startswith('stopped: SIGINT') and errors.count('\n') == 1


@pytest.mark.parametrize('mode', [[f'--config={RING}'], ['--mode=compare', '--real=nowhere', '--fake=nowhere']])
def test_while_it_starts(mode: list[str], tmp_path: Path) -> None:
    """At any time after Python itself is up."""
    pick = random.Random(mode[0])
    for _ in range(2):
        command = [sys.executable, 'launch.py', *mode, f'--workdir={tmp_path / "run"}']
        env = os.environ | {'JAX_PLATFORMS': 'cpu'}
        process = subprocess.Popen(command, cwd=ROOT, env=env, stderr=subprocess.PIPE, text=True)
        while process.poll() is None and not _handles(process.pid):
            time.sleep(0.01)
        time.sleep(pick.uniform(0.0, 1.0))
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        if process.returncode == 2:  # it was faster
            continue
        assert process.returncode == 130 and 'Traceback' not in errors, errors
        assert errors.splitlines()[-1].startswith('stopped: SIGINT')


def _handles(pid: int) -> bool:
    """Whether a process has a handler of SIGHUP, which none of Python's is."""
    try:
        status = dict(line.split(':', 1) for line in Path(f'/proc/{pid}/status').read_text().splitlines())
        return bool(int(status['SigCgt'], 16) >> (signal.SIGHUP - 1) & 1)
    except (OSError, KeyError):
        time.sleep(1)
        return True


def test_hang_up_saves(tmp_path: Path) -> None:
    process = launching.launch(RING, tmp_path, *LONG)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not list((tmp_path / 'checkpoints').glob('[0-9]*')):
        time.sleep(0.1)
    process.send_signal(signal.SIGHUP)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 128 + signal.SIGHUP, errors
    said = errors.splitlines()[-1]
    assert said.startswith('stopped: SIGHUP: saved step ') and said.endswith('the same command goes on')
    step = said.partition('saved step ')[2].split()[0].replace(',', '')
    assert (tmp_path / 'checkpoints' / step).is_dir()


def test_processes_that_train_together_stop_together(tmp_path: Path) -> None:
    """Whichever of them has the signal, and whichever signal it is; each call is of two steps."""
    address, per_call = f'--distributed=localhost:{free_port()},2,', '--config.train.steps_per_call=2'
    first, second = (launching.launch(RING, tmp_path, *LONG, per_call, f'{address}{i}') for i in range(2))
    deadline = time.monotonic() + 120
    rows = tmp_path / 'metrics.csv'  # the first comes after the first call
    while time.monotonic() < deadline and not (rows.exists() and rows.read_text().count('\n') > 1):
        time.sleep(0.1)
    second.send_signal(signal.SIGINT)
    said = [process.communicate(timeout=120)[1].splitlines()[-1] for process in (first, second)]
    assert (first.returncode, second.returncode) == (128 + signal.SIGTERM, 128 + signal.SIGINT)
    saved = [line.partition(': saved ')[2] for line in said]
    assert saved[0] == saved[1] and saved[0].startswith('step ')


def test_first_signal_is_remembered_and_handlers_come_back() -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    with Signals() as caught:
        assert caught.received() is None
        os.kill(os.getpid(), signal.SIGHUP)
        assert caught.received() is signal.SIGHUP
        assert {number: signal.getsignal(number) for number in before} == before  # the second ends us
    assert {number: signal.getsignal(number) for number in before} == before


def test_nohup_is_respected() -> None:
    old = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert signals._numbers() == [signal.SIGINT, signal.SIGTERM]
    finally:
        signal.signal(signal.SIGHUP, old)
    assert signal.SIGHUP in signals._numbers()
