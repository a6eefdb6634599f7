"""AC-GAN: losses against numpy, who moves what, and a generator that learns the classes it is asked for."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from drawing import draw, inputs_of
from ml_collections import ConfigDict
from systems import first

from experiments import common
from gans.configs import override
from gans.core import Compute, Spec
from gans.errors import UserError
from gans.ops import random
from gans.ops.random import example_keys
from gans.step import make_train_step
from gans.systems.build import build

SHAPE, CLASSES = (8, 8, 1), ('a', 'b', 'c')


def made(classes=CLASSES, weight=0.7, **overrides):
    config = common.get_config()
    config.system = 'acgan'
    config.latents.size = 5
    config.generator = ConfigDict({'net': 'mlp', 'widths': (16,), 'condition': 'concat'})
    config.critic = ConfigDict({'net': 'mlp', 'widths': (16,)})
    config = override(config, overrides, 'of a test')
    config.acgan = ConfigDict({'weight': weight}, type_safe=False)
    return build(config, Spec(SHAPE, classes), Compute())


SYSTEM = made()
KEYS = example_keys(jax.random.key(4), jnp.arange(8))
# Of what the fakes are made from in each player's loss with KEYS.
INPUTS = {'critic': random.split(random.split(KEYS, 3)[0], 4)[0], 'generator': random.split(KEYS, 4)[0]}
LABEL = jnp.arange(8) % 3
BATCH = {'real': jnp.asarray(np.random.default_rng(6).uniform(-1, 1, (8, *SHAPE)), jnp.float32), 'label': LABEL}


@functools.cache
def start():
    """At step 0."""
    return first(SYSTEM)


@functools.partial(jax.jit, static_argnums=(0, 2))
def loss_of(which, weight, game='non_saturating'):
    """(value, Aux) of an update's loss; the weight may be a tracer."""
    system = made(weight=weight, **{'game': game, 'terms.r1.weight': 2.0})
    return {update.name: update.loss for update in system.updates}[which](start().params, start(), BATCH, KEYS)


@jax.jit
def parts(keys):
    """Scores and logits of the real images, and of the images of these keys' noise with the same labels."""

    def apply(net, *args, **options):
        return SYSTEM.nets[net].apply(start().params[net], start().stats[net], *args, train=True, **options)[0]

    fake = draw(SYSTEM, start().params, start().stats, inputs_of(SYSTEM, keys, LABEL))
    judged = [apply('critic', x, features=True) for x in (BATCH['real'], fake)]
    slope = jax.grad(lambda x: apply('critic', x).sum())(BATCH['real'])
    return *((scores, apply('classifier', features)) for scores, features in judged), 0.5 * (slope**2).sum() / 8


def cross_entropy(logits):
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return -np.log(p[np.arange(8), np.arange(8) % 3]).mean()


def accuracy(logits):
    return (logits.argmax(1) == np.arange(8) % 3).mean()


def softplus(x):
    return np.log1p(np.exp(x))


def test_critic_loss():
    """L_S + w L_C, of real and fake images, and a penalty: |slope|^2 / 2 of the score at the real images."""
    (real, real_logits), (fake, fake_logits), r1 = jax.device_get(parts(INPUTS['critic']))
    value, aux = loss_of('critic', 0.7)
    wanted = {'real_class_loss': cross_entropy(real_logits), 'fake_class_loss': cross_entropy(fake_logits)}
    wanted |= {'real_accuracy': accuracy(real_logits), 'fake_accuracy': accuracy(fake_logits), 'r1': r1}
    wanted |= {'real_score': real.mean(), 'fake_score': fake.mean()}
    wanted['game'] = (softplus(-real) + softplus(fake)).mean()
    wanted['class_loss'] = wanted['real_class_loss'] + wanted['fake_class_loss']
    assert {name: float(x) for name, x in aux.metrics.items()} == pytest.approx(jax.tree.map(float, wanted), rel=1e-4)
    assert value == pytest.approx(wanted['game'] + 0.7 * wanted['class_loss'] + 2 * r1, rel=1e-4)
    assert real_logits.shape == (8, 3) and wanted['real_accuracy'] != wanted['fake_accuracy']


@pytest.mark.parametrize('game', ['non_saturating', 'relativistic_pairing'])
def test_generator_loss(game):
    """It wants its images taken for real (w L_C alike), and its classes seen; some games read real scores."""
    (real, _), (fake, logits), _ = jax.device_get(parts(INPUTS['generator']))
    value, aux = loss_of('generator', 0.7, game)
    wanted = softplus(-fake).mean() if game == 'non_saturating' else softplus(real - fake).mean()
    assert float(aux.metrics['game']) == pytest.approx(wanted, rel=1e-4)
    assert float(aux.metrics['class_loss']) == pytest.approx(cross_entropy(logits), rel=1e-4)
    assert value == pytest.approx(wanted + 0.7 * cross_entropy(logits), rel=1e-4)


def test_inputs_and_samples():
    label = jnp.arange(4) % 3
    inputs = inputs_of(SYSTEM, example_keys(jax.random.key(0), jnp.arange(4)), label)
    assert inputs['z'].shape == (4, 5)
    np.testing.assert_array_equal(inputs['label'], label)
    make = jax.jit(functools.partial(draw, SYSTEM))
    labels = np.array([[0, 1, 2, 0], [1, 1, 1, 1]])
    images, others = (make(start().params, start().stats, {**inputs, 'label': label}) for label in labels)
    assert images.shape == (4, *SHAPE)
    assert [bool((abs(a - b) > 1e-4).any()) for a, b in zip(images, others, strict=True)] == [True, False, True, True]


def stripes(label):
    """Images of three classes: a bright band at the top, in the middle or below."""
    rows = jnp.arange(8) // 3 == label[:, None]  # [B, 8]
    return jnp.where(rows[:, :, None, None], 0.8, -0.8) * jnp.ones((1, 1, 8, 1))


def test_it_learns_the_classes():
    """Samples of each class have their band, after some hundred steps; each net has moved."""
    system = made(**{f'optimizer.{role}.learning_rate': 0.005 for role in ('generator', 'critic')})
    step, label = make_train_step(system), jnp.arange(32) % 3
    batch = {'real': stripes(label)[None], 'label': label[None]}
    body = lambda state, _: step(state, batch, ('critic', 'generator'))
    begun = first(SYSTEM, seed=2)  # others take twice as long, or confuse two classes for good
    state, logged = jax.jit(lambda state: jax.lax.scan(body, state, None, 250))(begun)
    asked = inputs_of(system, example_keys(jax.random.key(1), jnp.arange(32)), label)
    images = draw(system, state.params, state.stats, asked)
    bands = images.mean((2, 3))  # [32, 8]
    assert (jnp.stack([bands[:, 1], bands[:, 4], bands[:, 7]], 1).argmax(1) == label).all()
    for name in ('real_accuracy', 'fake_accuracy'):
        assert logged[f'critic/{name}'][:2].mean() < 0.7 and logged[f'critic/{name}'][-20:].min() == 1
    same = jax.tree.map(np.array_equal, state.params, begun.params)
    assert not any(jax.tree.all(alike) for alike in same.values())


def test_who_owns_what():
    owned = {name: set(player.nets) for name, player in SYSTEM.players.items()}
    assert owned == {'critic': {'critic', 'classifier'}, 'generator': {'generator'}}


@pytest.mark.parametrize(
    'overrides, said',
    [
        ({'pack': 2}, "pack=2 has no meaning in system 'acgan'"),
        ({'critic.condition': 'projection'}, "critic.condition='projection' has no meaning in system 'acgan'"),
        ({'replay.size': 8}, 'replay.size=8, but in this system a fake is scored with its inputs'),
        ({'generator.condition': None}, 'set generator.condition'),
        ({'classes': ()}, "generator.condition='concat' needs labels"),
    ],
)
def test_what_has_no_meaning_is_refused(overrides, said):
    with pytest.raises(UserError, match=said):
        made(**overrides)
