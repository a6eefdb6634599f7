"""StyleGAN2's nets and system: counts as published, which w reaches which layer, and its terms by their equations."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict

from experiments import common
from gans import configs
from gans.core import Compute, Net, Spec, System, TrainState
from gans.errors import UserError
from gans.latents import LATENTS
from gans.nets import stylegan2 as nets
from gans.nets.build import from_linen
from gans.ops.dropout import noise_shape, noise_words
from gans.ops.random import example_keys
from gans.step import init_state
from gans.systems import _styles, stylegan2
from gans.systems.build import build

SHAPE, B = (8, 8, 3), 4
PLAIN = Compute(conv='lax')  # which is traced fastest
KEYS = example_keys(jax.random.key(3), jnp.arange(B))


def shape(*sides: int, dtype: type = jnp.float32) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct((2, *sides), dtype)


def synthesis(side: int = 8, size: int = 512, **options: object) -> Net:
    module = nets.Synthesis((side, side, 3), PLAIN, **options)
    return from_linen(module, shape(module.layers, size), noise_shape())


def mapping(size: int = 512, **options: object) -> Net:
    labels = (shape(dtype=jnp.int32),) if options.get('classes') else ()
    return from_linen(nets.Mapping(size, PLAIN, **options), shape(size), *labels)


def count(net: Net) -> int:
    return sum(x.size for x in jax.tree.leaves(jax.eval_shape(net.init, jax.random.key(0))[0]))


def config_of(**overrides: object) -> ConfigDict:
    config = common.get_config()
    config.system, config.latents.size, config.train.batch_size = 'stylegan2', 6, B
    config.generator, config.critic = ({'net': 'stylegan2', 'width': 4} for _ in range(2))
    return configs.override(config, {'stylegan2.mapping': 2, **overrides}, 'of a test')


@functools.cache
def made() -> tuple[System, TrainState]:
    """A system, whose noise has some strength, and whose mean of w is not 0."""
    system = build(config_of(), Spec(SHAPE), PLAIN)
    state = jax.jit(lambda: init_state(system, jax.random.key(0)))()
    strong = lambda path, x: jnp.full_like(x, 0.3) if path[-1].key == 'strength' else x
    params = jax.tree_util.tree_map_with_path(strong, state.params)
    stats = {**state.stats, 'mapping': {'batch_stats': {'mean': jnp.arange(6.0) / 10}}}
    return system, state.replace(params=params, stats=stats)


def update_of(system: System, name: str) -> object:
    return next(update for update in system.updates if update.name == name)


# Nets


def test_parameters_are_those_of_the_authors() -> None:
    """Config F at 1,024 pixels: by their program 30,370,060 and 29.01 million."""
    critic = from_linen(nets.Critic((1024, 1024, 3), PLAIN), shape(1024, 1024, 3))
    assert count(mapping()) + count(synthesis(1024)) == 30_370_060
    assert count(critic) == 29_012_513
    # A mapping of two layers that sees [z, embedded class]: (10 + 1) 512 + (1024 + 1) 512 + (512 + 1) 512
    assert count(mapping(depth=2, classes=10)) == 512 * (11 + 1025 + 513)


@pytest.mark.parametrize(('architecture', 'constant'), [('skip', True), ('orig', False)])
def test_each_w_reaches_its_own_layer(architecture: str, constant: bool) -> None:
    """At 16 pixels: the convolution of 4 x 4, its image; two convolutions and the image of each further size, of which
    the image shares its w with the next convolution. Seen by the gradients of styles.
    """
    net = synthesis(16, 6, width=4, architecture=architecture, constant=constant)
    layers = {'conv_4': 0, 'up_8': 1, 'conv_8': 2, 'up_16': 3, 'conv_16': 4, 'to_rgb_16': 5}
    layers |= {'to_rgb_4': 1, 'to_rgb_8': 3} if architecture == 'skip' else {}
    layers |= {} if constant else {'input': 0}
    words = noise_words(KEYS[:2])

    @jax.jit
    def reached() -> dict:
        params, stats = net.init(jax.random.key(0))
        grad = jax.grad(lambda params, ws: (net.apply(params, stats, ws, words, train=True)[0] ** 2).sum())
        # w is a 1 of its own for each layer, so that the gradient of a style's kernel tells which layers it read
        found = grad(params, jnp.broadcast_to(jnp.eye(6), (2, 6, 6)))
        kernels = {name: found[name].get('style', found[name])['kernel'] for name in layers}
        return {name: jnp.abs(kernel).sum(1) > 0 for name, kernel in kernels.items()}

    found = {name: np.flatnonzero(rows).tolist() for name, rows in reached().items()}
    assert found == {name: [i] for name, i in layers.items()}


def test_bounded_images_are_the_others_behind_a_tanh() -> None:
    free, bounded = (synthesis(8, 6, width=4, bounded=bounded) for bounded in (False, True))
    params, stats = free.init(jax.random.key(0))
    ws, words = 3 * jax.random.normal(jax.random.key(1), (B, 4, 6)), noise_words(KEYS)
    wide, narrow = jax.jit(lambda: [net.apply(params, stats, ws, words, train=False)[0] for net in (free, bounded)])()
    assert jnp.abs(wide).max() > 1.5
    np.testing.assert_allclose(narrow, jnp.tanh(wide), atol=1e-6)


def test_a_rate_of_the_mapping_is_of_its_steps_alone() -> None:
    """w is the same at first, and so is what a relative change of the kernels does; an absolute one does more."""
    nets = [mapping(6, depth=2, lrmul=lrmul) for lrmul in (0.01, 1.0)]
    held = [net.init(jax.random.key(0)) for net in nets]
    z = jax.random.normal(jax.random.key(1), (B, 6))
    slow, fast = (net.apply(params, stats, z, train=False)[0] for net, (params, stats) in zip(nets, held, strict=True))
    np.testing.assert_allclose(slow, fast, rtol=1e-5)

    def moved(net: Net, params: dict, stats: dict) -> float:
        stepped = jax.tree.map(lambda x: x + 0.01, params)
        return float(jnp.abs(net.apply(stepped, stats, z, train=False)[0] - fast).mean())

    few, many = (moved(net, *own) for net, own in zip(nets, held, strict=True))
    assert 50 < many / few < 200  # a hundred times, but for what is not linear


def test_images_are_no_squares_of_a_power_of_two() -> None:
    for wrong in ((48, 48, 3), (8, 16, 3), (4, 4, 3)):
        with pytest.raises(UserError, match=r"net 'stylegan2' supports square images of 8, 16, 32"):
            build(config_of(), Spec(wrong), PLAIN)


def test_a_group_that_cannot_divide_the_batch() -> None:
    net = from_linen(nets.Critic(SHAPE, PLAIN, width=4, group=3), shape(*SHAPE))
    held = jax.eval_shape(net.init, jax.random.key(0))
    with pytest.raises(UserError, match=r'critic.group=3 cannot divide the 4 examples'):
        jax.eval_shape(lambda held: net.apply(*held, jnp.zeros((4, *SHAPE)), train=True), held)


# The system


def test_lazy_terms_rescale_adam_and_follow_the_schedule() -> None:
    made = build(config_of(**{'terms.r1.weight': 1.0, 'terms.r1.every': 16}), Spec(SHAPE), PLAIN)
    assert {update.name: update.every for update in made.updates} == {
        'critic': 1, 'r1': 16, 'generator': 1, 'path_length': 4,
    }  # fmt: skip
    assert set(made.players['generator'].nets) == set(made.ema.nets if made.ema else ('generator', 'mapping'))


def test_path_lengths_are_finite_differences() -> None:
    """Of images that are a smooth function of w, in float64, by steps in each direction in turn."""
    draw, step = np.random.default_rng(0).normal, 1e-6
    ws, noise, weights = draw(size=(B, 4, 6)), draw(size=(B, *SHAPE)), draw(size=(4, 6, *SHAPE))
    project = lambda ws: (np.sin(np.einsum('bld,ldhwc->bhwc', ws, weights)) * noise).sum((1, 2, 3)) / 8  # sqrt(8 x 8)
    gradient = np.zeros((B, 4, 6))
    for place in np.ndindex(4, 6):
        move = np.zeros((B, 4, 6))
        move[:, *place] = step
        gradient[:, *place] = (project(ws + move) - project(ws - move)) / (2 * step)
    wanted = np.sqrt((gradient**2).sum(2).mean(1))
    image = lambda ws: jnp.sin(jnp.einsum('bld,ldhwc->bhwc', ws, weights))
    ours = stylegan2.path_lengths(image, jnp.asarray(ws, jnp.float32), jnp.asarray(noise, jnp.float32))
    np.testing.assert_allclose(ours, wanted, rtol=1e-4)


def test_path_length_follows_its_mean() -> None:
    """a <- a + .01 (mean length - a), and the penalty (length - a)^2 takes the new one, of half of the batch."""
    system, state = made()
    state = state.replace(memory={'path_length': jnp.float32(2.0)})
    loss, aux = jax.jit(update_of(system, 'path_length').loss)(
        state.params, state, {'real': jnp.zeros((B, *SHAPE))}, KEYS
    )
    length, mean = float(aux.metrics['length']), float(aux.memory['path_length'])
    assert mean == pytest.approx(2.0 + 0.01 * (length - 2.0), rel=1e-5)
    assert float(loss) >= 2.0 * 4 * (length - mean) ** 2 > 0  # a mean of squares, of one mean
    assert aux.memory.keys() == {'path_length'} and not aux.stats


def test_mean_of_w_follows_first_styles_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = np.random.default_rng(0).normal(size=(2, B, 6)).astype(np.float32)
    calls = iter(drawn)
    monkeypatch.setitem(LATENTS, 'normal', lambda keys, shape: jnp.asarray(next(calls)))
    system = build(config_of(), Spec(SHAPE), PLAIN)
    state, batch = made()[1], {'real': jnp.zeros((B, *SHAPE))}
    before = state.stats['mapping']['batch_stats']['mean']
    _, aux = jax.jit(update_of(system, 'generator').loss)(state.params, state, batch, KEYS)
    w, _ = system.nets['mapping'].apply(state.params['mapping'], state.stats['mapping'], drawn[0], train=False)
    wanted = before + 0.005 * (w.mean(0) - before)
    np.testing.assert_allclose(aux.stats['mapping']['batch_stats']['mean'], wanted, atol=1e-6)


def test_styles_are_mixed_from_a_layer_on() -> None:
    """Nine in ten, from layer 1, 2 or 3 of 4."""
    second = np.asarray(_styles.mix(example_keys(jax.random.key(0), jnp.arange(4000)), 4, 0.9))
    assert (np.diff(second.astype(int), axis=1) >= 0).all() and not second[:, 0].any()
    np.testing.assert_allclose(np.bincount(second.sum(1), minlength=4) / 4000, [0.1, 0.3, 0.3, 0.3], atol=0.03)


def test_sheets_agree_with_samples() -> None:
    """psi 1 is the sample, psi 0 one image for all where there is no noise; of B in all layers is B."""
    system, state = made()
    still = lambda path, x: jnp.zeros_like(x) if path[-1].key == 'strength' else x
    state = state.replace(params=jax.tree_util.tree_map_with_path(still, state.params))
    make = {name: jax.jit(functools.partial(sampler.make, state)) for name, sampler in system.samplers.items()}
    inputs = {name: sampler.inputs({}, KEYS) for name, sampler in system.samplers.items()}
    samples = np.asarray(make['samples'](inputs['samples']))
    sheet = np.asarray(make['truncation'](inputs['truncation'])).reshape(B, len(_styles.PSIS), *SHAPE)
    np.testing.assert_allclose(sheet[:, 0], samples, atol=1e-5)
    assert _styles.PSIS[3] == 0 and np.ptp(sheet[:, 3], 0).max() < 1e-5 < np.ptp(sheet[:, 0], 0).max()
    columns = system.samplers['mixing'].columns
    assert columns == ('A', 'coarse of B', 'B')  # of 4 layers
    mixed = np.asarray(make['mixing'](inputs['mixing'])).reshape(B, len(columns), *SHAPE)
    np.testing.assert_allclose(mixed[:, 1], mixed[:, 2], atol=1e-5)
    assert (np.abs(mixed[:, 0] - mixed[:, 2]).max((1, 2, 3)) > 1e-2).all()
