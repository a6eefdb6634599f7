"""Super-resolution: small versions of images, losses against numpy, and a run of two stages with a frozen net."""

import itertools
import signal
from collections.abc import Iterator
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict
from PIL import Image

from gans import configs, ranges
from gans.core import Compute, Spec
from gans.cost.stopwatch import compilation_cache
from gans.data import feed, load
from gans.errors import Stopped, UserError
from gans.features import perceptual
from gans.ops.random import example_keys
from gans.step import init_state
from gans.sweep import run
from gans.sweep.population import population
from gans.systems.build import build
from gans.training import draw, loop, sampling, setup

DATA = {'name': 'openmoji', 'size': 16, 'num': 40, 'split': 'train', 'shrink': 2}
ADVERSARIAL = {
    'system': 'srgan',
    'srgan': {'perceptual': 'efficientnet_lite0:block_0', 'content': 0.5, 'pixel': 0.25, 'adversarial': 0.125},
    'critic': {'net': 'srgan', 'width': 2, 'dense': 4, 'pool': True},
}
GENERATOR = {'net': 'srgan', 'width': 4, 'blocks': 1, 'scale': 2}


def config_of(**keys: object) -> ConfigDict:
    given = {'system': 'regression', 'data': DATA, 'generator': GENERATOR, **keys}
    config = configs.override(configs.apply_defaults({}, 'of a test'), given, 'of a test')
    ranges.check(config)
    return config


def random_weights(blocks: int) -> dict:
    """As those of a file, for tests where there is none."""
    draw = np.random.default_rng(0).normal
    return jax.tree.map(lambda x: draw(0, 0.3, x.shape).astype(np.float32), perceptual.lite0_shapes(blocks))


# Small versions


@pytest.mark.parametrize('kernel', ['pillow', 'matlab'])
def test_small_versions_are_those_of_files(kernel: str) -> None:
    """Of what is left after crops and flips, for training and for all others; Pillow's to 1/255."""
    data = {**DATA, 'size': 32, 'random_crop': 16, 'flip': True, 'shrink': 4, 'shrink_kernel': kernel}
    source = load.load(data)
    assert source.fields['source'] == Spec((4, 4, 3)) and feed.shapes(source, 2)['source'].shape == (2, 4, 4, 3)
    seen = feed.fetch(source, feed.held_arrays(source), jax.random.key(0), 3, repeats=1, batch=16)
    held_out = feed.examples(load.split(data, 'test'), 16, feed.fixed_key())
    for batch in ({name: x[0] for name, x in seen.items()}, held_out):
        small, large = (np.asarray((batch[name] + 1) * 127.5) for name in ('source', 'real'))
        np.testing.assert_allclose(small, np.round(small), atol=1e-3)
        theirs = [Image.fromarray(np.round(x).astype(np.uint8)).resize((4, 4), Image.Resampling.BICUBIC) for x in large]
        far = np.abs(small - np.stack(theirs))
        assert (far.max() <= 1.001) == (kernel == 'pillow')  # MATLAB's edges are others


@pytest.mark.parametrize(
    'change, said',
    [
        ({'shrink': 3}, 'data.shrink=3 does not divide images of 16 x 16'),
        ({'source': 'line'}, "data.shrink=2 would make a 'source', which the examples have already"),
        ({'shrink_kernel': 'opencv'}, "unknown data.shrink_kernel 'opencv'"),
        ({'shrink': None, 'shrink_kernel': 'matlab'}, "data.shrink_kernel='matlab' has no meaning without data.shrink"),
        ({'name': 'ring', 'size': None, 'num': None, 'split': None}, 'data.shrink=2 is set, but this is no set of'),
    ],
)
def test_mistakes_of_data(change: dict, said: str) -> None:
    with pytest.raises(UserError, match=said):
        load.load({**DATA, **change})


# Losses

SPEC = Spec((16, 16, 3), fields={'source': Spec((8, 8, 3))})


def batch() -> dict[str, np.ndarray]:
    draw = np.random.default_rng(1).uniform
    return {name: draw(-1, 1, (4, n, n, 3)).astype(np.float32) for name, n in (('real', 16), ('source', 8))}


def loss_of(config: ConfigDict, update: int = -1) -> tuple:
    """(system, state, loss [], metrics, the generator's images) of an update at step 0."""
    system, keys = build(config, SPEC, Compute(conv='lax')), example_keys(jax.random.key(1), np.arange(4))
    state = init_state(system, jax.random.key(0))
    loud = jax.tree.map(lambda x: 3 * x, state.params['generator'])  # so that some of its pixels are beyond [-1, 1]
    state = state.replace(params={**state.params, 'generator': loud})
    if 'perceptual' in state.params:
        state = state.replace(params={**state.params, 'perceptual': random_weights(1)})
    value, aux = system.updates[update].loss(state.params, state, batch(), keys)
    nets = [tree['generator'] for tree in (state.params, state.stats)]
    return system, state, value, aux.metrics, system.nets['generator'].apply(*nets, batch()['source'], train=True)[0]


@pytest.mark.parametrize('error, measure', [('mse', np.square), ('l1', np.abs)])
def test_regression_is_the_error_of_pixels(error: str, measure) -> None:
    system, _, value, _, made = loss_of(config_of(**{'regression.error': error}))
    np.testing.assert_allclose(value, measure(made - batch()['real']).mean(), rtol=1e-5)
    assert [*system.nets] == [*system.players] == ['generator']


@pytest.mark.parametrize('error, measure', [('mse', np.square), ('l1', np.abs)])
def test_terms_of_srgan(error: str, measure) -> None:
    config = config_of(**ADVERSARIAL, game='relativistic_average')
    config.srgan.error = error
    system, state, value, metrics, made = loss_of(config)
    assert np.abs(made).max() > 1.1
    made = np.clip(made, -1, 1)  # what files can hold is what is judged
    net, critic = system.nets['perceptual'], system.nets['critic']
    see = lambda x: net.apply(state.params['perceptual'], {}, x, train=False)[0]
    content = measure(see(made) - see(batch()['real'])).mean()
    pixel = measure(made - batch()['real']).mean()
    own = [tree['critic'] for tree in (state.params, state.stats)]
    real, fake = (critic.apply(*own, x, train=True)[0] for x in (batch()['real'], made))
    cross = lambda x: np.logaddexp(0, -np.asarray(x)).mean()  # with the target 1
    game = cross(fake - real.mean()) + cross(fake.mean() - real)
    for name, expected in {'content': content, 'pixel': pixel, 'game': game}.items():
        np.testing.assert_allclose(metrics[name], expected, rtol=1e-4, err_msg=name)
    np.testing.assert_allclose(value, 0.5 * content + 0.25 * pixel + 0.125 * game, rtol=1e-4)
    assert {net for player in system.players.values() for net in player.nets} == {'generator', 'critic'}


@pytest.mark.parametrize(
    'keys, said',
    [
        ({'data.shrink': 4}, 'generator.scale=2 does not make 16 x 16 pixels of 4 x 4'),
        ({'data.shrink': None}, "this data set has none: set data.shrink=4"),
        ({'regression.error': 'l3'}, "unknown regression.error 'l3'"),
        ({'replay.size': 8}, 'replay.size=8 has no meaning in system .regression., where there is no critic'),
        ({'terms.r1.weight': 1.0}, 'terms.r1 has no meaning in system .regression.'),
        ({**ADVERSARIAL, 'pack': 2}, 'pack=2 has no meaning in system .srgan.'),
        ({**ADVERSARIAL, 'srgan': {'perceptual': 'vgg19'}}, 'unknown layer of vgg19'),
        ({'srgan.content': -1.0, 'system': 'srgan'}, 'srgan.content=-1 must be at least 0'),
    ],
)
def test_mistakes_of_systems(keys: dict, said: str) -> None:
    with pytest.raises(UserError, match=said):
        config = config_of(**keys)
        build(config, load.load(config.data).spec, Compute())


def test_any_net_that_keeps_sizes_will_do() -> None:
    """'U-Net by L1 alone', beside Pix2Pix, whose critic is left alone."""
    spec = SPEC._replace(fields={'source': Spec((16, 16, 1))})
    unet = {'net': 'unet', 'width': 2, 'depth': 3, 'norm': 'instance'}
    system = build(config_of(generator=unet, critic={'net': 'patchgan'}), spec, Compute())
    given = {'source': jax.ShapeDtypeStruct((3, 16, 16, 1), jnp.float32)}
    sampler, state = sampling.main_sampler(system), jax.eval_shape(lambda: init_state(system, jax.random.key(0)))
    make = lambda state, batch: sampler.make(
        state, sampler.inputs(batch, example_keys(jax.random.key(0), np.arange(3)))
    )
    assert jax.eval_shape(make, state, given).shape == (3, 16, 16, 3) and sampler.target == 'real'


# A run of both stages


def staged(steps: int = 6) -> ConfigDict:
    train = {'batch_size': 8, 'log_every': 1, 'sample_every': 6, 'checkpoint_every': 2, 'steps': steps, 'keep': 9}
    eval_ = {'every': 6, 'samples': 4, 'features': None}
    return config_of(train=train, eval=eval_, stages={'adversarial': {'begin': 3, **ADVERSARIAL}})


@pytest.fixture(scope='module')
def reads(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[int]]:
    """The times that weights have been read."""
    found = []

    def read(blocks: int) -> dict:
        found.append(blocks)
        return random_weights(blocks)

    with compilation_cache(tmp_path_factory.mktemp('compiled')), pytest.MonkeyPatch.context() as patch:
        patch.setattr(perceptual, '_read_lite0', read)
        patch.setattr(jax, 'device_count', lambda: 1)
        yield found


@pytest.fixture(scope='module')
def straight(reads: list[int], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('straight')
    loop.train(staged(), folder)
    assert reads == [1, 1]  # before the first step, to be sure, and where the second stage begins
    return folder


def missing(blocks: int) -> dict:
    raise UserError('no weights here')


def train_until(step: int, done: int, folder: Path) -> None:
    """A signal comes after that step."""
    calls = itertools.count(done + 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop.Signals, 'received', lambda self: signal.SIGTERM if next(calls) == step else None)
        with pytest.raises(Stopped, match=f'SIGTERM: saved step {step} '):
            loop.train(staged(), folder)


def test_a_run_goes_on_exactly_and_needs_its_weights_once(straight: Path, tmp_path: Path, monkeypatch) -> None:
    """Stopped in the first stage, and in the second, where the weights are in the state."""
    train_until(2, 0, tmp_path / 'cut')
    train_until(4, 2, tmp_path / 'cut')
    monkeypatch.setattr(perceptual, '_read_lite0', missing)
    loop.train(staged(), tmp_path / 'cut')
    assert (straight / 'metrics.csv').read_bytes() == (tmp_path / 'cut' / 'metrics.csv').read_bytes()
    experiment, state, _ = draw.restored(staged(), straight, 'latest')
    for own, read in zip(*map(jax.tree.leaves, (state.params['perceptual'], random_weights(1))), strict=True):
        np.testing.assert_array_equal(own, read)
    made = np.asarray(sampling.sample(experiment, state, sampling.fixed_inputs(experiment, 3)))
    assert made.shape == (3, 16, 16, 3) and np.abs(made).max() <= 1


def test_what_a_later_stage_begins_from_is_looked_for_at_once(reads: list, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(perceptual, '_read_lite0', missing)
    with pytest.raises(UserError, match="stage 'adversarial': no weights here"):
        loop.train(staged(), tmp_path / 'run')
    assert not (tmp_path / 'run' / 'metrics.csv').exists()
    args = (sweep_file(tmp_path), staged(), tmp_path / 'sweep', 1, None, 'python launch.py')
    with pytest.raises(UserError, match="row 'base': stage 'adversarial': no weights here"):
        run.run(*args)


def sweep_file(folder: Path) -> Path:
    path = folder / 'seeds.py'
    path.write_text("def sweep(add):\n    add('base')\n")
    return path


def test_members_of_a_population_begin_a_stage_with_the_same_weights(reads: list) -> None:
    members = [
        setup.setup_stages(configs.override(staged(), {'seed': seed}, 'of a test'), 1, mapped=True) for seed in (0, 1)
    ]
    keys = jnp.stack([jax.random.key(seed) for seed in (0, 1)])
    old = jax.vmap(lambda key: init_state(members[0][0].system, key))(keys)
    program = population([stages[1] for stages in members], ())
    state = program.fetch(program.pass_on(old))
    for ours, read in zip(*map(jax.tree.leaves, (state.params['perceptual'], random_weights(1))), strict=True):
        np.testing.assert_array_equal(ours, np.stack([read, read]))


def test_stages_may_see_through_more_of_a_net(reads: list) -> None:
    """What the net of the stage before does not have is read; what it has is not asked for."""
    stages = {'same': {'begin': 2}, 'more': {'begin': 4, 'srgan': {'perceptual': 'efficientnet_lite0:block_1'}}}
    config = config_of(**ADVERSARIAL, train={'steps': 5, 'batch_size': 8}, stages=stages)
    reads.clear()
    setup.check_files(experiments := setup.setup_stages(config, devices=1), experiments)
    assert reads == [1, 2]
