"""Files that are kept between runs, in $XDG_CACHE_HOME/gans or ~/.cache/gans; they may be deleted at any time."""

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
    """The folder of all that is kept."""
    return Path(os.environ.get('XDG_CACHE_HOME') or '~/.cache', 'gans').expanduser()


Arrays = dict[str, np.ndarray]


def load_or_make(kind: str, key: Mapping[str, Any], make: Callable[[], Arrays]) -> Arrays:
    """What `make()` gave for this key the last time, or gives now.

    Args:
      kind: a folder's name.
      key: all that the arrays depend on, as JSON.

    A file that is damaged is made anew. Where nothing can be written a warning is logged, and nothing is kept.
    """
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:32]
    path = home() / kind / f'{digest}.npz'
    try:
        with np.load(path, allow_pickle=False) as held:
            return dict(held)
    except FileNotFoundError:
        pass
    except Exception as error:  # a damaged file may raise anything at all
        logging.warning("'%s' cannot be read (%s); it is made anew", path, error)
    made = dict(make())
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix='.npz', delete=False) as file:
            np.savez(file, **made)
        Path(file.name).replace(path)
    except OSError as error:
        logging.warning("cannot keep '%s' (%s)", path, error)
    return made
