"""A cache on disk, in $XDG_CACHE_HOME/gans or ~/.cache/gans; its files may be deleted at any time."""

import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np


def home() -> Path:
    """The folder of the cache."""
    return Path(os.environ.get('XDG_CACHE_HOME') or '~/.cache', 'gans').expanduser()


Arrays = dict[str, np.ndarray]


def load_or_make(kind: str, key: Mapping[str, Any], make: Callable[[], Arrays]) -> Arrays:
    """Returns the cached arrays for this key, or calls `make` and caches the result.

    Args:
      kind: name of a folder.
      key: everything that the arrays depend on, as JSON.

    Damaged files are replaced. If the cache cannot be written, a warning is logged.
    """
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:32]
    path = home() / kind / f'{digest}.npz'
    try:
        with np.load(path, allow_pickle=False) as file:
            return dict(file)
    except FileNotFoundError:
        pass
    except Exception as error:  # a damaged file may raise anything
        logging.warning("cannot read '%s' (%s); it will be replaced", path, error)
    arrays = dict(make())
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix='.npz', delete=False) as file:
            np.savez(file, **arrays)
        Path(file.name).replace(path)
    except OSError as error:
        logging.warning("cannot write '%s' (%s)", path, error)
    return arrays
