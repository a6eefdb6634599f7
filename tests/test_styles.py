"""Tools for latent spaces: truncation, ways in z and w, given w."""

import functools
import re
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from experiments import common
from gans import configs
from gans.core import Spec
from gans.errors import UserError
from gans.latent_tools import directions, interpolate, noise, project, projector, space, truncation
from gans.step import init_state
from gans.training import draw, sampling
from gans.training.setup import Experiment, setup

SIZE, LAYERS = 6, 4  # of w, for images of 8 pixels


@functools.cache
def made() -> tuple[Experiment, object]:
    """A StyleGAN2 that was not trained, whose mean of w is not 0, and whose noise has some strength."""
    config = common.get_config()
    config.system, config.latents.size, config.train.batch_size = 'stylegan2', SIZE, 4
    config.data.name = 'digits'
    config.generator, config.critic = ({'net': 'stylegan2', 'width': 4} for _ in range(2))
    config = configs.override(config, {'stylegan2.mapping': 2, 'stylegan2.path_length': None}, 'of a test')
    experiment = setup(config, devices=1)
    state = jax.jit(lambda: init_state(experiment.system, jax.random.key(0)))()
    strong = lambda path, x: jnp.full_like(x, 0.3) if path[-1].key == 'strength' else x
    params = jax.tree_util.tree_map_with_path(strong, state.params)
    stats = {**state.stats, 'mapping': {'batch_stats': {'mean': jnp.arange(6.0) / 10}}}
    return experiment, state.replace(step=jnp.int32(7), params=params, stats=stats, ema={})


@pytest.fixture
def restored(monkeypatch: pytest.MonkeyPatch) -> Experiment:
    """As the run that is found."""
    experiment, state = made()
    monkeypatch.setattr(draw, 'restored', lambda *args: (experiment, state, 7))
    return experiment


def samples_of(path: Path) -> np.ndarray:
    with np.load(path) as held:
        return held['samples'].astype(int)


def test_samples_are_made_by_way_of_w() -> None:
    experiment, state = made()
    styles, main = experiment.system.styles, sampling.main_sampler(experiment.system)
    inputs = sampling.fixed_inputs(experiment, 2, 0)
    both = jax.jit(
        lambda state, inputs: (main.make(state, inputs), styles.make(state, styles.to_w(state, inputs), inputs))
    )
    np.testing.assert_allclose(*both(state, inputs), atol=1e-6)


def test_truncated_samples_are_those_of_truncated_w(restored: Experiment, tmp_path: Path) -> None:
    """By numpy, with the same noise; of two layers of four."""
    experiment, state = made()

    def run(name: str, **given: str) -> np.ndarray:
        draw.sample(None, tmp_path, draw.Options(4, 3, 'latest', f'{tmp_path}/{name}.npz', **given))
        return samples_of(tmp_path / f'{name}.npz')

    w = space.map_to_w(experiment, state, sampling.fixed_inputs(experiment, 4, 3))
    mean = np.arange(6, dtype=np.float32) / 10
    np.savez(tmp_path / 'half.npz', w=np.where(np.arange(LAYERS)[:, None] < 2, mean + 0.5 * (w - mean), w))
    truncated = run('truncated', truncation='0.5:2')
    assert w.shape == (4, LAYERS, SIZE) and np.ptp(truncated, 0).max() > 5
    assert np.abs(run('of_file', latents=str(tmp_path / 'half.npz')) - truncated).max() <= 1


@pytest.mark.usefixtures('restored')
def test_strips_and_films(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpolate, 'SMOOTHING', 2)  # frames, of so few
    strip = interpolate.Options(num=3, seed=1, space='w', truncation='0.7')
    said = f'8 w interpolations of step 7: {tmp_path}/interpolation_w_seed1.png'
    assert interpolate.interpolate(None, tmp_path, strip) == said
    for kind, name in (('w', 'a.gif'), ('z', 'b.webp')):
        film = interpolate.Options(num=12, seed=1, space=kind, out=str(tmp_path / name))
        assert 'a film of 12 frames, 0.4 s in a loop, of step 7' in interpolate.interpolate(None, tmp_path, film)
        with Image.open(tmp_path / name) as moving:
            assert moving.n_frames > 1 and moving.size[0] == 4 * 66 - 2 and moving.info['loop'] == 0


def test_loops_close() -> None:
    """The step from the last frame to the first is one like the others."""
    drawn = np.random.default_rng(0).normal(size=(120, 3, 500)).astype(np.float32)
    keys = np.random.default_rng(1).normal(size=(4, 3, 20)).astype(np.float32)
    for way in (interpolate.smooth(drawn), interpolate.spline(keys, 120)):
        steps = np.linalg.norm(np.roll(way, -1, 0) - way, axis=(1, 2))
        assert way.shape[0] == 120 and steps[-1] < 2 * np.median(steps[:-1])
    np.testing.assert_allclose(np.sqrt((interpolate.smooth(drawn) ** 2).mean()), np.sqrt((drawn**2).mean()), rtol=1e-5)
    np.testing.assert_allclose(interpolate.spline(keys, 120)[::30], keys, atol=1e-6)


def test_latents_are_the_space_of_other_systems() -> None:
    """Those of InfoGAN are two leaves, one beside the other."""
    experiment, state = made()
    system, main = experiment.system, sampling.main_sampler(experiment.system)
    both = main._replace(
        inputs=lambda batch, keys: {
            'z': jnp.ones((len(keys), 3)),
            'codes': jnp.zeros((len(keys), 2)),
            'n': jnp.arange(2),
        },
        make=lambda state, inputs: (inputs['codes'], inputs['z'], inputs['n']),
    )
    other = experiment._replace(system=system._replace(samplers={'samples': both}, styles=None))
    styles, inputs = space.styles_of(other), both.inputs({}, [0, 0])
    w = styles.to_w(state, inputs)
    assert w.tolist() == [[[0, 0, 1, 1, 1]]] * 2
    codes, z, n = styles.make(state, w + jnp.arange(5), inputs)
    assert codes.tolist() == [[0, 1]] * 2 and z.tolist() == [[3, 4, 5]] * 2 and n.tolist() == [0, 1]
    with pytest.raises(UserError, match=r'--truncation=psi:0.5: this system has no mean of w'):
        truncation.truncate(other, truncation.Truncation(0.5, None, 'psi'))


@pytest.mark.parametrize('text', ['x', '0.5:', '0.5:0', 'nan', '1:a'])
def test_a_truncation_that_is_none(text: str) -> None:
    with pytest.raises(UserError, match=f'--truncation={text} is not PSI or PSI:LAYERS'):
        truncation.read(text)


def test_w_that_does_not_fit(tmp_path: Path) -> None:
    experiment, _ = made()
    place = tmp_path / 'w.npz'
    with pytest.raises(UserError, match='there is no such file'):
        space.read_w(str(place), experiment)
    for arrays, said in (({'x': np.zeros(2)}, "no array 'w'"), ({'w': np.zeros((2, 4, 5))}, r'\[N, 4, 6\]')):
        np.savez(place, **arrays)
        with pytest.raises(UserError, match=said):
            space.read_w(str(place), experiment)
    place.write_text('no')
    with pytest.raises(UserError, match='no file of arrays'):
        space.read_w(str(place), experiment)


# Projection


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


# Directions


def test_sefa_is_the_eigenvectors_of_unit_columns() -> None:
    """Of a made-up net, against numpy's solver for any matrices."""
    kernels = [np.random.default_rng(i).normal(size=(5, 7)) * (i + 1) for i in range(3)]
    a = np.hstack([kernel / np.linalg.norm(kernel, axis=0) for kernel in kernels])
    values, vectors = np.linalg.eig(a @ a.T)
    wanted = vectors[:, np.argsort(-values.real)].T.real
    found = directions.sefa(kernels)
    np.testing.assert_allclose(np.abs((found * wanted).sum(1)), 1, atol=1e-9)
    assert (found[np.arange(5), np.abs(found).argmax(1)] > 0).all()


def test_principal_components_have_their_deviations() -> None:
    axes = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    w = np.random.default_rng(1).normal(size=(20_000, 3)) * [1.0, 5.0, 2.0] @ axes + 7
    vectors, deviations = directions.principal(w)
    np.testing.assert_allclose(deviations, [5, 2, 1], rtol=0.03)
    np.testing.assert_allclose(np.abs((vectors * axes[[1, 2, 0]]).sum(1)), 1, atol=1e-3)


def test_a_class_is_separated_along_its_normal() -> None:
    w = np.random.default_rng(0).normal(size=(5000, 8))
    normal = np.array([3, -4, 0, 0, 0, 0, 0, 0]) / 5
    noise = np.random.default_rng(1).normal(size=5000)
    found, right = directions.separate(w, w @ normal + 0.3 * noise)
    assert found @ normal > 0.95 and right > 0.95 and np.linalg.norm(found) == pytest.approx(1)
    assert abs(directions.separate(w, noise)[1] - 0.5) < 0.25


def test_a_conditional_edit_leaves_other_attributes() -> None:
    """Of two normals n1 - (n1 . n2) n2, as in the paper; of several it is orthogonal to all, and of none the normal."""
    n = np.linalg.qr(np.random.default_rng(0).normal(size=(6, 6)))[0]
    first, second = n[0], 0.6 * n[0] + 0.8 * n[1]
    wanted = first - (first @ second) * second
    found = directions.conditional(first, second[None])
    np.testing.assert_allclose(found, wanted / np.linalg.norm(wanted), atol=1e-12)
    others = np.stack([second, 0.3 * n[0] + n[2], second + 0.3 * n[0] + n[2]])  # of rank 2
    found = directions.conditional(first, others)
    np.testing.assert_allclose(others @ found, 0, atol=1e-12)
    np.testing.assert_allclose(directions.conditional(first, others[:0]), first)
    assert directions.conditional(first, n[:3]) is None
    named = {'class_a': first, 'class_b': second, 'class_c': n[2]}
    assert {*directions.without_others(named)} == {'only_a', 'only_b', 'only_c'}
    assert not directions.without_others({'class_a': first, 'class_b': -first})


def test_directions_are_found_and_applied(restored: Experiment, tmp_path: Path) -> None:
    experiment, state = made()
    options = directions.Options(num=200, seed=2, layers='1-2', truncation='0.7')
    lines = directions.find(None, tmp_path, options).splitlines()
    assert lines[0].startswith(f'12 directions: {tmp_path}/directions.npz')
    assert sorted(path.name for path in tmp_path.glob('*.png')) == ['directions_pca.png', 'directions_sefa.png']
    with np.load(tmp_path / 'directions.npz') as held:
        sefa, pca = held['sefa_1'], held['pca_2']
    kernels = experiment.system.styles.kernels(state)
    wanted = directions.sefa([np.asarray(kernel) for kernel in kernels[1:3]])[0]
    np.testing.assert_allclose(sefa, [0 * wanted, wanted, wanted, 0 * wanted], atol=1e-5)
    w = space.map_to_w(experiment, state, sampling.fixed_inputs(experiment, 4, 3))
    np.savez(tmp_path / 'w.npz', w=w)
    np.savez(tmp_path / 'moved.npz', w=w + 3 * sefa - pca)
    for name, given in (('a', {'latents': 'w', 'edit': 'sefa_1:3,pca_2:-1'}), ('b', {'latents': 'moved'})):
        given['latents'] = f'{tmp_path}/{given["latents"]}.npz'
        draw.sample(None, tmp_path, draw.Options(None, 3, 'latest', f'{tmp_path}/{name}.npz', **given))
    assert np.abs(samples_of(tmp_path / 'a.npz') - samples_of(tmp_path / 'b.npz')).max() <= 1


@pytest.mark.parametrize(
    'text, said',
    [('sefa_1', 'is not NAME:STRENGTH'), ('sefa_1:x', 'is not NAME:STRENGTH'), ('sefa_9:1', "did you mean 'sefa_1'")],
)
def test_an_edit_that_is_none(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match='make it by --mode=directions'):
        space.read_edits(text, tmp_path / 'directions.npz', made()[0])
    np.savez(tmp_path / 'directions.npz', sefa_1=np.zeros((LAYERS, SIZE)))
    with pytest.raises(UserError, match=said):
        space.read_edits(text, tmp_path / 'directions.npz', made()[0])


@pytest.mark.parametrize('text', ['3-1', '0-4', '2', 'a-b'])
def test_layers_that_w_has_not(text: str) -> None:
    with pytest.raises(UserError, match=f'--layers={text} is not FIRST-LAST of the layers 0 to 3 of w'):
        space.read_layers(text, made()[0])
