"""One process at a time works in a folder: a lock of the system's, which goes with its process, however that ends.

It is flock(2) on the open file `FOLDER/.lock`, in which its owner writes who it is, for the message alone: what decides
is the lock, never the text, so a process that was killed keeps nobody out. Not lockf(3), which a process loses when it
closes any other descriptor of the file. Linux carries flock over NFS to the server as a lock on the whole file, so
hosts see each other's. Where a mount keeps locks to its host (`nolock`, `local_lock`, Lustre's `localflock`) they do
not, so what an owner on another host has left in the file is said; where there are no locks at all, that is said.
"""

import contextlib
import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from gans.errors import UserError
from gans.training import workdir

NAME = '.lock'


class Held(UserError):
    """Another process is there."""


@contextlib.contextmanager
def hold(folder: Path, wait: bool = False) -> Iterator[None]:
    """Inside the context no other process is in that of the same folder, which is made if it must be.

    Nothing of it is left afterwards: no file, and no folder that was made for it and stayed empty.

    Args:
      wait: for others to leave it, who take moments.

    Raises:
      Held: another process is there, and the line says which, on which host.
      UserError: the folder cannot be written.
    """
    fresh = [path for path in (folder, *folder.parents) if not path.exists()]  # which are made
    path = folder / NAME
    file = _take(path, wait)
    try:
        _introduce(file)
        yield
    finally:
        with contextlib.suppress(OSError):  # the folder was moved, or the disk is gone: the lock goes all the same
            file.truncate(0)  # we have ended as one should, also where an open file cannot be removed
            if _is_at(file, path):
                path.unlink()
            for made in fresh:
                made.rmdir()  # fails where something is in it
        file.close()


def _take(path: Path, wait: bool) -> TextIO:
    """The lock's file, locked."""
    while True:
        workdir.make_folder(path.parent)
        try:
            file = path.open('a+', encoding='utf-8')
        except FileNotFoundError:
            continue  # who made the folder has just left, and taken it along
        except OSError as error:
            reason = error.strerror or error
            raise UserError(f'cannot write to {path.parent}: {reason}; choose another --workdir') from error
        try:
            if not _try_lock(file, path.parent, wait):
                raise Held(f'{path.parent}: {_owner(file)}: wait until it ends, or choose another --workdir')
            if _is_at(file, path):
                return file
        except BaseException:
            file.close()
            raise
        file.close()  # who had it before us has removed it


def _try_lock(file: TextIO, folder: Path, wait: bool) -> bool:
    """Whether the lock is ours now; True as well where there are no locks, which is said."""
    lockless = None
    try:
        import fcntl  # not on Windows

        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except (ImportError, OSError) as error:
        lockless = getattr(error, 'strerror', None) or error
    before = _read(file)
    left = f': {_said(before)} and did not end as it should' if before else ''
    if lockless:
        workdir.say(f'{folder} cannot be locked ({lockless}): see to it that no other process trains there{left}')
    elif before and before['host'] != socket.gethostname():
        workdir.say(f'{folder}{left}: if it still trains there, stop one of the two')
    return True


def _introduce(file: TextIO) -> None:
    """Writes who we are into the lock."""
    me = {
        'process': os.getpid(),
        'host': socket.gethostname(),
        'since': time.strftime('%Y-%m-%d %H:%M:%S %z'),
    }
    with contextlib.suppress(OSError):  # a full disk keeps nobody from locking
        file.truncate(0)
        file.write(json.dumps(me))
        file.flush()


def _owner(file: TextIO) -> str:
    """Who holds the lock; that one may be about to write it down."""
    for _ in range(20):
        found = _read(file)
        if found:
            return _said(found)
        time.sleep(0.05)
    return 'another process trains there'


def _read(file: TextIO) -> dict[str, Any]:
    """What an owner wrote; {} where that is nothing, or no such thing."""
    with contextlib.suppress(ValueError, OSError):
        file.seek(0)
        found = json.loads(file.read())
        if isinstance(found, dict) and {'process', 'host', 'since'} <= found.keys():
            return found
    return {}


def _said(owner: dict[str, Any]) -> str:
    return f'process {owner["process"]} on {owner["host"]} has trained there since {owner["since"]}'


def _is_at(file: TextIO, path: Path) -> bool:
    """Whether an open file is the one that lies at a path."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False
