"""`--mode=evaluate`: a run's generator, measured by all metrics that apply."""

from pathlib import Path

import ml_collections
import numpy as np

from gans import kinds, pictures
from gans.errors import UserError
from gans.evaluation import classes, codes, curve, words, write
from gans.evaluation.bench import Bench, Options, set_up
from gans.evaluation.cas import cas
from gans.evaluation.judge import HALVES, UNTRAINED, evaluate_pairs
from gans.evaluation.paired import paired_scores
from gans.evaluation.path_length import path_lengths
from gans.features import distance
from gans.latent_tools import truncation
from gans.metrics.extract import Extracted
from gans.metrics.neighbors import nearest
from gans.metrics.protocol import Result
from gans.metrics.r_precision import Retrieval
from gans.metrics.score import PREFIX, halves
from gans.metrics.spectrum import has_spectrum
from gans.training import encoders, sampling, workdir
from gans.training.encoders import Encoders

PAIRS = 32  # samples beside their nearest real images, in a picture


def evaluate(config: ml_collections.ConfigDict, folder: Path, options: Options) -> str:
    """What `measure` finds, as a table; of several truncations what `gans.evaluation.curve` finds."""
    several = options.truncation and ',' in options.truncation
    return curve.measure(config, folder, options) if several else measure(config, folder, options)[1]


def measure(config: ml_collections.ConfigDict, folder: Path, options: Options) -> tuple[list[Result], str]:
    """Measures a run's generator, writes evaluation.json and its like into the run's folder.

    Returns:
      the results, and a table of them.

    Raises:
      UserError: no such run, checkpoint, features or weights; samples that are not finite.
    """
    by = truncation.read(options.truncation) if options.truncation else None
    if by is not None and options.ppl:
        raise UserError(f'--ppl={options.ppl} is of samples as they are: leave out --truncation={by}')
    bench = set_up(config, folder, options)
    retrieval, judge = judged_by(bench)
    bench = bench.renew() if by is None else bench.truncate(by)
    experiment, compared, step = bench.experiment, bench.compared, bench.step
    source, direction, num = compared.source, sampling.direction(experiment.system), bench.num
    fake, untrained, common = bench.extract(), bench.untrained().extract(), bench.protocol()
    first, second = halves(len(bench.truth), num)
    same = bench.same
    pairs = {'': (same, fake), HALVES: (bench.real.part(first), bench.real.part(second)), UNTRAINED: (same, untrained)}
    results, warnings = evaluate_pairs(pairs, bench.extractor, common, source.known)
    results += paired_scores(experiment, bench.inputs, fake.examples, untrained.examples, common)
    told = []
    if retrieval:
        judged = words.judge(retrieval, judge, fake.examples, untrained.examples, bench.truth[:num], common)
        results, told = results + judged.results, [judged.said]
    if fake.labels is not None and compared.labeled and 'classifier' in kinds.kind_of(source.spec).features:
        results += cas(compared.data, fake.examples, fake.labels, common)
    by_class = []
    if fake.labels is not None and bench.labels is not None:
        known, names = bench.extractor.is_classifier, source.spec.classes
        by_class = classes.by_class(same, bench.labels[:num], fake, names, known)
        results += classes.intra_class(by_class, bench.extractor, common)
    if fake.codes is not None and not any(result.metric == 'code_error' for result in results):
        numbers = {'real': len(same.features), 'fake': len(fake.features)}
        results += codes.matched(compared.data, source, fake, common | numbers)
    if options.ppl:
        net = distance.default() if options.ppl == 'auto' else options.ppl
        lengths = path_lengths(experiment, bench.state, net, num, options.seed, common)
        results += lengths
    write.save(folder, step, results, direction)
    for warning in warnings:
        workdir.say(warning)
    place, scores = folder / 'evaluation' / direction, {PREFIX + result.metric: result.value for result in results}
    truncated = ''.join(f'{name} {value}' for name, value in bench.cut.items())
    end = f'step_{step:08d}{"_" * bool(truncated)}{truncated.replace(" ", "_")}'
    told += [f'path lengths of {num:,} ways, {lengths[0].protocol["distance"]}'] if options.ppl else []
    said = '\n'.join([*told, *classes.extremes(by_class), f'all in {folder / "evaluation.json"}'])
    if by_class:
        write.save_classes(place / f'classes_{end}.csv', by_class)
        said += f', classes in {place}'
    kind = kinds.kind_of(source.spec)
    if kind.look:
        shown = ', '.join(filter(None, [sampling.words(step, options.seed, scores), truncated]))
        pictures.save_png(place / f'nearest_{end}.png', neighbors(same, fake, shown, kind))
        if kinds.is_image(source.spec) and has_spectrum(*source.spec.shape[:2]):
            write.spectra(place / f'spectrum_{end}.png', bench.truth[:num], fake.examples, shown)
        said += f', pictures in {place}'
    return results, f'{write.table(f"{folder}, step {step:,}", results)}\n{said}'


def judged_by(bench: Bench) -> tuple[Retrieval | None, Encoders | None]:
    """The captions of the samples and what sees them, if anything does; UserError for an encoder without captions."""
    experiment, other, judge = bench.experiment, bench.options.encoder, None
    if other and not encoders.is_told_words(experiment):
        raise UserError(
            f"--encoder={other}: system '{experiment.config.system}' makes nothing of captions: leave it off"
        )
    if other:
        judge = encoders.of_run(Path(other), experiment)
    elif encoders.has_encoders(experiment.system):
        judge = encoders.own(experiment, bench.state)
    return judge and encoders.retrieval(experiment, bench.num, judge.nets), judge


def neighbors(real: Extracted, fake: Extracted, title: str, kind: kinds.Kind) -> np.ndarray:
    """A picture, uint8 [h, w, 3]: the samples nearest to real images, each with that one at its right."""
    places, distances = nearest(fake.features, real.features)
    closest = np.argsort(distances, kind='stable')[:PAIRS]
    fields = {'sample': fake.examples[closest], 'real': real.examples[places[closest]]}
    title = f'{title}: the nearest to real images of {len(real.features):,}, each left of that one'
    return pictures.side_by_side({name: kind.look(kind.finish(some)) for name, some in fields.items()}, title)
