"""A critic of patches, whose scores are maps, plays every game as the means over its maps."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gans import configs, losses
from gans.core import Array, Compute, Spec
from gans.cost.describe import describe
from gans.nets.build import from_linen
from gans.ops.random import example_keys
from gans.parts import Pair, Scene
from gans.step import init_state
from gans.systems._players import make_generate, two_players

SPEC = Spec((4, 4, 1))


class Painter(nn.Module):
    compute: Compute = Compute()

    @nn.compact
    def __call__(self, x: Array, train: bool = True) -> Array:
        return nn.Dense(1, name='out')(x)


class Judge(nn.Module):
    """Images -> a score for each pixel, or `mean` of them."""

    mean: bool
    compute: Compute = Compute()
    batchwise = False

    @nn.compact
    def __call__(self, x: Array, train: bool = True) -> Array:
        scores = nn.Dense(1, name='out')(jnp.tanh(nn.Dense(3, name='hidden')(x)))[..., 0]
        return scores.mean((1, 2)) if self.mean else scores


def losses_of(mean: bool, **options) -> dict:
    """Each player's loss and gradients."""
    config = configs.apply_defaults({'game': 'wasserstein', **options}, 'of a test')
    image = jax.ShapeDtypeStruct((2, *SPEC.shape), jnp.float32)
    nets = {'generator': from_linen(Painter(), image), 'critic': from_linen(Judge(mean), image)}
    pair = Pair(SPEC, make_generate(nets['generator']), nets['critic'], inputs=lambda batch, keys: batch['source'])
    system = two_players(config, [pair], nets, samplers={'samples': pair.sampler()})
    state = init_state(system, jax.random.key(0))
    draw = lambda seed: jax.random.uniform(jax.random.key(seed), (6, *SPEC.shape), minval=-1)
    batch, keys = {'real': draw(1), 'source': draw(2)}, example_keys(jax.random.key(3), jnp.arange(6))
    found = {}
    for update in system.updates:
        of = lambda params, update=update: update.loss(params, state, batch, keys)
        (value, aux), gradient = jax.jit(jax.value_and_grad(of, has_aux=True))(state.params)
        found[update.name] = value, gradient, aux.memory
    return found


@pytest.mark.parametrize('options', [
    {'terms': {'wgan_gp': {'weight': 10.0}, 'lecam': {'weight': 0.0}}},
    {'terms': {'r1': {'weight': 1.0, 'every': 2}}, 'flip_targets': 0.5},
    {'top_k': {'share': 0.5, 'until': 1}},
])  # fmt: skip
def test_in_a_linear_game_a_map_counts_as_its_mean(options):
    maps, means = (jax.tree.leaves(losses_of(mean, **options)) for mean in (False, True))
    for one, other in zip(maps, means, strict=True):
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_a_loss_of_a_map_is_the_mean_over_its_patches():
    real, fake = (jax.random.normal(jax.random.key(i), (5, 3, 2)) for i in (0, 1))
    values = losses.game('least_squares').critic(real, fake)
    weights = jnp.array([1.0, 0, 0, 1, 0])
    scene = Scene(real, fake, critic=None, weights=weights)
    expected = (0.5 * (real - 1) ** 2 + 0.5 * fake**2).mean((1, 2))
    np.testing.assert_allclose(scene.average(values), (expected * weights).sum() / 2, rtol=1e-5)
    np.testing.assert_allclose(Scene(real, fake, critic=None).average(values), expected.mean(), rtol=1e-5)
    assert Scene(real, fake, critic=None).average(jnp.float32(3)) == 3


def test_flips_swap_whole_maps():
    real, fake = jnp.ones((40, 2, 3)), jnp.zeros((40, 2, 3))
    one, other = losses.flip(example_keys(jax.random.key(0), jnp.arange(40)), 0.5, real, fake)
    share = one.mean((1, 2))
    assert set(share.tolist()) == {0.0, 1.0}
    np.testing.assert_array_equal(one + other, real)


def test_describe_tells_what_a_score_sees():
    """By a system that exists: any critic of images may be one of patches."""
    config = configs.apply_defaults({'data': {'name': 'openmoji', 'size': 16, 'num': 8}}, 'of a test')
    config = configs.override(
        config,
        {
            'generator': {'net': 'mlp', 'widths': (4,)},
            'critic': {'net': 'patchgan', 'patch': 16, 'width': 2},
            'train.batch_size': 4,
        },
        'of a test',
    )
    text = describe(config)
    assert 'receptive field of a score: 16 x 16 pixels' in text and 'float32[2, 6, 6]' in text
