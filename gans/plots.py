"""Plots of points: samples over the truth, and what the critic makes of the place around them."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gans.core import Modes

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection
    from matplotlib.contour import ContourSet
    from matplotlib.figure import Figure

SIDE, DPI = 4.8, 200  # inches of a plot's side, pixels per inch
REAL, SAMPLES, TRUTH, CRITIC = '0.6', '#0060d0', '0.2', '#d06000'  # colors: grey, blue, nearly black, orange
SURFACE = ('white', '#ffb878')  # from the critic's lowest score to its highest, so pale that points stand out
LATTICE = {1: 200, 2: 48}  # places along each axis at which the critic is asked, by dimensions of the points
BANDS = 16  # of one color each in the critic's surface
TICKS = 600  # of a density, along an axis, at most about so many


class Sheet:
    """Draws pictures of points in the plane that share their axes, of which it draws once what they share: ticks and
    words take most of the time (matplotlib's blitting).
    """

    def __init__(self) -> None:
        self._held: dict[bool, tuple[_Drawn, object]] = {}  # by whether the critic has a surface: and what stays

    def draw(self, samples: np.ndarray, title: str, beside: 'Beside') -> np.ndarray:
        """The pixels of `points`, uint8 [h, w, 3]; axes and truth are those of the first call."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        seen = _see(samples, beside)
        has_surface = seen.surface is not None
        if has_surface not in self._held:
            drawn = _draw(seen, title, beside)
            for artist in drawn.moving:
                artist.set_animated(True)
            canvas = FigureCanvasAgg(drawn.axis.figure)
            canvas.draw()
            self._held[has_surface] = drawn, canvas.copy_from_bbox(drawn.axis.figure.bbox)
        drawn, background = self._held[has_surface]
        drawn.samples.set_offsets(seen.inside)
        drawn.axis.title.set_text(_title(title, seen))
        if has_surface:
            drawn.surface.remove()
            drawn = drawn._replace(surface=_draw_surface(drawn.axis, seen))
            self._held[has_surface] = drawn, background
        canvas = drawn.axis.figure.canvas
        canvas.restore_region(background)
        for artist in drawn.moving:
            drawn.axis.draw_artist(artist)
        return np.asarray(canvas.buffer_rgba())[..., :3].copy()


class Beside(NamedTuple):
    """What is drawn with samples that are points."""

    real: np.ndarray | None = None  # [M, d], finite: they fix the axes, and are drawn where there is no better truth
    modes: Modes | None = None  # the truth, where it is known
    critic: np.ndarray | None = None  # its scores at the places of `lattice(real)`
    sheet: Sheet | None = None  # for pictures that differ in samples and scores alone


NOTHING = Beside()


class _Seen(NamedTuple):
    """Samples within the axes, and what the critic makes of the plane."""

    inside: np.ndarray  # [n, 1 or 2]
    middle: np.ndarray  # of the axes
    reach: float
    count: int  # of all samples
    lost: int  # that are not finite
    surface: np.ndarray | None  # the critic's scores, [rows, columns]; None if there is nothing to see, or on a line


class _Drawn(NamedTuple):
    """A plot of the plane, and what of it differs between pictures, or lies over or under that."""

    axis: 'Axes'
    surface: 'ContourSet | None'
    truth: 'ContourSet | None'
    samples: 'PathCollection | None'

    @property
    def moving(self) -> list['Artist']:
        """In the order in which they are drawn."""
        under = [artist for artist in (self.surface, self.truth) if artist is not None]
        return [*under, self.axis.spines['left'], self.axis.spines['bottom'], self.samples, self.axis.title]


def picture(samples: np.ndarray, title: str, beside: Beside) -> 'Figure | np.ndarray':
    """As `points`, and as pixels where there is a sheet for them."""
    if beside.sheet is None or min(samples.shape) < 2:  # a line is drawn with scales of its own
        return points(samples, title, beside)
    return beside.sheet.draw(samples, title, beside)


def points(samples: np.ndarray, title: str = '', beside: Beside = NOTHING) -> 'Figure':
    """Samples, float [N, d], over the truth: densities for d = 1, the first two axes otherwise.

    The axes are fixed by the real points, so that the pictures of a run can be compared; without them by the samples.
    Samples that are not finite or lie outside are counted in the title. Without samples the real points are drawn.
    """
    return _draw(_see(samples, beside), title, beside).axis.figure


def _draw(seen: _Seen, title: str, beside: Beside) -> _Drawn:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(SIDE, SIDE), dpi=DPI)
    on_line = seen.inside.shape[1] == 1
    # A layout engine would take as long as the drawing.
    axis = figure.add_axes((0.04, 0.11, 0.85, 0.8) if on_line else (0.1, 0.11, 0.8, 0.8))
    drawn = (_draw_line if on_line else _draw_plane)(axis, seen, beside)
    axis.set_xlim(seen.middle[0] - seen.reach, seen.middle[0] + seen.reach)
    axis.spines[['top', 'right']].set_visible(False)
    axis.tick_params(labelsize=8)
    axis.legend(loc='upper center', bbox_to_anchor=(0.5, -0.05), ncols=3, fontsize=8, markerscale=2, frameon=False)
    axis.set_title(_title(title, seen), fontsize=9)
    return drawn


def _see(samples: np.ndarray, beside: Beside) -> _Seen:
    samples = np.asarray(samples, np.float64)[:, :2]
    finite = samples[np.isfinite(samples).all(1)]
    middle, reach = _frame(finite if beside.real is None else beside.real)
    inside = finite[(np.abs(finite - middle) <= reach).all(1)]
    scores, surface = beside.critic, None
    if samples.shape[1] == 2 and scores is not None and np.isfinite(scores).all() and np.ptp(scores) > 0:
        surface = np.asarray(scores, np.float64).reshape(LATTICE[2], LATTICE[2]).T
    return _Seen(inside, middle, reach, len(samples), len(samples) - len(finite), surface)


def _title(title: str, seen: _Seen) -> str:
    """With what the picture does not show: samples outside, and the range of the critic's scores."""
    outside = seen.count - seen.lost - len(seen.inside)
    said = [f'{seen.count:,} sample{"s" * (seen.count > 1)}'] * (seen.count > 0)
    said += [f'{seen.lost:,} not finite'] * (seen.lost > 0) + [f'{outside:,} outside'] * (outside > 0)
    if seen.surface is not None:
        said.append(f'scores {seen.surface.min():.2g} (white) to {seen.surface.max():.2g}')
    return '\n'.join(filter(None, [title, ', '.join(said)]))


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


def _draw_line(axis: 'Axes', seen: _Seen, beside: Beside) -> _Drawn:
    """Densities of points on the line, and the critic's score over it."""
    inside, middle, reach, count, *_ = seen
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
    return _Drawn(axis, None, None, None)


def _draw_plane(axis: 'Axes', seen: _Seen, beside: Beside) -> _Drawn:
    """Points of the plane over contours of their density, on the critic's surface."""
    inside, middle, reach, count, *_ = seen
    surface = truth = samples = None
    if seen.surface is not None:
        surface = _draw_surface(axis, seen)
        axis.plot([], [], 's', color=SURFACE[1], markersize=4, label="critic's score")
    if beside.modes is not None and len(middle) == 2 == beside.modes.centers.shape[1]:
        x, y = (_ticks(beside.modes, i, middle[i], reach) for i in (0, 1))
        density_there = density(beside.modes, x, y).T
        levels = density_there.max() * np.exp([-9 / 2, -4 / 2, -1 / 2])
        truth = axis.contour(x, y, density_there, levels, colors=TRUTH, linewidths=0.6)
        axis.plot([], [], color=TRUTH, linewidth=0.6, label='true density')
    if beside.real is not None and (beside.modes is None or not count):
        real = beside.real[:, :2]
        axis.scatter(*real.T, s=_dot(len(real)), color=REAL, alpha=0.6, linewidths=0, label='real')
    if count:
        dots = {'s': _dot(count), 'color': SAMPLES, 'alpha': 0.6, 'linewidths': 0}
        samples = axis.scatter(*inside.T, **dots, zorder=3, label='samples')
    axis.set_ylim(middle[1] - reach, middle[1] + reach)
    axis.set_aspect('equal')
    axis.locator_params(nbins=5)  # a label takes as long to draw as all points
    return _Drawn(axis, surface, truth, samples)


def _draw_surface(axis: 'Axes', seen: _Seen) -> 'ContourSet':
    from matplotlib.colors import LinearSegmentedColormap

    x, y = (np.linspace(center - seen.reach, center + seen.reach, LATTICE[2]) for center in seen.middle)
    bands = np.linspace(seen.surface.min(), seen.surface.max(), BANDS + 1)
    colors = LinearSegmentedColormap.from_list('critic', SURFACE)
    return axis.contourf(x, y, seen.surface, bands, cmap=colors, zorder=0)


def _ticks(modes: Modes, axis: int, middle: float, reach: float) -> np.ndarray:
    """Coordinates along an axis at which a density shows itself: close together around each mode."""
    centers = np.unique(np.asarray(modes.centers, np.float64)[:, axis].round(6))
    near = np.linspace(-4, 4, int(np.clip(TICKS // len(centers), 9, 33))) * float(modes.sigma)
    return np.unique([*np.linspace(middle - reach, middle + reach, 100), *np.add.outer(centers, near).ravel()])


def _dot(count: int) -> float:
    """The area of a dot of so many, in square points."""
    return float(np.clip(6000 / max(1, count), 3, 16))
