"""Checks that all processes of a distributed run are present before jax.distributed starts, which aborts if one is
missing, started twice, or has another number of processes.

Process 0 listens on the port that jax will use. Each other process connects, sends 'PROCESS PROCESSES', and receives
lines: 'wait TEXT' to display, 'no TEXT' if it is rejected, and finally 'go'.
"""

import contextlib
import errno
import select
import socket
import sys
import time
from collections.abc import Iterable

from gans.errors import UserError

PATIENCE = 10.0  # seconds of waiting without a message
GIVE_UP = 300.0
POLL = 0.2


def meet(host: str, port: int, processes: int, process: int) -> None:
    """Returns once all processes are present.

    Args:
      host, port: of process 0.

    Raises:
      UserError: the port is in use; another process has the same number, or process 0 expects another number of
        processes; processes are missing after five minutes.
    """
    if process == 0:
        _wait_for_peers(f'{host}:{port}', port, processes)
    else:
        _check_in(host, port, processes, process)


def _wait_for_peers(address: str, port: int, processes: int) -> None:
    """Process 0."""
    present: dict[int, socket.socket] = {}
    start, notified = time.monotonic(), False
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(_listen(port))
        while len(present) < processes - 1:
            missing = [number for number in range(1, processes) if number not in present]
            waited = time.monotonic() - start
            if waited > GIVE_UP:
                message = _timeout_message(_name_processes(missing), address)
                _send(present.values(), f'no {message}')
                raise UserError(message)
            if waited > PATIENCE and not notified:
                notified, message = True, _waiting_message(_name_processes(missing), address)
                print(message, file=sys.stderr, flush=True)
                _send(present.values(), f'wait {message}')
            ready, _, _ = select.select([server, *present.values()], [], [], POLL)
            present = {number: peer for number, peer in present.items() if peer not in ready}  # readable means closed
            if server in ready:
                peer = stack.enter_context(server.accept()[0])
                number, rejection = _handshake(peer, processes, present)
                if rejection:
                    _send([peer], f'no {rejection}')
                elif number is not None:
                    present[number] = peer
        _send(present.values(), 'go')
        for peer in present.values():  # they close first, so that the port is free at once
            with contextlib.suppress(OSError):
                peer.settimeout(1)
                peer.recv(1)


def _handshake(peer: socket.socket, processes: int, present: dict) -> tuple[int | None, str | None]:
    """The number of a process that connects, None if it is none of ours; and why it is rejected, if it is."""
    try:
        peer.settimeout(1)
        number, count = map(int, peer.recv(64).split())
    except (OSError, ValueError):
        return None, None
    if count != processes:
        return (
            number,
            f'process 0 expects {processes} processes, process {number} expects {count}: give all the same number',
        )
    if number in present or not 0 < number < processes:
        return (
            number,
            f'process {number} is present twice or out of range: give each its own number, 0 to {processes - 1}',
        )
    return number, None


def _check_in(host: str, port: int, processes: int, process: int) -> None:
    """Any other process."""
    address, start, notified = f'{host}:{port}', time.monotonic(), False
    while True:
        try:
            with socket.create_connection((host.strip('[]'), port), timeout=PATIENCE) as peer:
                peer.settimeout(GIVE_UP)
                peer.sendall(f'{process} {processes}\n'.encode())
                for line in peer.makefile():
                    word, _, message = line.strip().partition(' ')
                    if word == 'go':
                        return
                    if word == 'no':
                        raise UserError(message)
                    print(message, file=sys.stderr, flush=True)
            reason = 'connection closed'
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
        waited = time.monotonic() - start
        if waited > GIVE_UP:
            raise UserError(_timeout_message('process 0', address, reason))
        if waited > PATIENCE and not notified:
            notified = True
            print(_waiting_message('process 0', address, reason), file=sys.stderr, flush=True)
        time.sleep(POLL)


def _listen(port: int) -> socket.socket:
    both = socket.has_dualstack_ipv6()
    try:
        return socket.create_server(('', port), family=socket.AF_INET6 if both else socket.AF_INET, dualstack_ipv6=both)
    except OSError as error:
        used = error.errno == errno.EADDRINUSE
        why = 'is in use' if used else f'cannot be opened ({error.strerror or error})'
        raise UserError(f'port {port} {why}: choose another in --distributed, the same for all processes') from error


def _send(peers: Iterable[socket.socket], line: str) -> None:
    for peer in peers:
        with contextlib.suppress(OSError):  # closed connections are noticed when reading
            peer.sendall(f'{line}\n'.encode())


def _name_processes(numbers: list[int]) -> str:
    some = ', '.join(map(str, numbers[:8])) + (f' and {len(numbers) - 8} more' if len(numbers) > 8 else '')
    return ('process ' if len(numbers) == 1 else 'processes ') + some


def _waiting_message(who: str, address: str, reason: str | None = None) -> str:
    return f'waiting for {who} at {address}{f" ({reason})" if reason else ""}, giving up after {GIVE_UP:.0f} s'


def _timeout_message(who: str, address: str, reason: str | None = None) -> str:
    why = f' ({reason})' if reason else ''
    return f'{who} did not connect to {address} within {GIVE_UP:.0f} s{why}: start all processes with the same address'
