"""StyleGAN's nets and system: a block by numpy, which w reaches which layer, growing, classes, tools."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict
from systems import updates_of

from experiments import common, stylegan_ffhq256, stylegan_openmoji32
from gans import arguments, configs
from gans.core import Compute, Net, Spec, System, TrainState
from gans.errors import UserError
from gans.nets import stylegan as nets
from gans.nets.build import from_linen
from gans.ops.dropout import noise_shape, noise_words
from gans.ops.random import example_keys
from gans.step import init_state, make_train_step
from gans.systems.build import build
from gans.training.stages import stages

PLAIN, SMALL = Compute(conv='lax'), {'fmap_base': 16, 'fmap_max': 6}
B, D = 4, 5
SHAPE = (8, 8, 3)
KEYS = example_keys(jax.random.key(3), jnp.arange(B))
RNG = np.random.default_rng(0)


def like(*sides: int) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct((2, *sides), jnp.float32)


def synthesis(side: int, size: int = D, told: int = 0, **options: object) -> Net:
    module = nets.Synthesis((side, side, 3), PLAIN, **options)
    return from_linen(module, like(module.layers, size), noise_shape(), *[like()] * told)


def count(net: Net) -> int:
    return sum(x.size for x in jax.tree.leaves(jax.eval_shape(net.init, jax.random.key(0))[0]))


def shaken(params: dict) -> dict:
    """Parameters of which none is 0 or 1, as after some training."""
    draw = np.random.default_rng(0).normal
    return jax.tree.map(lambda x: x + 0.3 * draw(size=x.shape).astype(np.float32), params)


# Nets


def test_sizes_at_1024_pixels() -> None:
    """The critic is ProGAN's; 18 layers take a w."""
    full, mapping = synthesis(1024, 512), from_linen(nets.Mapping(512, PLAIN), like(512))
    assert full.module.layers == 18 and count(mapping) + count(full) == 26_219_627
    held = jax.eval_shape(full.init, jax.random.key(0))
    words = jax.ShapeDtypeStruct((1, 2), jnp.uint32)
    ws, alpha = (jax.ShapeDtypeStruct((1, *shape), jnp.float32) for shape in ((18, 512), ()))
    images = jax.eval_shape(lambda held, *x: full.apply(*held, *x, train=True)[0], held, ws, words, alpha)
    assert images.shape == (1, 1024, 1024, 3)
    critic = from_linen(nets.Critic((1024, 1024, 3), PLAIN), like(1024, 1024, 3))
    assert count(critic) == 23_087_249


def test_a_block_by_numpy() -> None:
    """Pixels repeated, convolution, blur [1, 2, 1], and then of each layer noise, bias, leaky ReLU, norm, and style."""
    x, ws = RNG.normal(size=(B, 4, 4, 2)), RNG.normal(size=(B, 2, D))
    noise = [RNG.normal(size=(B, 8, 8, 1)) for _ in range(2)]
    net = nets.Block(3, PLAIN)
    floats = jax.tree.map(jnp.float32, (x, ws, noise))
    params = shaken(jax.jit(net.init)(jax.random.key(0), *floats)['params'])
    ours = jax.jit(net.apply)({'params': params}, *floats)
    p = jax.tree.map(np.float64, params)

    def conv(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
        padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (1, 2))  # [B, H, W, C, 3, 3]
        return np.einsum('bhwcij,ijcf->bhwf', windows, kernel * np.sqrt(2 / (9 * x.shape[-1])))

    def epilogue(p: dict, x: np.ndarray, w: np.ndarray, noise: np.ndarray) -> np.ndarray:
        x = x + p['strength'] * noise + p['bias']
        x = np.where(x < 0, 0.2 * x, x)
        unit = (x - x.mean((1, 2), keepdims=True)) / np.sqrt(x.var((1, 2), keepdims=True) + 1e-8)
        style = w @ (p['style']['kernel'] / np.sqrt(D)) + p['style']['bias']
        return unit * (1 + style[:, None, None, :3]) + style[:, None, None, 3:]

    y = conv(x.repeat(2, 1).repeat(2, 2), p['conv_1']['kernel'])
    padded = np.pad(y, ((0, 0), (1, 1), (1, 1), (0, 0)))
    y = (padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:]) / 4
    y = (y[:, :, :-2] + 2 * y[:, :, 1:-1] + y[:, :, 2:]) / 4
    y = epilogue(p['epilogue_1'], y, ws[:, 0], noise[0])
    y = epilogue(p['epilogue_2'], conv(y, p['conv_2']['kernel']), ws[:, 1], noise[1])
    np.testing.assert_allclose(ours, y, rtol=1e-4, atol=1e-4)


def test_each_w_reaches_its_own_layer() -> None:
    """Two at each size, in their order; w is a 1 of its own for each, and gradients tell which a style read."""
    net, words = synthesis(8, 4, **SMALL), noise_words(KEYS[:2])

    @jax.jit
    def reached() -> tuple:
        params, stats = net.init(jax.random.key(0))
        ws = jnp.broadcast_to(jnp.eye(4), (2, 4, 4))
        found = jax.grad(lambda params: (net.apply(params, stats, ws, words, train=True)[0] ** 2).sum())(params)
        return tuple(jnp.abs(kernel).sum(1) > 0 for kernel in net.module.style_kernels(found))

    assert [np.flatnonzero(rows).tolist() for rows in reached()] == [[0], [1], [2], [3]]


def test_growing_is_without_a_jump() -> None:
    """At alpha 0 images are those of half the size, at 1 their own, and so are scores."""
    words, ws = noise_words(KEYS), RNG.normal(size=(B, 4, D)).astype(np.float32)
    x = RNG.normal(size=(B, *SHAPE)).astype(np.float32)
    small, large = (synthesis(side, **SMALL, noise=False) for side in (4, 8))
    critics = [from_linen(nets.Critic((side, side, 3), PLAIN, **SMALL), like(side, side, 3)) for side in (4, 8)]

    @jax.jit
    def run() -> dict:
        made, judged = (net.init(jax.random.key(0))[0] for net in (large, critics[1]))
        show = lambda net, *told: net.apply(made, {}, ws[:, : net.module.layers], words, *told, train=True)[0]
        score = lambda net, x, *told: net.apply(judged, {}, x, *told, train=True)[0]
        half = x.reshape(B, 4, 2, 4, 2, 3).mean((2, 4))
        alphas = jnp.zeros(B), jnp.ones(B)
        images = [show(large, alpha) for alpha in alphas], [show(small).repeat(2, 1).repeat(2, 2), show(large)]
        scores = [score(critics[1], x, alpha) for alpha in alphas], [score(critics[0], half), score(critics[1], x)]
        return {'images': images, 'scores': scores}

    for name, (faded, wanted) in run().items():
        np.testing.assert_allclose(faded, wanted, rtol=1e-4, atol=1e-5, err_msg=name)
        assert np.abs(wanted[0] - wanted[1]).max() > 0.01


def test_of_the_scores_that_of_the_class_counts() -> None:
    net = nets.Critic((4, 4, 3), PLAIN, **SMALL)
    x, labels = RNG.normal(size=(B, 4, 4, 3)), np.array([2, 0, 1, 2])
    apply = jax.jit(lambda params, label: net.apply(params, x, label=label))
    params = shaken(jax.jit(net.init)(jax.random.key(0), x, None, np.eye(3)[labels]))
    every = np.stack([apply(params, np.eye(3)[[k] * B]) for k in range(3)], 1)
    np.testing.assert_allclose(apply(params, np.eye(3)[labels]), every[np.arange(B), labels], rtol=1e-5)
    assert np.ptp(every, 1).min() > 1e-3


def test_labels_are_normalized_with_latents() -> None:
    """[z, embedding] by their root mean square; a dense layer of gain sqrt(2), with a hundredth of the rate."""
    net = nets.Mapping(D, PLAIN, 1, classes=3)
    z, labels = RNG.normal(size=(B, D)).astype(np.float32), np.array([2, 0, 1, 2])
    held = net.init(jax.random.key(0), z, labels)
    params = shaken(held['params'])
    ours = net.apply({**held, 'params': params}, z, labels, train=False)
    x = np.concatenate([z, np.asarray(params['embedding'])[labels]], 1)
    x /= np.sqrt((x**2).mean(1, keepdims=True))
    y = x @ np.asarray(params['dense_1']['kernel']) * 0.01 * np.sqrt(2 / (2 * D)) + 0.01 * params['dense_1']['bias']
    np.testing.assert_allclose(ours, np.where(y < 0, 0.2 * y, y), rtol=1e-4, atol=1e-6)


def test_options_that_are_progans_are_known() -> None:
    """Of classes whose bases stand in a file beside theirs, before jax is imported."""
    assert arguments.taken('critic', 'stylegan') == arguments.taken('critic', 'progan')
    assert arguments.taken('generator', 'stylegan') == {**arguments.taken('generator', 'progan'), 'noise': 'bool'}


# The system


def config_of(**changes: object) -> ConfigDict:
    config = stylegan_openmoji32.get_config('smoke')
    config.latents.size, config.stylegan.mixing = D, 0.9
    config.augment = common.get_config().augment  # none
    config.generator.update(noise=True, bounded=False)
    for net in (config.generator, config.critic):
        net.update(SMALL)
    config.stages = ConfigDict()
    common.grow(config, {4: 4, 8: 4}, 4 * 4, 4 * 4)  # from step 4 to step 8 it fades
    return configs.override(config, changes, 'of a test')


@functools.cache
def fading() -> tuple[System, TrainState]:
    """A system that fades, whose mean of w is not 0."""
    system = build(stages(config_of())[1].config, Spec(SHAPE), PLAIN)
    state = jax.jit(lambda: init_state(system, jax.random.key(0)))()
    stats = {**state.stats, 'mapping': {'batch_stats': {'mean': jnp.arange(float(D)) / 10}}}
    return system, state.replace(step=jnp.int32(5), stats=stats)


def test_the_schedule_of_the_authors() -> None:
    """For eight GPUs, of 25 million images; averages have a half-life of 10,000 of them at all sizes."""
    found = stages(stylegan_ffhq256.get_config())
    batches = {8: 256, 16: 128, 32: 64, 64: 32, 128: 32, 256: 32}
    assert [each.name for each in found[:3]] == ['', 'fade_16', 'train_16'] and found[-1].name == 'train_256'
    assert {each.config.data.size: each.config.train.batch_size for each in found} == batches
    assert all(each.config.ema.half_life * each.config.train.batch_size == 10_000 for each in found)
    rates = [each.config.optimizer.critic.learning_rate for each in found]
    assert rates == [1e-3] * 7 + [1.5e-3] * 2 + [2e-3] * 2
    seen = sum((each.end - each.begin) * each.config.train.batch_size for each in found)
    assert 0 <= seen - 25_000_000 < 11 * 256
    fade = found[1].config.stylegan
    assert (fade.fade_begin, fade.fade_steps, fade.mixing) == (found[1].begin, 4_688, 0.9)


def test_styles_are_mixed_among_the_layers_of_a_stage() -> None:
    for stage, layers in zip(stages(config_of()), (2, 4, 4), strict=True):
        system = build(stage.config, Spec((stage.config.data.size,) * 2 + (3,)), PLAIN)
        inputs = jax.eval_shape(system.samplers['mixing'].inputs, {}, KEYS)
        assert inputs['second'].shape[1] == layers == system.nets['generator'].module.layers


def test_tools_have_the_styles_of_samples() -> None:
    """While it fades: by way of w they are the same, moved to the mean they are those of the sheet."""
    system, state = fading()
    styles, samplers = system.styles, system.samplers

    @jax.jit
    def run() -> tuple:
        inputs, sheet = (samplers[name].inputs({}, KEYS[:2]) for name in ('samples', 'truncation'))
        w, mean = styles.to_w(state, inputs), styles.mean(state)
        moved = styles.make(state, mean - 0.5 * (w - mean), inputs)
        made = samplers['samples'].make(state, inputs), samplers['truncation'].make(state, sheet)[4::6]
        return made, (styles.make(state, w, inputs), moved)

    np.testing.assert_allclose(*run(), rtol=1e-4, atol=1e-5)
    assert [kernel.shape[0] for kernel in styles.kernels(state)] == [D] * 4


def test_real_images_fade_and_the_critic_is_told() -> None:
    system, state = fading()
    x = RNG.uniform(-1, 1, (B, *SHAPE)).astype(np.float32)
    coarse = x.reshape(B, 4, 2, 4, 2, 3).mean((2, 4)).repeat(2, 1).repeat(2, 2)
    own, update = (state.params['critic'], {}), system.updates[0]

    @jax.jit
    def run() -> tuple:
        seen = update.loss(state.params, state, {'real': x}, KEYS)[1].metrics['real_score']
        faded = system.nets['critic'].apply(*own, 0.75 * coarse + 0.25 * x, jnp.full(B, 0.25), train=True)[0]
        return (
            seen,
            faded.mean(),
            system.critic(state, x),
            system.nets['critic'].apply(*own, x, jnp.full(B, 0.25), train=False)[0],
        )

    seen, wanted, judged, scores = run()
    np.testing.assert_allclose(seen, wanted, rtol=1e-4)
    np.testing.assert_allclose(judged, scores, rtol=1e-4)


def test_classes_while_it_fades_are_traced() -> None:
    """A step of all updates, and what the critic judges."""
    stage = stages(config_of(**{'critic.condition': 'projection'}))[1]
    system = build(stage.config, Spec(SHAPE, ('a', 'b', 'c')), PLAIN)
    state = jax.eval_shape(lambda: init_state(system, jax.random.key(0)))
    examples = {
        'real': jax.ShapeDtypeStruct((1, B, *SHAPE), jnp.float32),
        'label': jax.ShapeDtypeStruct((1, B), jnp.int32),
    }
    after, _ = jax.eval_shape(lambda *args: make_train_step(system)(*args, updates_of(system)), state, examples)
    assert after.params['critic']['net']['out']['kernel'].shape == (SMALL['fmap_max'], 3)
    judge = lambda state, batch: system.critic(state, batch['real'][0], batch['label'][0])
    assert jax.eval_shape(judge, state, examples).shape == (B,)
    with pytest.raises(UserError, match='this critic is told the class of each example'):
        jax.eval_shape(lambda state, batch: system.critic(state, batch['real'][0]), state, examples)


@pytest.mark.parametrize(
    'shape, changes, said',
    [
        ((12, 12, 3), {}, "net 'stylegan' supports square images of 4, 8, 16, ... pixels, not (12, 12, 3)"),
        ((4, 4, 3), {}, 'stylegan.fade_steps=4 has no meaning at 4 pixels'),
        (SHAPE, {'critic': {'net': 'dcgan'}}, "critic.net='dcgan' does not fade in when images grow: set 'stylegan'"),
        (SHAPE, {'critic.condition': 'projection'}, 'needs labels, and this data set has none'),
        (SHAPE, {'generator.condition': 'concat'}, 'labels enter the mapping net: set critic.condition alone'),
        (SHAPE, {'pack': 2}, "pack=2 has no meaning in system 'stylegan'"),
    ],
)
def test_what_is_refused(shape: tuple[int, ...], changes: dict, said: str) -> None:
    with pytest.raises(UserError) as error:
        build(stages(config_of(**changes))[1].config, Spec(shape), PLAIN)
    assert said in str(error.value) and '\n' not in str(error.value)
