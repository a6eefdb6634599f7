"""InfoGAN: the bounds against closed forms; losses and who moves what; latents and views; what is refused."""

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
from gans.systems.infogan import information

SHAPE = (8, 8, 1)
LOG_2PI = np.log(2 * np.pi)


def made(**overrides):
    config = common.get_config()
    config.system = 'infogan'
    config.latents.size = 5
    for role in ('generator', 'critic'):
        config[role] = ConfigDict({'net': 'mlp', 'widths': (16,), 'norm': 'none'})
    section = {'categories': 4, 'category_weight': 1.5, 'code_weight': 0.25, 'widths': (6,)}
    return build(override(config, {'infogan': section, **overrides}, 'of a test'), Spec(SHAPE), Compute())


SYSTEM = made()
KEYS = example_keys(jax.random.key(3), jnp.arange(8))
# Of what the fakes are made from in each player's loss with KEYS.
INPUTS = {'critic': random.split(random.split(KEYS, 3)[0], 4)[0], 'generator': random.split(KEYS, 4)[0]}
REAL = jnp.asarray(np.random.default_rng(0).uniform(-1, 1, (8, *SHAPE)), jnp.float32)


@functools.cache
def start():
    """At step 0."""
    return first(SYSTEM)


# The bounds, in nats


def answers(logits, mean, std):
    return jnp.concatenate([jnp.asarray(x, jnp.float32) for x in (logits, mean, np.log(std))], 1)


def given(category, codes):
    return {'category': jnp.asarray(category), 'codes': jnp.asarray(codes, jnp.float32)}


def test_information_against_numpy():
    rng = np.random.default_rng(1)
    logits, mean, std = rng.normal(size=(6, 5)), rng.normal(size=(6, 2)), rng.uniform(0.2, 2, (6, 2))
    category, codes = rng.integers(0, 5, 6), rng.uniform(-1, 1, (6, 2))
    found = information(answers(logits, mean, std), given(category, codes))
    q = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    density = np.exp(-((codes - mean) ** 2) / (2 * std**2)) / (std * np.sqrt(2 * np.pi))
    np.testing.assert_allclose(found[0], np.log(q[np.arange(6), category]) + np.log(5), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found[1], np.log(density) + np.log(2), rtol=1e-5, atol=1e-6)


def test_information_of_who_knows_nothing_and_of_who_knows_all():
    none = np.zeros((10, 0))
    found = lambda logits: information(answers(logits, none, none + 1), given(np.arange(10), none))
    blind, sure = found(np.zeros((10, 10))), found(50 * np.eye(10))
    np.testing.assert_allclose(blind[0], 0, atol=1e-6)
    np.testing.assert_allclose(sure[0], 2.302585, atol=1e-6)
    assert sure[1].shape == (10, 0)


def test_category_bound_is_the_mutual_information_for_the_true_posterior_and_less_for_others():
    """A channel that changes one of K categories into another with probability e: I = log K - H(e) - e log(K - 1)."""
    k, e = 4, 0.2
    channel = np.where(np.eye(k, dtype=bool), 1 - e, e / (k - 1))  # p(x | c), which is p(c | x) too
    true = np.log(k) + (1 - e) * np.log(1 - e) + e * np.log(e / (k - 1))
    category, x = (index.ravel() for index in np.meshgrid(np.arange(k), np.arange(k), indexing='ij'))
    none = np.zeros((k * k, 0))

    def bound(logits):
        each = information(answers(logits[x], none, none + 1), given(category, none))[0]
        return (channel[category, x] / k) @ np.asarray(each, np.float64)

    assert bound(np.log(channel)) == pytest.approx(true, abs=1e-6)
    for seed in range(5):
        assert bound(np.log(channel) + np.random.default_rng(seed).normal(0, 0.3, (k, k))) < true - 1e-3


@pytest.mark.parametrize('std', [0.1, 0.5])
def test_code_bound_of_a_gaussian_around_the_true_code(std):
    """E log N(c; c + s n, s) + log 2 = log 2 - log s - (1 + log 2 pi) / 2, and no other deviation does better."""
    rng = np.random.default_rng(2)
    codes = rng.uniform(-1, 1, (40_000, 1))
    mean, logits = codes + std * rng.normal(size=codes.shape), np.zeros((len(codes), 2))
    latents = given(np.zeros(len(codes), int), codes)
    bound = lambda s: float(information(answers(logits, mean, np.full_like(mean, s)), latents)[1].mean())
    assert bound(std) == pytest.approx(np.log(2) - np.log(std) - (1 + LOG_2PI) / 2, abs=0.02)
    assert bound(std) > max(bound(0.8 * std), bound(1.25 * std)) + 0.01


# Latents and pictures


def test_latents():
    drawn = jax.device_get(inputs_of(SYSTEM, example_keys(jax.random.key(0), jnp.arange(4000))))
    assert {name: x.shape for name, x in drawn.items()} == {'z': (4000, 5), 'category': (4000,), 'codes': (4000, 2)}
    assert drawn['category'].dtype == np.int32
    np.testing.assert_allclose(np.bincount(drawn['category'], minlength=4) / 4000, 0.25, atol=4 * 0.0069)
    assert -1 <= drawn['codes'].min() < -0.99 and 0.99 < drawn['codes'].max() < 1
    np.testing.assert_allclose(drawn['codes'].std(0), 1 / np.sqrt(3), atol=0.03)
    together = np.corrcoef(np.concatenate([drawn['z'], drawn['category'][:, None], drawn['codes']], 1).T)
    assert abs(together - np.eye(8)).max() < 5 / np.sqrt(4000)


def test_the_generator_is_told_every_code():
    """It sees [z, one of K, codes], so each kind of latents alone changes its images."""
    shape = start().params['generator']['dense_0']['kernel'].shape
    assert shape == (5 + 4 + 2, 16)
    latents = inputs_of(SYSTEM, KEYS)
    images = draw(SYSTEM, start().params, start().stats, latents)
    others = {'z': latents['z'] + 1, 'category': (latents['category'] + 1) % 4, 'codes': -latents['codes']}
    for name, other in others.items():
        changed = draw(SYSTEM, start().params, start().stats, {**latents, name: other})
        assert images.shape == (8, *SHAPE) and (abs(images - changed).max((1, 2, 3)) > 1e-4).all(), name


def test_pictures():
    rows = lambda view, *parts: jax.tree.map(
        lambda x: np.asarray(x).reshape(*parts, 8, len(view.columns), *x.shape[1:]), view.inputs({}, KEYS)
    )
    view = SYSTEM.samplers['categories']
    drawn = rows(view)
    assert view.columns == ('0', '1', '2', '3') and (drawn['category'] == np.arange(4)).all()
    for name in ('z', 'codes'):
        assert (drawn[name] == drawn[name][:, :1]).all() and (drawn[name][0, 0] != drawn[name][1, 0]).all()
    view = SYSTEM.samplers['codes']
    drawn = rows(view, 2)
    walk = np.tile(np.linspace(-2, 2, len(view.columns)), (8, 1))
    np.testing.assert_allclose([float(name) for name in view.columns], walk[0], atol=0.05)
    assert view.rows == ('code 0', 'code 1') and 'from -2 to 2' in view.about
    for i in (0, 1):
        np.testing.assert_allclose(drawn['codes'][i, ..., i], walk, atol=1e-6)
        other = drawn['codes'][i, ..., 1 - i]
        assert (other == other[:, :1]).all() and len(np.unique(other)) == 8
    assert (drawn['z'] == drawn['z'][:1, :, :1]).all()
    assert (drawn['category'] == (np.arange(8) % 4)[:, None]).all()
    images = jax.eval_shape(lambda keys: view.make(start(), view.inputs({}, keys)), KEYS)
    assert images.shape == (2 * 8 * len(view.columns), *SHAPE)
    assert list(made(**{'infogan.codes': 0}).samplers) == ['samples', 'categories']
    assert made().headline == ('category_information', 'code_0_information', 'code_1_information')


# Losses


def loss_of(system, which):
    """((value, Aux), gradients of all nets) of an update's loss."""
    loss = {update.name: update.loss for update in system.updates}[which]
    of = lambda params: loss(params, start(), {'real': REAL}, KEYS)
    return jax.jit(jax.value_and_grad(of, has_aux=True))(start().params)


@functools.cache
def ours(which):
    return loss_of(SYSTEM, which)


@jax.jit
def parts(keys):
    """Scores of real and fake images, what is told of the codes, and the recognition net's statistics."""

    def apply(net, *args, **options):
        return SYSTEM.nets[net].apply(start().params[net], start().stats[net], *args, train=True, **options)

    latents = inputs_of(SYSTEM, keys)
    (fake, features), _ = apply('critic', draw(SYSTEM, start().params, start().stats, latents), features=True)
    answers, stats = apply('recognition', features)
    return apply('critic', REAL)[0], fake, information(answers, latents), stats


def softplus(x):
    return np.log1p(np.exp(x))


def test_losses_against_their_parts():
    """The game, less the weighted bounds."""
    real, fake, (category, codes), _ = jax.device_get(parts(INPUTS['critic']))
    informed = 1.5 * category.mean() + 0.25 * codes.mean(0).sum()
    (loss, aux), _ = ours('critic')
    assert loss == pytest.approx((softplus(-real) + softplus(fake)).mean() - informed, rel=1e-4)
    assert float(aux.metrics['information']) == pytest.approx(informed, rel=1e-4)
    assert set(aux.stats) == {'critic'}
    real, fake, (category, codes), stats = jax.device_get(parts(INPUTS['generator']))
    informed = 1.5 * category.mean() + 0.25 * codes.mean(0).sum()
    (loss, aux), _ = ours('generator')
    assert loss == pytest.approx(softplus(-fake).mean() - informed, rel=1e-4)
    names = ('category_information', 'code_0_information', 'code_1_information')
    for name, value in zip(names, (category.mean(), *codes.mean(0)), strict=True):
        assert float(aux.metrics[name]) == pytest.approx(value, rel=1e-4, abs=1e-5)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4), aux.stats['recognition'], stats)
    assert set(aux.stats) == {'generator', 'recognition'}


def test_everyone_learns_to_tell_codes():
    """The bound has a gradient in generator, recognition net and the critic's body: without its weights it is gone."""
    without = made(**{'infogan.category_weight': 0.0, 'infogan.code_weight': 0.0})
    for update, nets in {'generator': ('generator', 'recognition'), 'critic': ('critic',)}.items():
        _, with_bound = ours(update)
        _, plain = loss_of(without, update)
        for net in nets:
            change = abs(with_bound[net]['dense_0']['kernel'] - plain[net]['dense_0']['kernel']).max()
            assert change > 1e-5, (update, net)


def test_who_owns_what():
    owned = {name: set(player.nets) for name, player in SYSTEM.players.items()}
    assert owned == {'critic': {'critic'}, 'generator': {'generator', 'recognition'}}


def test_the_bounds_rise():
    """Within a few steps, from 0 to most of log 4; untrained nets know nothing."""
    rates = {f'optimizer.{role}.learning_rate': 0.01 for role in ('generator', 'critic')}
    system = made(**rates, **{'infogan.code_weight': 1.0})
    step, real = make_train_step(system), jnp.tile(REAL, (8, 1, 1, 1))[None]
    body = lambda state, _: step(state, {'real': real}, ('critic', 'generator'))
    _, logged = jax.jit(lambda state: jax.lax.scan(body, state, None, 150))(first(system))
    category, code = (np.asarray(logged[f'generator/{name}_information']) for name in ('category', 'code_0'))
    assert category[:3].mean() < 0.3 and 0.9 < category[-20:].mean() <= np.log(4)
    assert code[:3].mean() < 0 and code[-20:].mean() > 0.2, code[::10]


# What else the game may have


def test_options_of_the_game():
    """A game that reads real scores, and a penalty: |slope|^2 / 2 of the critic at the real images; no bounds."""
    options = {'game': 'relativistic_pairing', 'infogan.category_weight': 0.0, 'infogan.code_weight': 0.0}
    system = made(**options, **{'terms.r1.weight': 3.0})
    score = lambda x: SYSTEM.nets['critic'].apply(start().params['critic'], {}, x, train=True)[0].sum()
    wanted = float((jax.jit(jax.grad(score))(REAL) ** 2).sum((1, 2, 3)).mean() / 2)
    real, fake, *_ = jax.device_get(parts(INPUTS['critic']))
    (loss, aux), _ = loss_of(system, 'critic')
    assert float(aux.metrics['r1']) == pytest.approx(wanted, rel=1e-4)
    assert float(loss) == pytest.approx(softplus(fake - real).mean() + 3 * wanted, rel=1e-4)
    real, fake, *_ = jax.device_get(parts(INPUTS['generator']))
    assert float(loss_of(system, 'generator')[0][0]) == pytest.approx(softplus(real - fake).mean(), rel=1e-4)


@pytest.mark.parametrize(
    'overrides, said',
    [
        ({'pack': 2}, 'pack=2 has no meaning'),
        ({'generator.condition': 'concat'}, "generator.condition='concat' has no meaning in system 'infogan'"),
        ({'critic.condition': 'concat'}, "critic.condition='concat' has no meaning in system 'infogan'"),
        ({'replay.size': 8}, 'replay.size=8, but in this system a fake is scored with its inputs'),
    ],
)
def test_what_has_no_meaning_is_refused(overrides, said):
    with pytest.raises(UserError, match=said):
        made(**overrides)


def test_unknown_norm_of_the_recognition_net():
    with pytest.raises(UserError, match="unknown norm of a critic's head 'spectral'"):
        first(made(**{'infogan.norm': 'spectral'}))
