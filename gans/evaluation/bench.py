"""What samples of a run are measured against, and through what: the same for all that `--mode=evaluate` measures."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import jax
import ml_collections
import numpy as np

from gans import kinds
from gans.core import TrainState, Tree
from gans.data import feed
from gans.data.base import Source
from gans.errors import UserError
from gans.evaluation import write
from gans.features import load
from gans.features.base import Extractor
from gans.latent_tools import truncation
from gans.metrics.extract import Extracted, content_hash, extract, extract_cached
from gans.metrics.protocol import Protocol
from gans.training import draw, sampling, standing, workdir
from gans.training.setup import Experiment

PART = 1_000  # samples that are held as floats at a time


class Options(NamedTuple):
    """What to measure, and with what."""

    num: int = 10_000  # samples
    seed: int = 0  # of the latents
    step: str = 'latest'
    features: str | None = None  # by default those of the config
    weights: str | None = None  # a file, for Inception
    direction: str | None = None  # the name of a sampler, see `sampling.directed`; by default the first
    truncation: str | None = None  # of samples, see `gans.latent_tools.truncation`; several, and there is a curve
    ppl: str | None = None  # the net of a distance in which path lengths are measured, see `path_length`
    standing: int | None = None  # batches that statistics are taken of, see `gans.training.standing`
    encoder: str | None = None  # a run whose encoders judge whether samples are of their captions; by default its own


class Bench(NamedTuple):
    """A run at a step, and real examples with their features."""

    experiment: Experiment
    state: TrainState
    step: int
    compared: sampling.Truth
    extractor: Extractor
    num: int  # samples
    inputs: Tree  # of these
    truth: np.ndarray  # real examples as they are stored, twice as many, or all
    labels: np.ndarray | None  # of these, int32; None: samples are asked for in no class of theirs
    real: Extracted  # of these
    options: Options
    cut: Mapping[str, str] = {}  # what stamps say of truncation

    @property
    def same(self) -> Extracted:
        """As many of the real examples as there are samples, or all."""
        return self.real.part(slice(self.num))

    def truncate(self, by: truncation.Truncation) -> 'Bench':
        """The same of samples that are truncated, with standing statistics of such if they are asked for."""
        stamp, found = truncation.resolve(self.experiment, by).stamp, truncation.truncated(self.experiment, by)
        inputs = sampling.fixed_inputs(found, self.num, self.options.seed)
        return self._replace(experiment=found, inputs=inputs, cut=stamp).renew()

    def renew(self) -> 'Bench':
        """The same with standing statistics, if they are asked for."""
        batches = self.options.standing
        if batches is None:
            return self
        return self._replace(state=standing.renew(self.experiment, self.state, batches, self.options.seed))

    def protocol(self) -> Protocol:
        """What all stamps have in common."""
        common = sampling.protocol_of(self.experiment, self.compared) | self.cut
        if self.options.standing is not None:
            size = self.experiment.config.train.batch_size
            common['statistics'] = f'standing, {self.options.standing} batches of {size}'
        return common | {'real hash': content_hash(self.truth[: self.num]), 'latents seed': self.options.seed}

    def extract(self) -> Extracted:
        """The samples with their features."""
        asked = sampling.main_sampler(self.experiment.system).asked
        drawn = samples(self.experiment, self.state, self.inputs, self.step)
        return extract(self.extractor, drawn, {metric: self.inputs[name] for name, metric in asked.items()})

    def untrained(self) -> 'Bench':
        """The same of the generator before training."""
        return self._replace(state=self.experiment.init(), step=0)


def set_up(config: ml_collections.ConfigDict, folder: Path, options: Options) -> Bench:
    """Reads a run and the real examples, and says what is measured.

    Raises:
      UserError: no such run, checkpoint, features or weights.
    """
    if options.num < 2:
        raise UserError(f'--num={options.num} must be at least 2')
    experiment, state, step = draw.restored(config, folder, options.step, options.direction)
    compared = sampling.truth(experiment)
    source, num = compared.source, compared.most(options.num)
    features = options.features or experiment.config.eval.get('features') or 'auto'
    extractor = load.load(features, source.spec, compared.data, options.weights)
    write.read_results(folder)  # a damaged file is told of before the work
    inputs = sampling.fixed_inputs(experiment, num, options.seed)  # first: there may not be the memory for so many
    truth, *labels = real_fields(source, 2 * num, compared.like, *(('label',) if compared.labeled else ()))
    if len(truth) < 2:
        raise UserError(f"'{experiment.config.data.name}' has one example only: at least two are needed")
    against = f'{min(num, len(truth)):,} {"held-out" if compared.split else "real"} examples'
    if source.size is not None and num < source.size:
        against += f' (a random part of {source.size:,}, always the same)'
    workdir.say(f'{folder}: step {step:,}, {num:,} samples against {against}, features {extractor.name}')
    real = extract_cached(extractor, truth)
    return Bench(experiment, state, step, compared, extractor, num, inputs, truth, *(labels or [None]), real, options)


def real_examples(source: Source, num: int, like: str = 'real') -> np.ndarray:
    """The first `num` real examples in a fixed order, or all, of one field: as they are stored."""
    return real_fields(source, num, like)[0]


def real_fields(source: Source, num: int, like: str, *others: str) -> list[np.ndarray]:
    """The same, and other fields of these examples as they are."""
    num = num if source.size is None else min(num, source.size)
    store, found = kinds.kind_of(source.spec).store, []
    for some in feed.chunks(source, num, feed.fixed_key()):
        found.append([store(some[like]), *(some[name] for name in others)])
    return [np.concatenate(parts) for parts in zip(*found, strict=True)]


def samples(experiment: Experiment, state: TrainState, inputs: Tree, step: int) -> np.ndarray:
    """Samples of a state, as they would be saved: UserError if some are not finite."""
    sample, found = sampling.make_sampler(experiment), []
    for start in range(0, len(jax.tree.leaves(inputs)[0]), PART):
        part = jax.tree.map(lambda x, start=start: x[start : start + PART], inputs)
        drawn = np.concatenate([np.asarray(chunk) for chunk in sample(state, part)])
        if not np.isfinite(drawn).all():
            raise UserError(f'step {step:,} gives samples that are not finite: it has diverged, take an earlier --step')
        found.append(kinds.kind_of(sampling.sampled_spec(experiment)).store(drawn))
    return np.concatenate(found)
