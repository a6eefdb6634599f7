"""A training step of BigGAN at 32 pixels against a plain PyTorch peer: same nets, losses and optimizers.

    pip install torch
    python tests/benchmarks/biggan.py [--rounds=5] [--steps=3] [--cpu] [--check]

The critic's step (hinge), then the generator's, told ten classes, timed as in turns.py; --cpu: seconds of the CPU, one
thread. --check times nothing and compares losses and gradients instead, for narrow nets with attention.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import jax
import jax.numpy as jnp
import numpy as np
import torch
from benchmarks import turns, whole
from benchmarks.peers import biggan as peers
from benchmarks.peers import nets
from benchmarks.whole import TOLERANCE, Ours
from ml_collections import ConfigDict
from torch.nn.functional import one_hot, relu

from gans.core import Array, Spec
from gans.defaults import adam, get_config

LATENTS, BATCH, SIZE, CLASSES = 80, 32, 32, 10
RATES = {'critic': 4e-4, 'generator': 1e-4}
PARTS = {'label_size': 128, 'hierarchical': True}
FULL, NARROW = {'width': 32}, {'width': 2, 'attention': (16,)}


def make(**options: object) -> Ours:
    """The step that trains nets with these options."""
    config = get_config()
    config.latents.size, config.game = LATENTS, 'hinge'
    config.generator = ConfigDict({'net': 'biggan', 'condition': 'norm', **PARTS, **options})
    config.critic = ConfigDict({'net': 'biggan', 'condition': 'projection', **options})
    for role, rate in RATES.items():
        config.optimizer[role] = adam(rate, b1=0.0)
    real, label = reals()
    return Ours(config, Spec((SIZE, SIZE, 3), tuple(map(str, range(CLASSES)))), {'real': real, 'label': label})


class Theirs:
    """The peer, which begins with the same weights."""

    def __init__(self, ours: Ours, layout: torch.memory_format) -> None:
        module = {role: ours.system.nets[role].module.net for role in RATES}
        self.nets = {
            'critic': peers.Net(peers.Critic(module['critic'], CLASSES)),
            'generator': peers.Net(peers.Generator(module['generator'], LATENTS, CLASSES)),
        }
        for role, net in self.nets.items():
            for value, parameter in self.paired(role, ours.state.params[role]):
                parameter.data.copy_(value)
            net.to(memory_format=layout)
        real, label = reals()
        self.real = torch.from_numpy(real).permute(0, 3, 1, 2).contiguous(memory_format=layout)
        self.label = one_hot(torch.from_numpy(label).long(), CLASSES).float()
        make = lambda role: torch.optim.Adam(self.nets[role].parameters(), RATES[role], (0.0, 0.999), 1e-8, fused=True)
        self.optimizers = {role: make(role) for role in RATES}

    def paired(self, role: str, tree: dict) -> list[tuple[torch.Tensor, torch.nn.Parameter]]:
        """Ours of a tree of the player's parameters, and the peer's."""
        return [(value, parameter) for parameter, value in nets.paired(self.nets[role], tree)]

    def loss(self, role: str, z: torch.Tensor) -> torch.Tensor:
        """Gradients are in the parameters afterwards."""
        for name, net in self.nets.items():
            net.requires_grad_(name == role)
        critic, fake = self.nets['critic'], self.nets['generator'](z, self.label)
        if role == 'generator':
            loss = -critic(fake, self.label).mean()
        else:
            scores = critic(self.real, self.label), critic(fake, self.label)
            loss = relu(1 - scores[0]).mean() + relu(1 + scores[1]).mean()
        self.optimizers[role].zero_grad()
        loss.backward()
        return loss.detach()

    def step(self) -> None:
        for role in RATES:
            self.loss(role, torch.randn(BATCH, LATENTS))
            self.optimizers[role].step()

    def wait(self) -> None:
        pass

    def settled(self, stats: dict) -> dict:
        """Our statistics, and the peer's, with all power iterations at their end, where half a step is none."""

        def settled(path: tuple, value: Array) -> Array:
            role, _, *layers, name = (entry.key for entry in path)
            layer = self.nets[role].get_submodule('.'.join(layers)) if name == 'u' else None
            return value if layer is None else jnp.asarray(nets.settle(layer).numpy())

        return jax.tree_util.tree_map_with_path(settled, stats)


def reals() -> tuple[np.ndarray, np.ndarray]:
    """Images [B, H, W, 3] and their classes [B]."""
    rng = np.random.default_rng(0)
    return rng.uniform(-1, 1, (BATCH, SIZE, SIZE, 3)).astype(np.float32), np.arange(BATCH, dtype=np.int32) % CLASSES


def compare() -> dict[str, float]:
    """For narrow nets all of whose kernels count."""
    ours = make(**NARROW)
    whole.shake(ours, 0.1)
    theirs = Theirs(ours, torch.contiguous_format)
    ours.state = ours.state.replace(stats=theirs.settled(ours.state.stats))
    return whole.compare(ours, theirs)


def main() -> None:
    args = turns.read_arguments(__doc__)
    if args.check:
        found = compare()
        turns.print_differences('biggan32', found)
        sys.exit(any(value > TOLERANCE for value in found.values()))
    ours = make(**FULL)
    turns.print_times('biggan32', ours, turns.both_layouts(lambda layout: Theirs(ours, layout)), args)


if __name__ == '__main__':
    main()
