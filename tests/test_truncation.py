"""Truncated latents and styles, curves over truncation, and standing statistics."""

import csv
import functools
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import pytest
from PIL import Image
from scipy import stats

from experiments import common
from gans.errors import UserError
from gans.evaluation import bench, run
from gans.latent_tools import truncation
from gans.latent_tools.truncation import Truncation
from gans.step import init_state
from gans.training import draw, sampling, standing
from gans.training.setup import Experiment, setup

BATCH = 8


def config_of(norm: str = 'batch') -> ml_collections.ConfigDict:
    config = common.get_config()
    config.data.name, config.latents.size, config.train.batch_size = 'digits', 4, BATCH
    config.eval.features, config.ema.decay = 'pixels', 0.9
    config.generator = ml_collections.ConfigDict({'net': 'mlp', 'widths': (6,), 'norm': norm})
    config.critic = ml_collections.ConfigDict({'net': 'mlp', 'widths': (6,)})
    return config


@functools.cache
def made(norm: str = 'batch') -> tuple[Experiment, object]:
    experiment = setup(config_of(norm), devices=1)
    state = jax.jit(lambda: init_state(experiment.system, jax.random.key(0)))()
    weights = state.ema['generator']
    moved = weights._replace(params=jax.tree.map(lambda x: x + 0.1, weights.params))  # averages are other weights
    return experiment, state.replace(step=jnp.int32(3), ema={'generator': moved})


@pytest.fixture
def restored(monkeypatch: pytest.MonkeyPatch) -> Experiment:
    experiment, state = made()
    monkeypatch.setattr(draw, 'restored', lambda *args: (experiment, state, 3))
    return experiment


def test_truncated_latents_have_the_distribution_of_scipy() -> None:
    """And the other habit is a plain normal distribution; both are alike for the same keys."""
    drawn = {}
    for way, wanted in (('resampled', stats.truncnorm(-2, 2, scale=0.5)), ('z_var', stats.norm(scale=0.5))):
        experiment = truncation.truncated(made()[0], Truncation(0.5, None, way))
        drawn[way] = np.asarray(sampling.fixed_inputs(experiment, 5_000, 0)).ravel()
        assert stats.kstest(drawn[way], wanted.cdf).statistic < 0.015, way
        assert (np.abs(drawn[way]).max() <= 1 + 1e-6) == (way == 'resampled')
    order = np.argsort(drawn['z_var'])
    assert (np.diff(drawn['resampled'][order]) >= 0).all()


def test_what_truncations_mean() -> None:
    experiment, _ = made()
    assert truncation.resolve(experiment, truncation.read('0.5')) == Truncation(0.5, None, 'resampled')
    assert truncation.read_several('1,z_var:.7,0.5:8') == (
        Truncation(1.0), Truncation(0.7, None, 'z_var'), Truncation(0.5, 8),
    )  # fmt: skip
    assert Truncation(0.5, 8, 'psi').stamp == {'truncation': 'psi 0.5, 8 layers'}
    assert Truncation(1, None, 'resampled').stamp == {'truncation': 'resampled 1'}
    assert not Truncation(1, None, 'psi').stamp and not Truncation(1, None, 'z_var').stamp  # all as it was


@pytest.mark.parametrize(
    'text, said',
    [
        ('psi:0.5', 'this system has no mean of w'),
        ('0.5:2', 'this system has no mean of w'),
        ('-1', 'must be greater than 0'),
        ('z_var:0.5:2', 'is not PSI or PSI:LAYERS'),
        ('0.5,', '--truncation= is not PSI'),
    ],
)
def test_truncations_that_are_none(text: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        [truncation.resolve(made()[0], by) for by in truncation.read_several(text)]


def test_uniform_latents_are_not_truncated() -> None:
    experiment, _ = made()
    config = experiment.config.copy_and_resolve_references()
    config.latents.distribution = 'uniform'
    with pytest.raises(UserError, match=r"latents\.distribution is 'uniform'"):
        truncation.resolve(experiment._replace(config=config), Truncation(0.5))


def moments_of(experiment: Experiment, state: object, batches: int) -> tuple[np.ndarray, np.ndarray]:
    """By numpy: means over batches of each batch's mean and variance before the batch norm of an MLP."""
    weights = state.ema['generator'].params['dense_0']
    main, key = sampling.main_sampler(experiment.system), jax.random.fold_in(jax.random.key(5), standing.STANDING)
    found = []
    for i in range(batches):
        z = np.asarray(sampling.inputs_of(main, {}, jax.random.fold_in(key, i), BATCH), np.float64)
        x = z @ np.asarray(weights['kernel'], np.float64) + np.asarray(weights.get('bias', 0), np.float64)
        found.append((x.mean(0), x.var(0)))
    return tuple(np.mean(part, 0) for part in zip(*found, strict=True))


def test_standing_statistics_are_the_means_of_batches() -> None:
    """Against numpy, of truncated latents, from averaged weights."""
    whole, state = made()
    experiment = truncation.truncated(whole, Truncation(0.5))
    renewed = standing.renew(experiment, state, 5, 5)
    (mean, variance), found = moments_of(experiment, state, 5), standing.moments(renewed.stats)
    found = {path[-1]: x for path, x in found.items() if path[0] == 'generator'}
    np.testing.assert_allclose(found['mean'], mean, atol=1e-5)
    np.testing.assert_allclose(found['var'], variance, rtol=1e-4)
    assert renewed.ema == {} and np.abs(np.asarray(found['var']) - 1).max() > 0.1


def test_standing_statistics_without_batch_norm() -> None:
    with pytest.raises(UserError, match='--standing=4: samples of this run are made without batch norm'):
        standing.renew(*made('none'), 4, 0)
    with pytest.raises(UserError, match='--standing=0 must be at least 1'):
        standing.renew(*made(), 0, 0)


@pytest.mark.usefixtures('restored')
def test_a_curve(tmp_path: Path) -> None:
    said = run.evaluate(config_of(), tmp_path, run.Options(num=40, truncation='1,z_var:.5,1.0'))
    assert 'fd_pixels ↓' in said and 'resampled:1' in said
    lines = list(csv.DictReader((tmp_path / 'truncation.csv').open()))
    assert [line['truncation'] for line in lines] == ['resampled:1', 'z_var:0.5']
    stamps = {entry['protocol']['truncation'] for entry in json.loads((tmp_path / 'truncation.json').read_text())}
    assert stamps == {'resampled 1', 'z_var 0.5'}
    assert {'fd_pixels', 'kid', 'precision', 'recall', 'density', 'coverage'} <= lines[0].keys()
    assert Image.open(tmp_path / 'truncation.png').width == 1440 and not (tmp_path / 'evaluation.json').exists()
    run.evaluate(config_of(), tmp_path, run.Options(num=40, truncation='z_var:.5'))  # one is an ordinary evaluation
    entries = json.loads((tmp_path / 'evaluation.json').read_text())
    assert {entry['protocol']['truncation'] for entry in entries} == {'z_var 0.5'}
    value = next(entry['value'] for entry in entries if entry['metric'] == 'fd_pixels')
    assert value == pytest.approx(float(lines[1]['fd_pixels']), rel=1e-5)
    assert (tmp_path / 'evaluation' / 'nearest_step_00000003_truncation_z_var_0.5.png').is_file()


def test_standing_statistics_are_in_the_stamp() -> None:
    experiment, state = made()
    some = np.zeros((4, 8, 8, 1), np.uint8)
    given = bench.Options(num=4, standing=2)
    found = bench.Bench(experiment, state, 3, sampling.truth(experiment), None, 4, None, some, None, None, given)
    assert found.protocol()['statistics'] == 'standing, 2 batches of 8'
