"""Standard output and error: what cannot be printed is no reason to lose what was computed."""

import os
import sys
from collections.abc import Callable
from typing import Any


def install() -> None:
    """From here on what a terminal's encoding lacks becomes '?', and what nobody reads any more goes nowhere."""
    for name in ('stdout', 'stderr'):
        stream = getattr(sys, name)
        if hasattr(stream, 'reconfigure'):  # there may be none, as under pythonw
            stream.reconfigure(errors='replace')
            setattr(sys, name, _SafeStream(stream))


class _SafeStream:
    """A stream of text that outlives its reader, as behind `| head -1`."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        self._ignore_broken_pipe(lambda: self._stream.write(text))
        return len(text)

    def flush(self) -> None:
        self._ignore_broken_pipe(self._stream.flush)

    def _ignore_broken_pipe(self, act: Callable[[], object]) -> None:
        try:
            act()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())  # also for what is still in its buffer
