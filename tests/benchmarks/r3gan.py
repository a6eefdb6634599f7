"""A training step of R3GAN at 32 pixels against a plain PyTorch peer: same nets, losses and optimizers.

    pip install torch
    python tests/benchmarks/r3gan.py [--rounds=5] [--steps=3] [--cpu] [--check]

The critic's step (relativistic game, R1 and R2 of its scores), then the generator's, timed as in turns.py; --cpu:
seconds of the CPU, one thread. --check times nothing and compares losses and gradients instead, for narrow nets whose
blocks are not the identity.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import jax
import jax.numpy as jnp
import numpy as np
import torch
from benchmarks import turns
from benchmarks.peers import r3gan as peers
from ml_collections import ConfigDict
from torch.nn import functional

from gans.core import Array, Compute, Spec, TrainState
from gans.defaults import adam, get_config
from gans.latents import make_latents
from gans.ops import random
from gans.step import init_state, make_train_step
from gans.systems.build import build
from gans.training.setup import unoptimized

GAMMA, LATENTS, GROUP, BATCH = 0.5, 64, 16, 32
ROLES = ('critic', 'generator')
FULL, NARROW = ((96, 64, 32, 16), 1), ((32, 16), 1)  # widths, and blocks of a stage
TOLERANCE = 1e-3


class Ours:
    """The step that trains, without averages and augmentations."""

    def __init__(self, widths: tuple[int, ...], blocks: int, size: int) -> None:
        config = get_config()
        config.latents.size = LATENTS
        config.generator = config.critic = ConfigDict({'net': 'r3gan', 'widths': widths, 'blocks': blocks})
        config.game, config.terms = 'relativistic_pairing', {'r1_r2': {'weight': GAMMA}}
        config.optimizer.generator = config.optimizer.critic = adam(2e-4, b1=0.0, b2=0.9)
        self.latents, self.system = make_latents(config.latents), build(config, Spec((size, size, 3)), Compute())
        init = jax.jit(lambda key: init_state(self.system, key), compiler_options=unoptimized())
        self.state = init(jax.random.key(0))
        self.batch = {'real': jnp.asarray(reals(size))[None]}
        step = make_train_step(self.system)
        self.jitted = jax.jit(lambda state, batch: step(state, batch, ROLES)[0], donate_argnums=0)

    def gradients(self, role: str, state: TrainState) -> tuple[Array, dict, Array]:
        """Loss, the player's gradients, and the latents that were drawn."""
        update = self.system.updates[ROLES.index(role)]
        keys = random.example_keys(jax.random.key(1), jnp.arange(BATCH))
        batch = {name: x[0] for name, x in self.batch.items()}

        def loss(own: dict) -> Array:
            return update.loss({**state.params, role: own}, state, batch, keys)[0]

        value, slope = jax.value_and_grad(loss)(state.params[role])
        scene = random.split(keys, 3)[0] if role == 'critic' else keys
        return value, slope, self.latents(random.split(scene, 4)[0])

    def step(self) -> None:
        self.state = self.jitted(self.state, self.batch)

    def wait(self) -> None:
        jax.block_until_ready(self.state.params)


class Theirs:
    """The peer, which begins with the same weights."""

    def __init__(
        self, ours: Ours, widths: tuple[int, ...], blocks: int, size: int, layout: torch.memory_format
    ) -> None:
        base = size // 2 ** (len(widths) - 1)
        self.nets = {
            'critic': peers.Critic(base, widths, blocks, GROUP),
            'generator': peers.Generator(LATENTS, base, widths, blocks, GROUP),
        }
        for role, net in self.nets.items():
            net.load_state_dict({name: peers.arranged(ours.state.params[role], name) for name in net.state_dict()})
            for parameter in net.parameters():
                parameter.data = parameter.data.to(memory_format=layout) if parameter.ndim == 4 else parameter.data
        self.real = torch.from_numpy(reals(size)).permute(0, 3, 1, 2).contiguous(memory_format=layout)
        make = lambda net: torch.optim.Adam(net.parameters(), 2e-4, (0.0, 0.9), 1e-8, fused=True)
        self.optimizers = {role: make(net) for role, net in self.nets.items()}

    def loss(self, role: str, z: torch.Tensor) -> torch.Tensor:
        """Gradients are in the parameters afterwards."""
        for name, net in self.nets.items():
            net.requires_grad_(name == role)
        critic, generator = self.nets['critic'], self.nets['generator']
        if role == 'generator':
            loss = functional.softplus(critic(self.real) - critic(generator(z))).mean()
        else:
            real, fake = self.real.detach().requires_grad_(), generator(z).detach().requires_grad_()
            scores = critic(real), critic(fake)
            slopes = [
                torch.autograd.grad(s.sum(), x, create_graph=True)[0] for s, x in zip(scores, (real, fake), strict=True)
            ]
            penalty = sum(slope.square().sum((1, 2, 3)) for slope in slopes)
            loss = (functional.softplus(scores[1] - scores[0]) + GAMMA / 2 * penalty).mean()
        self.optimizers[role].zero_grad()
        loss.backward()
        return loss.detach()

    def step(self) -> None:
        for role in ROLES:
            self.loss(role, torch.randn(BATCH, LATENTS))
            self.optimizers[role].step()

    def wait(self) -> None:
        pass


def reals(size: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 1, (BATCH, size, size, 3)).astype(np.float32)


def compare() -> dict[str, float]:
    """How far the peer's losses and gradients are from ours, for narrow nets all of whose kernels count."""
    ours, found = Ours(*NARROW, 8), {}
    noise = lambda x: x + 0.05 * np.random.default_rng(x.size).normal(size=x.shape).astype(np.float32)
    ours.state = ours.state.replace(params=jax.tree.map(noise, ours.state.params))
    theirs = Theirs(ours, *NARROW, 8, torch.contiguous_format)
    for role in ROLES:
        value, slope, z = jax.jit(ours.gradients, static_argnums=0, compiler_options=unoptimized())(role, ours.state)
        loss = theirs.loss(role, torch.tensor(np.asarray(z)))
        found[f'{role} loss'] = abs(float(value) - float(loss)) / max(1.0, abs(float(value)))
        pairs = [(peers.arranged(slope, name), p.grad) for name, p in theirs.nets[role].named_parameters()]
        mine, other = (torch.cat([x.flatten() for x in side]) for side in zip(*pairs, strict=True))
        found[f'{role} gradients'] = float((mine - other).norm() / mine.norm())
    return found


def main() -> None:
    args = turns.read_arguments(__doc__)
    if args.check:
        found = compare()
        turns.print_differences('r3gan32', found)
        sys.exit(any(value > TOLERANCE for value in found.values()))
    ours = Ours(*FULL, 32)
    turns.print_times('r3gan32', ours, turns.both_layouts(lambda layout: Theirs(ours, *FULL, 32, layout)), args)


if __name__ == '__main__':
    main()
