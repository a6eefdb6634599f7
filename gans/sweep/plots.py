"""The plots of a report as inline SVG, drawn by matplotlib without a display."""

import io
import math
import re
from typing import Any, NamedTuple

import numpy as np

from gans.metrics.score import better
from gans.sweep.results import PREFIX, Row
from gans.sweep.table import Column, Table, needs_log_scale

OTHERS, OWN, STOP = '0.8', '#1864ab', '#c92a2a'  # gray, blue, red
WIDTH = 11.0  # inches of a grid's picture at most, if two panels fit
POINTS = 200  # of a curve at most: more are not visible at this size


class Svg(NamedTuple):
    box: str  # the viewBox
    inner: str  # content of the element


class Curve(NamedTuple):
    """A metric of a row over its seeds; N steps."""

    steps: np.ndarray  # int [N]
    mean: np.ndarray  # [N]
    low: np.ndarray  # [N], of the lowest seed
    high: np.ndarray  # [N]
    stops: list[tuple[int, float]]  # step and last value of each seed that diverged


def curve(row: Row, metric: str) -> Curve:
    """The mean and the band of a metric over the seeds that have a value at a step."""
    found: dict[int, list[float]] = {}
    stops = []
    for run in row.runs:
        values = run.metrics.get(metric, np.zeros(0))
        finite = np.flatnonzero(np.isfinite(values))
        for i in finite:
            found.setdefault(int(run.metrics['step'][i]), []).append(float(values[i]))
        if run.status == 'stopped' and len(finite):
            stops.append((int(run.metrics['step'][finite[-1]]), float(values[finite[-1]])))
    steps = sorted(found)
    steps = sorted({steps[i] for i in np.linspace(0, len(steps) - 1, POINTS).round().astype(int)}) if steps else []
    spread = [found[step] for step in steps]
    rows = [[function(values) for values in spread] for function in (np.mean, np.min, np.max)]
    return Curve(np.array(steps, int), *(np.array(values) for values in rows), stops)


def curves(rows: tuple[Row, ...], metric: str) -> tuple[Svg, list[Svg]]:
    """Small multiples of a metric over the steps, to be overlaid.

    Returns:
        The axes with all rows in gray; and the curve and band of each row, on a transparent background.
    """
    all_curves = [curve(row, metric) for row in rows]
    nonempty = [each for each in all_curves if len(each.steps)]
    figure = _figure(2.6, 1.7)
    axis = figure.add_axes((0.2, 0.15, 0.77, 0.78))
    few = max((len(each.steps) for each in nonempty), default=0) <= 40
    dots = {'marker': 'o', 'markersize': 2} if few else {}
    for each in nonempty:
        axis.plot(each.steps, each.mean, color=OTHERS, linewidth=0.6)
    values = np.concatenate([np.concatenate([each.low, each.high]) for each in nonempty])
    axis.set_xlim(0, max(each.steps[-1] for each in nonempty) * 1.02 or 1)
    _scale(axis, 'y', values)
    axis.tick_params(labelsize=7, color='0.6', labelcolor='0.4', length=2)
    axis.xaxis.set_major_locator(_ticker().MaxNLocator(4))
    axis.xaxis.set_major_formatter(_ticker().EngFormatter(sep=''))
    back = _svg(figure, f'{metric} axes')
    axis.set_axis_off()
    own = []
    for row, each in zip(rows, all_curves, strict=True):
        while axis.lines or axis.collections:
            [*axis.lines, *axis.collections][0].remove()
        if len(each.steps):
            axis.fill_between(each.steps, each.low, each.high, color=OWN, alpha=0.25, linewidth=0)
            axis.plot(each.steps, each.mean, color=OWN, linewidth=1.2, **dots)
        for stop in each.stops:
            axis.plot(*stop, 'x', color=STOP, markersize=5)
        own.append(_svg(figure, f'{metric} {row.name}'))
    return back, own


def strips(rows: tuple[Row, ...], metric: str, whens: dict[str, str]) -> Svg:
    """One dot per seed and a bar at their mean, one line per row, one panel for each of `whens` (title by when)."""
    width = 0.3 + 0.058 * max(len(row.name) for row in rows)
    height = 0.7 + 0.19 * len(rows)
    figure = _figure(7.5 + width, height)
    everything = np.concatenate([row.values(metric, when) for row in rows for when in whens] or [np.zeros(0)])
    span = 7.5 / len(whens)
    for i, (when, title) in enumerate(whens.items()):
        left = (width + i * span) / (7.5 + width)
        axis = figure.add_axes((left, 0.4 / height, (span - 0.3) / (7.5 + width), 1 - 0.7 / height))
        for y, row in enumerate(rows):
            values = row.values(metric, when)
            axis.plot(values, np.full(len(values), y), 'o', color=OWN, alpha=0.55, markersize=4, markeredgewidth=0)
            if len(values) > 1:
                axis.plot([values.mean()], [y], '|', color='0.1', markersize=8, markeredgewidth=1.2)
        axis.set_ylim(len(rows) - 0.4, -0.6)
        axis.set_yticks(range(len(rows)), [row.name for row in rows] if i == 0 else [''] * len(rows), parse_math=False)
        _scale(axis, 'x', everything if len(everything) else np.zeros(1))
        axis.set_title(title, loc='left', fontsize=9)
        axis.grid(axis='y', color='0.93', linewidth=0.8)
        axis.tick_params(labelsize=8, color='0.6', labelcolor='0.2', length=2)
    return _svg(figure, f'{metric} strips')


def grid(whole: Table) -> np.ndarray | None:
    """The tables of a grid as one picture, uint8 [H, W, 3], a panel a score; None if the rows are no grid.

    Cells have the mean over seeds, and are the deeper the better it is; what is best, or leads, has a frame.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = [column for column in whole.first_columns() if better(column.metric)] or whole.first_columns()
    if whole.grid is None or not columns:
        return None
    lines, heads, pages = whole.grid
    longest = max(map(len, heads.levels))
    panel = max(0.62 * len(heads.levels), *(0.09 * len(f'{column.title}, {pages[0].title}') for column in columns))
    tilt = 0.08 * longest > panel / len(heads.levels)
    left, gap, high, beside = 0.3 + 0.067 * max(map(len, lines.levels)), 0.25, 0.27 * len(lines.levels), 0.3
    below = 0.3 + 0.15 * bool(heads.title) + 0.05 * longest * tilt
    per_line = max(1, int((WIDTH - left) / (panel + gap)))
    per_line = math.ceil(len(columns) / math.ceil(len(columns) / per_line))  # of lines of equal length
    some = [columns[i : i + per_line] for i in range(0, len(columns), per_line)]
    panels = [[(page, column) for column in line] for page in pages for line in some]
    size = left + per_line * (panel + gap), len(panels) * (beside + high + below)
    figure = Figure(figsize=size, dpi=200)
    canvas = FigureCanvasAgg(figure)
    for i, j, (page, column) in ((i, j, each) for i, line in enumerate(panels) for j, each in enumerate(line)):
        corner = left + j * (panel + gap), size[1] - i * (beside + high + below) - beside - high
        axis = figure.add_axes((corner[0] / size[0], corner[1] / size[1], panel / size[0], high / size[1]))
        _heat(axis, whole, column, page.rows)
        title = ', '.join(filter(None, [column.title, page.title]))
        axis.set_title(title, loc='left', fontsize=9, parse_math=False)
        axis.set_yticks(
            range(len(lines.levels)), lines.levels if j == 0 else [''] * len(lines.levels), parse_math=False
        )
        turned = {'rotation': 30, 'ha': 'right', 'rotation_mode': 'anchor'} if tilt else {}
        axis.set_xticks(range(len(heads.levels)), heads.levels, parse_math=False, **turned)
        axis.set_xlabel(heads.title, fontsize=8, color='0.4', loc='left')
        axis.set_ylabel(lines.title if j == 0 else '', fontsize=8, color='0.4')
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _heat(axis: Any, whole: Table, column: Column, rows: tuple[tuple[Row, ...], ...]) -> None:
    """One panel of `grid`."""
    from matplotlib.patches import Rectangle

    depths = whole.depths(column)
    axis.set_xlim(-0.5, len(rows[0]) - 0.5)
    axis.set_ylim(len(rows) - 0.5, -0.5)
    for i, line in enumerate(rows):
        for j, row in enumerate(line):
            cell = whole.cell(row, column)
            axis.add_patch(Rectangle((j - 0.5, i - 0.5), 1, 1, color=OWN, alpha=0.55 * depths.get(row.name, 0), lw=0))
            if cell.mark in ('best', 'lead'):
                axis.add_patch(Rectangle((j - 0.47, i - 0.45), 0.94, 0.9, fill=False, color='0.15', lw=0.9))
            weight = 'bold' if cell.mark == 'best' else 'normal'
            axis.text(j, i, cell.short(row), ha='center', va='center', fontsize=7.5, weight=weight)
    axis.spines[:].set_color('0.8')
    axis.tick_params(labelsize=8, length=0)


def plottable(rows: tuple[Row, ...]) -> list[str]:
    """The metrics to plot: scores, then losses."""
    names = dict.fromkeys(name for row in rows for run in row.runs for name in run.metrics)
    wanted = [name for name in names if name.startswith(PREFIX)] + [name for name in names if name.endswith('/loss')]
    return [name for name in wanted if any(len(curve(row, name).steps) for row in rows)]


def _scale(axis: Any, which: str, values: np.ndarray) -> None:
    """Sets limits that include all values [n], n > 0; logarithmic beyond the median if magnitudes differ a lot."""
    line, set_limits, set_scale = {
        'x': (axis.xaxis, axis.set_xlim, axis.set_xscale),
        'y': (axis.yaxis, axis.set_ylim, axis.set_yscale),
    }[which]
    low, high, usual = values.min(), values.max(), np.median(np.abs(values))
    if needs_log_scale(values):
        set_scale('log')
        set_limits(low / 1.2, high * 1.2)
        subs = (1, 2, 5) if high < 100 * low else (1,)
        line.set_major_locator(_ticker().LogLocator(subs=subs, numticks=6))
        line.set_major_formatter(_ticker().FuncFormatter(lambda x, _: f'{x:g}'))
    elif max(-low, high) > 100 * usual > 0:  # such as losses of rows of which some diverge
        set_scale('symlog', linthresh=usual)
        set_limits(low - 0.2 * abs(low), high + 0.2 * abs(high))
        line.set_major_locator(_ticker().SymmetricalLogLocator(base=10, linthresh=usual))
        line.get_major_locator().set_params(numticks=5)
        line.set_major_formatter(_ticker().FuncFormatter(lambda x, _: f'{x:.2g}'))
    else:
        room = 0.05 * (high - low) or 0.05 * abs(low) or 1.0
        set_limits(low - room, high + room)
        line.set_major_locator(_ticker().MaxNLocator(4))
    line.set_minor_locator(_ticker().NullLocator())
    axis.spines[['top', 'right']].set_visible(False)
    axis.spines[['left', 'bottom']].set_color('0.6')


def _ticker() -> Any:
    from matplotlib import ticker

    return ticker


def _figure(width: float, height: float) -> Any:
    """A figure with a transparent background; sizes in inches."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height))
    figure.patch.set_visible(False)
    FigureCanvasSVG(figure)
    return figure


def _svg(figure: Any, salt: str) -> Svg:
    """The figure as part of a page. Deterministic; another salt gives other ids."""
    import matplotlib

    for axis in figure.axes:
        axis.patch.set_visible(False)
    file = io.StringIO()
    with matplotlib.rc_context({'svg.hashsalt': salt, 'svg.fonttype': 'none'}):
        figure.savefig(file, format='svg', metadata=dict.fromkeys(('Date', 'Creator', 'Format', 'Type')))
    text = file.getvalue()
    (box,) = re.findall(r'<svg [^>]*viewBox="([^"]*)"', text)
    text = text[text.index('>', text.index('<svg ')) + 1 : text.rindex('</svg>')]
    text = re.sub(r'<metadata>.*?</metadata>|<style.*?</style>', '', text, flags=re.DOTALL)
    text = re.sub(r'<g id="[^"]*"', '<g', text)  # 'axes_1' and so on, which every figure has
    text = re.sub(r"(font: [\d.]+px) [^;\"]*", r'\1 sans-serif', text)
    return Svg(box, re.sub(r'\s*\n\s*', '\n', text).strip())
