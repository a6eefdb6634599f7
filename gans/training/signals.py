"""SIGINT (Ctrl-C), SIGTERM and SIGHUP end a process in one line; where a run trains, its state is saved first.

Imports nothing heavy, so that `launch.py` can begin with it.
"""

import contextlib
import os
import signal
import sys
from collections.abc import Callable
from types import FrameType

PATIENCE = 5.0  # seconds for what is half-written to be put away

_got: int | None = None  # the signal by which this process ends


def install(handler: Callable[[int, FrameType | None], None] | None = None) -> None:
    """From here on a signal ends the process in one line: what is half-written is put away first, as by an exception.

    Args:
      handler: something else to be done.
    """
    for number in _numbers():
        signal.signal(number, handler or _raise)


def run(main: Callable[[list[str]], int], argv: list[str]) -> int:
    """Calls the main function of a program that began with `install`; returns its exit code."""
    try:
        code = main(argv)
    except BaseException:
        if _got is None:
            raise
    if _got is not None:
        _leave(_got)
    install(_leave)  # an exception would have nobody to catch it from now on
    return code


def _numbers() -> list[signal.Signals]:
    """The signals that stop us, without a SIGHUP that nohup has us ignore."""
    hang_up = getattr(signal, 'SIGHUP', None)  # not on Windows
    kept = hang_up is not None and signal.getsignal(hang_up) is not signal.SIG_IGN
    return [signal.SIGINT, signal.SIGTERM] + [hang_up] * kept


def _raise(number: int, frame: FrameType | None) -> None:
    global _got
    if _got is not None or _importing(frame):
        _leave(number)
    _got = number
    sys.unraisablehook = lambda _: None  # it may be raised where nobody hears of it, as in a destructor
    if hasattr(signal, 'setitimer'):  # which ends us all the same
        signal.signal(signal.SIGALRM, lambda *_: _leave(number))
        signal.setitimer(signal.ITIMER_REAL, PATIENCE)
    raise KeyboardInterrupt


def _importing(frame: FrameType | None) -> bool:
    """Whether a module is half imported, of which an exception makes anything: an ImportError, an abort."""
    while frame:
        if frame.f_code.co_filename.startswith('<frozen importlib'):
            return True
        frame = frame.f_back
    return False


def _leave(number: int, frame: FrameType | None = None) -> None:
    """Ends the process at once, without waiting for its threads."""
    with contextlib.suppress(Exception):
        sys.stdout.flush()
    said = f'stopped: {signal.Signals(number).name}; the same command goes on from what is saved\n'
    with contextlib.suppress(OSError):
        os.write(2, said.encode())  # `print` may be what was interrupted
    os._exit(128 + number)


class Signals:
    """Inside the context the first signal is remembered; a second one ends the process as usual."""

    def __enter__(self) -> 'Signals':
        import jax

        self._got: signal.Signals | None = None
        self._asked = 0  # times
        self._old = {}
        self._together = jax.process_count() > 1
        # Where processes train together, SIGTERM is jax's: it tells the others.
        numbers = [number for number in _numbers() if not (self._together and number == signal.SIGTERM)]
        with contextlib.suppress(ValueError):  # not the main thread: signals are another's business
            self._old = {number: signal.signal(number, self._catch) for number in numbers}
        return self

    def __exit__(self, *_: object) -> None:
        for number, old in self._old.items():
            signal.signal(number, old)

    def _catch(self, number: int, frame: FrameType | None) -> None:
        self._got = signal.Signals(number)
        for each, old in self._old.items():
            signal.signal(each, old)
        if self._together:
            os.kill(os.getpid(), signal.SIGTERM)

    def received(self) -> signal.Signals | None:
        """The signal to stop, if there was one; with several processes, all of them hear of it at the same call."""
        if not self._together:
            return self._got
        from jax.experimental import multihost_utils

        # They agree on a number that is larger by one than the largest yet.
        self._asked += 1
        reached = multihost_utils.reached_preemption_sync_point(self._asked)
        return (self._got or signal.SIGTERM) if reached else None
