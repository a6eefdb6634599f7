"""Errors for people: one line that says what is wrong, with what value, and what would fix it."""

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """A mistake of the user's, not of the program's: `launch.py` prints it in one line and exits with code 2."""


def unknown(kind: str, name: object, known: Iterable[str], listed: str | None = None) -> UserError:
    """The error for a name that is not among the known ones: names the nearest, then all of them.

    Usage: `raise unknown('game', 'hindge', GAMES)` says "unknown game 'hindge'; did you mean 'hinge'? known: ...".

    Args:
      listed: the file that lists the known ones, where they are too many for a line.
    """
    known = sorted(known)
    near = difflib.get_close_matches(str(name), known, n=1, cutoff=0.5)
    hint = f" did you mean '{near[0]}'?" if near else ''
    return UserError(f"unknown {kind} '{name}';{hint} known: {listed or ', '.join(known)}")


class Stopped(Exception):
    """The run ended before its last step, with a checkpoint to go on from; `code` is the process's exit code."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code
