"""Data sets that are read once, for all that look at them."""

import json

import ml_collections

from gans.configs import flatten
from gans.data import load
from gans.data.base import Source


class Sources:
    """Data sets by their configs, so that runs and stages that look at the same share one, which is read once."""

    def __init__(self, outlined: bool = False) -> None:
        """`outlined`: as of `gans.data.load.load`."""
        self._held: dict[str, Source] = {}
        self._outlined = outlined

    def of(self, config: ml_collections.ConfigDict, which: str | None = None) -> Source:
        """What `config.data` describes, or one split of it; see gans/data/load.py."""
        key = json.dumps([flatten(config.data), which], sort_keys=True)
        if key not in self._held:
            read = load.load(config.data, self._outlined) if which is None else load.split(config.data, which)
            self._held[key] = read
        return self._held[key]

    @property
    def absent(self) -> str:
        """Why one of them is not here, if that is so."""
        return next((source.absent for source in self._held.values() if source.absent), '')
