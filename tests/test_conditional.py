"""Nets that are told labels, and the conditional GAN."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import systems
from ml_collections import ConfigDict
from PIL import Image

from experiments import common
from gans.core import Compute, Spec
from gans.data import feed
from gans.errors import UserError
from gans.evaluation.run import Options, evaluate
from gans.latent_tools import interpolate
from gans.nets import build as nets
from gans.ops.pixels import to_uint8
from gans.pictures import LINE
from gans.step import make_train_step
from gans.systems.build import build
from gans.training import draw, loop, program, sampling
from gans.training.setup import setup

IMAGES = Spec((8, 8, 1), ('a', 'b', 'c'))
POINTS = Spec((2,), ('a', 'b', 'c'))
LABEL = jnp.array([0, 1, 2, 1])
NETS = {
    'mlp': {'net': 'mlp', 'widths': (6,)},
    'dcgan': {'net': 'dcgan', 'width': 4},
    'sngan': {'net': 'sngan', 'width': 2},
    'resnet': {'net': 'resnet', 'width': 2},
    'infogan': {'net': 'infogan', 'width': 2},
}


def images(net: str) -> Spec:
    return IMAGES._replace(shape=(32, 32, 1)) if net == 'resnet' else IMAGES


def outputs(net, *inputs, train=True):
    params, stats = net.init(jax.random.key(0))
    return net.apply(params, stats, *inputs, train=train)[0]


@pytest.mark.parametrize('condition', ['concat', 'norm'])
@pytest.mark.parametrize('name', ['mlp', 'dcgan', 'sngan', 'resnet'])
def test_generators_hear_the_label_of_their_own_example_only(name, condition) -> None:
    spec = images(name)
    net = nets.generator({**NETS[name], 'norm': 'batch', 'condition': condition}, spec, 5, Compute())
    params, stats = jax.jit(net.init)(jax.random.key(0))
    # At first all classes have the same scales: let them differ.
    rng = np.random.default_rng(1)
    params = jax.tree.map(lambda x: x + 0.1 * rng.normal(size=x.shape).astype(np.float32), params)
    apply = jax.jit(lambda label: net.apply(params, stats, jnp.ones((4, 5)), label, train=False)[0])
    first, other = apply(LABEL), apply(LABEL.at[0].set(2))
    assert first.shape == (4, *spec.shape)
    changed = np.abs(first - other).reshape(4, -1).max(1) > 1e-6
    assert changed.tolist() == [True, False, False, False]
    np.testing.assert_allclose(other[0], other[2], atol=1e-6)  # the same latents, the same class


@pytest.mark.parametrize('condition', ['concat', 'planes', 'projection'])
def test_critics_hear_the_label_of_their_own_example_only(condition) -> None:
    names = ['mlp'] if condition == 'concat' else [name for name in NETS if name != 'mlp']
    for name in names:
        spec = images(name)
        net = nets.critic({**NETS[name], 'norm': 'none', 'condition': condition}, spec, Compute())
        params, stats = jax.jit(net.init)(jax.random.key(0))
        apply = jax.jit(lambda label, net=net, p=params, s=stats, spec=spec: net.apply(
            p, s, jnp.ones((4, *spec.shape)), label, train=False)[0])  # fmt: skip
        first, other = apply(LABEL), apply(LABEL.at[0].set(2))
        assert first.shape == (4,) and ((first != other) == jnp.array([True, False, False, False])).all(), name
        np.testing.assert_allclose(first[1], first[3], rtol=1e-6)


def test_conditional_batch_norm_against_numpy() -> None:
    """Without classes normalized, then each example by its class's scale and shift."""
    net = nets.generator({'net': 'mlp', 'widths': (4,), 'norm': 'batch', 'condition': 'norm', 'activation': 'identity'},
                         POINTS, 3, Compute())  # fmt: skip
    params, stats = jax.jit(net.init)(jax.random.key(0))
    draw = lambda i, shape: np.asarray(jax.random.normal(jax.random.key(i), shape))
    params['net']['norm_0_scales']['kernel'] = scales = draw(1, (3, 4))
    params['net']['norm_0_shifts']['kernel'] = shifts = draw(2, (3, 4))
    z = draw(3, (4, 3))
    hidden = z @ params['net']['dense_0']['kernel']
    hidden = (hidden - hidden.mean(0)) / np.sqrt(hidden.var(0) + 1e-5)
    hidden = hidden * scales[LABEL] + shifts[LABEL]
    wanted = hidden @ params['net']['out']['kernel'] + params['net']['out']['bias']
    np.testing.assert_allclose(net.apply(params, stats, z, LABEL, train=True)[0], wanted, atol=1e-5)


def test_projection_against_numpy() -> None:
    """Eq. 3 of 1802.05637: the linear score of the features, and their inner product with the class's vector."""
    net = nets.critic({'net': 'mlp', 'widths': (6,), 'condition': 'projection'}, POINTS, Compute())
    params, stats = jax.jit(net.init)(jax.random.key(0))
    x = np.asarray(jax.random.normal(jax.random.key(1), (4, 2)))
    (scores, features), _ = net.apply(params, stats, x, LABEL, train=True, features=True)
    out = params['net']['out']
    wanted = features @ out['kernel'][:, 0] + (features * out['projection']['kernel'][LABEL]).sum(1)
    np.testing.assert_allclose(scores, wanted, atol=1e-6)
    hidden = x @ params['net']['dense_0']['kernel'] + params['net']['dense_0']['bias']
    np.testing.assert_allclose(features, np.where(hidden > 0, hidden, 0.2 * hidden), atol=1e-6)


def test_embedding_stands_for_the_one_hot_vector() -> None:
    plain = nets.critic({**NETS['dcgan'], 'condition': 'planes'}, IMAGES, Compute())
    embedded = nets.critic({**NETS['dcgan'], 'condition': 'planes', 'embedding': 1}, IMAGES, Compute())
    channels = lambda net: net.init(jax.random.key(0))[0]['net']['block_8']['kernel'].shape[2]
    assert (channels(plain), channels(embedded)) == (1 + 3, 1 + 1)
    assert embedded.init(jax.random.key(0))[0]['embedding']['kernel'].shape == (3, 1)


def test_features_are_told_by_every_critic() -> None:
    for name, options in NETS.items():
        spec = images(name)._replace(classes=())
        net = nets.critic(options, spec, Compute())
        params, stats = jax.jit(net.init)(jax.random.key(0))
        both = lambda p, s, x, net=net: [net.apply(p, s, x, train=True, features=told) for told in (True, False)]
        ((scores, features), after), (alone, _) = jax.jit(both)(params, stats, jnp.ones((3, *spec.shape)))
        assert scores.shape == (3,) and features.shape[0] == 3 and features.ndim == 2, name
        assert jax.tree.structure(after) == jax.tree.structure(stats)
        np.testing.assert_allclose(scores, alone, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ('section', 'said'),
    [
        ({'generator': {'condition': 'nrm'}}, "unknown generator.condition 'nrm'"),
        ({'critic': {'condition': 'norm'}}, "unknown critic.condition 'norm'"),
        ({'critic': {'condition': None}}, 'critic.condition is not set'),
        ({'generator': {'norm': 'layer', 'condition': 'norm'}}, "needs generator.norm='batch', not 'layer'"),
        ({'critic': {'condition': 'projection', 'embedding': 3}}, 'critic.embedding=3 has no meaning'),
        ({'replay': {'size': 8}}, 'replay.size=8, but in this system a fake is scored with its inputs'),
        ({'data': {'labels': False}}, "generator.condition='concat' needs labels, and this data set has none"),
        ({'generator': ConfigDict({'net': 'dirac', 'condition': 'norm'})}, "is not supported by the net 'dirac'"),
    ],
)
def test_mistakes_are_one_line(section, said) -> None:
    config = conditional_ring()
    for key, values in section.items():
        if isinstance(values, ConfigDict):
            config[key] = values
        else:
            config[key].update(values)
    with pytest.raises(UserError, match=said):
        setup(config, devices=1).abstract()


def conditional_ring() -> ConfigDict:
    config = common.get_config()
    config.data = ConfigDict({'name': 'ring', 'labels': True})
    config.latents.size = 4
    config.generator = ConfigDict({'net': 'mlp', 'widths': (16,), 'condition': 'concat'})
    config.critic = ConfigDict({'net': 'mlp', 'widths': (16,), 'condition': 'concat'})
    config.train.batch_size = 16
    return config


def test_classes_come_in_turn_in_pictures_and_from_the_batch_in_training() -> None:
    config = conditional_ring()
    experiment = setup(config, devices=1)
    count = len(experiment.source.spec.classes)
    inputs = sampling.fixed_inputs(experiment, 2 * count)
    assert inputs['label'].tolist() == [*range(count)] * 2
    assert sampling.class_names(experiment) == ()  # of points there are no columns
    assert sampling.batch_of(experiment, sampling.main_sampler(experiment.system), 3, 1)['label'].tolist() == [1, 1, 1]
    label = jnp.array([2, 0, 1])
    drawn = sampling.main_sampler(experiment.system).inputs({'label': label}, jax.random.split(jax.random.key(0), 3))
    np.testing.assert_array_equal(drawn['label'], label)
    # an unconditional system has z alone
    del config.generator.condition, config.critic.condition
    plain = setup(config, devices=1)
    assert sampling.class_names(plain) == () and sampling.fixed_inputs(plain, 3).shape == (3, 4)


def test_packs_have_one_label() -> None:
    """The critic's loss with packs is that of hand-made packs of one label, and mixed ones do not count."""
    config = conditional_ring()
    config.pack, config.game = 2, 'wasserstein'
    spec = Spec((2,), ('a', 'b'))
    system = build(config, spec, Compute())
    state = systems.first(system)
    real = jax.random.normal(jax.random.key(1), (8, 2))
    label = jnp.array([1, 0, 1, 1, 0, 1, 0, 1])  # sorted: 0 0 | 0 1 | 1 1 | 1 1
    keys = jax.random.split(jax.random.key(2), 8)
    loss = system.updates[0].loss
    whole, _ = jax.jit(loss)(state.params, state, {'real': real, 'label': label}, keys)

    moved = lambda i: real.at[i].add(3.0)
    value = lambda x: float(jax.jit(loss)(state.params, state, {'real': x, 'label': label}, keys)[0])
    assert value(moved(6)) == pytest.approx(float(whole))  # the third 0 and the first 1 share a pack: it does not count
    assert value(moved(0)) == pytest.approx(float(whole))
    assert all(abs(value(moved(i)) - float(whole)) > 1e-4 for i in (1, 4, 2, 3, 5, 7))

    critic = lambda packs, told: system.nets['critic'].apply(
        state.params['critic'], state.stats['critic'], packs, jnp.array(told), train=True)[0]  # fmt: skip
    aux = jax.jit(loss)(state.params, state, {'real': real, 'label': label}, keys)[1]
    order = [(1, 4), (6, 0), (2, 3), (5, 7)]
    packs = jnp.stack([jnp.concatenate([real[i], real[j]]) for i, j in order])
    assert float(aux.metrics['real_score']) == pytest.approx(float(critic(packs, [0, 0, 1, 1]).mean()), rel=1e-5)


def test_conditional_gan_learns_which_class_is_which() -> None:
    """Labeled Gaussians: after training each class's samples lie nearest to its own center."""
    config = conditional_ring()
    config.generator.widths = config.critic.widths = (64, 64)
    config.critic.condition, config.terms.r1 = 'projection', {'weight': 0.1}
    config.optimizer.generator.learning_rate = config.optimizer.critic.learning_rate = 2e-3
    config.train.batch_size, config.train.steps, config.train.steps_per_call = 128, 600, 100
    experiment = setup(config, devices=1)
    run = program.solo(experiment)
    state = run.init()
    for start in range(0, config.train.steps, 100):
        state, _ = run.call(state, next(run.raws(start)), program.counts(experiment, start))
    num = 400
    inputs = sampling.fixed_inputs(experiment, num)
    drawn = run.samples(state, num)()[0]
    centers = experiment.source.modes.centers
    nearest = np.linalg.norm(drawn[:, None] - centers[None], axis=2).argmin(1)
    assert (nearest == inputs['label']).mean() > 0.9


def test_step_passes_labels_to_every_update() -> None:
    """Relativistic, lazily penalized, in micro-batches: labels reach all of it."""
    config = conditional_ring()
    config.game, config.train.micro, config.terms.r1 = 'relativistic_average', 2, {'every': 2}
    system = build(config, POINTS, Compute())
    state = systems.first(system)
    batch = {'real': jnp.ones((1, 8, 2)), 'label': jnp.zeros((1, 8), jnp.int32)}
    due = ('critic', 'r1', 'generator')
    step = jax.jit(make_train_step(system), static_argnums=2)
    one, other = step(state, batch, due)[1], step(state, {**batch, 'label': batch['label'] + 1}, due)[1]
    assert all(float(one[f'{name}/loss']) != float(other[f'{name}/loss']) for name in due)


# What is drawn of a run


@pytest.fixture(scope='module')
def digits_run(tmp_path_factory):
    """A conditional run that is four steps old: (config, folder)."""
    config = conditional_ring()
    config.data = ConfigDict({'name': 'digits', 'size': 8})
    config.train.steps = config.train.log_every = 4
    common.every(config, 4)
    config.eval.samples, config.eval.features = 16, None
    folder = tmp_path_factory.mktemp('digits')
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jax, 'device_count', lambda: 1)
        loop.train(config, folder)
    return config, folder


def test_grid_has_a_column_a_class(digits_run) -> None:
    _, folder = digits_run
    with Image.open(folder / 'samples' / 'step_00000004.png') as picture:
        cell = 8 * 8 + 2  # 8 pixels, eight times as large, and a gap
        assert picture.size == (10 * cell - 2, 8 * cell - 2 + 2 * LINE)  # below a title, and the names of the classes
    with Image.open(folder / 'reals.png') as reals:
        shown = np.asarray(reals)[2 * LINE :: cell, ::cell][:8, :10, 0]
    config, _ = digits_run
    source = setup(config, devices=1).source
    batch = feed.examples(source, 4 * 80, feed.fixed_key())
    zeros, nines = (batch['real'][batch['label'] == i, 0, 0, 0][:8] for i in (0, 9))
    np.testing.assert_array_equal(shown[:, 0], to_uint8(zeros))
    np.testing.assert_array_equal(shown[:, 9], to_uint8(nines))


def test_samples_of_one_class_and_of_all(digits_run, tmp_path) -> None:
    config, folder = digits_run
    draw.sample(config, folder, draw.Options(25, 0, 'latest', str(tmp_path / 'all.npz')))
    with np.load(tmp_path / 'all.npz') as held:
        assert held['labels'].tolist() == [i % 10 for i in range(25)] and held['samples'].shape == (25, 8, 8, 1)
        every = held['samples']
    draw.sample(config, folder, draw.Options(25, 0, 'latest', str(tmp_path / 'one.npz'), label='3'))
    with np.load(tmp_path / 'one.npz') as held:
        assert held['labels'].tolist() == [3] * 25
        same = (held['samples'] == every).reshape(25, -1).all(1)
    assert same.tolist() == [i % 10 == 3 for i in range(25)]  # the same latents, so what was of that class stays
    draw.sample(config, folder, draw.Options(20, 0, 'latest', f'{tmp_path}/folder/'))
    assert sorted(path.name for path in (tmp_path / 'folder' / '3').iterdir()) == ['000003.png', '000013.png']
    with pytest.raises(UserError, match="unknown label 'x'"):
        draw.sample(config, folder, draw.Options(4, 0, 'latest', None, label='x'))


def test_interpolation_stays_in_its_class(digits_run, tmp_path) -> None:
    ends = {'z': np.arange(32, dtype=np.float32).reshape(16, 2), 'label': np.arange(16, dtype=np.int32)}
    between = {name: interpolate._between(leaf, 3, 'linear') for name, leaf in ends.items()}
    assert between['label'].tolist() == [i for i in range(8) for _ in range(3)]
    np.testing.assert_allclose(between['z'][:3, 0], [0, 8, 16])
    config, folder = digits_run
    options = interpolate.Options(3, path='linear', out=str(tmp_path / 'a.png'))
    assert '.png' in interpolate.interpolate(config, folder, options)


def test_evaluation_knows_what_was_asked_for(digits_run, monkeypatch) -> None:
    """A generator that draws what it is asked for has the accuracy of the classifier itself."""
    from gans.features import load as features

    config, folder = digits_run
    experiment = setup(config, devices=1)
    images, labels = (experiment.source.arrays[name] for name in ('real', 'label'))
    first = np.array([np.flatnonzero(labels == i)[0] for i in range(10)])
    truth = jnp.asarray(images[first], jnp.float32) / 127.5 - 1
    sampler = sampling.main_sampler(experiment.system)._replace(make=lambda state, inputs: truth[inputs['label']])
    faithful = experiment.system._replace(samplers={'samples': sampler})
    monkeypatch.setattr('gans.training.draw.restored', lambda *args: (
        experiment._replace(system=faithful), experiment.init(), 4))  # fmt: skip
    table = evaluate(config, folder, Options(num=40, features='classifier'))
    extractor = features.load('classifier', experiment.source.spec, config.data)
    known = np.asarray(extractor.apply(extractor.params, images[first])[1]).argmax(1)
    results = json.loads((folder / 'evaluation.json').read_text())
    accuracy = next(r['value'] for r in (results['results'] if isinstance(results, dict) else results)
                    if r['metric'] == 'accuracy')  # fmt: skip
    assert accuracy == pytest.approx((known == np.arange(10)).mean()) and accuracy > 0.8 and 'accuracy' in table
