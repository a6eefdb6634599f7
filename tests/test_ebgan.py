"""EBGAN: the margin loss and the pulling-away term in closed form; losses of the system against numpy."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawing import draw, inputs_of
from ml_collections import ConfigDict
from systems import first

from experiments import common
from gans import config_file
from gans.configs import override
from gans.core import Compute, Spec
from gans.errors import UserError
from gans.ops import random
from gans.ops.random import example_keys
from gans.systems.build import build
from gans.systems.ebgan import margin_loss, pulling_away
from gans.training.setup import setup

SHAPE = (8, 8, 1)


def made(margin=0.6, **overrides):
    config = common.get_config()
    config.system = 'ebgan'
    config.latents.size = 6
    for role in ('generator', 'critic'):
        config[role] = ConfigDict({'net': 'infogan', 'width': 4, 'norm': 'none', 'init_std': 0.3})
    config.ebgan = {'margin': 0.6, 'pull_away': 0.3}
    config = override(config, overrides, 'of a test')
    config.ebgan = ConfigDict({**config.ebgan, 'margin': margin}, type_safe=False)
    return build(config, Spec(SHAPE), Compute())


SYSTEM = made()
KEYS = example_keys(jax.random.key(3), jnp.arange(8))
# Of what the fakes are made from in each player's loss with KEYS.
INPUTS = {'critic': random.split(random.split(KEYS, 3)[0], 4)[0], 'generator': random.split(KEYS, 4)[0]}
REAL = jnp.asarray(np.random.default_rng(0).uniform(-1, 1, (8, *SHAPE)), jnp.float32)


@functools.cache
def start():
    """At step 0."""
    return first(SYSTEM)


# The margin loss


def test_margin_loss_against_numpy():
    rng = np.random.default_rng(0)
    real, fake = rng.uniform(0, 3, (2, 20)).astype(np.float32)
    np.testing.assert_allclose(margin_loss(real, fake, 1.2), real + np.maximum(0, 1.2 - fake), rtol=1e-6)
    slopes = jax.grad(lambda r, f: margin_loss(r, f, 1.2).sum(), (0, 1))(real, fake)
    np.testing.assert_array_equal(slopes, (np.ones(20), np.where(fake < 1.2, -1, 0)))


@pytest.mark.parametrize('margin', [0.5, 2.0])
def test_equilibrium_of_the_critic(margin):
    """Where real and fake are alike its best loss is m, of any constant energy in [0, m] (theorems 1 and 2)."""
    for energy in (0.0, 0.3 * margin, margin):
        constant = jnp.full(4, energy)
        np.testing.assert_allclose(margin_loss(constant, constant, margin), margin, rtol=1e-6)
    for seed in range(5):
        energies = np.random.default_rng(seed).uniform(0, 1.5 * margin, 30)
        pairs = margin_loss(jnp.repeat(energies, 30), jnp.tile(energies, 30), margin)
        assert pairs.mean() > margin * 1.01


# The pulling-away term


def test_pulling_away_against_its_definition():
    code = np.random.default_rng(1).normal(size=(7, 5))
    n, total = len(code), 0.0
    for i in range(n):
        for j in range(n):
            if i != j:
                total += (code[i] @ code[j] / (np.linalg.norm(code[i]) * np.linalg.norm(code[j]))) ** 2
    assert float(pulling_away(jnp.asarray(code))) == pytest.approx(total / (n * (n - 1)), rel=1e-5)
    scaled = code * np.random.default_rng(2).uniform(0.1, 9, (7, 1)) * np.array([[1], [-1], [1], [1], [-1], [1], [1]])
    assert float(pulling_away(jnp.asarray(scaled))) == pytest.approx(total / (n * (n - 1)), rel=1e-5)


def test_pulling_away_of_codes_alike_and_of_orthogonal_ones():
    assert float(pulling_away(jnp.tile(jnp.array([[0.3, -2.0]]), (4, 1)))) == pytest.approx(1, rel=1e-6)
    assert float(pulling_away(3 * jnp.eye(4))) == pytest.approx(0, abs=1e-7)
    half = jnp.array([[1.0, 0.0], [np.cos(np.pi / 4), np.sin(np.pi / 4)]])
    assert float(pulling_away(half)) == pytest.approx(0.5, rel=1e-6)


def test_pulling_away_of_a_dead_code_is_finite():
    value, slope = jax.value_and_grad(pulling_away)(jnp.array([[0.0, 0.0], [1.0, 2.0], [2.0, -1.0]]))
    assert float(value) == pytest.approx(0, abs=1e-6) and np.isfinite(slope).all()


# The system


@functools.partial(jax.jit, static_argnums=0)
def loss_of(which, margin):
    """((value, Aux), gradients of the player's net) of an update's loss; the margin may be a tracer."""
    system = made(margin)
    loss = {update.name: update.loss for update in system.updates}[which]
    of = lambda own: loss({**start().params, which: own}, start(), {'real': REAL}, KEYS)
    return jax.value_and_grad(of, has_aux=True)(start().params[which])


@jax.jit
def judged(params, keys):
    """Images, copies and codes, of real images and of those of the latents of these keys."""
    fake = draw(SYSTEM, params, start().stats, inputs_of(SYSTEM, keys))
    critic = lambda x: SYSTEM.nets['critic'].apply(params['critic'], {}, x, train=True, features=True)[0]
    return (REAL, *critic(REAL)), (fake, *critic(fake))


def energies(params, which):
    """Of real images and of the fakes in that player's loss, by numpy."""
    found = jax.device_get(judged(params, INPUTS[which]))
    return [((x - copy) ** 2).reshape(8, -1).mean(1) for x, copy, _ in found]


def test_each_player_moves_its_net():
    assert {name: player.nets for name, player in SYSTEM.players.items()} == {
        'critic': ('critic',),
        'generator': ('generator',),
    }


def test_losses():
    """The margin lies between the energies, so that some examples are above it."""
    real, fake = energies(start().params, 'critic')
    margin = float(np.median(fake))
    (value, aux), _ = loss_of('critic', margin)
    assert 0 < np.maximum(0, margin - fake).mean() < margin
    assert value == pytest.approx(real.mean() + np.maximum(0, margin - fake).mean(), rel=1e-5)
    assert float(aux.metrics['real_energy']) == pytest.approx(real.mean(), rel=1e-5)
    assert float(aux.metrics['fake_energy']) == pytest.approx(fake.mean(), rel=1e-5)
    assert float(aux.metrics['fake_score']) == pytest.approx(-fake.mean(), rel=1e-5)
    code, (_, fake) = judged(start().params, INPUTS['generator'])[1][2], energies(start().params, 'generator')
    assert code.shape == (8, 4)
    (value, aux), _ = loss_of('generator', 0.6)
    assert value == pytest.approx(fake.mean() + 0.3 * float(pulling_away(code)), rel=1e-5)
    assert float(aux.metrics['pulling_away']) == pytest.approx(float(pulling_away(code)), rel=1e-5)


def test_without_the_repelling_term():
    loss = {update.name: update.loss for update in made(**{'ebgan.pull_away': None}).updates}['generator']
    value, aux = jax.jit(lambda: loss(start().params, start(), {'real': REAL}, KEYS))()
    assert value == pytest.approx(energies(start().params, 'generator')[1].mean(), rel=1e-5) and not aux.metrics


@pytest.mark.parametrize('which', ['critic', 'generator'])
def test_signs_of_the_gradients(which):
    """The critic copies real images better and fake ones worse; the generator is copied better, or more diverse."""
    (before, _), grads = loss_of(which, 9.0)
    norm = np.sqrt(sum(float((leaf**2).sum()) for leaf in jax.tree.leaves(grads)))
    moved = {**start().params, which: jax.tree.map(lambda p, g: p - 0.01 / norm * g, start().params[which], grads)}
    (real, fake), (real_then, fake_then) = energies(start().params, which), energies(moved, which)
    if which == 'critic':
        assert real_then.mean() - fake_then.mean() < real.mean() - fake.mean()
    else:
        after = fake_then.mean() + 0.3 * float(pulling_away(judged(moved, INPUTS['generator'])[1][2]))
        assert after < before


@pytest.mark.parametrize(
    'overrides, said',
    [
        ({'game': 'hinge'}, "game='hinge' has no meaning in system 'ebgan', which has its own game"),
        ({'generator.condition': 'concat'}, "generator.condition='concat' has no meaning in system 'ebgan'"),
        ({'critic.net': 'dcgan'}, "critic.net='dcgan' has no Autoencoder"),
    ],
)
def test_what_has_no_meaning_is_refused(overrides, said):
    with pytest.raises(UserError, match=said):
        made(**overrides)


def test_a_config_that_is_locked_as_those_from_files_are() -> None:
    """A locked ConfigDict equals none that is not, whatever they hold."""
    setup(config_file.read('experiments/ebgan_digits.py:smoke'), devices=1)
