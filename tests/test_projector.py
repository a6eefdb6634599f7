"""The projector, and the noise of layers, which it moves."""

import re
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from styled import LAYERS, SIZE, made, samples_of

from gans.core import Spec
from gans.errors import UserError
from gans.latent_tools import noise, project, projector, space
from gans.training import draw, sampling
from gans.training.setup import Experiment


@pytest.fixture
def restored(monkeypatch: pytest.MonkeyPatch) -> Experiment:
    """As the run that is found."""
    experiment, state = made()
    monkeypatch.setattr(draw, 'restored', lambda *args: (experiment, state, 7))
    return experiment


@pytest.mark.usefixtures('restored')
def test_projected_images_of_the_net_come_closer(tmp_path: Path) -> None:
    """By few steps, of images by pixels; and samples of w, with its noise, are what was projected."""
    draw.sample(None, tmp_path, draw.Options(3, 5, 'latest', f'{tmp_path}/images/'))
    options = project.Options(input=str(tmp_path / 'images'), out=str(tmp_path / 'a.webp'), features='pixels', num=2)
    settings = project.Settings(steps=40, samples=200)
    said, place = project.project(None, tmp_path, options, settings), tmp_path / 'projected'
    assert said.startswith(
        f'2 images in w, of step 7: {place}/w.npz, sheet {place}/sheet.png, film {tmp_path}/a.webp\n'
    )
    with np.load(place / 'w.npz') as held:
        assert held['names'].tolist() == ['000000.png', '000001.png']
        w, maps = held['w'], [held[f'noise_{i}'] for i in range(3)]
    assert [x.shape for x in maps] == [(2, side, side, 1) for side in (4, 8, 8)]  # of mean 0 and deviation 1
    for x in maps:
        np.testing.assert_allclose([x.mean((1, 2, 3)), x.std((1, 2, 3))], [[0, 0], [1, 1]], atol=1e-5)
    assert w.shape == (2, LAYERS, SIZE) and np.ptp(w, 1).max() == 0  # one for all layers
    assert Image.open(place / 'sheet.png').width >= 4 * 66 - 2
    with Image.open(tmp_path / 'a.webp') as moving:
        assert moving.n_frames > 1 and moving.size == (2 * 66 - 2, 2 * 66 - 2)
    before, after = (float(x) for x in re.findall(r'\) (.*) at the mean of w, (.*) at the end', said)[0])
    assert after < 0.7 * before
    draw.sample(
        None,
        tmp_path,
        draw.Options(None, 9, 'latest', f'{tmp_path}/again.npz', latents=str(place / 'w.npz')),
    )
    targets = np.stack([np.asarray(Image.open(tmp_path / 'images' / f'00000{i}.png'))[..., None] for i in range(2)])
    again = ((samples_of(tmp_path / 'again.npz') - targets.astype(int)) ** 2).mean() / 127.5**2
    assert again == pytest.approx(after, rel=0.05)


def test_a_sheet_of_noise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Against images of maps by hand; the deviation is numpy's."""
    experiment, state = made()
    monkeypatch.setattr(noise, 'ROWS', 2)
    monkeypatch.setattr(noise, 'REDRAWS', 3)
    cells = noise.make_cells(experiment, state, 1)
    inputs, words = (sampling.fixed_inputs(experiment, num, seed) for num, seed in ((2, 1), (6, 2)))
    make = jax.jit(sampling.main_sampler(experiment.system).make)
    given = {name: np.repeat(x, 3, 0) for name, x in inputs.items()} | {'noise': words['noise']}
    redrawn = np.asarray(make(state, given)).reshape(2, 3, 8, 8, 1)
    maps = experiment.system.styles.maps(inputs)
    np.testing.assert_allclose(cells[:, 0], make(state, inputs), atol=1e-5)
    np.testing.assert_allclose(cells[:, 1], redrawn[:, 0], atol=1e-5)
    np.testing.assert_allclose(
        cells[:, 3], make(state, {**inputs, 'noise': [maps[0], 0 * maps[1], 0 * maps[2]]}), atol=1e-5
    )
    shade = np.clip(4 * 127.5 * np.clip(redrawn, -1, 1).std(1), 0, 255) / 127.5 - 1
    np.testing.assert_allclose(cells[:, 5], shade, atol=1e-4)
    assert np.ptp(cells[:, 2:5], 1).max() > 0.05
    noise.draw_sheet(cells, 'step 7', tmp_path / 'noise.png')
    assert Image.open(tmp_path / 'noise.png').width == 6 * 66 - 2


def test_the_regularizer_of_noise_maps() -> None:
    """By numpy: each map down to 8 pixels, by means of 2 x 2; smaller ones are taken as they are."""
    maps = [np.random.default_rng(side).normal(size=(2, side, side, 1)) + 0.1 for side in (4, 32)]
    levels = [maps[0][0], maps[1][0]]
    for side in (16, 8):
        levels.append(levels[-1].reshape(side, 2, side, 2, 1).mean((1, 3)))
    wanted = sum((x * np.roll(x, 1, axis)).mean() ** 2 for x in levels for axis in (0, 1))
    found = projector.regularizer([jnp.asarray(x, jnp.float32) for x in maps])
    assert found.shape == (2,) and float(found[0]) == pytest.approx(wanted, rel=1e-4)
    assert projector.regularizer([]) == 0


def test_w_of_another_net_has_other_noise(tmp_path: Path) -> None:
    np.savez(tmp_path / 'w.npz', w=np.zeros((2, LAYERS, SIZE)), noise_0=np.zeros((2, 4, 4, 1)))
    with pytest.raises(UserError, match=r'its noise is .* not that of this net'):
        space.read_w(str(tmp_path / 'w.npz'), made()[0])


def test_the_rate_rises_and_falls() -> None:
    """lr .1: linearly over the first 5 %, as a cosine to 0 over the last 25 %."""
    rates = [float(projector.ramp(t)) for t in (0, 0.025, 0.05, 0.5, 0.75, 0.875, 1)]
    np.testing.assert_allclose(rates, [0, 0.5, 1, 1, 1, 0.5, 0], atol=1e-6)


def test_a_distance_of_features() -> None:
    name, distance, weights = project.make_distance(Spec((16, 16, 3)), 'efficientnet_lite0', None)
    found = jax.eval_shape(distance, weights, *[jax.ShapeDtypeStruct((2, 16, 16, 3), jnp.float32)] * 2)
    assert name == 'efficientnet_lite0:block_2' and found.shape == (2,)


@pytest.mark.parametrize(
    'given, said',
    [
        ({}, 'project which images'),
        ({'input': 'nowhere'}, '--input=nowhere: there is no such folder'),
        ({'input': '.', 'num': 0}, '--num=0 must be at least 1'),
        ({'input': '.', 'out': 'a.png'}, '--out=a.png: name a FOLDER'),
    ],
)
def test_what_cannot_be_projected(given: dict, said: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=said):
        project.project(None, tmp_path, project.Options(**given))
