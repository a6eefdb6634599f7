"""Perceptual path length, of linear generators in closed form."""

import functools

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import pytest

from experiments import common
from gans.core import Sampler, Spec, Styles
from gans.errors import UserError
from gans.evaluation import path_length, run
from gans.features.distance import distance
from gans.latent_tools import space
from gans.metrics.score import better
from gans.training import paths, sampling
from gans.training.setup import Experiment, setup

NUM, SIZE, SIDE = 40, 5, 8
A = np.random.default_rng(0).normal(size=(SIZE, SIDE * SIDE))
B = np.random.default_rng(1).normal(size=(SIZE, SIZE))


@functools.cache
def made() -> tuple[Experiment, object]:
    """w = z B in two layers, images = (w_0 + w_1) A / 2."""
    config = common.get_config()
    config.data.name = 'digits'
    config.generator = config.critic = ml_collections.ConfigDict({'net': 'mlp', 'widths': (2,)})
    experiment = setup(config, devices=1)
    draw = lambda batch, keys: {'z': jax.vmap(lambda key: jax.random.normal(key, (SIZE,)))(keys)}
    to_w = lambda state, inputs: jnp.repeat((inputs['z'] @ B.astype(np.float32))[:, None], 2, 1)
    image = lambda state, w, inputs: (w.mean(1) @ A.astype(np.float32)).reshape(-1, SIDE, SIDE, 1)
    sampler = Sampler(draw, lambda state, inputs: image(state, to_w(state, inputs), inputs))
    system = experiment.system._replace(samplers={'samples': sampler}, styles=Styles(to_w, image))
    return experiment._replace(system=system), experiment.init()


def ends() -> tuple[np.ndarray, np.ndarray]:
    experiment, _ = made()
    z = np.asarray(sampling.fixed_inputs(experiment, 2 * NUM, 7)['z'], np.float64)
    return z[:NUM], z[NUM:]


@pytest.mark.parametrize('letter, t', [('w', np.linspace(0, 1, NUM)), ('z', np.zeros(NUM))])
def test_lengths_of_a_linear_generator(letter: str, t: np.ndarray) -> None:
    """In w |(w1 - w0) A|^2 a pixel, wherever it is taken; in z the arc begins with the speed
    angle |a| orthogonal to a, and (|b| - |a|) along it.
    """
    a, b = ends()
    speed = (b - a) @ B
    if letter == 'z':
        length, along = np.linalg.norm(a, axis=1, keepdims=True), np.linalg.norm(b, axis=1, keepdims=True)
        unit, other = a / length, b / along
        angle = np.arccos((unit * other).sum(1, keepdims=True))
        across = other - (unit * other).sum(1, keepdims=True) * unit
        across /= np.linalg.norm(across, axis=1, keepdims=True)
        speed = (angle * length * across + (along - length) * unit) @ B
    wanted = ((speed @ A) ** 2).mean(1)
    between = distance('pixels', Spec((SIDE, SIDE, 1)))
    found = path_length.lengths(*made(), between, letter, t.astype(np.float32), 7)
    np.testing.assert_allclose(found, wanted, rtol=0.05)
    np.testing.assert_allclose(found.mean(), wanted.mean(), rtol=0.01)


def test_arcs_are_those_of_interpolations() -> None:
    a, b = ends()
    a[0], b[1] = 0, 2 * a[1]  # where an arc is not defined
    t = np.linspace(0, 1, NUM)
    wanted = [paths.slerp(*pair) for pair in zip(a, b, t, strict=True)]
    found = path_length.slerp(*(x.astype(np.float32) for x in (a, b, t[:, None])))
    np.testing.assert_allclose(found[1:], wanted[1:], atol=1e-5)
    np.testing.assert_allclose(found[0], t[0] * b[0], atol=1e-6)


def test_the_first_and_the_last_percent_are_left_out() -> None:
    found = np.concatenate([np.arange(1, 100), [1e6], [-1e6]])
    assert path_length.trimmed_mean(found) == pytest.approx(50)
    assert better('evaluation/ppl_w_end') == 'lower'


def test_what_is_reported() -> None:
    """By numpy of all ways; a system without styles has those of z alone."""
    experiment, state = made()
    a, b = ends()
    results = path_length.path_lengths(experiment, state, 'pixels', NUM, 7, {'data': 'digits'})
    found = {result.metric: result for result in results}
    assert [*found] == ['ppl_z_full', 'ppl_z_end', 'ppl_w_full', 'ppl_w_end']
    each = np.sort((((b - a) @ B @ A) ** 2).mean(1))
    assert found['ppl_w_end'].value == pytest.approx(each[:].mean(), rel=0.01)  # of 40 none is outside
    stamp = found['ppl_w_end'].protocol
    assert stamp['distance'] == 'pixels' and stamp['pairs'] == NUM and stamp['epsilon'] == 1e-4
    assert stamp['data'] == 'digits' and stamp['kept percentiles'] == '1 to 99'


def test_what_has_no_path_length() -> None:
    experiment, state = made()
    still = Sampler(lambda batch, keys: jnp.zeros(len(keys), jnp.int32), lambda state, x: x)
    other = experiment._replace(system=experiment.system._replace(samplers={'samples': still}, styles=None))
    with pytest.raises(UserError, match='made from no latents'):
        path_length.path_lengths(other, state, 'pixels', NUM, 0, {})
    with pytest.raises(UserError, match='--ppl=auto is of samples as they are: leave out --truncation='):
        run.evaluate(experiment.config, None, run.Options(ppl='auto', truncation='1,0.5'))
    assert space.classes_again(experiment, 3, 2) == {}
