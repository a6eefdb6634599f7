"""Plots of points: what is drawn, where, and what is said of it."""

import numpy as np
import pytest

from gans import pictures, plots
from gans.core import Modes
from gans.data import toys


def colored(figure, color: str) -> int:
    """Pixels of the plot itself, without the legend below it, that are as blue, or as orange, as its samples, or its
    critic's surface, are.
    """
    pixels = pictures.to_pixels(figure)[:850].astype(int)
    difference = pixels[..., 2] - pixels[..., 0]
    return int((difference > 60).sum() if color == 'blue' else (difference < -40).sum())


@pytest.mark.parametrize('d', [1, 2, 5])
def test_points(d) -> None:
    rng = np.random.default_rng(0)
    real, samples = rng.normal(size=(500, d)), rng.normal(size=(300, d))
    beside = plots.Beside(real)
    picture = pictures.to_pixels(plots.points(samples, '', beside))
    assert picture.dtype == np.uint8 and picture.shape == (960, 960, 3)
    assert colored(plots.points(samples, '', beside), 'blue') > 1200
    broken = samples.copy()
    broken[:] = np.nan
    assert not colored(plots.points(broken, '', beside), 'blue')
    broken[:100] = np.inf
    broken[100:] = 1e30
    assert not colored(plots.points(broken, '', beside), 'blue')
    assert colored(plots.points(samples), 'blue') > 1200  # without real points
    for some, near in ((broken, None), (samples, np.zeros((3, d)))):
        pictures.to_pixels(plots.points(some, '', plots.Beside(near)))
    alone = plots.points(samples[:0], 'real examples', beside)  # the real ones
    assert not colored(alone, 'blue') and alone.axes[0].get_title() == 'real examples'


def test_the_title_counts_what_is_not_seen() -> None:
    samples = np.array([[0.0, 0.0], [np.nan, 0.0], [9.0, 0.0], [0.5, 0.5]])
    figure = plots.points(samples, 'step 8', plots.Beside(np.eye(2)))
    assert figure.axes[0].get_title() == 'step 8\n4 samples, 1 not finite, 1 outside'


def test_axes_are_fixed_by_the_real_points() -> None:
    real = np.random.default_rng(0).normal(size=(500, 2))
    limits = [
        plots.points(samples, '', plots.Beside(real)).axes[0].get_xlim()
        for samples in (np.zeros((1, 2)), np.full((9, 2), 1e3))
    ]
    assert limits[0] == limits[1]
    for d in (1, 2):  # and those are where the critic is asked
        places, (middle, reach) = plots.lattice(real[:, :d]), plots._frame(real[:, :d])
        assert places.shape == (plots.LATTICE[d] ** d, d) and places.dtype == np.float32
        np.testing.assert_allclose([places.min(0), places.max(0)], [middle - reach, middle + reach], rtol=1e-5)
    assert plots.lattice(np.zeros((3, 5))) is None
    assert np.ptp(plots.points(np.ones((1, 1)), '', plots.Beside(np.zeros((9, 1)))).axes[0].get_xlim()) > 2  # Dirac


def test_the_density_is_that_of_the_mixture() -> None:
    modes = Modes(np.array([[0.0, 0.0], [1.0, 2.0]]), 0.3)
    x, y = np.linspace(-2, 3, 201), np.linspace(-2, 4, 241)
    found = plots.density(modes, x, y)
    wanted = np.exp(-((1 - 1) ** 2 + (2 - 1.9) ** 2) / 2 / 0.09) / (2 * np.pi * 0.09) / 2
    assert found.shape == (201, 241) and found[120, 156] == pytest.approx(wanted)  # at (1, 1.9)
    assert found.sum() * 0.025**2 == pytest.approx(1)
    line = toys.gaussian1d().modes
    assert plots.density(line, np.array([4.0]))[0] == pytest.approx(1 / (1.25 * np.sqrt(2 * np.pi)))


def test_the_truth_and_the_critic_lie_under_samples() -> None:
    ring = toys.ring().modes
    beside = plots.Beside(ring.centers, ring)
    names = lambda figure: [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert names(plots.points(ring.centers, '', beside)) == ['true density', 'samples']
    scores = np.linspace(-1, 1, plots.LATTICE[2] ** 2)  # higher to the right
    figure = plots.points(ring.centers, '', beside._replace(critic=scores))
    assert names(figure) == ["critic's score", 'true density', 'samples']
    assert figure.axes[0].get_title() == '8 samples, scores -1 (white) to 1'
    pixels = pictures.to_pixels(figure).astype(int)
    orange = pixels[..., 0] - pixels[..., 2]
    assert orange[400, 820] > 100 and abs(orange[400, 120]) < 20  # within the axes at the right, and at the left
    for useless in (np.full_like(scores, np.nan), np.zeros_like(scores)):
        assert names(plots.points(ring.centers, '', beside._replace(critic=useless))) == ['true density', 'samples']
    line = plots.Beside(np.array([[0.0], [8.0]]), toys.gaussian1d().modes, np.linspace(0, 5, plots.LATTICE[1]))
    assert names(plots.points(np.full((50, 1), 4.0), '', line)) == ['samples', 'true density', "critic's score"]
    assert plots.points(np.full((50, 1), 4.0), '', line).axes[1].lines[0].get_ydata()[[0, -1]].tolist() == [0, 5]


def test_pictures_on_a_sheet_are_those_drawn_alone() -> None:
    """To the pixel, whatever was drawn there before."""
    rng, ring, sheet = np.random.default_rng(0), toys.ring().modes, plots.Sheet()
    real = rng.normal(size=(50, 2))
    for i in range(5):
        scores = rng.normal(size=plots.LATTICE[2] ** 2) if i % 3 else None  # with a surface, and without
        samples = (1 + i) * rng.normal(size=(40, 2))
        if i == 4:
            samples[:3] = np.nan
        of = samples, f'step {i}', plots.Beside(real, ring, scores)
        found = plots.picture(*of[:2], of[2]._replace(sheet=sheet))
        assert isinstance(found, np.ndarray) and np.array_equal(found, pictures.to_pixels(plots.points(*of)))
    alone = plots.picture(real[:0], 'real examples', plots.Beside(real, sheet=sheet))  # no samples, or on a line
    assert alone.axes[0].get_title() == 'real examples'
    assert plots.picture(real[:, :1], '', plots.Beside(real[:, :1], sheet=sheet)).axes
