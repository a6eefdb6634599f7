"""Plots of points: samples over the truth, and what the critic makes of the place around them."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gans.core import Modes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIDE, DPI = 4.8, 200  # inches of a plot's side, pixels per inch
REAL, SAMPLES, TRUTH, CRITIC = '0.6', '#0060d0', '0.2', '#d06000'  # colors: grey, blue, nearly black, orange
SURFACE = ('white', '#ffb878')  # from the critic's lowest score to its highest, so pale that points stand out
LATTICE = {1: 200, 2: 48}  # places along each axis at which the critic is asked, by dimensions of the points
BANDS = 16  # of one color each in the critic's surface
TICKS = 600  # of a density, along an axis, at most about so many


class Beside(NamedTuple):
    """What is drawn with samples that are points."""

    real: np.ndarray | None = None  # [M, d], finite: they fix the axes, and are drawn where there is no better truth
    modes: Modes | None = None  # the truth, where it is known
    critic: np.ndarray | None = None  # its scores at the places of `lattice(real)`


NOTHING = Beside()


def points(samples: np.ndarray, title: str = '', beside: Beside = NOTHING) -> 'Figure':
    """Samples, float [N, d], over the truth: densities for d = 1, the first two axes otherwise.

    The axes are fixed by the real points, so that the pictures of a run can be compared; without them by the samples.
    Samples that are not finite or lie outside are counted in the title. Without samples the real points are drawn.
    """
    from matplotlib.figure import Figure

    samples = np.asarray(samples, np.float64)[:, :2]
    finite = samples[np.isfinite(samples).all(1)]
    middle, reach = _frame(finite if beside.real is None else beside.real)
    inside = finite[(np.abs(finite - middle) <= reach).all(1)]
    figure = Figure(figsize=(SIDE, SIDE), dpi=DPI)
    on_line = samples.shape[1] == 1
    # A layout engine would take as long as the drawing.
    axis = figure.add_axes((0.04, 0.11, 0.85, 0.8) if on_line else (0.1, 0.11, 0.8, 0.8))
    (_draw_line if on_line else _draw_plane)(axis, inside, len(samples), middle, reach, beside)
    axis.set_xlim(middle[0] - reach, middle[0] + reach)
    axis.spines[['top', 'right']].set_visible(False)
    axis.tick_params(labelsize=8)
    axis.legend(loc='upper center', bbox_to_anchor=(0.5, -0.05), ncols=3, fontsize=8, markerscale=2, frameon=False)
    lost, outside = len(samples) - len(finite), len(finite) - len(inside)
    notes = [f', {lost:,} not finite'] * (lost > 0) + [f', {outside:,} outside'] * (outside > 0)
    count = f'{len(samples):,} sample{"s" * (len(samples) > 1)}' + ''.join(notes) if len(samples) else ''
    axis.set_title('\n'.join(filter(None, [title, count])), fontsize=9)
    return figure


def lattice(real: np.ndarray) -> np.ndarray | None:
    """Where the critic is asked for a plot whose axes these points [M, d] fix: float32 [n ** d, d]; None if d > 2."""
    dims = real.shape[1]
    if dims not in LATTICE:
        return None
    middle, reach = _frame(real)
    ticks = [np.linspace(center - reach, center + reach, LATTICE[dims]) for center in middle]
    return np.stack(np.meshgrid(*ticks, indexing='ij'), -1).reshape(-1, dims).astype(np.float32)


def density(modes: Modes, *ticks: np.ndarray) -> np.ndarray:
    """The density of a mixture at all places with these coordinates along each axis: [len(ticks[0]), ...]."""
    centers, sigma = np.asarray(modes.centers, np.float64), float(modes.sigma)
    along = [np.exp(-(((x[:, None] - c) / sigma) ** 2) / 2) for x, c in zip(ticks, centers.T, strict=True)]  # [n, K]
    sums = along[0].sum(1) if len(along) == 1 else along[0] @ along[1].T
    return sums / (len(centers) * (sigma * np.sqrt(2 * np.pi)) ** len(along))


def _frame(points: np.ndarray) -> tuple[np.ndarray, float]:
    """The middle [d] of the axes that show these points, and how far they reach from there; d at most 2."""
    points = np.asarray(points, np.float64)[:, :2]
    low, high = (points.min(0), points.max(0)) if len(points) else (np.zeros(2), np.zeros(2))
    widest = (high - low).max()
    return (low + high) / 2, 0.65 * (widest or 2 * max(1, np.abs(high).max()))  # of one point, what is around it


def _draw_line(axis: 'Axes', inside: np.ndarray, count: int, middle: np.ndarray, reach: float, beside: Beside) -> None:
    """Densities of points on the line, and the critic's score over it."""
    bins = np.linspace(middle[0] - reach, middle[0] + reach, 81)
    share = lambda cloud, of: np.histogram(cloud, bins)[0] / (max(1, of) * (bins[1] - bins[0]))
    top = 0.0
    if count:
        drawn = share(inside, count)
        top = drawn.max()
        axis.stairs(drawn, bins, color=SAMPLES, fill=True, alpha=0.5, label='samples')
    if beside.modes is not None:
        places = np.linspace(*bins[[0, -1]], TICKS)
        truth = density(beside.modes, places)
        axis.plot(places, truth, color=TRUTH, linewidth=1.5, label='true density')
        top = float(np.clip(top, truth.max(), 3 * truth.max()))  # a spike is cut, so that pictures compare
    if beside.real is not None and (beside.modes is None or not count):
        real = share(beside.real, len(beside.real))
        top = max(top, real.max())
        axis.stairs(real, bins, color=REAL, linewidth=1.5, label='real')
    axis.set_ylim(0, 1.25 * top or 1)
    axis.set_yticks([])
    if beside.critic is not None and np.isfinite(beside.critic).all():
        places = np.linspace(*bins[[0, -1]], len(beside.critic))
        scores = axis.twinx()
        scores.plot(places, beside.critic, color=CRITIC, linewidth=1, linestyle='--')
        scores.spines[['top', 'left']].set_visible(False)
        scores.tick_params(labelsize=8, colors=CRITIC)
        axis.set_zorder(1)  # the legend over the curve
        axis.patch.set_visible(False)
        axis.plot([], [], color=CRITIC, linewidth=1, linestyle='--', label="critic's score")


def _draw_plane(axis: 'Axes', inside: np.ndarray, count: int, middle: np.ndarray, reach: float, beside: Beside) -> None:
    """Points of the plane over contours of their density, on the critic's surface."""
    scores = beside.critic
    if scores is not None and np.isfinite(scores).all() and np.ptp(scores) > 0:
        from matplotlib.colors import LinearSegmentedColormap

        surface = np.asarray(scores, np.float64).reshape(LATTICE[2], LATTICE[2]).T
        x, y = (np.linspace(center - reach, center + reach, LATTICE[2]) for center in middle)
        low, high = surface.min(), surface.max()
        colors = LinearSegmentedColormap.from_list('critic', SURFACE)
        axis.contourf(x, y, surface, np.linspace(low, high, BANDS + 1), cmap=colors, zorder=0)
        said = f"critic's score, {low:.2g} (white) to {high:.2g}"
        axis.plot([], [], 's', color=SURFACE[1], markersize=4, label=said)
    if beside.modes is not None and len(middle) == 2 == beside.modes.centers.shape[1]:
        x, y = (_ticks(beside.modes, i, middle[i], reach) for i in (0, 1))
        truth = density(beside.modes, x, y).T
        levels = truth.max() * np.exp([-9 / 2, -4 / 2, -1 / 2])
        axis.contour(x, y, truth, levels, colors=TRUTH, linewidths=0.6)
        axis.plot([], [], color=TRUTH, linewidth=0.6, label='true density')
    if beside.real is not None and (beside.modes is None or not count):
        real = beside.real[:, :2]
        axis.scatter(*real.T, s=_dot(len(real)), color=REAL, alpha=0.6, linewidths=0, label='real')
    if count:
        axis.scatter(*inside.T, s=_dot(count), color=SAMPLES, alpha=0.6, linewidths=0, zorder=3, label='samples')
    axis.set_ylim(middle[1] - reach, middle[1] + reach)
    axis.set_aspect('equal')
    axis.locator_params(nbins=5)  # a label takes as long to draw as all points


def _ticks(modes: Modes, axis: int, middle: float, reach: float) -> np.ndarray:
    """Coordinates along an axis at which a density shows itself: close together around each mode."""
    centers = np.unique(np.asarray(modes.centers, np.float64)[:, axis].round(6))
    near = np.linspace(-4, 4, int(np.clip(TICKS // len(centers), 9, 33))) * float(modes.sigma)
    return np.unique([*np.linspace(middle - reach, middle + reach, 100), *np.add.outer(centers, near).ravel()])


def _dot(count: int) -> float:
    """The area of a dot of so many, in square points."""
    return float(np.clip(6000 / max(1, count), 3, 16))
