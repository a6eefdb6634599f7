"""SIGTERM and Ctrl-C: asked for after each call of the program, so that the state can be saved first."""

import contextlib
import signal
from types import FrameType

import jax


class Signals:
    """Inside the context the first signal is remembered; a second one ends the process as usual."""

    def __enter__(self) -> 'Signals':
        self._got: signal.Signals | None = None
        self._old = {}
        with contextlib.suppress(ValueError):  # not the main thread: signals are another's business
            self._old = {number: signal.signal(number, self._catch) for number in (signal.SIGTERM, signal.SIGINT)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, old in self._old.items():
            signal.signal(number, old)

    def _catch(self, number: int, frame: FrameType | None) -> None:
        self._got = signal.Signals(number)
        for each, old in self._old.items():
            signal.signal(each, old)

    def received(self, step: int) -> signal.Signals | None:
        """The signal to stop, if there was one; with several processes, all of them hear of it at the same step."""
        if jax.process_count() == 1:
            return self._got
        from jax.experimental import multihost_utils

        return signal.SIGTERM if multihost_utils.reached_preemption_sync_point(step) else None
