"""Errors for users: one line that says what is wrong, with which value, and how to fix it."""

import difflib
from collections.abc import Iterable, Sequence

MANY = 20  # names in a line


class OneLine(Exception):
    """What is for people to read: its message is one line that says all."""

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows in place of the way through this code: IPython asks for it."""
        return [f'gans.{type(self).__name__}: {self}']


class UserError(OneLine):
    """A mistake of the user, not of the program: `launch.py` prints it in one line and exits with code 2."""

    __module__ = 'gans'  # where it is public: so tracebacks name it


def unknown(kind: str, name: object, known: Iterable[str], listed: str | None = None) -> UserError:
    """The error for an unknown name: it suggests the closest known one, and lists all, or three of very many.

    Usage: `raise unknown('game', 'hindge', GAMES)` says "unknown game 'hindge'; did you mean 'hinge'? known: ...".

    Args:
      listed: the file that lists the known ones, if they are too many for one line.
    """
    known = sorted(known)
    near = difflib.get_close_matches(str(name), known, n=1, cutoff=0.5)
    hint = f" did you mean '{near[0]}'?" if near else ''
    if len(known) > MANY and not listed:
        listed = f'{", ".join(nearest(name, known))}, ... ({len(known)} in all)'
    return UserError(f"unknown {kind} '{name}';{hint} known: {listed or ', '.join(known)}")


def nearest(name: object, known: Iterable[str]) -> list[str]:
    """The three known names that are most like this one."""
    return difflib.get_close_matches(str(name), known, n=3, cutoff=0)


def either(names: Sequence[str]) -> str:
    """The first of some names as a choice: 'a, b or c'."""
    *others, last = names[:4]
    return f'{", ".join(others)} or {last}' if others else last


class Stopped(OneLine):
    """The run ended before its last step, with a checkpoint to resume from; `code` is the exit code of the process."""

    __module__ = 'gans'

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code
