"""Populations: each member is the run that it would be alone."""

import functools

import jax
import numpy as np
import pytest
from ml_collections import ConfigDict

from experiments import common
from gans.core import TrainState
from gans.data import images
from gans.data.base import Source
from gans.sweep import population as sweep_population
from gans.sweep.population import population
from gans.training import program
from gans.training.setup import fastest_form, setup

STEPS = 20


def toy() -> ConfigDict:
    config = common.get_config()
    config.data.name, config.data.sigma = 'ring', 0.02
    config.latents.size = 4
    config.generator = ConfigDict({'net': 'mlp', 'widths': (16, 16)})
    config.critic = ConfigDict({'net': 'mlp', 'widths': (16, 16)})
    config.terms.wgan_gp = {'weight': 10.0, 'target': 1.0}
    config.flip_targets, config.instance_noise.sigma, config.ema.decay = 0.1, 0.3, 0.9
    config.train.update(batch_size=16, steps=2 * STEPS, steps_per_call=STEPS, n_critic=2)
    return config


def images_of(streamed: bool) -> ConfigDict:
    config = common.get_config()
    config.data.name, config.data.size, config.data.flip = 'openmoji', 16, True
    if streamed:
        config.data.on_device_max_mb = 0.0
    config.latents.size = 4
    config.generator = ConfigDict({'net': 'dcgan', 'width': 4})
    config.critic = ConfigDict({'net': 'dcgan', 'width': 4, 'norm': 'spectral'})
    config.terms.r1 = {'weight': 10.0, 'every': 2}
    config.train.update(batch_size=8, steps=4, steps_per_call=2)
    return config


# What differs between the members: every kind of number that a config has, and names of closed sets. (Relativistic
# games give a bias slopes of nothing but rounding, which Adam enlarges.)
NUMBERS = {
    'game': ['non_saturating', 'boundary_seeking', 'least_squares'],
    'latents.distribution': ['normal', 'uniform', 'truncated_normal'],
    'optimizer.critic.learning_rate': [1e-3, 2e-3, 5e-4],
    'optimizer.generator.b1': [0.5, 0.0, 0.9],
    'terms.wgan_gp.weight': [0.1, 1.0, 10.0],
    'terms.wgan_gp.target': [1.0, 0.5, 1.0],
    'targets.real': [1.0, 0.9, 0.8],
    'flip_targets': [0.1, 0.0, 0.3],
    'instance_noise.sigma': [0.3, 0.1, 0.0],
    'ema.decay': [0.9, 0.99, 0.5],
    'latents.scale': [1.0, 2.0, 0.5],
    'data.sigma': [0.02, 0.1, 0.3],
}


def members_of(config: ConfigDict, numbers: dict[str, list]) -> list[ConfigDict]:
    found = []
    for i, values in enumerate(zip(*numbers.values(), strict=True)):
        member = config.copy_and_resolve_references()
        member.seed = 3 * i
        member.update_from_flattened_dict(dict(zip(numbers, values, strict=True)))
        found.append(member)
    return found


def run(made: program.Program, calls: int) -> tuple[TrainState, list, np.ndarray]:
    """State, metrics of the last call and samples after so many calls."""
    state, raws, per_call = made.init(), made.raws(0), made.members[0].config.train.steps_per_call
    for i in range(calls):
        state, metrics = made.call(state, next(raws), program.counts(made.members[0], i * per_call))
    return made.fetch(state), made.metrics(metrics), made.samples(state, 300)()


def together(configs: list[ConfigDict], numbers: dict[str, list], source: Source | None = None) -> program.Program:
    members = [setup(config, devices=1, mapped=True, source=source) for config in configs]
    return population(members, list(numbers))


def assert_same(both: tuple, alone: tuple, member: int, tolerance: float) -> None:
    close = lambda a, b: np.testing.assert_allclose(a, b, atol=tolerance, rtol=tolerance)
    pick = lambda tree: jax.tree.map(lambda x: x[member], tree)
    state, metrics, samples = both
    jax.tree.map(close, pick(state).replace(rng=()), alone[0].replace(rng=()))
    assert jax.random.key_data(state.rng[member]).tolist() == jax.random.key_data(alone[0].rng).tolist()
    jax.tree.map(close, pick(metrics), jax.tree.map(lambda x: x[0], alone[1]))
    close(samples[member], alone[2][0])


def test_members_are_their_solo_runs() -> None:
    """Three members on four devices, twelve keys: parameters, optimizers, averages, metrics, samples, to 1e-4."""
    configs = members_of(toy(), NUMBERS)
    both = run(together(configs, NUMBERS), 1)
    assert both[0].step.tolist() == [STEPS] * 3
    for i in (0, 2):
        assert_same(both, run(program.solo(setup(configs[i], devices=1)), 1), i, 1e-4)


def test_each_critic_judges_its_own_places() -> None:
    seeds = {'terms.wgan_gp.weight': [0.1, 1.0, 10.0]}
    configs = members_of(toy(), seeds)
    made, places = together(configs, seeds), np.random.default_rng(0).normal(size=(3, 5, 2)).astype(np.float32)
    scores = made.judge(made.init(), places)()
    assert scores.shape == (3, 5)
    alone = program.solo(setup(configs[2], devices=1))
    np.testing.assert_allclose(scores[2], alone.judge(alone.init(), places[2:])()[0], rtol=1e-4, atol=1e-5)


SIX = {'terms.wgan_gp.weight': [0.1, 1.0, 10.0, 2.0, 3.0, 4.0]}


@functools.cache
def last_of_six() -> tuple:
    return run(program.solo(setup(members_of(toy(), SIX)[5], devices=1)), 1)


@pytest.mark.parametrize('turns', [True, False])
def test_more_members_than_devices(turns: bool, monkeypatch) -> None:
    """Six members on four devices, in turns or mapped over: the last fills the last device up, and is there once."""
    monkeypatch.setattr(sweep_population, 'map_members', sweep_population.map_members if turns else jax.vmap)
    configs = members_of(toy(), SIX)
    both = run(together(configs, SIX), 1)
    assert both[0].step.shape == (6,) and both[2].shape == (6, 300, 2)
    assert_same(both, last_of_six(), 5, 1e-4)


TWO = {'terms.r1.weight': [1.0, 10.0]}


@functools.cache
def few() -> Source:
    return images.image_set(np.random.default_rng(0).integers(0, 256, (40, 16, 16, 3), dtype=np.uint8))


def test_convolutions_lazy_penalties_and_read_data() -> None:
    """Images that the host reads are those that lie on the device, of a run alone."""
    read = few()._replace(arrays=None, read=lambda i: {'real': few().arrays['real'][i]})
    alone = run(program.solo(setup(members_of(images_of(False), TWO)[1], devices=1, source=few())), 2)
    assert_same(run(together(members_of(images_of(True), TWO), TWO, read), 2), alone, 1, 2e-3)


def test_a_member_that_diverges_stands_still() -> None:
    numbers = {'optimizer.critic.learning_rate': [1e-3, 1e30]}
    configs = members_of(toy(), numbers)
    for config in configs:
        config.game = 'least_squares'
    both = run(together(configs, numbers), 2)
    state, metrics, _ = both
    assert state.step.tolist() == [2 * STEPS, 0]  # its call began at step 0
    assert all(np.isfinite(leaf[1]).all() for leaf in jax.tree.leaves((state.params, state.opt, state.ema)))
    assert not np.isfinite(metrics['critic/loss'][1]).all()
    assert_same(both, run(program.solo(setup(configs[0], devices=1)), 2), 0, 1e-3)


def test_members_of_a_gpu_share_products() -> None:
    """Where they are mapped over, XLA would make one grouped convolution of the plain form; on CPU they take turns."""
    forms = {
        (backend, mapped): fastest_form(backend, mapped, False)
        for backend in ('cpu', 'gpu', 'tpu')
        for mapped in (0, 1)
    }
    assert forms.pop(('gpu', 1)) == 'matmul' and set(forms.values()) == {'auto'}
    assert fastest_form('cpu', False, True) == 'loop' and fastest_form('gpu', False, True) == 'auto'
