"""The phases of StyleGAN's or StyleGAN2's training against a plain PyTorch peer: gradients of the same losses and nets.

    pip install torch
    python tests/benchmarks/stylegans.py [--net=stylegan2] [--phases=generator,critic,r1,...] [--side=32] [--width=128]
        [--batch=16] [--rounds=5] [--steps=3] [--cpu] [--check]

StyleGAN's nets do not grow, and its path length is not timed. Timed as in turns.py; --cpu: seconds of the CPU in place
of those of the clock, one thread in PyTorch. --check times nothing and compares losses and gradients. Steps of
optimizers are left out.
"""

import argparse
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import jax
import jax.numpy as jnp
import numpy as np
import torch
from benchmarks import turns
from benchmarks.peers import stylegan as stylegan_peers
from benchmarks.peers import stylegan2 as stylegan2_peers
from benchmarks.peers.stylegan2 import names, parameters

from gans.core import Array, Compute, Tree
from gans.nets import stylegan, stylegan2
from gans.nets.build import from_linen
from gans.ops.dropout import noise_shape, noise_words
from gans.ops.random import example_keys
from gans.systems.stylegan2 import path_lengths

DEPTH, GROUP, DECAY = 8, 4, 0.01  # layers of the mapping net; examples of a deviation; of the mean path length
OWNED = {'generator': ('mapping', 'generator'), 'path length': ('mapping', 'generator')}
OWNED |= {'critic': ('critic',), 'r1': ('critic',)}


class Nets(NamedTuple):
    """What the benchmark must know of a paper's nets."""

    ours: ModuleType
    peers: ModuleType
    most: str  # their option for the channels of the smallest images
    phases: tuple[str, ...]


NETS = {
    'stylegan': Nets(stylegan, stylegan_peers, 'fmap_max', ('generator', 'critic', 'r1')),
    'stylegan2': Nets(stylegan2, stylegan2_peers, 'width', tuple(OWNED)),
}


class Both:
    """Nets, inputs, and the losses of each phase on either side."""

    def __init__(self, net: str, side: int, width: int, batch: int) -> None:
        nets, self.peers, most, _ = NETS[net]
        self.shape, self.batch = (side, side, 3), batch
        plain = Compute()
        like = lambda *shape: jax.ShapeDtypeStruct((2, *shape), jnp.float32)
        synthesis = nets.Synthesis(self.shape, plain, **{most: width})
        self.layers = synthesis.layers
        self.nets = {
            'mapping': from_linen(nets.Mapping(width, plain, DEPTH), like(width)),
            'generator': from_linen(synthesis, like(self.layers, width), noise_shape()),
            'critic': from_linen(nets.Critic(self.shape, plain, group=GROUP, **{most: width}), like(*self.shape)),
        }
        keys = dict(zip(self.nets, jax.random.split(jax.random.key(0), 3), strict=True))
        made = {name: jax.jit(net.init)(keys[name]) for name, net in self.nets.items()}
        self.params, self.stats = ({name: both[i] for name, both in made.items()} for i in (0, 1))
        draw = np.random.default_rng(0).normal
        sizes = {'z': (batch, width), 'real': (batch, *self.shape), 'y': (batch // 2, *self.shape)}
        self.inputs = {name: draw(size=size).astype(np.float32) for name, size in sizes.items()}
        self.torch = {name: torch.from_numpy(x) for name, x in self.inputs.items()}
        for name in ('real', 'y'):
            self.torch[name] = self.torch[name].permute(0, 3, 1, 2)  # channels last, as it lies there
        self.peer = parameters(self.params)

    def ours(self, phase: str, owned: Tree) -> Array:
        """A loss as a function of the nets that it trains."""
        params, words = {**self.params, **owned}, noise_words(example_keys(jax.random.key(1), jnp.arange(self.batch)))
        apply = lambda name, *x: self.nets[name].apply(params[name], self.stats[name], *x, train=True)[0]
        styles = lambda z: jnp.repeat(apply('mapping', z)[:, None], self.layers, 1)
        critic = lambda x: apply('critic', x)
        if phase == 'r1':
            return jnp.square(jax.grad(lambda x: critic(x).sum())(self.inputs['real'])).sum((1, 2, 3)).mean() / 2
        if phase == 'path length':
            half = self.batch // 2
            image = lambda ws: apply('generator', ws, words[:half])
            lengths = path_lengths(image, styles(self.inputs['z'][:half]), self.inputs['y'])
            return ((lengths - DECAY * lengths.mean()) ** 2).mean()
        fake = critic(apply('generator', styles(self.inputs['z']), words))
        if phase == 'generator':
            return jax.nn.softplus(-fake).mean()
        return (jax.nn.softplus(fake) + jax.nn.softplus(-critic(self.inputs['real']))).mean()

    def theirs(self, phase: str) -> torch.Tensor:
        p, side, peers = self.peer, self.shape[0], self.peers
        styles = lambda z: peers.mapping(p, z, DEPTH)[:, None].expand(-1, self.layers, -1)
        critic = partial(peers.critic, p, group=GROUP)
        if phase == 'r1':
            x = self.torch['real'].detach().requires_grad_()
            (gradient,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
            return (gradient**2).sum((1, 2, 3)).mean() / 2
        if phase == 'path length':
            ws = styles(self.torch['z'][: self.batch // 2])
            image = peers.synthesis(p, ws, side)
            (gradient,) = torch.autograd.grad((image * self.torch['y']).sum() / side, ws, create_graph=True)
            lengths = (gradient**2).sum(2).mean(1).sqrt()
            return ((lengths - DECAY * lengths.mean()) ** 2).mean()
        with torch.set_grad_enabled(phase == 'generator'):
            image = peers.synthesis(p, styles(self.torch['z']), side)
        fake, softplus = critic(image), torch.nn.functional.softplus
        if phase == 'generator':
            return softplus(-fake).mean()
        return (softplus(fake) + softplus(-critic(self.torch['real']))).mean()

    def own(self, phase: str) -> list[torch.Tensor]:
        return [p for name, p in self.peer.items() if name.partition('/')[0] in OWNED[phase]]

    def compiled(self, phase: str) -> Callable[[], tuple[Array, Tree]]:
        step = jax.jit(lambda owned: jax.value_and_grad(lambda owned: self.ours(phase, owned))(owned))
        return lambda: step({name: self.params[name] for name in OWNED[phase]})


class Side:
    """What `in_turns` drives."""

    def __init__(self, run: Callable[[], Any]) -> None:
        self.run = run

    def step(self) -> None:
        self.made = self.run()

    def wait(self) -> None:
        jax.block_until_ready(self.made)


def compare(both: Both, phase: str) -> dict[str, float]:
    """How far the peer's loss and gradients are from ours, relative; those of noise are of other noise."""
    value, gradients = both.compiled(phase)()
    loss = both.theirs(phase)
    loss.backward()
    mine = {name: x for name, x in names(gradients).items() if not name.endswith('strength')}
    zeros = lambda p: np.zeros(p.shape, np.float32) if p.grad is None else p.grad.numpy()
    other = {name: zeros(both.peer[name]) for name in mine}
    for p in both.peer.values():
        p.grad = None
    flat = lambda found: np.concatenate([x.ravel() for x in found.values()])
    apart = np.linalg.norm(flat(mine) - flat(other)) / np.linalg.norm(flat(mine))
    return {'loss': abs(float(value) - loss.item()) / max(1.0, abs(float(value))), 'gradients': float(apart)}


def measure(both: Both, phase: str, args: argparse.Namespace) -> None:
    own = both.own(phase)
    theirs = lambda: torch.autograd.grad(both.theirs(phase), own, allow_unused=True)
    side = Side(lambda: theirs() and None)
    turns.print_times(phase, Side(both.compiled(phase)), {'PyTorch': side}, args)


def main() -> None:
    args = turns.read_arguments(__doc__, net='stylegan2', side=32, width=128, batch=16, phases='')
    both = Both(args.net, args.side, args.width, args.batch)
    for phase in args.phases.split(',') if args.phases else NETS[args.net].phases:
        if args.check:
            turns.print_differences(phase, compare(both, phase))
        else:
            measure(both, phase, args)


if __name__ == '__main__':
    main()
