"""Checkpoints of a run: written in the background by Orbax, verified by checksum when they are read.

A step's folder holds the state as a flat dict of numpy arrays by path, and a small JSON that says which leaves there
are and what their checksum is. So a state that no longer fits the config is told apart from a file that went bad.

Only process 0 writes. The state is the same in all processes, so the others have nothing to add, and with Orbax
confined to one process no barrier of its threads can meet a collective of the training.
"""

import json
import logging
import math
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import jax
import numpy as np

from gans.core import Tree
from gans.errors import UserError
from gans.numerics import DEFAULTS, numerics
from gans.training import orbax
from gans.training.leaves import by_path, checksum, checksum_json, describe, from_numpy, to_numpy
from gans.training.orbax import DamageError

# Shapes of a state, or a function of the step that gives them: those of a run's stages differ. None: whatever is there.
Template = Tree | Callable[[int], Tree] | None

log = logging.getLogger(__name__)

GONE = 0.5  # seconds in which a checkpoint that is being deleted vanishes


class Restored(NamedTuple):
    """A checkpoint as it was saved."""

    step: int
    state: Tree  # numpy leaves and typed keys, in the structure of the template; without one, numpy leaves by path
    notes: dict[str, Any]
    score: float | None


class Checkpoints:
    """The checkpoints in a folder: the latest `keep`, the one with the lowest score, and the last.

    One that is of its step only because a run stopped there is kept while it is the last, and takes no other's place;
    so a run that stops and goes on, or goes on beyond its end, leaves the checkpoints of one that did not.

    Reading changes nothing on disk, so that a run may be sampled while it trains. The first `save` tidies up:
    leftovers of a killed save go, and checkpoints that `restore` found damaged are renamed to `corrupted-STEP`.

    With several processes all of them call every method; `folder` must be one that all of them see.
    """

    def __init__(self, folder: Path, keep: int = 2) -> None:
        if keep < 1:
            raise UserError(f'cannot keep {keep} checkpoints: keep at least 1')
        self._folder = Path(folder).absolute()
        self._keep = keep
        self._damaged: set[int] = set()
        self._scores: dict[int, float | None] = {}  # of those that stay, as they count when later ones are there
        self._manager = None  # opened by the first save

    def save(
        self,
        step: int,
        state: Tree,
        score: float | None = None,
        notes: Mapping[str, Any] | None = None,
        stays: bool = True,
        score_stays: bool = True,
    ) -> None:
        """Starts to write a checkpoint and returns; does nothing if there is one of this step.

        Waits for the previous save first. The state is copied once, so it may change as soon as this returns.

        Args:
            step: steps done.
            state: pytree of arrays or scalars on the host, typed keys and None.
            score: lower is better; None or not finite: never the best.
            notes: a small dict that JSON can hold.
            stays: it may be kept when there are later ones.
            score_stays: its score may make it the best when there are later ones.

        Raises:
            UserError: this save could not start, or the previous one failed; earlier checkpoints are still there.
        """
        if jax.process_index():
            return
        self.wait()
        if step in self.steps():
            return
        leaves = by_path(state)
        arrays = {path: to_numpy(leaf) for path, leaf in leaves.items()}
        about = {
            'step': int(step),
            'score': float(score) if score is not None and math.isfinite(score) else None,
            'stays': stays,
            'score_stays': score_stays,
            'notes': dict(notes or {}),
            'numerics': numerics(),
            'leaves': {path: describe(leaf) for path, leaf in leaves.items()},
            'crc': checksum(arrays),
        }
        about['about_crc'] = checksum_json(about)
        try:
            self._manager = self._manager or self._open()
            self._note(step, about)
            orbax.save(self._manager, step, arrays, about)
        except Exception as error:  # Orbax and TensorStore raise all kinds for a full disk
            self._fail(error)

    def restore(self, template: Template, which: int | str = 'latest') -> Restored | None:
        """Reads a checkpoint; None if the folder holds none.

        A damaged checkpoint is passed over, with a warning, for the one before it (the next best, for 'best').

        Args:
            template: pytree of `jax.ShapeDtypeStruct`, from `jax.eval_shape` of what makes the state, or a function of
                the step that gives it; None for whatever is there, by path, without leaves that are empty.
            which: a step, 'latest' or 'best'.

        Raises:
            UserError: there is no such step, the state does not fit the template, or every candidate is damaged.
        """
        if jax.process_count() == 1:
            return self._find(template, which)
        from jax.experimental import multihost_utils

        # Process 0 decides, the others read what it chose. They hear of its failure too, lest they wait for ever.
        restored, failure = None, None
        if jax.process_index() == 0:
            try:
                restored = self._find(template, which)
            except UserError as error:
                failure = error
        choice = -2 if failure else restored.step if restored else -1
        choice = int(multihost_utils.broadcast_one_to_all(np.int32(choice)))
        if choice == -2:
            raise failure or UserError(f'process 0 cannot restore from {self._folder}: see its message')
        if choice == -1 or jax.process_index() == 0:
            return restored
        try:
            return self._read(choice, template)
        except DamageError as error:
            raise UserError(
                f'process {jax.process_index()} cannot read checkpoint {choice} in {self._folder}, which process 0 '
                f'can ({error}): use a folder that all processes see'
            ) from error

    def steps(self) -> list[int]:
        """Steps of the complete checkpoints on disk, ascending, without those found damaged."""
        if not self._folder.is_dir():
            return []
        names = (entry.name for entry in self._folder.iterdir() if entry.is_dir())
        return sorted({int(name) for name in names if name.isdecimal()} - self._damaged)

    def wait(self) -> None:
        """Waits until the last save is on disk. Raises UserError if it failed."""
        try:
            if self._manager:
                self._manager.wait_until_finished()
        except Exception as error:
            self._fail(error)

    def close(self) -> None:
        """Waits for the last save and ends the background threads. Raises UserError if the save failed."""
        self.wait()
        if self._manager:
            self._manager.close()
            self._manager = None

    def _open(self) -> Any:
        """Tidies the folder, and gives it to a manager of Orbax."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for leftover in self._folder.glob('*.orbax-checkpoint-tmp*'):
            shutil.rmtree(leftover)
        for step in self._damaged:
            aside = self._folder / f'corrupted-{step}'
            shutil.rmtree(aside, ignore_errors=True)
            (self._folder / str(step)).rename(aside)
        self._damaged.clear()
        self._scores.clear()
        for step in self.steps():
            try:
                self._note(step, self._about(step))
            except DamageError:
                self._scores[step] = None
        return orbax.open_manager(self._folder, self._keep, self._scores)

    def _note(self, step: int, about: Mapping[str, Any]) -> None:
        """Remembers how a checkpoint counts once it is not the last."""
        if about.get('stays', True):
            self._scores[step] = about['score'] if about.get('score_stays', True) else None

    def _find(self, template: Template, which: int | str) -> Restored | None:
        """The first readable one of the candidates."""
        self.close()
        candidates = self._candidates(which)
        for i, step in enumerate(candidates):
            there = self.steps()
            try:
                return self._read(step, template)
            except DamageError as error:
                time.sleep(GONE)
                if self.steps() != there:
                    return self._find(template, which)  # the run that trains beside us is deleting it
                self._damaged.add(step)
                instead = f'step {candidates[i + 1]} is used instead' if i + 1 < len(candidates) else 'none is left'
                log.warning('checkpoint of step %d in %s is damaged (%s): %s', step, self._folder, error, instead)
        if not self._damaged:
            return None
        raise UserError(
            f'every checkpoint in {self._folder} that could serve is damaged (steps {sorted(self._damaged)}): '
            'put a good copy there, or start anew in another folder'
        )

    def _candidates(self, which: int | str) -> list[int]:
        """The steps to try, first the one asked for."""
        steps = self.steps()
        if which == 'latest' or (which == 'best' and not steps):
            return steps[::-1]
        if which == 'best':
            scores = {step: self._score(step, last=step == steps[-1]) for step in steps}
            scored = sorted((step for step in steps if scores[step] is not None), key=scores.get)
            if not scored:
                raise UserError(f"no checkpoint in {self._folder} has a score, so none is best: use 'latest'")
            return scored + [step for step in reversed(steps) if step not in scored]
        if not isinstance(which, int):
            raise UserError(f"cannot restore checkpoint '{which}': give a step, 'latest' or 'best'")
        if which not in steps:
            raise UserError(f'no checkpoint of step {which} in {self._folder}; steps there: {steps or "none"}')
        return [step for step in reversed(steps) if step <= which]

    def _read(self, step: int, template: Template) -> Restored:
        """Raises DamageError if the files are not what was saved, UserError if the state does not fit the template."""
        about, template = self._about(step), template(step) if callable(template) else template
        if template is None:
            arrays = orbax.read_arrays(self._folder / str(step))
            if not arrays.keys() <= about['leaves'].keys() or checksum(arrays) != about['crc']:
                raise DamageError('wrong checksum of the arrays')
            return Restored(step, arrays, about['notes'], about['score'])
        then, now = (DEFAULTS | set_ for set_ in (about.get('numerics', numerics()), numerics()))
        for name in DEFAULTS:
            if then[name] != now[name]:
                raise UserError(
                    f'checkpoint {step} in {self._folder} was trained with {name.upper()}={then[name]}, which is '
                    f'{now[name]} now: set it as then, or use another folder'
                )
        shapes = by_path(template)
        expected = {path: describe(shape) for path, shape in shapes.items()}
        for path in [*expected, *about['leaves']]:
            here, there = expected.get(path, 'nothing'), about['leaves'].get(path, 'nothing')
            if here != there:
                raise UserError(
                    f"checkpoint {step} in {self._folder} is of another system: at '{path}' it holds {there}, this "
                    f'config makes {here}; use the config it was trained with, or another folder'
                )
        arrays = {path: np.zeros(shape.shape, shape.dtype) for path, shape in shapes.items() if 0 in shape.shape}
        if len(arrays) < len(shapes):
            arrays |= orbax.read_arrays(self._folder / str(step))
        if arrays.keys() != shapes.keys() or checksum(arrays) != about['crc']:
            raise DamageError('wrong checksum of the arrays')
        leaves = [from_numpy(arrays[path], shape) for path, shape in shapes.items()]
        return Restored(step, jax.tree.unflatten(jax.tree.structure(template), leaves), about['notes'], about['score'])

    def _about(self, step: int) -> dict[str, Any]:
        try:
            about = json.loads(orbax.about_path(self._folder / str(step)).read_bytes())
            if about.pop('about_crc') == checksum_json(about):
                return about
        except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
            raise DamageError(f'its description cannot be read: {type(error).__name__}') from error
        raise DamageError('wrong checksum of its description')

    def _score(self, step: int, last: bool) -> float | None:
        try:
            about = self._about(step)
        except DamageError:
            return None
        return about['score'] if last or about.get('score_stays', True) else None

    def _fail(self, error: Exception) -> NoReturn:
        self._manager = None  # the next save starts afresh
        text = ' '.join(str(error).split()) or repr(error)
        reason = getattr(error, 'strerror', None) or text.rsplit(': ', 1)[-1]  # TensorStore puts the cause last
        raise UserError(
            f'cannot save a checkpoint in {self._folder}: {reason}; is the disk full or the folder read-only? '
            'Earlier checkpoints are still there'
        ) from error
