"""PyTorch's peers of the StyleGANs compute what ours do, with first and second derivatives."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

pytest.importorskip('torch')

import torch
from benchmarks import stylegans
from benchmarks.peers import stylegan as peers
from benchmarks.peers.stylegan2 import names as flatten
from benchmarks.peers.stylegan2 import parameters
from test_stylegan import KEYS, PLAIN, SHAPE, SMALL, B, D, like, shaken, synthesis

from gans.nets import stylegan as nets
from gans.nets.build import from_linen
from gans.ops.dropout import noise_words
from gans.ops.noise import noise_maps

pytestmark = pytest.mark.usefixtures('one_thread')

both = functools.cache(lambda net: stylegans.Both(net, 8, 8, 8))


@pytest.mark.parametrize(
    ('net', 'phase'), [*(('stylegan2', phase) for phase in stylegans.OWNED), ('stylegan', 'critic'), ('stylegan', 'r1')]
)
def test_losses_and_gradients(net: str, phase: str) -> None:
    """As benchmarks time them, with the deviation of two groups of four, through which R1 couples examples."""
    found = stylegans.compare(both(net), phase)
    assert all(value < 1e-3 for value in found.values()), found


def test_stylegan_while_layers_fade_in() -> None:
    """Both players, with R1, and a peer that resamples step by step; parameters are as after some training."""
    alpha, gamma, group, depth = 0.3, 10.0, 2, 2
    owned = {'critic': ('critic',), 'generator': ('mapping', 'generator')}
    players = {
        'mapping': from_linen(nets.Mapping(D, PLAIN, depth), like(D)),
        'generator': synthesis(8, D, 1, **SMALL),
        'critic': from_linen(nets.Critic(SHAPE, PLAIN, **SMALL, group=group), like(*SHAPE), like()),
    }
    keys = dict(zip(players, jax.random.split(jax.random.key(0), 3), strict=True))
    made = jax.jit(lambda: {name: net.init(keys[name]) for name, net in players.items()})()
    params, stats = ({name: each[i] for name, each in made.items()} for i in (0, 1))
    params = shaken(params)
    draw = np.random.default_rng(1).normal
    z, x = draw(size=(B, D)).astype(np.float32), draw(size=(B, *SHAPE)).astype(np.float32)
    words, told = noise_words(KEYS), jnp.full(B, alpha)
    apply = lambda params, name, *args: players[name].apply(params[name], stats[name], *args, train=True)[0]

    def critic_loss(owned: dict, fake: jax.Array) -> jax.Array:
        score = lambda x: apply(owned, 'critic', x, told)
        penalty = jnp.square(jax.grad(lambda x: score(x).sum())(x)).sum((1, 2, 3))
        game = jax.nn.softplus(score(fake)) + jax.nn.softplus(-score(x))
        return (game + gamma / 2 * penalty).mean()

    def generator_loss(owned: dict) -> tuple:
        ws = jnp.repeat(apply(owned, 'mapping', z)[:, None], 4, 1)
        fake = apply(owned, 'generator', ws, words, told)
        return jax.nn.softplus(-apply(params, 'critic', fake, told)).mean(), fake

    @jax.jit
    def ours(params: dict) -> dict:
        parts = {role: {name: params[name] for name in names} for role, names in owned.items()}
        (value, fake), slope = jax.value_and_grad(generator_loss, has_aux=True)(parts['generator'])
        return {'generator': (value, slope), 'critic': jax.value_and_grad(critic_loss)(parts['critic'], fake)}

    p, layout = parameters(params), lambda x: torch.from_numpy(np.array(x)).movedim(-1, 1)
    noise = [layout(each) for each in noise_maps(words, [4, 4, 8, 8])]
    real = layout(x).requires_grad_()
    score = lambda x: peers.critic(p, x, group, alpha, fused=False)
    ws = peers.mapping(p, torch.from_numpy(z), depth)[:, None].expand(-1, 4, -1)
    fake, softplus = peers.synthesis(p, ws, 8, noise, alpha, fused=False), torch.nn.functional.softplus
    (slope,) = torch.autograd.grad(score(real).sum(), real, create_graph=True)
    game = softplus(score(fake.detach())) + softplus(-score(real))
    theirs = {
        'critic': (game + gamma / 2 * slope.square().sum((1, 2, 3))).mean(),
        'generator': softplus(-score(fake)).mean(),
    }
    for role, (value, gradients) in ours(params).items():
        assert float(value) == pytest.approx(theirs[role].item(), rel=1e-4)
        wanted = flatten(gradients)
        found = torch.autograd.grad(theirs[role], [p[name] for name in wanted], allow_unused=True)
        for (name, mine), peer in zip(wanted.items(), found, strict=True):
            other = np.zeros_like(mine) if peer is None else peer.numpy()
            assert np.linalg.norm(mine - other) <= 1e-3 * np.linalg.norm(mine), name
