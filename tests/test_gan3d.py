"""3D-GAN: its nets' sizes, its latents, and the gate that holds the critic back."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import systems

from experiments import gan3d_modelnet64, gan_ring8
from gans.configs import apply_defaults, override
from gans.core import Compute, Spec
from gans.errors import UserError
from gans.latents import make_latents
from gans.nets import gan3d
from gans.ops.random import example_keys
from gans.step import make_train_step
from gans.systems.build import build


def count(net, *inputs):
    variables = jax.eval_shape(lambda: net.init(jax.random.key(0), *inputs, train=True))
    return sum(leaf.size for leaf in jax.tree.leaves(variables['params']))


def test_the_papers_nets_at_64():
    """z 200 -> 512@4 - 256@8 - 128@16 - 64@32 - 1@64 without biases but those of norms, and the mirror."""
    widths = [512, 256, 128, 64]
    convs = 64 * sum(a * b for a, b in zip(widths, [*widths[1:], 1], strict=True))
    shape = (64, 64, 64, 1)
    generator, critic = gan3d.Generator(shape, Compute()), gan3d.Critic(shape, Compute())
    assert count(generator, jnp.zeros((2, 200))) == 200 * 64 * 512 + convs + 2 * sum(widths)
    assert count(critic, jnp.zeros((2, *shape))) == convs + 64 + 2 * sum(widths[:3]) + 64 * 512 + 1
    with pytest.raises(UserError, match='base=4 does not support 30 voxels'):
        count(gan3d.Critic((30, 30, 30, 1), Compute()), jnp.zeros((2, 30, 30, 30, 1)))
    with pytest.raises(UserError, match='supports volumes'):
        count(gan3d.Critic((32, 32, 1), Compute()), jnp.zeros((2, 32, 32, 1)))


def test_latents_are_those_of_the_released_sampler():
    z = make_latents(gan3d_modelnet64.get_config().latents)(example_keys(jax.random.key(0), jnp.arange(50)))
    assert z.shape == (50, 200) and 0 <= z.min() < 0.01 and 0.99 < z.max() < 1


def gated(**overrides):
    config = override(apply_defaults(gan_ring8.get_config('smoke'), 'of a test'), overrides, 'of a test')
    return build(config, Spec((2,)), Compute())


def test_the_critic_moves_where_it_is_right_often_enough_to_be_wrong():
    """Reals score above 0 and fakes below; the accuracy is that of the batch of the very step."""
    batch = {'real': jnp.asarray(np.random.default_rng(0).normal(size=(1, 8, 2)), jnp.float32)}
    shut = gated(**{'gan.gate': 0.0})
    due = tuple(update.name for update in shut.updates)
    start = systems.first(shut).replace(memory={'accuracy': jnp.float32(9)})  # which is of no step
    steps = [make_train_step(system) for system in (shut, gated(**{'gan.gate': 1.0}))]
    found = jax.jit(lambda state, batch: [step(state, batch, due) for step in steps])(start, batch)
    for gate, (state, metrics) in zip((0, 1), found, strict=True):
        accuracy = float(metrics['critic/accuracy'])
        assert 0 < accuracy <= 1 and accuracy * 16 == round(accuracy * 16)
        assert float(state.memory['accuracy']) == accuracy and float(metrics['critic/gate']) == (accuracy <= gate)
        moved = systems.changed(state.params, start.params)
        assert moved == ({'critic', 'generator'} if gate else {'generator'})
    with pytest.raises(UserError, match=r"train.micro=2 has no meaning in system 'gan', where the gate looks at"):
        gated(**{'gan.gate': 0.8, 'train.micro': 2})
