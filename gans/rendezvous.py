"""Where processes that train together meet, before jax is told of them: jax ends in an abort if one of them does not
come, comes twice, or was told of another number of processes.

On the port that jax will use, process 0 listens. Each other process connects, says 'PROCESS PROCESSES', and gets lines
back: 'wait TEXT' to be shown, 'no TEXT' if it will not do, at last 'go'.
"""

import contextlib
import errno
import select
import socket
import sys
import time
from collections.abc import Iterable

from gans.errors import UserError

PATIENCE = 10.0  # seconds without a word
GIVE_UP = 300.0
POLL = 0.2


def meet(host: str, port: int, processes: int, process: int) -> None:
    """Returns when all processes are there.

    Args:
      host, port: of process 0.

    Raises:
      UserError: the port is in use; there is another process of this number, or process 0 was told of another number
        of processes; after five minutes, who is missing.
    """
    if process == 0:
        _wait_for_peers(f'{host}:{port}', port, processes)
    else:
        _check_in(host, port, processes, process)


def _wait_for_peers(place: str, port: int, processes: int) -> None:
    """Process 0."""
    present: dict[int, socket.socket] = {}
    began, told = time.monotonic(), False
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(_listen(port))
        while len(present) < processes - 1:
            missing = [number for number in range(1, processes) if number not in present]
            waited = time.monotonic() - began
            if waited > GIVE_UP:
                said = _timeout_message(_name_processes(missing), place)
                _send(present.values(), f'no {said}')
                raise UserError(said)
            if waited > PATIENCE and not told:
                told, said = True, _waiting_message(_name_processes(missing), place)
                print(said, file=sys.stderr, flush=True)
                _send(present.values(), f'wait {said}')
            ready, _, _ = select.select([server, *present.values()], [], [], POLL)
            present = {number: peer for number, peer in present.items() if peer not in ready}  # who speaks has gone
            if server in ready:
                peer = stack.enter_context(server.accept()[0])
                number, refused = _handshake(peer, processes, present)
                if refused:
                    _send([peer], f'no {refused}')
                elif number is not None:
                    present[number] = peer
        _send(present.values(), 'go')
        for peer in present.values():  # they close first, lest the port be kept
            with contextlib.suppress(OSError):
                peer.settimeout(1)
                peer.recv(1)


def _handshake(peer: socket.socket, processes: int, present: dict) -> tuple[int | None, str | None]:
    """Who has come, None for a stranger; and why it cannot stay."""
    try:
        peer.settimeout(1)
        number, count = map(int, peer.recv(64).split())
    except (OSError, ValueError):
        return None, None
    if count != processes:
        return number, f'process 0 was told of {processes} processes, process {number} of {count}: say the same to all'
    if number in present or not 0 < number < processes:
        return number, f'process {number} is one too many: give each its own number, 0 to {processes - 1}'
    return number, None


def _check_in(host: str, port: int, processes: int, process: int) -> None:
    """Any other process."""
    place, began, told = f'{host}:{port}', time.monotonic(), False
    while True:
        try:
            with socket.create_connection((host.strip('[]'), port), timeout=PATIENCE) as peer:
                peer.settimeout(GIVE_UP)
                peer.sendall(f'{process} {processes}\n'.encode())
                for line in peer.makefile():
                    word, _, said = line.strip().partition(' ')
                    if word == 'go':
                        return
                    if word == 'no':
                        raise UserError(said)
                    print(said, file=sys.stderr, flush=True)
            reason = 'it has gone'
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
        waited = time.monotonic() - began
        if waited > GIVE_UP:
            raise UserError(_timeout_message('process 0', place, reason))
        if waited > PATIENCE and not told:
            told = True
            print(_waiting_message('process 0', place, reason), file=sys.stderr, flush=True)
        time.sleep(POLL)


def _listen(port: int) -> socket.socket:
    both = socket.has_dualstack_ipv6()
    try:
        return socket.create_server(('', port), family=socket.AF_INET6 if both else socket.AF_INET, dualstack_ipv6=both)
    except OSError as error:
        used = error.errno == errno.EADDRINUSE
        why = 'is in use' if used else f'cannot be had ({error.strerror or error})'
        raise UserError(f'port {port} {why}: name another in --distributed, the same to all processes') from error


def _send(peers: Iterable[socket.socket], line: str) -> None:
    for peer in peers:
        with contextlib.suppress(OSError):  # who has gone is found out by reading
            peer.sendall(f'{line}\n'.encode())


def _name_processes(numbers: list[int]) -> str:
    some = ', '.join(map(str, numbers[:8])) + (f' and {len(numbers) - 8} more' if len(numbers) > 8 else '')
    return ('process ' if len(numbers) == 1 else 'processes ') + some


def _waiting_message(who: str, place: str, reason: str | None = None) -> str:
    return f'waiting for {who} at {place}{f" ({reason})" if reason else ""}, giving up after {GIVE_UP:.0f} s'


def _timeout_message(who: str, place: str, reason: str | None = None) -> str:
    why = f' ({reason})' if reason else ''
    return f'{who} did not come to {place} within {GIVE_UP:.0f} s{why}: start all processes, with the same address'
