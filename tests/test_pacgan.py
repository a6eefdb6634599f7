"""PacGAN: packs of examples that the critic judges as one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import systems
from ml_collections import ConfigDict

from experiments import common, pacgan_grid25
from gans import losses
from gans.configs import override
from gans.core import Compute, Spec
from gans.errors import UserError
from gans.ops.random import example_keys
from gans.parts import pack_examples, unpack_examples
from gans.step import due_updates, make_train_step
from gans.systems.build import build
from gans.training.setup import setup

B = 12


def config_of(pack: int, **changes) -> ConfigDict:
    config = common.get_config()
    config.data.name = 'grid'
    config.latents.size = 2
    config.generator = ConfigDict({'net': 'mlp', 'widths': (8,)})
    config.critic = ConfigDict({'net': 'mlp', 'widths': (8,)})
    config.pack = pack
    config.train.batch_size = B
    return override(config, changes, 'of a test')


def test_packs_lie_side_by_side() -> None:
    x = jnp.arange(12.0).reshape(6, 2)
    np.testing.assert_array_equal(pack_examples(x, 3), [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]])
    assert pack_examples(x, 1) is x
    images = jax.random.normal(jax.random.key(0), (6, 4, 5, 3))
    packs = pack_examples(images, 2)
    assert packs.shape == (3, 4, 5, 6)
    np.testing.assert_array_equal(packs[1], jnp.concatenate([images[2], images[3]], -1))
    np.testing.assert_array_equal(unpack_examples(packs, 2), images)


@pytest.mark.parametrize('pack', [1, 2, 3])
def test_the_losses_are_those_of_packs(pack: int) -> None:
    """Against the losses written out with numpy's packs: what is judged is a pack, its mean is over packs."""
    config = config_of(pack)
    system = build(config, Spec((2,)), Compute())
    state = systems.first(system)
    keys, real = example_keys(jax.random.key(1), jnp.arange(B)), jax.random.normal(jax.random.key(2), (B, 2))
    seen = {}
    critic = system.nets['critic']
    game = losses.game('non_saturating', losses.Targets())

    def score(x: np.ndarray) -> jax.Array:
        return critic.apply(state.params['critic'], state.stats['critic'], jnp.asarray(x), train=True)[0]

    loss, aux = next(u for u in system.updates if u.name == 'critic').loss(state.params, state, {'real': real}, keys)
    real_scores = score(np.asarray(real).reshape(B // pack, 2 * pack))
    assert real_scores.shape == (B // pack,)
    assert aux.metrics['real_score'] == pytest.approx(float(real_scores.mean()), rel=1e-5)
    # With the generator a constant, all of its packs are alike, and the loss is known from one of them.
    flat = jax.tree.map(jnp.zeros_like, state.params['generator'])
    seen = state.params | {'generator': flat}
    loss, _ = next(u for u in system.updates if u.name == 'critic').loss(seen, state, {'real': real}, keys)
    fakes = score(np.zeros((B // pack, 2 * pack), np.float32))
    assert float(loss) == pytest.approx(float(game.critic(real_scores, fakes).mean()), rel=1e-5)


@pytest.mark.parametrize('dynamics', [None, 'simultaneous'])
@pytest.mark.parametrize('penalty', ['wgan_gp', 'r1'])
def test_penalties_and_flips_see_packs(dynamics: str | None, penalty: str) -> None:
    config = config_of(2, **{'dynamics': dynamics, f'terms.{penalty}.weight': 10.0, 'flip_targets': 0.3})
    system = build(config, Spec((2,)), Compute())
    state = systems.first(system)
    batch = {'real': jax.random.normal(jax.random.key(1), (1, B, 2))}
    after, metrics = jax.jit(make_train_step(system), static_argnums=2)(state, batch, due_updates(system, 0))
    assert all(np.isfinite(value) for value in metrics.values())
    moved = lambda net: jax.tree.map(lambda a, b: float(abs(a - b).max()), state.params[net], after.params[net])
    assert all(max(jax.tree.leaves(moved(net))) > 0 for net in ('generator', 'critic'))


def test_a_pack_is_of_one_device_and_micro_batch() -> None:
    with pytest.raises(UserError, match=r'batch_size=12 cannot be divided by 1 devices x train\.micro=2 x pack=4'):
        setup(config_of(4, **{'train.micro': 2}), devices=1)
    with pytest.raises(UserError, match='pack=0 must be at least 1'):
        setup(config_of(0), devices=1)
    with pytest.raises(UserError, match="pack=2 has no meaning in system 'infogan'"):
        setup(config_of(2, system='infogan'), devices=1)


def test_maxout_is_the_largest_of_its_pieces() -> None:
    """The authors' critic: 3 layers of 200 units, each the largest of 5 pieces."""
    config = pacgan_grid25.get_config()
    system = build(config, Spec((2,)), Compute())
    params, stats = system.nets['critic'].init(jax.random.key(0))
    assert [params[f'dense_{i}']['kernel'].shape for i in range(3)] == [(4, 1000), (200, 1000), (200, 1000)]
    x = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    h = x
    for i in range(3):
        layer = jax.tree.map(np.asarray, params[f'dense_{i}'])
        h = (h @ layer['kernel'] + layer['bias']).reshape(3, 5, 200).max(1)
    expected = h @ np.asarray(params['out']['kernel']) + np.asarray(params['out']['bias'])
    np.testing.assert_allclose(system.nets['critic'].apply(params, stats, x, train=True)[0], expected[:, 0], atol=1e-6)
