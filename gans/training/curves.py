"""`curves.png`: all metrics of a run over its steps."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gans import pictures
from gans.metrics.score import PREFIX, better
from gans.plots import REAL
from gans.training import workdir
from gans.training.logs import read_metrics

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DECADES = 2  # that a distance spans before its axis is logarithmic
WIDTH, HEIGHT = 4.2, 2.7  # inches of a panel with what is around it
LEFT, RIGHT, ABOVE, BELOW = 0.75, 0.15, 0.3, 0.5  # inches of it that are around its axes
HEAD = 0.35  # inches of the title of all


def curves(folder: Path) -> None:
    """Draws all metrics in a run's folder as small multiples: its scores first, each with its floor (the score of two
    halves of the real data), then the losses, then the others in groups by what is before '/'.

    The losses of all players share one panel, since it is their balance that one looks for.
    """
    from matplotlib.figure import Figure

    metrics = read_metrics(folder / 'metrics.csv')
    steps, panels = metrics.pop('step'), _panels(list(metrics))
    floors = {name: entry['floor'] for name, entry in workdir.read_json(folder / 'stamps.json', {}).items()}
    columns = min(3, max(1, len(panels)))
    rows = max(1, -(-len(panels) // columns))
    width, height = WIDTH * columns, HEIGHT * rows + HEAD
    # A layout engine would take as long as the drawing.
    figure = Figure(figsize=(width, height), dpi=300)
    seed = workdir.read_json(folder / 'config.json', {}).get('seed', 0)
    said = f'seed {seed}, to step {max(steps, default=0):,}'
    figure.text(0.1 / width, 1 - 0.1 / height, said, va='top', fontsize=11)
    inner = WIDTH - LEFT - RIGHT, HEIGHT - ABOVE - BELOW
    around = {
        'left': LEFT / width, 'right': 1 - RIGHT / width, 'top': 1 - (HEAD + ABOVE) / height, 'bottom': BELOW / height,
        'wspace': (LEFT + RIGHT) / inner[0], 'hspace': (ABOVE + BELOW) / inner[1],
    }  # fmt: skip
    axes = figure.subplots(rows, columns, squeeze=False, gridspec_kw=around).ravel()
    for axis, (title, names) in zip(axes, panels.items(), strict=False):
        floor = floors.get(title)
        if floor is not None:
            axis.axhline(floor, color=REAL, linewidth=1.1, linestyle='--', label='two halves of the real data')
        for i, name in enumerate(names):
            seen = np.isfinite(metrics[name])
            few = {'marker': 'o', 'markersize': 3} if seen.sum() <= 40 else {}
            label = name.split('/')[0] if len(names) > 1 else None
            axis.plot(steps[seen], metrics[name][seen], color=f'C{i}', linewidth=1.1, label=label, **few)
        if better(title) == 'lower':
            _scale(axis, [*metrics[title], *([] if floor is None else [floor])])
        axis.set_title(_title(title), loc='left', fontsize=10)
        axis.grid(color='0.92')
        axis.spines[['top', 'right']].set_visible(False)
        axis.tick_params(labelsize=8)
        if len(names) > 1 or floor is not None:
            axis.legend(fontsize=8, frameon=False)
    for axis in axes[len(panels) :]:
        axis.set_visible(False)
    for axis in axes[max(0, len(panels) - columns) : len(panels)]:  # the lowest panel of each column
        axis.set_xlabel('step', fontsize=8)
    pictures.save(folder / 'curves.png', figure)


def _title(name: str) -> str:
    """'fd_pixels, lower is better'."""
    order = better(name) if name.startswith(PREFIX) else None
    return name.removeprefix(PREFIX) + (f', {order} is better' if order else '')


def _scale(axis: 'Axes', values: list[float]) -> None:
    """Makes an axis logarithmic where distances span decades: else one sees no more than their beginning."""
    finite = np.array([value for value in values if np.isfinite(value)])
    if len(finite) and finite.min() > 0 and finite.max() > 10**DECADES * finite.min():
        axis.set_yscale('log')
        axis.set_ylabel('logarithmic', fontsize=8)


def _panels(names: list[str]) -> dict[str, list[str]]:
    """Which metrics share a panel, by its title, in order: scores, the losses, then group by group."""
    scores = [name for name in names if name.startswith(PREFIX)]
    losses = [name for name in names if name.endswith('/loss')]
    groups = list(dict.fromkeys(name.split('/')[0] for name in names))
    others = [name for name in names if name not in {*scores, *losses}]
    rest = sorted(others, key=lambda name: groups.index(name.split('/')[0]))
    alone = lambda some: {name: [name] for name in some}
    return alone(scores) | ({'loss': losses} if losses else {}) | alone(rest)
