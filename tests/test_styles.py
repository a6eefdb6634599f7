"""Tools for latent spaces: truncation, ways in z and w, given w."""

import functools
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict
from PIL import Image

from experiments import common
from gans import configs
from gans.errors import UserError
from gans.latent_tools import interpolate, space
from gans.step import init_state
from gans.training import draw, sampling
from gans.training.setup import Experiment, setup

SIZE, LAYERS = 6, 4  # of w, for images of 8 pixels


@functools.cache
def made() -> tuple[Experiment, object]:
    """A StyleGAN2 that was not trained, whose mean of w is not 0, and whose noise has some strength."""
    config = common.get_config()
    config.system, config.latents.size, config.train.batch_size = 'stylegan2', SIZE, 4
    config.data = ConfigDict({**config.data, 'name': 'openmoji', 'size': 8})
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


def test_truncated_samples_are_those_of_truncated_w(restored: Experiment, tmp_path: Path) -> None:
    """By numpy, with the same noise; of two layers of four."""
    experiment, state = made()

    def run(name: str, **given: str) -> np.ndarray:
        draw.sample(None, tmp_path, 4, 3, 'latest', f'{tmp_path}/{name}.npz', **given)
        return samples_of(tmp_path / f'{name}.npz')

    w = space.map_to_w(experiment, state, sampling.fixed_inputs(experiment, 4, 3))
    mean = np.arange(6, dtype=np.float32) / 10
    np.savez(tmp_path / 'half.npz', w=np.where(np.arange(LAYERS)[:, None] < 2, mean + 0.5 * (w - mean), w))
    truncated = run('truncated', truncation='0.5:2')
    assert w.shape == (4, LAYERS, SIZE) and np.ptp(truncated, 0).max() > 5
    assert np.abs(run('of_file', latents=str(tmp_path / 'half.npz')) - truncated).max() <= 1


@pytest.mark.usefixtures('restored')
def test_strips_and_films(tmp_path: Path) -> None:
    strip = interpolate.Options(num=3, seed=1, space='w', truncation='0.7')
    said = f'8 w interpolations of step 7: {tmp_path}/interpolation_w_seed1.png'
    assert interpolate.interpolate(None, tmp_path, strip) == said
    held = []
    for kind, name in (('w', 'a.gif'), ('z', 'b.webp'), ('z', 'c.webp')):
        film = interpolate.Options(num=12, seed=1, space=kind, out=str(tmp_path / name))
        assert 'a film of 12 frames, 0.4 s in a loop, of step 7' in interpolate.interpolate(None, tmp_path, film)
        held.append((tmp_path / name).read_bytes())
        with Image.open(tmp_path / name) as moving:
            assert moving.n_frames > 1 and moving.size[0] == 4 * 66 - 2 and moving.info['loop'] == 0
    assert held[1] == held[2]


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
    with pytest.raises(UserError, match=r'--truncation=0.5: this system has no mean of w'):
        space.truncate(other, space.Truncation(0.5))


@pytest.mark.parametrize('text', ['x', '0.5:', '0.5:0', 'nan', '1:a'])
def test_a_truncation_that_is_none(text: str) -> None:
    with pytest.raises(UserError, match=f'--truncation={text} is not PSI or PSI:LAYERS'):
        space.read_truncation(text)


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
