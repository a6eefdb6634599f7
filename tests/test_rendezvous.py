"""Devices and processes that are not there, or not those that were meant: one line, with what helps."""

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from launching import ROOT, free_port

from gans import devices, rendezvous
from gans.errors import UserError

RING = ['launch.py', '--config=experiments/gan_ring8.py:smoke']


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in (('PATIENCE', 0.3), ('GIVE_UP', 2.0), ('POLL', 0.02)):
        monkeypatch.setattr(rendezvous, name, seconds)


def met(port: int, *processes: tuple[int, int]) -> list[str | None]:
    """What each process (number, how many there are) says in the end: None where all is well."""
    found: dict[int, str | None] = {}

    def one(i: int, number: int, count: int) -> None:
        try:
            rendezvous.meet('localhost', port, count, number)
            found[i] = None
        except UserError as error:
            found[i] = str(error)

    threads = [threading.Thread(target=one, args=(i, *process)) for i, process in enumerate(processes)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    return [found[i] for i in range(len(processes))]


def test_processes_meet(quick: None) -> None:
    port = free_port()
    assert met(port, (0, 3), (1, 3), (2, 3)) == [None] * 3
    assert met(port, (0, 2), (1, 2)) == [None] * 2, 'and the port is free again'
    assert met(port, (0, 1)) == [None]


def test_who_does_not_come_is_named_and_given_up(quick: None, capsys: pytest.CaptureFixture) -> None:
    port = free_port()
    said = met(port, (0, 4), (2, 4))
    assert said == [f'processes 1, 3 did not connect to localhost:{port} within 2 s: start all processes with the same address'] * 2  # fmt: skip  # noqa: E501
    line = f'waiting for processes 1, 3 at localhost:{port}, giving up after 2 s'
    assert capsys.readouterr().err.splitlines() == [line] * 2
    (alone,) = met(port, (1, 2))
    assert alone.startswith(f'process 0 did not connect to localhost:{port} within 2 s (')
    assert capsys.readouterr().err.startswith(f'waiting for process 0 at localhost:{port} (')


def test_what_the_time_is_by_default() -> None:
    assert (rendezvous.PATIENCE, rendezvous.GIVE_UP) == (10, 300)


def test_who_is_not_meant_is_told_so_and_the_others_meet(quick: None) -> None:
    """Another number of processes, the same process twice, one that leaves again, and strangers."""
    port, result = free_port(), []
    host = threading.Thread(target=lambda: result.extend(met(port, (0, 3))))
    host.start()
    for greeting in (b'GET / HTTP/1.1\r\n\r\n', b'1 3\n'):
        with _connected(port) as peer:
            peer.sendall(greeting)
    assert met(port, (1, 2)) == ['process 0 expects 3 processes, process 1 expects 2: give all the same number']
    assert met(port, (3, 3)) == ['process 3 is present twice or out of range: give each its own number, 0 to 2']
    with _connected(port) as peer:
        peer.sendall(b'1 3\n')
        assert met(port, (1, 3)) == ['process 1 is present twice or out of range: give each its own number, 0 to 2']
    assert met(port, (1, 3), (2, 3)) == [None, None]
    host.join(20)
    assert result == [None]


def _connected(port: int) -> socket.socket:
    while True:
        try:
            return socket.create_connection(('localhost', port), timeout=5)
        except OSError:
            pass


def test_a_port_in_use(quick: None) -> None:
    with socket.create_server(('', 0)) as server:
        port = server.getsockname()[1]
        (said,) = met(port, (0, 2))
    assert said == f'port {port} is in use: choose another in --distributed, the same for all processes'


@pytest.mark.parametrize(
    'distributed, said',
    [
        ('localhost:12350,2,5', '--distributed=localhost:12350,2,5: PROCESS 5 must be one of 0 to PROCESSES - 1'),
        ('localhost:12350,2,-1', 'PROCESS -1 must be'),
        ('localhost:12350,0,0', 'PROCESS 0 must be'),
        ('localhost:99999,2,0', '99999 is not a valid port'),
        ('localhost,2,0', "neither 'auto' nor HOST:PORT,PROCESSES,PROCESS"),
        (':1234,2,0', "neither 'auto' nor"),
        ('localhost:1234', "neither 'auto' nor"),
    ],
)
def test_mistakes(distributed: str, said: str) -> None:
    with pytest.raises(UserError) as error:
        devices.start(None, distributed)
    assert said in str(error.value)


@pytest.mark.parametrize(
    'platforms, args, said',
    [
        ('cpu', ['--distributed=auto'], 'without a cluster that jax knows, set HOST:PORT,PROCESSES,PROCESS'),
        ('cuda', [], 'JAX_PLATFORMS=cuda asks for devices that are not here; unset it'),
        ('nonsense', ['--mode=describe'], 'JAX_PLATFORMS=nonsense asks for devices that are not here; unset it'),
    ],
)
def test_the_command_line(platforms: str, args: list[str], said: str, tmp_path: Path) -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith('SLURM')}
    env |= {'JAX_PLATFORMS': platforms, 'CUDA_VISIBLE_DEVICES': ''}
    command = [sys.executable, *RING, f'--workdir={tmp_path / "run"}', *args]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2 and said in done.stderr
    assert done.stderr.startswith('error: ') and done.stderr.count('\n') == 1
    assert not (tmp_path / 'run').exists()


def test_a_host_whose_own_name_does_not_resolve(tmp_path: Path) -> None:
    """As in containers that are not in their own hosts file; a name of its own needs the rights for it."""
    if subprocess.run(['unshare', '--uts', 'true'], capture_output=True).returncode:
        pytest.skip('no host name of our own to be had')
    launch = ' '.join([sys.executable, *RING, f'--workdir={tmp_path}', f'--distributed=localhost:{free_port()},2,'])
    script = f'hostname nobody-knows-me; {launch}1 & {launch}0; first=$?; wait $!; exit $((first + $?))'
    command = ['unshare', '--uts', 'bash', '-c', script]
    env = os.environ | {'JAX_PLATFORMS': 'cpu', 'XLA_FLAGS': ''}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 4 and 'Traceback' not in done.stderr, done.stderr
    assert done.stderr.count("own name 'nobody-knows-me' does not resolve") == 2
    assert done.stderr.count("(/etc/hosts), as '127.0.0.1 nobody-knows-me'") == 2
