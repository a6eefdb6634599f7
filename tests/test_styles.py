"""Tools for latent spaces: truncation, ways in z and w, given w."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from styled import LAYERS, SIZE, made, samples_of

from gans.errors import UserError
from gans.latent_tools import directions, interpolate, space, truncation
from gans.training import draw, sampling
from gans.training.setup import Experiment


@pytest.fixture
def restored(monkeypatch: pytest.MonkeyPatch) -> Experiment:
    """As the run that is found."""
    experiment, state = made()
    monkeypatch.setattr(draw, 'restored', lambda *args: (experiment, state, 7))
    return experiment


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
