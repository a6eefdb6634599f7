"""Virtual batch norm: against numpy, and what it is for."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import systems
from ml_collections import ConfigDict

from experiments import common
from gans.core import Compute, Spec
from gans.errors import UserError
from gans.nets import build as nets
from gans.ops.virtual import REFERENCE, VirtualBatchNorm
from gans.step import make_train_step
from gans.systems import gan

NETS = {
    'mlp': ({'net': 'mlp', 'widths': (6,)}, (2,)),
    'dcgan': ({'net': 'dcgan', 'width': 4}, (8, 8, 1)),
    'sngan': ({'net': 'sngan', 'width': 2}, (8, 8, 1)),
}
DRAW = lambda keys: jax.vmap(lambda key: jax.random.uniform(key, (5,), minval=-1.0))(keys)


@pytest.mark.parametrize('shape', [(3,), (4, 5, 3)])
def test_moments_against_numpy(shape) -> None:
    x = np.random.default_rng(0).normal(2.0, 3.0, (REFERENCE + 2, *shape)).astype(np.float32)
    layer = VirtualBatchNorm(Compute(), jax.nn.initializers.ones)
    variables = layer.init(jax.random.key(0), x)
    scale, bias = np.array([1.0, 2.0, -1.0]), np.array([0.0, 0.5, 1.0])
    variables['params'] = {'scale': jnp.asarray(scale), 'bias': jnp.asarray(bias)}
    made = layer.apply(variables, x)
    axes = tuple(range(x.ndim - 1))
    normal = lambda some, batch: (some - batch.mean(axes)) / np.sqrt(batch.var(axes) + 1e-5) * scale + bias
    reference = x[:REFERENCE].astype(np.float64)
    np.testing.assert_allclose(made[:REFERENCE], normal(reference, reference), atol=1e-4)
    for i in (0, 1):  # each with the reference batch, and without the other
        own = x[REFERENCE + i :][:1].astype(np.float64)
        wanted = normal(own, np.concatenate([reference, own]))
        np.testing.assert_allclose(made[REFERENCE + i :][:1], wanted, atol=1e-4)


@pytest.mark.parametrize('name', NETS)
def test_an_example_does_not_depend_on_its_batch(name) -> None:
    options, shape = NETS[name]
    apart = {}
    for kind in ('virtual', 'batch'):
        net = nets.generator({**options, 'norm': kind}, Spec(shape), 5, Compute(), DRAW)
        params, stats = jax.jit(net.init)(jax.random.key(0))
        z = jax.random.normal(jax.random.key(1), (6, 5))
        apply = jax.jit(
            lambda z, train=True, p=params, s=stats, net=net: net.apply(p, s, z, train=train)[0], static_argnums=1
        )
        apart[kind] = np.abs(apply(z)[:2] - apply(z.at[2:].multiply(9.0))[:2]).max()
        if kind == 'virtual':
            assert apply(z).shape == (6, *shape)
            trained, sampled = apply(z), apply(z, False)
            np.testing.assert_allclose(trained, sampled, atol=1e-5)  # nothing runs
    assert apart['virtual'] < 1e-5 < apart['batch']


def test_reference_is_drawn_with_the_weights_and_stays() -> None:
    config = common.get_config()
    config.data.name, config.latents.size, config.latents.distribution = 'ring', 5, 'uniform'
    config.generator = ConfigDict({'net': 'mlp', 'widths': (8,), 'norm': 'virtual', 'condition': 'concat'})
    config.critic = ConfigDict({'net': 'mlp', 'widths': (8,), 'condition': 'concat'})
    system = gan.build(config, Spec((2,), ('a', 'b')), Compute())
    state, other = (systems.first(system, seed) for seed in (0, 1))
    reference = lambda state: np.asarray(state.stats['generator']['batch_stats']['reference'])
    assert reference(state).shape == (REFERENCE, 5) and np.abs(reference(state)).max() <= 1
    assert (reference(state) < -0.5).any() and (reference(state) != reference(other)).all()
    batch = {'real': jnp.ones((1, 8, 2)), 'label': jnp.arange(8)[None] % 2}
    step = jax.jit(make_train_step(system), static_argnums=2)
    after, metrics = step(state, batch, ('critic', 'generator'))
    np.testing.assert_array_equal(reference(after), reference(state))
    moved = jax.tree.map(lambda a, b: bool((a != b).any()), after.params['generator'], state.params['generator'])
    assert all(jax.tree.leaves(moved)) and np.isfinite(metrics['generator/loss'])


def test_other_systems_and_critics_have_none() -> None:
    with pytest.raises(UserError, match=r"generator\.norm='virtual' works in system gan"):
        nets.generator({'net': 'mlp', 'norm': 'virtual'}, Spec((2,)), 5, Compute())
    net = nets.critic({'net': 'mlp', 'norm': 'virtual'}, Spec((2,)), Compute())
    with pytest.raises(UserError, match=r"unknown critic\.norm 'virtual'"):
        net.init(jax.random.key(0))
