"""Files that are written all at once: whoever looks, and whatever is killed, finds the old one or the new one whole."""

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from gans.errors import UserError


def write(path: Path, fill: Callable[[BinaryIO], object]) -> None:
    """Fills a file beside `path`, in a folder that is made if it must be, and moves it there.

    Its name is always the same, so that a run that goes on after a kill overwrites what the kill left.

    Raises:
      UserError: it cannot be written.
    """
    path = Path(path)
    temporary = path.with_name(f'.{path.name}.tmp')
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
