"""A run as Python sees it: its samples, its critic's scores, and what its folder says."""

import functools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict

from gans import kinds, memory, ranges
from gans.core import Array, Spec, TrainState
from gans.data.base import class_number
from gans.data.words import encode_sentences
from gans.errors import UserError
from gans.training import logs, sampling, workdir
from gans.training.setup import Experiment

NUM = 64  # samples

Labels = int | str | Sequence[int | str] | np.ndarray  # classes, by number or name


class Run:
    """A run as it was at one step; made by `load`.

    Attributes:
      folder: where it lies.
      config: all keys, locked.
      step: its train steps.
      classes: names of the classes of its examples, if they have some.
    """

    def __init__(self, folder: Path, config: ConfigDict, experiment: Experiment, state: TrainState, step: int) -> None:
        self.folder, self.config, self.step = folder, config, step
        self.classes = experiment.source.spec.classes
        self._experiment, self._state = experiment, jax.device_put(state)

    def __repr__(self) -> str:
        return f"gans.load('{self.folder}', step={self.step})"

    @functools.cached_property
    def metrics(self) -> dict[str, np.ndarray]:
        """What was logged, over the whole run: by name float64 [N], NaN where there is no value; 'step' int64 [N]."""
        return logs.read_metrics(self.folder / 'metrics.csv')

    @functools.cached_property
    def summary(self) -> dict[str, Any]:
        """The folder's summary.json; empty while the run is not over."""
        return workdir.read_json(self.folder / 'summary.json', {})

    def sample(
        self,
        num: int | None = None,
        *,
        seed: int = 0,
        labels: Labels | None = None,
        inputs: np.ndarray | Mapping[str, np.ndarray] | None = None,
        texts: str | Sequence[str] | None = None,
    ) -> np.ndarray:
        """Samples of the generator, from averaged weights where the run has them: the same for the same seed.

        Args:
          num: how many (default: as many as there are inputs, or labels; else 64).
          seed: of the latents.
          labels: of a conditional system: a class for all, or classes that are taken in turn (default: all of them).
          inputs: of a system that makes samples from images: those images [N, ...], as examples or uint8; by field,
            if they are of several fields.
          texts: of a system that is told words: a sentence for all, or sentences that are taken in turn.

        Returns:
          float32 [num, *shape]: points, or images [num, H, W, C] in [-1, 1].

        Raises:
          UserError: labels or inputs that this system has no use for, lacks, or that do not fit it.
        """
        experiment, sampler = self._experiment, sampling.main_sampler(self._experiment.system)
        read = sampling.fields_read(sampler, experiment.source)
        if texts is not None:
            num, inputs = self._told(texts, num, inputs, read)
        batch = self._fields(read - {'label'}, inputs)
        lengths = [len(x) for x in (*batch.values(), *([] if np.ndim(labels) == 0 else [labels]))]
        num = num if num is not None else lengths[0] if lengths else NUM
        ranges.check_one('num', num, ranges.count())
        ranges.check_one('seed', seed, ranges.SEED)
        if any(len(x) < num for x in batch.values()):
            raise UserError(f'num={num} samples are made from as many inputs, and there are {lengths[0]}')
        if labels is not None and 'label' not in read:
            raise UserError(f"labels={labels!r}: system '{self.config.system}' knows no classes; leave them out")
        batch = {name: x[:num] for name, x in batch.items()}
        if 'label' in read:
            batch['label'] = self._numbers(range(len(self.classes)) if labels is None else labels, num)
        shape = sampling.sampled_spec(experiment).shape
        with memory.explaining('sample'):
            memory.check(8 * num * math.prod(shape), f'to draw {num:,} samples', 'num', on_host=True)
            given = sampling.fixed_inputs(experiment, num, seed, batch)
            return np.concatenate(memory.fetch(self._sampler(self._state, given)))

    def critic(self, examples: np.ndarray, labels: Labels | None = None) -> np.ndarray:
        """The critic's scores of examples by themselves, without augmentation or noise; higher is more real.

        Args:
          examples: [N, *shape] as samples are, or images as uint8.
          labels: of a critic that is told classes: one for all, or one for each example.

        Returns:
          float32 [N], of a critic of patches maps [N, h, w]. One that compares examples sees up to 250 at a time.

        Raises:
          UserError: the system has no critic of single examples, or the examples or labels do not fit it.
        """
        if self._experiment.system.critic is None:
            raise UserError(f"system '{self.config.system}' has no critic that judges one example by itself")
        x = self._fit('examples', examples, sampling.sampled_spec(self._experiment))
        if np.ndim(labels) and len(labels) != len(x):
            raise UserError(f'there are {len(labels)} labels for {len(x)} examples')
        told = () if labels is None else (self._numbers(labels, len(x)),)
        with memory.explaining('sample'):
            parts = [slice(start, start + sampling.CHUNK) for start in range(0, len(x), sampling.CHUNK)]
            scores = [self._judge(self._state, x[part], *(label[part] for label in told)) for part in parts]
            return np.concatenate(memory.fetch(scores)) if parts else np.zeros(0, np.float32)

    @functools.cached_property
    def _sampler(self) -> Any:
        return sampling.make_sampler(self._experiment)

    @functools.cached_property
    def _judge(self) -> Any:
        critic = self._experiment.system.critic
        return jax.jit(lambda state, x, *labels: critic(sampling.use_averages(state), x, *labels))

    def _fields(self, wanted: frozenset[str], inputs: Any) -> dict[str, Array]:
        """The fields of examples that samples are made from, as nets have them."""
        names = ' and '.join(sorted(wanted))
        if inputs is None and wanted:
            raise UserError(f"samples of this run are made from '{names}' of examples: give inputs=")
        if inputs is None:
            return {}
        given = inputs if isinstance(inputs, Mapping) else dict.fromkeys(sorted(wanted)[:1], inputs)
        if not wanted or {*given} != wanted:
            of = f"'{names}' of examples" if wanted else 'latents alone: leave inputs out'
            raise UserError(f'samples of this run are made from {of}')
        fields = self._experiment.source.fields
        fit = lambda name, x: self._fit(f'inputs of {name}', x, fields[name]) if name in fields else np.asarray(x)
        return {name: fit(name, x) for name, x in given.items()}

    def _told(
        self, texts: Any, num: int | None, inputs: Any, read: frozenset[str]
    ) -> tuple[int, dict[str, np.ndarray]]:
        """How many samples, and their captions."""
        if 'caption' not in read or inputs is not None:
            why = f"system '{self.config.system}' is told no words" if 'caption' not in read else 'there are inputs'
            raise UserError(f'texts={texts!r}: {why}; leave them out')
        sentences = [texts] if isinstance(texts, str) else list(texts)
        if not sentences:
            raise UserError('texts are empty: give a sentence')
        captions = encode_sentences(sentences, self._experiment.source.spec.fields['caption'])
        num = num if num is not None else NUM if isinstance(texts, str) else len(sentences)
        return num, {'caption': captions[np.arange(num) % len(captions)]}

    def _fit(self, what: str, x: Any, spec: Spec) -> Array:
        """Examples as nets have them; UserError if they are of another shape."""
        x = np.asarray(x)
        if x.shape[1:] != spec.shape or not x.ndim:
            wanted = ', '.join(map(str, ('N', *spec.shape)))
            raise UserError(f'{what} have the shape {list(x.shape)}; of this run it is [{wanted}]')
        kind = kinds.kind_of(spec)
        if kind.dtype != np.uint8:
            return np.asarray(x, kind.dtype)
        return kind.finish(x) if x.dtype == np.uint8 else np.asarray(x, np.float32)

    def _numbers(self, labels: Any, num: int) -> np.ndarray:
        """Numbers of `num` classes, int32, that are taken in turn."""
        named = [labels] if np.ndim(labels) == 0 else list(labels)
        if not self.classes:
            raise UserError(f'labels={labels!r}: the examples of this run have no classes; leave them out')
        return np.resize([class_number(name, self.classes, 'label') for name in named], num).astype(np.int32)
