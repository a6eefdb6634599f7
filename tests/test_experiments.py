"""Experiments: every one is built and traced at full size and when tiny, some are trained, and toys reach their goals.

A new experiment, or a new sweep in test_sweep_files.py, is found by its file: it needs no edit here.
"""

import json
import re
from collections.abc import Callable
from importlib import util
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import jax
import numpy as np
import pytest
import systems
from ml_collections import ConfigDict
from PIL import Image

from experiments import common
from gans.core import TrainState
from gans.data import feed, images, load, toys
from gans.data.base import Source
from gans.errors import UserError
from gans.features import efficientnet
from gans.metrics.toys import mode_counts
from gans.step import make_train_step
from gans.training import leaves, loop, program, sampling, setup
from gans.training.checkpoints import Checkpoints

FOLDER = Path(__file__).resolve().parent.parent / 'experiments'
NAMES = sorted(path.stem for path in FOLDER.glob('*.py') if path.stem != 'common')
# Channels of sets that may not be here, by what stands before the colon.
ABSENT = {'mnist': 1, 'stacked': 3, 'fashion_mnist': 1, 'cifar10': 3, 'celeb_a': 3, 'tfds': 3, 'folder': 3}


def module(name: str) -> ModuleType:
    spec = util.spec_from_file_location(name, FOLDER / f'{name}.py')
    made = util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def config_of(name: str, variant: str = '') -> ConfigDict:
    return module(name).get_config(variant)


def shape_only(config: ConfigDict, outlined: bool = False) -> Source:
    """The set of a config, or one that has its shape, and ten classes."""
    kind = config.name.partition(':')[0]
    if kind not in ABSENT or config.name == common.FOLDER:
        return load_really(config, outlined=True)
    size = config.get('size', 28)
    examples = np.zeros((1, size, size, ABSENT[kind]), np.uint8)
    made = images.image_set(examples, np.zeros(1, np.int32), [f'class {i}' for i in range(10)])
    seen = {key: config[key] for key in ('name', *load.SEEN) if key in config}
    return load._prepare(made, seen, True)


load_really = load.load


TRACED, TRAINED = systems.cover(systems.of_smokes()), systems.cover(systems.structures())


def count(tree: dict) -> int:
    return sum(leaf.size for leaf in jax.tree.leaves(tree))


# Every experiment at full size, without computing or loading anything


# Parameters that others have published or that the sizes give: (generator, critic).
COUNTS = {
    # 100-256-512-1024-784 and 784-512-256-1, weights and biases
    'gan_mlp_mnist': (
        sum((a + 1) * b for a, b in [(100, 256), (256, 512), (512, 1024), (1024, 784)]),
        sum((a + 1) * b for a, b in [(784, 512), (512, 256), (256, 1)]),
    ),
    # the DCGAN of PyTorch's examples at 64 pixels: 3,576,704 and 2,765,568, and here a bias in the critic's first
    # convolution, its last layer and the generator's
    'dcgan_celeba': (3_576_704 + 3, 2_765_568 + 64 + 1),
    # SN-GAN's nets, layer by layer in test_sngan.py
    'sngan_cifar10': (3_804_739, 2_935_873),
    'sngan_resnet_cifar10': (4_276_739, 1_053_825),
}


@pytest.mark.parametrize('name', NAMES)
def test_full_size_is_built(name, monkeypatch) -> None:
    """All nets are traced, and what samplers make; with the form of convolutions that is traced soonest."""
    monkeypatch.setattr(load, 'load', shape_only)
    config = config_of(name)
    config.train.conv = 'lax'
    first, *_, last = 2 * setup.setup_stages(config, devices=1)
    for experiment in (first, last) if config.stages else (first,):
        trace_samplers(experiment)
    wanted, state = COUNTS.get(name), last.abstract()
    if wanted:
        assert (count(state.params['generator']), count(state.params['critic'])) == wanted


def trace_samplers(experiment: setup.Experiment) -> None:
    """What each of them makes looks like examples; and players own nets that there are."""
    state = experiment.abstract()
    owned = {net for player in experiment.system.players.values() for net in player.nets}
    assert owned and owned <= set(experiment.system.nets)
    for sampler in experiment.system.samplers.values():
        make = lambda batch, sampler=sampler: sampling.inputs_of(sampler, batch, jax.random.key(0), 3)
        inputs = jax.eval_shape(make, feed.shapes(experiment.source, 3))
        counts = {leaf.shape[0] for leaf in jax.tree.leaves(inputs)}
        made = jax.eval_shape(
            lambda state, inputs, s=sampler: s.make(sampling.use_averages(state), inputs), state, inputs
        )
        looks = experiment.source.fields[sampler.like].shape
        assert len(counts) == 1 and made.shape[1:][-3:] == looks[-3:]  # of a clip a frame: there may be more of them
        assert len(made) % 3 == 0 and sampler.asked.keys() <= (inputs.keys() if sampler.asked else {''})


@pytest.mark.parametrize('name', NAMES)
def test_docstring_says_how_to_run_it(name) -> None:
    doc = module(name).__doc__
    assert f'python launch.py --config=experiments/{name}.py' in doc
    for word in ('Paper: ', 'Hardware and cost: ', 'Expected: ', 'Deviations: '):
        assert word in doc, word
    assert re.search(r'\d{4}\.\d{4,5}', doc), 'an arXiv number'


@pytest.mark.parametrize('name', NAMES)
def test_unknown_variant_is_named(name) -> None:
    with pytest.raises(UserError, match=f"unknown variant of {name} 'smok'; did you mean 'smoke'"):
        config_of(name, 'smok')


@pytest.mark.parametrize('name', NAMES)
def test_smoke_has_the_shape_and_the_keys_of_the_full_size(name) -> None:
    full, smoke = config_of(name), config_of(name, 'smoke')
    keys = lambda config: set(leaves.by_path(config.to_dict())) - {'eval/features'}  # which a smoke may leave out
    flat = lambda config: {key for key in keys(config) if not key.startswith('stages/')}  # of which it has fewer
    widths = re.compile(r'/widths/\d+')
    assert {widths.sub('', key) for key in flat(full)} == {widths.sub('', key) for key in flat(smoke)}
    shapes = [load.load(smoke.data).spec.shape, shape_only(full.data).spec.shape]
    if smoke.system in ('regression', 'damsm'):  # nets that enlarge images, or see regions, do so at any size
        shapes = [shape[-1] for shape in shapes]
    assert shapes[0] == shapes[1]
    for key in ('system', 'dynamics', 'game', 'latents', 'targets', 'ema'):
        assert smoke[key] == full[key]
    assert set(smoke.terms) == set(full.terms)


@pytest.mark.parametrize('name', [name for name in NAMES if config_of(name).data.name == 'mnist'])
def test_mnist_becomes_fashion_mnist_by_one_override(name, monkeypatch) -> None:
    monkeypatch.setattr(load, 'load', shape_only)
    config = config_of(name)
    config.data.name = 'fashion_mnist'
    size = config.data.get('size', 28)
    assert setup.setup(config, devices=1).source.spec.shape == (size, size, 1)


# The smoke variants: some train, which together have all structures of systems; others are built. Steps are traced of
# some that together have all ingredients. Techniques train in test_matrix.py, or in tests of their own.


@pytest.mark.parametrize('name', sorted(set(NAMES) - set(TRAINED)))
def test_smoke_is_built(name) -> None:
    """And it finds its data."""
    for experiment in setup.setup_stages(config_of(name, 'smoke'), devices=1):
        experiment.abstract()
        assert not experiment.config.eval.features or (experiment.source.size or 4) >= 4  # for a Fréchet distance
        batch = feed.examples(experiment.source, 2, feed.fixed_key())
        assert all(np.isfinite(values).all() and len(values) == 2 for values in batch.values())


@pytest.mark.parametrize('name', TRACED)
def test_a_step_of_its_smoke_is_lowered_for_gpus_and_tpus(name) -> None:
    """In the form of convolutions that is taken there."""
    config = config_of(name, 'smoke')
    config.train.conv = 'lax'
    first, *_, last = 2 * setup.setup_stages(config, devices=1)
    for experiment in (first, last) if config.stages else (first,):
        text = trace_step(experiment).lower(lowering_platforms=('cuda', 'tpu')).as_text()
        assert 'stablehlo.dot' in text or 'stablehlo.convolution' in text


def trace_step(experiment: setup.Experiment) -> jax.stages.Traced:
    """It keeps the form of its state, and has a loss for each update."""
    state, lead = experiment.abstract(), (experiment.shares['repeats'],)
    fields = feed.shapes(experiment.source, experiment.config.train.batch_size)
    examples = {name: jax.ShapeDtypeStruct((*lead, *x.shape), x.dtype) for name, x in fields.items()}
    due = tuple(update.name for update in experiment.system.updates)
    step = make_train_step(experiment.system)
    traced = jax.jit(lambda state, batch: step(state, batch, due)).trace(state, examples)
    after, metrics = traced.out_info
    # Another form, or a weak type that becomes a firm one, would have the second call compiled anew.
    describe = lambda tree: {path: jax.typeof(leaf) for path, leaf in leaves.by_path(tree).items()}
    assert describe(after) == describe(state)
    assert all(value.shape == () for value in metrics.values())
    assert {f'{name}/loss' for name in due} <= set(metrics)
    return traced


@pytest.mark.parametrize('name', TRAINED)
def test_smoke_trains(name, tmp_path, monkeypatch) -> None:
    """Of several stages, the last one ends as a run of one does."""
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
    monkeypatch.setattr(jax, 'device_count', lambda: 1)
    begun = []  # the states in which its stages begin

    def recorded(begin: Callable[..., TrainState]) -> Callable[..., TrainState]:
        def recording(*args: object) -> TrainState:
            begun.append(jax.device_get(begin(*args)))
            return jax.device_put(begun[-1])

        return recording

    for begin in ('init', 'pass_on'):
        monkeypatch.setattr(setup.Experiment, begin, recorded(getattr(setup.Experiment, begin)))
    config, folder = config_of(name, 'smoke'), tmp_path / 'run'
    if 'efficientnet' in str(config) and not efficientnet.is_installed():
        pytest.skip('the extra `features` is not installed')
    summary, experiment = loop.train(config, folder), setup.setup_stages(config, devices=1)[-1]
    steps, system = config.train.steps, experiment.system
    assert summary['steps'] == steps and json.loads((folder / 'summary.json').read_text()) == summary
    losses = {f'{update.name}/loss' for update in system.updates}
    assert losses | {'eval/sliced_wasserstein'} <= set(summary['final'])
    assert np.isfinite(list(summary['final'].values())).all()
    with Image.open(folder / 'samples' / f'step_{steps:08d}.png') as picture:
        assert np.ptp(np.asarray(picture)) > 0
    restored = Checkpoints(folder / 'checkpoints').restore(experiment.abstract())
    assert restored.step == steps and int(restored.state.step) == steps
    states = [leaves.by_path(state.params) for state in (*begun, restored.state)]
    differ = lambda old, new: old.shape == new.shape and not np.array_equal(old, new)
    moved = [
        {path for path in old.keys() & new.keys() if differ(old[path], new[path])} for old, new in pairwise(states)
    ]
    owned = {net for player in system.players.values() for net in player.nets}
    assert {path.partition('/')[0] for path in moved[-1]} == owned
    # In some stage: one that fades in may end without those of before. The last bias of some games has no gradient.
    kernels = {path for path in states[-1] if path.partition('/')[0] in owned and path.endswith('/kernel')}
    assert kernels <= set().union(*moved)


# The toys reach their goals


def test_mode_counts_of_true_samples() -> None:
    """98.889 % of a 2-D Gaussian lies within 3 sigma; the reverse KL of n samples has a floor of (K - 1) / 2n."""
    for source, floor in ((toys.ring(), 0.0014), (toys.grid(), 0.0048)):
        keys = jax.vmap(jax.random.split, (0, None))(jax.random.split(jax.random.key(0), 20), 2500)
        draw = jax.jit(lambda keys, source=source: source.finish({}, keys)['real'])
        scores = [mode_counts(np.asarray(draw(some)), source.modes) for some in keys]
        mean = {name: np.mean([score[name] for score in scores]) for name in scores[0]}
        assert mean['modes'] == len(source.modes.centers)
        assert abs(mean['high_quality'] - 0.98889) < 4 * 0.0021 / np.sqrt(20)
        assert mean['reverse_kl'] == pytest.approx(floor, rel=0.3)


@pytest.mark.usefixtures('drawn')
def test_gan_gaussian1d_reaches_its_goal(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(jax, 'device_count', lambda: 1)
    monkeypatch.setattr(program, '_options', lambda experiment: {'xla_backend_optimization_level': 3})  # it runs long
    config = config_of('gan_gaussian1d')
    final = loop.train(config, tmp_path)['final']
    assert abs(final['eval/mean'] - 4) < 0.15
    assert abs(final['eval/std'] - 1.25) < 0.2
    with Image.open(tmp_path / 'curves.png') as picture:
        assert np.ptp(np.asarray(picture)) > 0
