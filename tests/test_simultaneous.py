"""The dynamics 'simultaneous': both players move at once, from the same point, each with its own optimizer."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import systems
from test_dirac import ONE, PSI, RATE, SIGMOID, STEPS, pencil

from experiments import gan_ring8
from experiments.sweeps import dirac
from gans.configs import apply_defaults, override
from gans.core import Compute, Spec
from gans.dynamics import simultaneous
from gans.errors import UserError
from gans.ops.random import example_keys
from gans.step import init_state, make_train_step
from gans.systems.build import build


def ring(**overrides):
    config = apply_defaults(gan_ring8.get_config('smoke'), 'of a test')
    return override(config, {'dynamics': 'simultaneous', **overrides}, 'of a test')


def one_step(system, state, batch):
    return jax.jit(make_train_step(system), static_argnums=2)(state, batch, systems.updates_of(system))


def batch_of(seed=0):
    return {'real': jnp.asarray(np.random.default_rng(seed).normal(size=(1, 8, 2)), jnp.float32)}


@pytest.mark.parametrize(
    'overrides, formulas',
    [
        ({'game': 'minimax'}, (SIGMOID,)),
        ({'game': 'minimax', 'terms.r1.weight': 1.0}, (SIGMOID, PSI)),
        ({'game': 'wasserstein'}, (ONE,)),
    ],
)
def test_trajectory_of_the_dirac_gan(overrides, formulas):
    config = override(dirac.get_config(), {'dynamics': 'simultaneous', **overrides}, 'of a test')
    for role in ('generator', 'critic'):
        config.optimizer[role].learning_rate = RATE
    with jax.enable_x64(True):
        system = build(config, Spec((1,)), Compute())

        def body(state, _):
            state, _ = one_step(system, state, {'real': jnp.zeros((1, 2, 1))})
            return state, jnp.stack([state.params['generator']['theta'], state.params['critic']['psi']])

        found = jax.jit(lambda s: jax.lax.scan(body, s, None, STEPS)[1])(systems.first(system))
    np.testing.assert_allclose(found, pencil(*formulas, simultaneous=True), rtol=1e-6, atol=1e-9)


def test_both_players_see_the_old_parameters():
    """Each moves as in turns when it alone is due, on the same keys and with its own optimizer."""
    config = ring(**{'optimizer.generator.learning_rate': 1e-2, 'optimizer.critic.learning_rate': 3e-3})
    together = build(config, Spec((2,)), Compute())
    config.dynamics = None
    in_turns = build(config, Spec((2,)), Compute())
    apart, players = {update.player: update for update in in_turns.updates}, in_turns.players
    state, batch = systems.first(together), batch_of()
    after, metrics = one_step(together, state, batch)
    keys = example_keys(jax.random.fold_in(jax.random.fold_in(jax.random.fold_in(state.rng, 0), 0), 0), jnp.arange(8))
    for i, (name, update) in enumerate(apart.items()):
        own = jax.vmap(lambda key: jax.random.split(key, 2))(keys)[:, i]
        real = {'real': batch['real'][0]}
        loss = lambda owned: update.loss({**state.params, **owned}, state, real, own)[0]  # noqa: B023
        owned = {name: state.params[name]}
        value, grads = jax.value_and_grad(loss)(owned)
        change, _ = players[name].tx.update(grads, players[name].tx.init(owned), owned)
        moved = optax.apply_updates(owned, change)[name]
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), after.params[name], moved)
        assert metrics[f'both/{name}_loss'] == pytest.approx(float(value), rel=1e-5)
        assert not jax.tree.all(jax.tree.map(jnp.array_equal, moved, owned[name]))
    total = metrics['both/critic_loss'] + metrics['both/generator_loss']
    assert metrics['both/loss'] == pytest.approx(float(total), rel=1e-6)
    wanted = {'both/critic_real_score', 'both/critic_fake_score', 'both/critic_r1', 'both/critic_game'}
    assert wanted <= set(metrics)


def test_clipping_is_the_critics_alone():
    system = build(ring(**{'optimizer.critic.clip_weights': 0.01}), Spec((2,)), Compute())
    after, _ = one_step(system, systems.first(system), batch_of())
    largest = {net: max(abs(leaf).max() for leaf in jax.tree.leaves(tree)) for net, tree in after.params.items()}
    assert largest['critic'] <= 0.01 + 1e-6 and largest['generator'] > 0.1


def test_statistics_of_both_nets_advance():
    config = ring(**{'critic.norm': 'spectral', 'generator.norm': 'batch'})
    system = build(config, Spec((2,)), Compute())
    state = systems.first(system)
    after, _ = one_step(system, state, batch_of())
    for net in ('critic', 'generator'):
        assert not jax.tree.all(jax.tree.map(jnp.array_equal, after.stats[net], state.stats[net]))


def test_micro_batches_are_the_batch():
    whole, pieces = (build(ring(**{'train.micro': micro}), Spec((2,)), Compute()) for micro in (1, 4))
    state = systems.first(whole)
    a, b = (one_step(system, state, batch_of())[0].params for system in (whole, pieces))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), a, b)


@pytest.mark.parametrize(
    'overrides, said',
    [
        ({'train.n_critic': 2}, 'train.n_critic=2, but these dynamics update all players simultaneously'),
        ({'terms.r1.every': 4}, "'r1' is due every 4 steps, but these dynamics update all players simultaneously"),
        ({'dynamics': 'simultaneus'}, "unknown dynamics 'simultaneus'; did you mean 'simultaneous'"),
    ],
)
def test_what_has_no_meaning_is_refused(overrides, said):
    with pytest.raises(UserError, match=said):
        build(ring(**overrides), Spec((2,)), Compute())


def test_a_gate_is_not_dropped():
    config = ring(dynamics=None)
    system = build(config, Spec((2,)), Compute())
    gated = system.updates[1]._replace(gate=lambda state: state.step > 3)
    with pytest.raises(UserError, match=r"^'generator' has a gate, but these dynamics"):
        simultaneous.transform(system._replace(updates=(system.updates[0], gated)))


def test_dirac_nets_refuse_images():
    config = dirac.get_config()
    with pytest.raises(UserError, match=r'points \[1\] on the line, not \(2,\)'):
        init_state(build(config, Spec((2,)), Compute()), jax.random.key(0))
