"""One process at a time works in a folder, and one that was killed keeps nobody out."""

import errno
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import launching
import pytest
import sweeping

from gans.errors import UserError
from gans.sweep import run
from gans.training import lock, loop, workdir

RING = 'experiments/gan_ring8.py:smoke'
EVERY = ('train.log_every', 'train.sample_every', 'train.checkpoint_every', 'eval.every')
LONG = ['--config.train.steps=600', '--config.train.steps_per_call=2', *(f'--config.{key}=20' for key in EVERY)]
HOLD = """
import sys, time
from pathlib import Path
from gans.training import lock
with lock.hold(Path(sys.argv[1])):
    print('held', flush=True)
    time.sleep(60)
"""


def holding(folder: Path) -> subprocess.Popen:
    """Another process, which is in the lock of a folder."""
    process = subprocess.Popen([sys.executable, '-c', HOLD, str(folder)], stdout=subprocess.PIPE, cwd=launching.ROOT)
    assert process.stdout.readline() == b'held\n'
    return process


def contents(folder: Path) -> dict[str, tuple[int, bytes]]:
    """All files below a folder: when they were written, and what is in them."""
    paths = [path for path in folder.rglob('*') if path.is_file()]
    return {str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes()) for path in paths}


def test_the_second_is_told_who_is_there_and_touches_nothing(tmp_path: Path) -> None:
    process = holding(tmp_path)
    before = contents(tmp_path)
    with pytest.raises(UserError) as error, lock.hold(tmp_path):
        pass
    said = f'{tmp_path}: process {process.pid} on {socket.gethostname()} has trained there since '
    assert str(error.value).startswith(said) and 'choose another --workdir' in str(error.value)
    assert contents(tmp_path) == before
    process.kill()
    process.wait()


def test_a_lock_that_a_killed_process_leaves_stops_nobody(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    process = holding(tmp_path)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert (tmp_path / '.lock').exists()
    with lock.hold(tmp_path):
        assert json.loads((tmp_path / '.lock').read_text())['process'] == os.getpid()
    assert not capsys.readouterr().err


def test_what_is_written_in_a_lock_decides_nothing(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """Process numbers come again, in other containers or after a restart; hosts are one another's neighbors."""
    (tmp_path / '.lock').write_text(json.dumps({'process': os.getppid(), 'host': 'elsewhere', 'since': 'noon'}))
    with lock.hold(tmp_path):
        pass
    said = capsys.readouterr().err
    assert f'process {os.getppid()} on elsewhere has trained there since noon' in said and said.count('\n') == 1
    for text in ('{"process', '{}', '5', '\0\0'):  # torn, or somebody else's
        (tmp_path / '.lock').write_text(text)
        with lock.hold(tmp_path):
            assert json.loads((tmp_path / '.lock').read_text())['process'] == os.getpid()


def test_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), lock.hold(tmp_path / 'above' / 'new'):
        assert (tmp_path / 'above' / 'new' / '.lock').exists()
        1 / 0  # noqa: B018
    assert not (tmp_path / 'above').exists()
    with lock.hold(tmp_path / 'kept'):
        (tmp_path / 'kept' / 'file').write_text('')
    assert [path.name for path in (tmp_path / 'kept').iterdir()] == ['file']


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / 'file').write_text('')
    said = r'cannot write to .*file/run: .*; choose another folder'
    with pytest.raises(UserError, match=said), lock.hold(tmp_path / 'file' / 'run'):
        pass


@pytest.mark.parametrize('why', [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, None])
def test_where_there_are_no_locks_that_is_said(why: int | None, tmp_path: Path, monkeypatch, capsys) -> None:
    if why is None:
        monkeypatch.setitem(sys.modules, 'fcntl', None)  # as on Windows
    else:
        import fcntl

        def refuse(*_: object) -> None:
            raise OSError(why, os.strerror(why))

        monkeypatch.setattr(fcntl, 'flock', refuse)
    with lock.hold(tmp_path / 'run'):
        said = capsys.readouterr().err
    assert said.startswith(f'{tmp_path}/run cannot be locked (') and said.count('\n') == 1
    assert said.endswith('see to it that no other process trains there\n')


def test_turns_are_taken(tmp_path: Path) -> None:
    """Also where each that leaves removes the file and the folder that the others wait for."""
    inside, most, turns = 0, 0, 0

    def work() -> None:
        nonlocal inside, most, turns
        for _ in range(20):
            with lock.hold(tmp_path / 'run', wait=True):
                inside += 1
                most = max(most, inside)
                time.sleep(0.0005)
                turns += 1
                inside -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert (most, turns) == (1, 80)


# Runs


def test_two_launches_in_one_folder(tmp_path: Path) -> None:
    """And evaluations beside the one that goes on: it leaves the bytes of a run alone."""
    folder = tmp_path / 'run'
    launch = lambda *args: launching.launch(RING, folder, *LONG, f'--compilation_cache={tmp_path}/cache', *args)
    both = [launch(), launch()]
    while all(process.poll() is None for process in both):
        time.sleep(0.05)
    refused, going = sorted(both, key=lambda process: process.poll() is None)
    _, errors = refused.communicate(timeout=60)
    assert refused.returncode == 2 and len(errors.splitlines()) == 1
    assert f'process {going.pid} on {socket.gethostname()} has trained there since' in errors
    while not list(folder.glob('checkpoints/[0-9]*/_CHECKPOINT_METADATA')):
        time.sleep(0.05)
    late, evaluating = launch(), launch('--mode=evaluate', '--num=20')
    _, errors = late.communicate(timeout=100)
    assert late.returncode == 2 and f'process {going.pid} on' in errors
    launching.finished(going)
    launching.finished(evaluating)
    last = (folder / 'metrics.csv').read_text().splitlines()
    step, value, *_ = last[-1].split(',')
    assert len(last) == 32 and step == '600' and float(value) == pytest.approx(0.760012031, rel=1e-6)
    assert not (folder / '.lock').exists() and (folder / 'evaluation.json').exists()


def test_processes_of_one_run_are_refused_together(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    with lock.hold(tmp_path):
        parts = [launching.launch(RING, tmp_path, f'--distributed=127.0.0.1:{port},2,{i}') for i in range(2)]
        said = [part.communicate(timeout=120)[1] for part in parts]
    assert [part.returncode for part in parts] == [2, 2], said
    assert f'process {os.getpid()} on' in said[0]
    assert 'error: process 0 cannot go on: see its message' in said[1]


# Sweeps


def test_a_launch_of_a_sweep_leaves_what_others_train(tmp_path: Path, capsys) -> None:
    """And is refused where nothing else is left; a run that somebody trains alone counts as well."""
    args = (sweeping.write_file(tmp_path), sweeping.small_config(), tmp_path / 'out', 1)
    heavy = tmp_path / 'out' / 'rows' / 'heavy' / 'seed_0'
    with lock.hold(heavy):
        before = contents(tmp_path / 'out')
        with pytest.raises(UserError, match=r'rows/heavy/seed_0: process .* has trained there since'):
            run.run(*args, 'heavy', 'python launch.py')
        assert contents(tmp_path / 'out') == before
        assert 'of 4 rows' in run.run(*args, None, 'python launch.py')
        assert f'others still train: {heavy}: process {os.getpid()}' in capsys.readouterr().err
        done = {path.parent.parent.name for path in (tmp_path / 'out' / 'rows').glob('*/*/summary.json')}
        assert done == {'base', 'wild', 'hinge'}
    run.run(*args, None, 'python launch.py')
    assert (heavy / 'summary.json').is_file() and not list((tmp_path / 'out').rglob('.lock'))


def test_a_run_is_locked_before_it_is_read(tmp_path: Path, monkeypatch) -> None:
    """Whatever the folder holds, also another's config: who trains there is what matters."""
    data = SimpleNamespace(digest=None)
    monkeypatch.setattr(loop, 'setup_stages', lambda config: (SimpleNamespace(source=data),))
    (tmp_path / 'config.json').write_text('torn')
    with lock.hold(tmp_path), pytest.raises(UserError, match='has trained there since'):
        loop.train(sweeping.small_config(), tmp_path)
    assert workdir.read_json(tmp_path / 'data.json', {}) == {}
