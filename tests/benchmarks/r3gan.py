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

import numpy as np
import torch
from benchmarks import turns, whole
from benchmarks.peers import r3gan as peers
from benchmarks.whole import ROLES, TOLERANCE, Ours
from ml_collections import ConfigDict
from torch.nn import functional

from gans.core import Spec
from gans.defaults import adam, get_config

GAMMA, LATENTS, GROUP, BATCH = 0.5, 64, 16, 32
FULL, NARROW = ((96, 64, 32, 16), 1), ((32, 16), 1)  # widths, and blocks of a stage


def make(widths: tuple[int, ...], blocks: int, size: int) -> Ours:
    """The step that trains such nets."""
    config = get_config()
    config.latents.size = LATENTS
    config.generator = config.critic = ConfigDict({'net': 'r3gan', 'widths': widths, 'blocks': blocks})
    config.game, config.terms = 'relativistic_pairing', {'r1_r2': {'weight': GAMMA}}
    config.optimizer.generator = config.optimizer.critic = adam(2e-4, b1=0.0, b2=0.9)
    return Ours(config, Spec((size, size, 3)), {'real': reals(size)})


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

    def paired(self, role: str, tree: dict) -> list[tuple[torch.Tensor, torch.nn.Parameter]]:
        """Ours of a tree of the player's parameters, and the peer's."""
        return [(peers.arranged(tree, name), parameter) for name, parameter in self.nets[role].named_parameters()]

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
    """For narrow nets whose blocks are not the identity."""
    ours = make(*NARROW, 8)
    whole.shake(ours, 0.05)
    return whole.compare(ours, Theirs(ours, *NARROW, 8, torch.contiguous_format))


def main() -> None:
    args = turns.read_arguments(__doc__)
    if args.check:
        found = compare()
        turns.print_differences('r3gan32', found)
        sys.exit(any(value > TOLERANCE for value in found.values()))
    ours = make(*FULL, 32)
    turns.print_times('r3gan32', ours, turns.both_layouts(lambda layout: Theirs(ours, *FULL, 32, layout)), args)


if __name__ == '__main__':
    main()
