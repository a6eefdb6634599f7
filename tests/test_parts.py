"""Pairs, scenes and terms: what the critic sees, which batch it sees it in, and that every term counts."""

import functools
import zlib

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import systems

from experiments import common
from gans import augment, configs, optimizers, terms, views
from gans.core import Aux, Compute, Net, Player, Spec, System, TrainState, Update
from gans.errors import UserError
from gans.nets.build import from_linen
from gans.ops import random
from gans.parts import Pair, Scene, Term, View, pack_examples, unpack_examples
from gans.step import make_train_step
from gans.systems import _players

BATCH, SPEC = 4, Spec((2,))
POINT = jax.ShapeDtypeStruct((2, 2), jnp.float32)


class Linear(nn.Module):
    """Scores w . x; `seen` keeps how many examples came at once."""

    compute: Compute = Compute()
    batchwise = False
    seen = []  # noqa: RUF012

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = True) -> jax.Array:
        type(self).seen.append(len(x))
        return x @ self.param('w', nn.initializers.ones, (x.shape[-1],))


class AgainstTheBatch(nn.Module):
    """Its scores are relative to the batch's mean, and it says nothing of that: `batchwise` is not set."""

    compute: Compute = Compute()
    seen = []  # noqa: RUF012

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = True) -> jax.Array:
        type(self).seen.append(len(x))
        return (x - x.mean(0)) @ self.param('w', nn.initializers.ones, (x.shape[-1],))


class Shift(nn.Module):
    """x + b."""

    compute: Compute = Compute()

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = True) -> jax.Array:
        return x + self.param('b', nn.initializers.zeros, (2,))


def net(module: nn.Module) -> Net:
    return from_linen(module, POINT)


def pair(critic: nn.Module, name: str = '', **given) -> Pair:
    """Fakes are normal points moved by the generator."""
    generator = net(Shift())
    called = f'generator_{name}' if name else 'generator'

    def generate(params, state, inputs, train):
        out, now = generator.apply(params[called], state.stats[called], inputs, train=train)
        return out, {called: now}

    return Pair(SPEC, generate, net(critic), lambda batch, keys: random.normal(keys, (2,)), name=name, **given)


def config_of(**overrides):
    config = common.get_config()
    config.train.batch_size = BATCH
    return configs.override(config, overrides, 'of a test')


def system(config, *pairs: Pair, **given):
    nets = {each.qualify('critic'): each.critic for each in pairs}
    nets |= {each.qualify('generator'): net(Shift()) for each in pairs}
    return _players.two_players(config, pairs, nets, samplers={}, **given)


@functools.cache
def keys() -> jax.Array:
    return random.example_keys(jax.random.key(3), jnp.arange(BATCH))


def real() -> dict[str, jax.Array]:
    return {'real': jnp.asarray(np.random.default_rng(0).normal(2, 1, (BATCH, 2)), jnp.float32)}


def loss_of(made, update: int, batch=None, params=None):
    state = systems.first(made)
    return made.updates[update].loss(params or state.params, state, batch or real(), keys())


@pytest.mark.parametrize('critic, batches', [(Linear, {2 * BATCH}), (AgainstTheBatch, {BATCH})])
def test_real_and_fake_share_a_batch_only_where_that_is_the_same(critic, batches) -> None:
    critic.seen.clear()
    made = system(config_of(), pair(critic()))
    state = systems.first(made)
    critic.seen.clear()
    _, aux = made.updates[0].loss(state.params, state, real(), keys())
    assert set(critic.seen) == batches
    if critic is AgainstTheBatch:  # each side against its own mean
        np.testing.assert_allclose([aux.metrics['real_score'], aux.metrics['fake_score']], 0, atol=1e-6)


def test_every_term_counts() -> None:
    """Five of them: the loss is their weighted sum, and each is logged."""
    values = {name: float(i + 1) for i, name in enumerate('abcde')}
    own = {name: Term(lambda s, k, v=v: (jnp.full(BATCH, v), Aux()), 10.0) for name, v in values.items()}
    bare, _ = loss_of(system(config_of(), pair(Linear())), 0)
    made = system(config_of(**{'terms.r1.weight': 2.0}), pair(Linear(), critic_terms=own))
    loss, aux = loss_of(made, 0)
    assert {name: float(aux.metrics[name]) for name in values} == values
    np.testing.assert_allclose(loss, bare + 10 * 15 + 2.0 * aux.metrics['r1'], rtol=1e-6)
    np.testing.assert_allclose(aux.metrics['r1'], 0.5 * 2, rtol=1e-6)  # |w|^2 / 2 with w = (1, 1)


def test_terms_draw_by_their_names() -> None:
    """What a term draws depends on no other term, nor on their order."""
    drawn = {}

    def draw(name):
        def value(scene, keys):
            drawn.setdefault(name, []).append(np.asarray(random.uniform(keys)))
            return jnp.zeros(()), Aux()

        return Term(value)

    for names in ('ab', 'cba'):
        loss_of(system(config_of(), pair(Linear(), critic_terms={name: draw(name) for name in names})), 0)
    for name in 'ab':
        np.testing.assert_array_equal(*drawn[name])
    assert not (drawn['a'][0] == drawn['b'][0]).any()


def test_fold_is_jax_fold_in() -> None:
    """Of the words 2^32 - 1 and the name's checksum, as the block of Threefry."""
    found = random.fold(keys(), 'r1')
    assert found.shape == (BATCH,) and len(np.unique(jax.random.key_data(found), axis=0)) == BATCH
    assert zlib.crc32(b'r1') != zlib.crc32(b'r2')
    assert (jax.random.key_data(random.fold(keys(), 'r2')) != jax.random.key_data(found)).any()


def test_penalties_go_through_the_view_or_not() -> None:
    """T(x) = 3x: R1 through it is nine times that at the image shown."""
    triple = View(lambda x, conditions, keys, state: (3 * x, conditions))
    scores = {}
    for through in (True, False):
        each = pair(Linear(), view=triple)
        made = _players.two_players(config_of(), [each], {'critic': each.critic, 'generator': net(Shift())},
                                    samplers={})  # fmt: skip
        scene, _, _ = each.scene(*_first(made), real(), keys())
        term = configs_term(through)
        scores[through] = float(scene.mean(term.value(scene, keys())[0]))
        np.testing.assert_allclose(scene.shown[0], 3 * real()['real'])
        np.testing.assert_allclose(scene.real_scores, 3 * real()['real'].sum(1), rtol=1e-5)
    assert scores == {True: pytest.approx(9.0), False: pytest.approx(1.0)}


def _first(made):
    state = systems.first(made)
    return state.params, state


def configs_term(through_view: bool) -> Term:

    return terms.r1(weight=1.0, every=1, through_view=through_view)


class Beside(nn.Module):
    """Images, and those that they are scored with -> sums of their products."""

    compute: Compute = Compute()

    @nn.compact
    def __call__(self, x: jax.Array, beside: jax.Array, train: bool = True) -> jax.Array:
        return self.param('w', nn.initializers.ones, ()) * (x * beside).sum((1, 2, 3))


def test_images_beside_real_and_fake_are_shown_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """And are augmented with them: so a critic that compares places finds no change in what is moved as a whole."""
    rng, spec = np.random.default_rng(1), Spec((8, 8, 1))
    image = jax.ShapeDtypeStruct((2, *spec.shape), jnp.float32)
    critic = from_linen(Beside(), image, image)
    batch = {name: jnp.asarray(rng.normal(size=(BATCH, *spec.shape)), jnp.float32) for name in ('real', 'source')}
    view = views.build(config_of(**{'augment.names': 'blit'}), spec, 'augment')
    each = Pair(spec, lambda params, stats, inputs, train: (-inputs, {}), critic, lambda batch, keys: batch['source'],
                conditions=lambda inputs, state: (inputs,), view=view)  # fmt: skip
    params, stats = critic.init(jax.random.key(0))
    state = TrainState(0, {'critic': params}, {'critic': stats}, {}, {}, {}, jax.random.key(0))
    scene, _, _ = each.scene(state.params, state, batch, keys())
    for shown, scores in zip(scene.shown, (scene.real_scores, scene.fake_scores), strict=True):
        np.testing.assert_allclose(scene.bare_critic(shown), scores, rtol=1e-5)
    np.testing.assert_allclose(scene.fake_scores, -(scene.conditions[0] ** 2).sum((1, 2, 3)), rtol=1e-5)
    assert not np.allclose(scene.conditions[0], batch['source'])
    monkeypatch.setitem(augment.AUGMENTS, 'turned', lambda x, keys, p: x[:, ::-1])
    change, _ = terms.consistency(spec=spec, names='turned').value(scene, keys())
    np.testing.assert_allclose(change, 0, atol=1e-6)


def test_packs_are_undone() -> None:
    x = jnp.arange(2 * 3 * 4 * 5.0).reshape(6, 4, 5)
    for pack in (1, 2, 3):
        np.testing.assert_array_equal(unpack_examples(pack_examples(x, pack), pack), x)
    np.testing.assert_array_equal(pack_examples(x, 2)[1], jnp.concatenate([x[2], x[3]], -1))


def test_the_mean_is_of_packs_that_count() -> None:
    scene = Scene(None, None, None, weights=jnp.array([1.0, 0.0, 1.0]))
    assert scene.mean(jnp.array([1.0, 7.0, 3.0])) == 2.0
    np.testing.assert_array_equal(scene.mean(jnp.array([[1.0], [7.0], [3.0]])), [2.0])
    assert scene.mean(jnp.array(5.0)) == 5.0


def test_pairs_together_are_one_game() -> None:
    """Two pairs, one player a side: losses are sums, metrics bear the pairs' names, and every net moves."""
    config = config_of(game='wasserstein', **{'terms.lecam.weight': 0.1, 'terms.r1.every': 2})
    pairs = [pair(Linear(), name) for name in 'ab']
    made = system(config, *pairs, together=True)
    assert {name: player.nets for name, player in made.players.items()} == {
        'critic': ('critic_a', 'critic_b'),
        'generator': ('generator_a', 'generator_b'),
    }
    assert set(made.memory) == {'lecam_a', 'lecam_b'}
    assert [update.name for update in made.updates] == ['critic', 'r1_a', 'r1_b', 'generator']
    loss, aux = loss_of(made, 0)
    np.testing.assert_allclose(loss, aux.metrics['a_loss'] + aux.metrics['b_loss'], rtol=1e-6)
    step = make_train_step(made)
    state = systems.first(made)
    batch = jax.tree.map(lambda x: x[None], real())
    after, metrics = step(state, batch, tuple(update.name for update in made.updates))
    assert all(np.isfinite(value) for value in metrics.values())
    for name in made.nets:
        moved = jax.tree.map(lambda a, b: (a != b).any(), state.params[name], after.params[name])
        assert any(jax.tree.leaves(moved)), name


def test_the_game_of_the_generator_has_a_weight() -> None:
    """Its metric has not, like those of terms."""
    much = Term(lambda scene, keys: (scene.fake.sum(1), Aux()), 5.0)
    (plain, _), (light, aux) = (
        loss_of(system(config_of(game='wasserstein'), pair(Linear(), generator_terms=terms), **how), 1)
        for terms, how in (({}, {}), ({'much': much}, {'weight': 0.1}))
    )
    np.testing.assert_allclose(light, 0.1 * plain + 5 * aux.metrics['much'], rtol=1e-5)
    np.testing.assert_allclose(aux.metrics['game'], plain, rtol=1e-6)


def test_pairs_apart_have_players_of_their_own() -> None:
    made = system(config_of(), pair(Linear(), 'a'), pair(Linear(), 'b'))
    assert [update.name for update in made.updates] == ['critic_a', 'generator_a', 'critic_b', 'generator_b']
    assert made.players['critic_b'].nets == ('critic_b',)


def test_views_are_chained() -> None:
    """A system's own view comes first, then what the config adds."""
    plus = View(lambda x, c, keys, state: (x + 1, c), {'a': 0.0}, lambda state, scores: Aux({'a': scores}))
    twice = View(lambda x, c, keys, state: (2 * x, c), {'b': 0.0}, lambda state, scores: Aux({'b': scores}))
    both = views.chain(plus, twice)
    np.testing.assert_allclose(both.show(jnp.ones((BATCH, 2)), (), keys(), None)[0], 4)
    assert both.memory == {'a': 0.0, 'b': 0.0} and both.learn(None, 5.0).metrics == {'a': 5.0, 'b': 5.0}
    assert views.chain(plus, None) is plus and views.chain(None, twice) is twice and views.chain(None, None) is None


def test_rates_follow_their_schedules() -> None:
    step = jnp.arange(12)
    linear = optimizers.rate({'schedule': 'linear', 'schedule_start': 4, 'schedule_end': 8}, 'critic')
    np.testing.assert_allclose(linear(step), [1, 1, 1, 1, 1, 0.75, 0.5, 0.25, 0, 0, 0, 0], atol=1e-7)
    cosine = optimizers.rate({'schedule': 'cosine', 'schedule_end': 10, 'schedule_final': 0.2}, 'critic')
    expected = 0.2 + 0.8 * 0.5 * (1 + np.cos(np.pi * np.minimum(step, 10) / 10))
    np.testing.assert_allclose(cosine(step), expected, atol=1e-6)
    warm = optimizers.rate({'warmup': 4}, 'critic')
    np.testing.assert_allclose(warm(step)[:5], [0.25, 0.5, 0.75, 1, 1])
    assert optimizers.rate({'schedule': None}, 'critic') is None
    for wrong, said in (
        ({'schedule': 'linear'}, 'schedule_end=None must be a step after'),
        ({'schedule_end': 4}, 'needs optimizer.critic.schedule'),
        ({'schedule': 'linaer', 'schedule_end': 4}, "did you mean 'linear'"),
    ):
        with pytest.raises(UserError, match=said):
            optimizers.rate(wrong, 'critic')


def test_a_rate_is_of_train_steps() -> None:
    """With two critic steps in each: at step 1 of 2 all of the critic's steps are half as large, and at 2 it stands."""
    overrides = {'optimizer.critic.schedule': 'linear', 'optimizer.critic.schedule_end': 2, 'train.n_critic': 2}
    overrides |= {'optimizer.critic.name': 'sgd', 'optimizer.critic.learning_rate': 0.1, 'game': 'wasserstein'}
    overrides |= {f'optimizer.critic.{key}': None for key in ('b1', 'b2', 'eps')}
    made = system(config_of(**overrides), pair(Linear()))
    state, moves = systems.first(made), []
    batch = jax.tree.map(lambda x: jnp.stack([x, x]), real())
    step = make_train_step(made)
    for _ in range(3):
        before = state.params['critic']['w']
        state, _ = step(state, batch, ('critic',))
        moves.append(float(jnp.abs(state.params['critic']['w'] - before).sum()))
    assert moves[0] > moves[1] > moves[2] == 0


def test_a_gate_that_is_shut_moves_nothing_but_memory() -> None:
    """It is shut in steps 0, 2, ...: weights and optimizer stay, what the loss remembers goes on."""

    def loss(params, state, batch, keys):
        return params['net']['b'].sum(), Aux(memory={'count': state.memory['count'] + 1})

    shift = net(Shift())
    update = Update('update', 'player', loss, gate=lambda state: state.memory['count'] % 2 == 0)
    made = System({'net': shift}, {'player': Player(('net',), optax.adam(0.1))}, (update,), {},
                  memory={'count': 0})  # fmt: skip
    state, opened = systems.first(made), []
    for i in range(4):
        after, metrics = make_train_step(made)(state, jax.tree.map(lambda x: x[None], real()), ('update',))
        moved = jax.tree.map(lambda a, b: bool((a != b).any()), (state.params, state.opt), (after.params, after.opt))
        opened.append(float(metrics['update/gate']))
        assert any(jax.tree.leaves(moved)) == all(jax.tree.leaves(moved)) == bool(opened[-1])
        assert after.memory['count'] == i + 1 and after.step == i + 1
        state = after
    assert opened == [0, 1, 0, 1]
