"""Files that are written all at once: whoever looks, and whatever is killed, finds the old one or the new one whole."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from gans.errors import UserError


def write(path: Path, fill: Callable[[BinaryIO], object]) -> None:
    """Fills a file beside `path`, in a folder that is made if it must be, and moves it there.

    Its name is this process's own, so that two that write one file at a time do not spoil each other's.

    Raises:
      UserError: it cannot be written.
    """
    path = Path(path)
    temporary = path.with_name(f'.{path.name}.{os.getpid()}.tmp')
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open('wb') as file:
                fill(file)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise UserError(f'cannot write {path}: {error.strerror or error}; use a place that can be written') from error
