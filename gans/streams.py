"""Standard output and error that never fail: results must not be lost because a line cannot be printed."""

import logging
import os
import sys
from collections.abc import Callable
from typing import Any


def install() -> None:
    """Replaces characters that the terminal cannot encode by '?', and ignores output after the reader is gone. What is
    logged comes as the lines that it is, without the words of `logging` before them.
    """
    for name in ('stdout', 'stderr'):
        stream = getattr(sys, name)
        if hasattr(stream, 'reconfigure'):  # may be None, as under pythonw
            stream.reconfigure(errors='replace')
            setattr(sys, name, _SafeStream(stream))
    logging.basicConfig(format='%(message)s', stream=sys.stderr)


class _SafeStream:
    """A text stream that survives a broken pipe, such as `| head -1`."""

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
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())  # also for the rest of its buffer
