"""`--mode=evaluate`: a run's generator, measured by all metrics that apply."""

from pathlib import Path
from typing import NamedTuple

import jax
import ml_collections
import numpy as np

from gans import kinds, pictures
from gans.core import TrainState, Tree
from gans.data import feed
from gans.data.base import Source
from gans.errors import UserError
from gans.evaluation import codes, write
from gans.evaluation.cas import cas
from gans.evaluation.judge import HALVES, UNTRAINED, evaluate_pairs
from gans.evaluation.paired import paired_scores
from gans.features import load
from gans.metrics.extract import Extracted, content_hash, extract, extract_cached
from gans.metrics.neighbors import nearest
from gans.metrics.protocol import Result
from gans.metrics.score import PREFIX, halves
from gans.metrics.spectrum import has_spectrum
from gans.training import draw, sampling, workdir
from gans.training.setup import Experiment

PAIRS = 32  # samples beside their nearest real images, in a picture
PART = 1_000  # samples that are held as floats at a time


class Options(NamedTuple):
    """What to measure, and with what."""

    num: int = 10_000  # samples
    seed: int = 0  # of the latents
    step: str = 'latest'
    features: str | None = None  # by default those of the config
    weights: str | None = None  # a file, for Inception
    direction: str | None = None  # the name of a sampler, see `sampling.directed`; by default the first


def evaluate(config: ml_collections.ConfigDict, folder: Path, options: Options) -> str:
    """What `measure` finds, as a table."""
    return measure(config, folder, options)[1]


def measure(config: ml_collections.ConfigDict, folder: Path, options: Options) -> tuple[list[Result], str]:
    """Measures a run's generator, writes evaluation.json and its like into the run's folder.

    Returns:
      the results, and a table of them.

    Raises:
      UserError: no such run, checkpoint, features or weights; samples that are not finite.
    """
    if options.num < 2:
        raise UserError(f'--num={options.num} must be at least 2')
    experiment, state, step = draw.restored(config, folder, options.step, options.direction)
    config, direction = experiment.config, sampling.direction(experiment.system)
    compared = sampling.truth(experiment)
    source, num = compared.source, compared.most(options.num)
    features = options.features or config.eval.get('features') or 'auto'
    extractor = load.load(features, source.spec, compared.data, options.weights)
    write.read_results(folder)  # a damaged file is told of before the work
    inputs = sampling.fixed_inputs(experiment, num, options.seed)  # first: there may not be the memory for so many
    truth = real_examples(source, 2 * num, compared.like)
    if len(truth) < 2:
        raise UserError(f"'{config.data.name}' has one example only: at least two are needed")
    against = f'{min(num, len(truth)):,} {"held-out" if compared.split else "real"} examples'
    if source.size is not None and num < source.size:
        against += f' (a random part of {source.size:,}, always the same)'
    workdir.say(f'{folder}: step {step:,}, {num:,} samples against {against}, features {extractor.name}')
    real = extract_cached(extractor, truth)
    asked = {metric: inputs[name] for name, metric in sampling.main_sampler(experiment.system).asked.items()}
    fake = extract(extractor, samples(experiment, state, inputs, step), asked)
    untrained = extract(extractor, samples(experiment, experiment.init(), inputs, 0), asked)
    common = sampling.protocol_of(experiment, compared)
    common |= {'real hash': content_hash(truth[:num]), 'latents seed': options.seed}
    first, second = halves(len(truth), num)
    same = real.part(slice(num))
    pairs = {'': (same, fake), HALVES: (real.part(first), real.part(second)), UNTRAINED: (same, untrained)}
    results, warnings = evaluate_pairs(pairs, extractor, common, source.modes)
    results += paired_scores(experiment, inputs, fake.examples, untrained.examples, common)
    if fake.labels is not None and compared.labeled and 'classifier' in kinds.kind_of(source.spec).features:
        results += cas(compared.data, fake.examples, fake.labels, common)
    if fake.codes is not None and not any(result.metric == 'code_error' for result in results):
        numbers = {'real': len(same.features), 'fake': len(fake.features)}
        results += codes.matched(compared.data, source, fake, common | numbers)
    write.save(folder, step, results, direction)
    for warning in warnings:
        workdir.say(warning)
    said = f'all in {folder / "evaluation.json"}'
    kind = kinds.kind_of(source.spec)
    if kind.look:
        place, scores = folder / 'evaluation' / direction, {PREFIX + result.metric: result.value for result in results}
        shown = sampling.words(step, options.seed, scores)
        pictures.save_png(place / f'nearest_step_{step:08d}.png', neighbors(same, fake, shown, kind))
        if kinds.is_image(source.spec) and has_spectrum(*source.spec.shape[:2]):
            write.spectra(place / f'spectrum_step_{step:08d}.png', truth[:num], fake.examples, shown)
        said += f', pictures in {place}'
    return results, f'{write.table(f"{folder}, step {step:,}", results)}\n{said}'


def real_examples(source: Source, num: int, like: str = 'real') -> np.ndarray:
    """The first `num` real examples in a fixed order, or all, of one field: as they are stored."""
    num = num if source.size is None else min(num, source.size)
    found = feed.chunks(source, num, feed.fixed_key())
    return np.concatenate([kinds.kind_of(source.spec).store(some[like]) for some in found])


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


def neighbors(real: Extracted, fake: Extracted, title: str, kind: kinds.Kind) -> np.ndarray:
    """A picture, uint8 [h, w, 3]: the samples nearest to real images, each with that one at its right."""
    places, distances = nearest(fake.features, real.features)
    closest = np.argsort(distances, kind='stable')[:PAIRS]
    fields = {'sample': fake.examples[closest], 'real': real.examples[places[closest]]}
    title = f'{title}: the nearest to real images of {len(real.features):,}, each left of that one'
    return pictures.side_by_side({name: kind.look(kind.finish(some)) for name, some in fields.items()}, title)
