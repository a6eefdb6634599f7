"""Where results go: a table for the terminal, evaluation.json, evaluation.csv, TensorBoard, a picture of spectra."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gans import pictures, plots
from gans.metrics.protocol import Result
from gans.metrics.score import better
from gans.metrics.spectrum import spectrum
from gans.training import lock, logs, workdir

COLUMNS = {'': 'value', '/real': 'real halves', '/untrained': 'untrained', '/source': 'the source', '/mean': 'the mean'}
COLUMNS |= {'/nearest': 'the nearest', '/truth': 'real images', '/shuffled': 'shuffled captions'}
ARROWS = {'lower': '↓', 'higher': '↑', None: ''}


def table(title: str, results: Sequence[Result]) -> str:
    """A line a metric; below, what all numbers have in common, and what only some of them say of themselves."""
    values = {result.metric: result.value for result in results}
    names = [name for name in values if '/' not in name and not name.endswith('_std')]
    used = {suffix: head for suffix, head in COLUMNS.items() if any(name + suffix in values for name in names)}
    rows = [[f'{name} {ARROWS[better(name)]}', *(_number(values, name, suffix) for suffix in used)] for name in names]
    said = common_stamp([result for result in results if '/' not in result.metric])
    halves = [result.protocol for result in results if result.metric.endswith('/real') and 'fake' in result.protocol]
    if halves:
        said += f'; real halves of {halves[0]["real"]} and {halves[0]["fake"]}'
    return f'{render(title, ["metric", *used.values()], rows)}\n{said}'


def render(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in text, the first column to the left."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    found = Table(title=title, title_justify='left', box=box.SIMPLE_HEAD, pad_edge=False)
    for i, head in enumerate(heads):
        found.add_column(head, justify='right' if i else 'left', no_wrap=True)
    for row in rows:
        found.add_row(*row)
    console = Console(file=io.StringIO(), width=120)
    console.print(found)
    return '\n'.join(line.rstrip() for line in console.file.getvalue().splitlines())


def common_stamp(results: Sequence[Result]) -> str:
    """What the stamps of some results have in common, in words."""
    stamps = [result.protocol for result in results]
    shared = lambda key: all(stamp[key] == stamps[0][key] for stamp in stamps if key in stamp)
    common = {key: value for key, value in stamps[0].items() if shared(key)}
    return ', '.join(f'{key} {value}' for key, value in common.items() if value not in ('', 'none'))


def save(folder: Path, step: int, results: Sequence[Result], direction: str = '') -> None:
    """Adds the results of a step to those that a run's folder has; the same measured again takes the place of the old.

    evaluation.json: a list of objects with metric, value, step and protocol; evaluation.csv: the same, flat;
    tensorboard/evaluation: the values.

    Args:
      direction: of a system that has several, the one that was measured; the stamps of the results say it, too.
    """
    fresh = [result.json(step=step) for result in results]
    same = lambda entry: (entry['metric'], entry['step'], json.dumps(entry['protocol'], sort_keys=True))
    with lock.hold(folder / 'evaluation', wait=True):  # who else evaluates the run adds to the same files
        entries = list({same(entry): entry for entry in [*read_results(folder), *fresh]}.values())
        workdir.write_json(folder / 'evaluation.json', entries)
        workdir.write_text(folder / 'evaluation.csv', to_csv(entries))
    tag = f'evaluation/{direction}/' if direction else 'evaluation/'
    finite = {f'{tag}{result.metric}': result.value for result in results if np.isfinite(result.value)}
    logs.add_scalars(folder / 'tensorboard' / 'evaluation', step, finite)


def read_results(folder: Path) -> list[dict[str, Any]]:
    """The results that a run's folder has; UserError if its evaluation.json is none of ours."""
    return workdir.read_json(folder / 'evaluation.json', [])


def to_csv(entries: Sequence[dict[str, Any]]) -> str:
    """Entries as of evaluation.json, a line each; the columns are metric, value, step, and the keys of the stamps."""
    heads = [key for key in dict.fromkeys(key for entry in entries for key in entry) if key != 'protocol']
    keys = [key for key in dict.fromkeys(key for entry in entries for key in entry['protocol']) if key not in heads]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator='\n')
    writer.writerow([*heads, *keys])
    for entry in entries:
        writer.writerow([entry.get(head) for head in heads] + [entry['protocol'].get(key) for key in keys])
    return text.getvalue()


def save_classes(path: Path, classes: Sequence[NamedTuple]) -> None:
    """A line for each class, of what there is to say of it."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator='\n')
    writer.writerow(classes[0]._fields)
    writer.writerows(['' if value != value else value for value in each] for each in classes)
    workdir.write_text(path, text.getvalue())


def spectra(path: Path, real: np.ndarray, fake: np.ndarray, title: str) -> None:
    """A plot of the power spectra of real and generated images, over the radial frequency."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 3.4), dpi=300, layout='constrained')
    axis = figure.subplots()
    for images, color, label in ((real, plots.REAL, 'real'), (fake, plots.SAMPLES, 'samples')):
        power = spectrum(images)
        axis.plot(np.arange(1, len(power)), power[1:], color=color, label=f'{len(images):,} {label}')
    axis.set_xlabel('frequency, periods an image', fontsize=9)
    axis.set_ylabel('power, dB', fontsize=9)
    axis.grid(color='0.92')
    axis.spines[['top', 'right']].set_visible(False)
    axis.legend(frameon=False, fontsize=9)
    axis.set_title(title, fontsize=9)
    pictures.save(path, figure)


def _number(values: dict[str, float], name: str, suffix: str) -> str:
    """'0.123 ± 0.004' where there is a deviation; '' where there is no value."""
    value, deviation = values.get(name + suffix), values.get(f'{name}_std{suffix}')
    if value is None:
        return ''
    return f'{value:.4g}' + ('' if deviation is None else f' ± {deviation:.2g}')
