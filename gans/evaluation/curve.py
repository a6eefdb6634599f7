"""`--mode=evaluate --truncation=1,0.7,0.5`: what is gained and what is lost (Brock 2019, 1809.11096, section 3.1)."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import ml_collections

from gans import pictures, plots
from gans.errors import UserError
from gans.evaluation import write
from gans.evaluation.bench import Bench, Options, set_up
from gans.evaluation.judge import HALVES, evaluate_pairs
from gans.latent_tools import truncation
from gans.metrics import protocol
from gans.metrics.protocol import Result
from gans.metrics.score import better, halves
from gans.training import sampling, workdir

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FILE = 'truncation'  # .json, .csv, .png in a run's folder, of the last curve
MANIFOLD = ('precision', 'recall', 'density', 'coverage')

Rows = Mapping[str, Mapping[str, float]]  # by truncation, by metric


def measure(config: ml_collections.ConfigDict, folder: Path, options: Options) -> str:
    """Measures samples at each truncation against the same real examples, and writes truncation.json, .csv and .png.

    Returns:
      a table, and a line that says where they are.

    Raises:
      UserError: as one evaluation does; a truncation that this system has not.
    """
    if options.ppl:
        raise UserError(f'--ppl={options.ppl} is of samples as they are: leave out --truncation={options.truncation}')
    if options.encoder:
        raise UserError(
            f'--encoder={options.encoder} is of one truncation: leave out --truncation={options.truncation}'
        )
    amounts = truncation.read_several(options.truncation)
    bench = set_up(config, folder, options)
    amounts = list(dict.fromkeys(truncation.resolve(bench.experiment, by) for by in amounts))  # before the work
    results: dict[str, list[Result]] = {}
    for by in amounts:
        at = bench.truncate(by)
        results[str(by)], warnings = evaluate_pairs(
            {'': (bench.same, at.extract())}, bench.extractor, at.protocol(), bench.compared.source.known
        )
    for warning in warnings:
        workdir.say(warning)
    rows = {name: {result.metric: result.value for result in found} for name, found in results.items()}
    named = chosen(bench, rows)
    entries = [result.json(step=bench.step) for found in results.values() for result in found]
    workdir.write_json(folder / f'{FILE}.json', entries)
    workdir.write_text(folder / f'{FILE}.csv', to_csv(rows))
    shown = f'{sampling.words(bench.step, options.seed)}, {bench.num:,} samples, {bench.extractor.name}'
    pictures.save(folder / f'{FILE}.png', plot(rows, amounts, named, floor(bench), shown))
    table = write.render(
        f'{folder}, step {bench.step:,}, by truncation',
        ['truncation', *(f'{name} {write.ARROWS[better(name)]}' for name in named)],
        [[name, *(f'{row[metric]:.4g}' for metric in named)] for name, row in rows.items()],
    )
    said = write.common_stamp([result for found in results.values() for result in found])
    return f'{table}\n{said}\nall in {folder / FILE}.json, .csv, .png'


def chosen(bench: Bench, rows: Rows) -> list[str]:
    """The metrics that are shown, the Fréchet distance first."""
    wanted = protocol.frechet(bench.extractor), 'kid', protocol.inception_score(bench.extractor), *MANIFOLD
    return [name for name in wanted if all(name in row for row in rows.values())]


def floor(bench: Bench) -> float | None:
    """The Fréchet distance of two halves of the real examples, where there are enough."""
    pair = tuple(bench.real.part(half) for half in halves(len(bench.truth), bench.num))
    results, _ = evaluate_pairs({HALVES: pair}, bench.extractor, {}, only=True)
    return results[0].value if results else None


def to_csv(rows: Rows) -> str:
    """A line for each truncation, a column for each metric."""
    text, names = io.StringIO(), list(dict.fromkeys(name for row in rows.values() for name in row))
    writer = csv.writer(text, lineterminator='\n')
    writer.writerow(['truncation', *names])
    writer.writerows([name, *(row.get(metric) for metric in names)] for name, row in rows.items())
    return text.getvalue()


def plot(
    rows: Rows,
    amounts: Sequence[truncation.Truncation],
    named: Sequence[str],
    floor: float | None,
    title: str,
) -> 'Figure':
    """The distance over truncation, with that of halves of the real examples; and, if they are known, precision over
    recall, with the truncation beside each point.
    """
    from matplotlib.figure import Figure

    distance, manifold = named[0], {'precision', 'recall'} <= set(named)
    figure = Figure(figsize=(7.2 if manifold else 3.6, 3.4), dpi=200, layout='constrained')
    figure.suptitle(title, fontsize=9)
    left, *right = figure.subplots(1, 1 + manifold, squeeze=False)[0]
    ways = sorted({by.way for by in amounts})
    for way, color in zip(ways, (plots.SAMPLES, plots.CRITIC, plots.TRUTH), strict=False):
        of_way = [(by, row) for by, row in zip(amounts, rows.values(), strict=True) if by.way == way]
        cuts, found = zip(*sorted(of_way, key=lambda pair: pair[0].amount), strict=True)
        style = {'color': color, 'marker': 'o', 'markersize': 4, 'label': way}
        left.plot([by.amount for by in cuts], [row[distance] for row in found], **style)
        for axis in right:
            x, y = ([row[name] for row in found] for name in ('recall', 'precision'))
            axis.plot(x, y, **style)
            for by, *place in zip(cuts, x, y, strict=True):
                axis.annotate(str(by._replace(way='')), place, (4, 4), textcoords='offset points', fontsize=8)
            axis.set(xlabel='recall', ylabel='precision')
            axis.margins(0.12)
    if floor is not None:
        left.axhline(floor, color=plots.REAL, linestyle='--', label='halves of the real examples')
    left.set(xlabel='truncation', ylabel=f'{distance} (lower is better)')
    left.legend(frameon=False, fontsize=8)
    for axis in (left, *right):
        axis.grid(color='0.92')
        axis.spines[['top', 'right']].set_visible(False)
    return figure
