"""Orbax as `gans/training/checkpoints.py` uses it: confined to one process, quiet, and with a policy of our own."""

import contextlib
import gc
import logging
import sys
import textwrap
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np


class DamageError(Exception):
    """A checkpoint cannot be read, or is not what was saved."""


def load() -> Any:
    """The package, its records kept out of the log: whatever fails in it is raised as well."""
    import absl.logging
    import orbax.checkpoint

    absl.logging.get_absl_logger().addFilter(_not_from_orbax)  # a filter that is there is not added again
    return orbax.checkpoint


def open_manager(folder: Path, keep: int, scores: Mapping[int, float | None]) -> Any:
    """A CheckpointManager of this process alone: of the steps in `scores` it keeps the latest `keep` and the one of the
    lowest score, and of all the last.
    """
    ocp = load()
    options = ocp.CheckpointManagerOptions(
        create=False,
        save_root_metadata=False,
        preservation_policy=_LatestAndBest(keep, scores),
        multiprocessing_options=_alone(ocp),
    )
    return ocp.CheckpointManager(folder, options=options)


def save(manager: Any, step: int, arrays: Mapping[str, np.ndarray], about: Mapping[str, Any]) -> None:
    """Copies the arrays and starts to write them, and the JSON `about`; errors may be any exception, also later."""
    ocp = load()
    stored = {path: array for path, array in arrays.items() if array.size}  # Orbax refuses empty arrays
    items = ocp.args.Composite(arrays=ocp.args.PyTreeSave(stored), about=ocp.args.JsonSave(dict(about)))
    manager.save(step, args=items, force=True)  # force: whether a save is due is the caller's business


def about_path(folder: Path) -> Path:
    """The JSON file in the folder of a step."""
    return folder / 'about' / 'metadata'


def read_arrays(folder: Path) -> dict[str, np.ndarray]:
    """The arrays in the folder of a step, without the empty ones. Raises DamageError if they cannot be read."""
    ocp = load()
    handler = ocp.PyTreeCheckpointHandler(multiprocessing_options=_alone(ocp))
    with _quiet_asyncio():
        try:
            with ocp.Checkpointer(handler, multiprocessing_options=_alone(ocp)) as reader:
                return reader.restore(folder / 'arrays')
        except Exception as error:  # damage shows as errors of JSON, TensorStore, missing keys, ...
            reason = textwrap.shorten(str(error), 120, placeholder=' ...') or repr(error)
        # Orbax left the other reads under way. They end in a closed event loop and are collected with their errors
        # unread, each of which would print a traceback; so let them do it now.
        time.sleep(0.2)
        gc.collect()
    raise DamageError(reason)


@contextlib.contextmanager
def _quiet_asyncio() -> Iterator[None]:
    hook, logger = sys.unraisablehook, logging.getLogger('asyncio')
    sys.unraisablehook = lambda info: None if 'Event loop is closed' in str(info.exc_value) else hook(info)
    logger.disabled, disabled = True, logger.disabled
    try:
        yield
    finally:
        sys.unraisablehook, logger.disabled = hook, disabled


class _LatestAndBest:
    """A PreservationPolicy. Orbax's BestN keeps every checkpoint that has no score, and scores that Orbax itself
    stores are read in a way that one damaged file stops it from opening the folder."""

    def __init__(self, keep: int, scores: Mapping[int, float | None]) -> None:
        self._keep, self._scores = keep, scores

    def should_preserve(self, checkpoints: Any, *, context: Any) -> list[bool]:
        steps = [checkpoint.step for checkpoint in checkpoints]
        staying = [step for step in steps if step in self._scores]
        scored = [step for step in staying if self._scores[step] is not None]
        kept = {steps[-1], *staying[-self._keep :], *sorted(scored, key=self._scores.get)[:1]}
        return [step in kept for step in steps]


def _not_from_orbax(record: logging.LogRecord) -> bool:
    return '/orbax/checkpoint/' not in Path(record.pathname).as_posix()


def _alone(ocp: Any) -> Any:
    me = jax.process_index()
    return ocp.options.MultiprocessingOptions(primary_host=me, active_processes={me}, barrier_sync_key_prefix=str(me))
