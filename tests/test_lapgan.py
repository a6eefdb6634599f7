"""LAPGAN: pyramids against numpy; losses and samples of each level against its nets; labels; whom an update moves."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawing import draw, inputs_of
from ml_collections import ConfigDict
from systems import first

from experiments import common, lapgan_cifar10
from gans import augment
from gans.configs import override
from gans.core import Compute, Spec
from gans.errors import UserError
from gans.latents import LATENTS
from gans.nets.lapgan import LevelCritic, LevelGenerator
from gans.ops import pyramid, random
from gans.ops.random import example_keys
from gans.step import init_state, make_train_step
from gans.systems.build import build

# Pyramids


def numpy_down(x):
    return sum(x[:, i::2, j::2] for i in (0, 1) for j in (0, 1)) / 4


def numpy_up(x):
    """Each output pixel read off the broken line through the input's, which stand at 1/2, 3/2, ... of their widths."""

    def one(line):
        n = len(line)
        return np.interp((np.arange(2 * n) + 0.5) / 2, np.arange(n) + 0.5, line)

    return np.apply_along_axis(one, 2, np.apply_along_axis(one, 1, np.asarray(x, np.float64)))


def images(*shape, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)


down, up = jax.jit(pyramid.down), jax.jit(pyramid.up)
laplacian, gaussian = (jax.jit(make, static_argnums=1) for make in (pyramid.laplacian, pyramid.gaussian))


def test_down_and_up_are_means_and_broken_lines():
    x = images(2, 8, 12, 3)
    np.testing.assert_allclose(down(x), numpy_down(x), atol=1e-6)
    np.testing.assert_allclose(up(x), numpy_up(x), atol=1e-6)
    np.testing.assert_allclose(up(x[:, :1, :1]), np.broadcast_to(x[:, :1, :1], (2, 2, 2, 3)), atol=1e-6)


def test_down_after_up_is_a_narrow_blur():
    """(1, 6, 1) / 8 along both axes, with the edge's pixels outside."""
    x = images(2, 6, 4, 1)
    wanted = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), 'edge')
    wanted = (wanted[:, :-2] + 6 * wanted[:, 1:-1] + wanted[:, 2:]) / 8
    wanted = (wanted[:, :, :-2] + 6 * wanted[:, :, 1:-1] + wanted[:, :, 2:]) / 8
    np.testing.assert_allclose(down(up(x)), wanted, atol=1e-6)


def test_pyramid_of_numpy():
    x = images(2, 16, 8, 3)
    finest, finer, coarsest = laplacian(x, 2)
    small = numpy_down(x)
    np.testing.assert_allclose(finest, x - numpy_up(small), atol=1e-6)
    np.testing.assert_allclose(finer, small - numpy_up(numpy_down(small)), atol=1e-6)
    np.testing.assert_allclose(coarsest, numpy_down(small), atol=1e-6)
    for ours, wanted in zip(gaussian(x, 2), (x, small, numpy_down(small)), strict=True):
        np.testing.assert_allclose(ours, wanted, atol=1e-6)
    assert [level.shape[1:3] for level in laplacian(x, 3)] == [(16, 8), (8, 4), (4, 2), (2, 1)]


def test_ramps_and_constants_have_no_residuals():
    """Bilinear means: the ramp's residual is 0 but at its ends, where it has nothing to lean on."""
    ramp = np.broadcast_to(np.arange(16.0)[None, :, None, None], (1, 16, 16, 1))
    residual = np.asarray(laplacian(ramp, 1)[0])
    assert abs(residual[:, 1:-1]).max() == 0 and abs(residual[:, 0]).max() > 0.1
    for level in laplacian(np.full((1, 16, 16, 1), 0.3), 3)[:-1]:
        assert abs(level).max() < 1e-7


@pytest.mark.parametrize('levels', [0, 1, 3])
def test_reconstruction(levels):
    """Of any image to rounding; to the bit where float32 holds every number on the way."""

    @jax.jit
    def there_and_back(x):
        *residuals, x = pyramid.laplacian(x, levels)
        for residual in reversed(residuals):
            x = pyramid.up(x) + residual
        return x

    x = images(4, 64, 32, 3)
    assert np.abs(np.asarray(there_and_back(x)) - x).max() < 1e-6
    pixels = np.random.default_rng(1).integers(-256, 257, (4, 64, 32, 3)).astype(np.float32) / 256
    np.testing.assert_array_equal(there_and_back(pixels), pixels)


# Nets


def test_a_level_in_numpy():
    """Nets of 1 x 1 kernels are products a pixel. The plane of class k: relu(W_k + b). The critic sees a sum."""
    shape, (b, h, w, c) = (4, 6, 3), (5, 4, 6, 3)
    z, low, residual = images(b, h, w, 1), images(b, h, w, c, seed=1), images(b, h, w, c, seed=2)
    label = np.array([0, 1, 2, 1, 0])
    relu = lambda x: np.maximum(x, 0)

    def plane(params):
        plane = relu(np.asarray(params['class']['kernel'])[label] + params['class']['bias'])
        return plane.reshape(b, h, w, 1)

    def pixelwise(x, layer):
        return x @ np.asarray(layer['kernel'])[0, 0] + layer['bias']

    def made(net, *inputs):
        params = jax.jit(net.init)(jax.random.key(0), *inputs, label)['params']
        params['class']['bias'] = jnp.asarray(np.random.default_rng(5).normal(size=h * w), jnp.float32)
        return params, np.asarray(jax.jit(net.apply)({'params': params}, *inputs, label))

    params, out = made(LevelGenerator(shape, Compute(), 3, 2, (1, 1, 1), init_std=0.5), z, low)
    x = np.concatenate([low, z, plane(params)], -1)
    x = relu(pixelwise(relu(pixelwise(x, params['conv_0'])), params['conv_1']))
    np.testing.assert_allclose(out, pixelwise(x, params['out']), atol=1e-5)

    params, out = made(LevelCritic(shape, Compute(), 3, 2, 1, init_std=0.5), residual, low)
    x = np.concatenate([low + residual, plane(params)], -1)
    x = relu(pixelwise(relu(pixelwise(x, params['conv_0']))[:, ::2, ::2], params['conv_1'])).reshape(b, -1)
    np.testing.assert_allclose(out, (x @ params['out']['kernel'] + params['out']['bias'])[:, 0], atol=1e-5)


def test_sizes_of_the_papers_nets():
    """By hand, from the kernels of the authors' code, 7, 7, 5 and 5, 5, with 128 channels, noise and class a plane
    each; and the paper's dense nets of 1200 and 600 units, with 100 latents and 10 classes.
    """
    made = build(lapgan_cifar10.get_config(), Spec((32, 32, 3), tuple('0123456789')), Compute())
    state = jax.eval_shape(lambda: init_state(made, jax.random.key(0)))
    count = lambda net: sum(leaf.size for leaf in jax.tree.leaves(state.params[net]))
    for size in (16, 32):
        plane = 11 * size**2
        conv = lambda kernel, c, f: kernel**2 * c * f + f
        assert count(f'generator_{size}') == plane + conv(7, 5, 128) + conv(7, 128, 128) + conv(5, 128, 3)
        out = (size // 2) ** 2 * 128 + 1
        assert count(f'critic_{size}') == plane + conv(5, 4, 128) + conv(5, 128, 128) + out
    assert count('generator_8') == 111 * 1200 + 1201 * 1200 + 1201 * 192
    assert count('critic_8') == 203 * 600 + 601 * 600 + 601
    assert len(state.params) == 6


# The system: 4, 8 and 16 pixels

SHAPE, SIZES = (16, 16, 1), (4, 8, 16)
CLASSES = ('a', 'b', 'c')


def made(shape=SHAPE, classes=CLASSES, **overrides):
    config = common.get_config()
    config.system = 'lapgan'
    config.latents.size = 6
    config.lapgan = ConfigDict({'coarsest': 4, 'conditional': False})
    config.generator = ConfigDict({'net': 'lapgan', 'width': 4, 'kernels': (3, 3), 'init_std': 0.3})
    config.critic = ConfigDict({'net': 'lapgan', 'width': 4, 'kernel': 3, 'init_std': 0.3})
    for role in ('generator', 'critic'):
        config.lapgan[role] = ConfigDict({'net': 'mlp', 'widths': (8,)})
    return build(override(config, overrides, 'of a test'), Spec(shape, classes), Compute(conv='lax'))


KEYS = example_keys(jax.random.key(3), jnp.arange(8))
BATCH = {'real': jnp.asarray(images(8, *SHAPE)), 'label': jnp.array([0, 1, 2, 0, 1, 2, 0, 1])}
SMALL = {**BATCH, 'real': BATCH['real'][:, :8, :8]}
SYSTEM, PAIR = made(), made((8, 8, 1))  # of three levels, and of two, which compiles sooner


@functools.cache
def start():
    return first(SYSTEM)


@functools.cache
def pair_start():
    return first(PAIR)


def losses_of(system, state, *batches):
    """For each batch, by update: (value, Aux)."""
    losses = jax.jit(
        lambda batch: {update.name: update.loss(state.params, state, batch, KEYS) for update in system.updates}
    )
    return [jax.device_get(losses(batch)) for batch in batches]


@pytest.fixture
def same_latents(monkeypatch):
    """All latents are these, so that a test knows them."""
    fixed = lambda keys, shape: jnp.asarray(images(len(keys), *shape, seed=7))
    monkeypatch.setitem(LATENTS, 'normal', fixed)


def given(size, batch):
    """By numpy: a level's real examples, and the enlarged smaller images."""
    x = np.asarray(batch['real'])
    while x.shape[1] > size:
        x = numpy_down(x)
    if size == SIZES[0]:
        return x, ()
    low = numpy_up(numpy_down(x)).astype(np.float32)
    return x - low, (low,)


def noise(size):
    return images(8, 6, seed=7) if size == SIZES[0] else images(8, size * size, seed=7).reshape(8, size, size, 1)


def applied(params, role, size, *inputs):
    """What one of SYSTEM's nets makes of its inputs."""
    name = f'{role}_{size}'
    return SYSTEM.nets[name].apply(params[name], {}, *inputs, train=True)[0]


def test_losses(same_latents):
    """Of every level, from scores of its nets given numpy's residuals: -log D and -log(1 - D)."""
    [found] = losses_of(made(), start(), BATCH)

    @jax.jit
    def scores(params):
        out = {}
        for size in SIZES:
            real, low = given(size, BATCH)
            fake = applied(params, 'generator', size, noise(size), *low)
            out[size] = [applied(params, 'critic', size, x, *low) for x in (real, fake)]
        return out

    for size, (real, fake) in scores(start().params).items():
        real, fake = np.asarray(real, np.float64), np.asarray(fake, np.float64)
        wanted = np.logaddexp(0, -real).mean() + np.logaddexp(0, fake).mean()
        value, aux = found[f'critic_{size}']
        assert value == pytest.approx(wanted, abs=1e-5)
        assert aux.metrics['real_score'] == pytest.approx(real.mean(), abs=1e-5)
        assert aux.metrics['fake_score'] == pytest.approx(fake.mean(), abs=1e-5)
        assert found[f'generator_{size}'][0] == pytest.approx(np.logaddexp(0, -fake).mean(), abs=1e-5)


def test_levels_learn_apart():
    """A level's losses depend on its own two nets, and each update moves one of them."""

    @jax.jit
    def slopes(params):
        loss = lambda update: lambda params: update.loss(params, pair_start(), SMALL, KEYS)[0]
        size = lambda tree: sum(jnp.abs(leaf).sum() for leaf in jax.tree.leaves(tree))
        grads = {update.name: jax.grad(loss(update))(params) for update in PAIR.updates}
        return {name: {net: size(tree) for net, tree in trees.items()} for name, trees in grads.items()}

    for name, by_net in slopes(pair_start().params).items():
        level = name.rpartition('_')[2]
        assert {net for net, slope in by_net.items() if slope > 0} == {f'generator_{level}', f'critic_{level}'}
    assert {update.name for update in SYSTEM.updates} == set(SYSTEM.nets) == set(SYSTEM.players)
    assert all(update.player == update.name for update in SYSTEM.updates)
    assert all(player.nets == (name,) for name, player in SYSTEM.players.items())


def test_samples_go_from_coarse_to_fine():
    """x_4, then up(x) + residual twice, by numpy; bounded at the end. The view has the three side by side."""
    latents = inputs_of(SYSTEM, KEYS)
    shapes = {name: z.shape for name, z in latents.items()}
    assert shapes == {'z_4': (8, 6), 'z_8': (8, 8, 8, 1), 'z_16': (8, 16, 16, 1)}
    # The finest residuals nine times as large, so that there is something to bound.
    params = {**start().params, 'generator_16': jax.tree.map(lambda x: 3 * x, start().params['generator_16'])}
    apply = jax.jit(functools.partial(applied, params, 'generator'), static_argnums=0)
    levels = [np.asarray(apply(4, latents['z_4']))]
    for size in (8, 16):
        low = numpy_up(levels[-1]).astype(np.float32)
        levels.append(low + apply(size, latents[f'z_{size}'], low))
    assert abs(levels[2]).max() > 1
    sample = draw(SYSTEM, params, start().stats, latents)
    np.testing.assert_allclose(sample, np.clip(levels[2], -1, 1), atol=1e-5)
    rows = draw(SYSTEM, params, start().stats, inputs_of(SYSTEM, KEYS, sampler='levels'), 'levels')
    rows = np.asarray(rows).reshape(8, 3, *SHAPE)
    assert SYSTEM.samplers['levels'].columns == ('4 px', '8 px', '16 px')
    for column, x in enumerate(levels):
        wanted = np.kron(np.clip(x, -1, 1), np.ones((1, 16 // x.shape[1], 16 // x.shape[1], 1)))
        np.testing.assert_allclose(rows[:, column], wanted, atol=1e-5)


def test_labels_reach_every_net():
    """Other labels of the batch change every loss; other labels asked for change the samples of the same noise."""
    system = made(**{'lapgan.conditional': True})
    state, latents = first(system), inputs_of(system, KEYS, BATCH['label'])
    assert set(latents) == {'label', 'z_4', 'z_8', 'z_16'}
    np.testing.assert_array_equal(latents['label'], BATCH['label'])
    other = {**BATCH, 'label': (BATCH['label'] + 1) % 3}
    here, there = losses_of(system, state, BATCH, other)
    assert all(abs(here[name][0] - there[name][0]) > 1e-6 for name in system.nets)
    sample = jax.jit(functools.partial(draw, system))
    for size in SIZES:  # each level's generator by itself, while those of the others do not hear of labels
        params = {name: tree if name == f'generator_{size}' else deaf(tree) for name, tree in state.params.items()}
        one, two = (
            np.asarray(sample(params, state.stats, {**latents, 'label': batch['label']})) for batch in (BATCH, other)
        )
        assert abs(one - two).max(axis=(1, 2, 3)).min() > 1e-5
    params = {name: deaf(tree) for name, tree in state.params.items()}
    one, two = (
        np.asarray(sample(params, state.stats, {**latents, 'label': batch['label']})) for batch in (BATCH, other)
    )
    np.testing.assert_array_equal(one, two)


def deaf(params):
    """Parameters without what a net makes of labels: the plane's, or the last three rows of the dense net's first."""
    if 'class' in params:
        return {**params, 'class': jax.tree.map(jnp.zeros_like, params['class'])}
    if 'net' in params:
        return {'net': deaf(params['net'])}
    kernel = params['dense_0']['kernel']
    return {**params, 'dense_0': {**params['dense_0'], 'kernel': kernel.at[-3:].set(0)}}


def test_penalties():
    """R1 at every level, in the residual (or the coarsest image); lazily k times as strong, with Adam rescaled."""
    eager, lazy = (made((8, 8, 1), **{'terms.r1.every': every}) for every in (1, 4))
    [found], [rare] = losses_of(eager, pair_start(), SMALL), losses_of(lazy, pair_start(), SMALL)

    @jax.jit
    def squares(params):
        slopes = {}
        for size in (4, 8):
            real, low = given(size, SMALL)
            total = lambda x: applied(params, 'critic', size, x, *low).sum()  # noqa: B023
            slopes[size] = (jax.grad(total)(real) ** 2).sum((1, 2, 3)).mean()
        return slopes

    for size, square in jax.device_get(squares(pair_start().params)).items():
        value, aux = found[f'critic_{size}']
        assert aux.metrics['r1'] == pytest.approx(square / 2, rel=1e-4)
        assert value == pytest.approx(aux.metrics['game'] + 10 * aux.metrics['r1'], rel=1e-5)
        assert rare[f'r1_{size}'][0] == pytest.approx(4 * 10 * square / 2, rel=1e-4)
        assert rare[f'critic_{size}'][0] == pytest.approx(aux.metrics['game'], rel=1e-5)
    schedule = [(update.name, update.player, update.every) for update in lazy.updates]
    assert schedule[:3] == [
        ('critic_4', 'critic_4', 1),
        ('r1_4', 'critic_4', 4),
        ('generator_4', 'generator_4', 1),
    ]
    assert len(schedule) == 6
    assert rate(lazy, 'critic_8') == pytest.approx(0.8 * rate(eager, 'critic_8'), rel=1e-3)
    assert rate(lazy, 'generator_8') == pytest.approx(rate(eager, 'generator_8'), rel=1e-6)


def test_augmentations_move_both_images_alike(monkeypatch):
    """The example and the smaller image beside it, by the same draws; so are fake ones, for it lies beside both."""
    seen = []

    def scaled(x, keys, p):
        seen.append(0.5 + random.uniform(keys, (1, 1, 1)))
        return x * seen[-1]

    monkeypatch.setitem(augment.AUGMENTS, 'test', scaled)
    losses = {update.name: update.loss for update in made((8, 8, 1), **{'augment.names': 'test'}).updates}
    _, aux = losses['critic_8'](pair_start().params, pair_start(), SMALL, KEYS)
    of_real, low_of_real, of_fake, low_of_fake = map(np.asarray, seen)
    for draws in (low_of_real, of_fake, low_of_fake):
        np.testing.assert_array_equal(of_real, draws)
    assert len(np.unique(of_real)) == 8
    residual, (low,) = given(8, SMALL)
    wanted = applied(pair_start().params, 'critic', 8, of_real * residual, of_real * low).mean()
    assert float(aux.metrics['real_score']) == pytest.approx(float(wanted), abs=1e-5)


def rate(system, player):
    """Of Adam: its first step down a slope of 1."""
    tx = system.players[player].tx
    return -float(tx.update(jnp.ones(()), tx.init(jnp.zeros(())), jnp.zeros(()))[0])


def test_micro_batches_repeats_and_averages():
    """Pieces are the batch; the critics alone repeat; averages are of all generators."""
    options = {'optimizer.generator': {'name': 'sgd'}, 'optimizer.critic': {'name': 'sgd'}, 'train.n_critic': 2}
    due = tuple(update.name for update in PAIR.updates)
    real = {'real': jnp.stack([SMALL['real'], SMALL['real'] ** 2])}

    def after(**more):
        step = make_train_step(made((8, 8, 1), **options, **more))
        return jax.jit(step, static_argnums=2)(first(made((8, 8, 1), **options, **more)), real, due)

    (whole, metrics), (cut, _) = after(), after(**{'train.micro': 2, 'ema.decay': 0.9})
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), whole.params, cut.params)
    assert all(
        not jax.tree.all(jax.tree.map(np.array_equal, whole.params[net], pair_start().params[net])) for net in PAIR.nets
    )
    assert set(cut.ema) == {'generator_4', 'generator_8'}
    assert {f'{name}/loss' for name in due} <= set(metrics)
    for update in made(**{'train.n_critic': 3}).updates:
        assert update.repeats == (3 if update.name.startswith('critic') else 1)


@pytest.mark.parametrize(
    'overrides, said',
    [
        ({'pack': 2}, 'pack=2 has no meaning'),
        ({'replay.size': 8}, 'replay.size=8, but in this system a fake is scored with its inputs'),
        ({'generator.condition': 'norm'}, "generator.condition='norm' has no meaning in system 'lapgan'"),
        ({'critic.condition': 'planes'}, "critic.condition='planes' has no meaning in system 'lapgan'"),
        ({'lapgan.coarsest': 5}, r'lapgan.coarsest=5 .* of this data set are \(16, 16, 1\)'),
        ({'lapgan.coarsest': 16}, 'lapgan.coarsest=16'),
        ({'lapgan.coarsest': 0}, 'lapgan.coarsest=0'),
        ({'shape': (2,)}, r'of this data set are \(2,\)'),
        ({'shape': (16, 8, 1)}, r'\(16, 8, 1\)'),
        ({'lapgan.conditional': True, 'classes': ()}, 'lapgan.conditional needs labels'),
        ({'critic.net': 'mlp'}, "critic.net='mlp' has no LevelCritic"),
        ({'lapgan.generator.net': 'lapgan'}, "generator.net='lapgan' has no Generator"),
        ({'latents.distribution': 'cauchy'}, 'cauchy'),
    ],
)
def test_what_has_no_meaning_is_refused(overrides, said):
    with pytest.raises(UserError, match=said):
        made(**overrides)
