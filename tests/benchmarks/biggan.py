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
from benchmarks import turns
from benchmarks.peers import biggan as peers
from benchmarks.peers import nets
from ml_collections import ConfigDict
from torch.nn.functional import one_hot, relu

from gans.core import Array, Compute, Spec, TrainState
from gans.defaults import adam, get_config
from gans.latents import make_latents
from gans.ops import random
from gans.step import init_state, make_train_step
from gans.systems.build import build
from gans.training.setup import unoptimized

LATENTS, BATCH, SIZE, CLASSES = 80, 32, 32, 10
RATES = {'critic': 4e-4, 'generator': 1e-4}
PARTS = {'label_size': 128, 'hierarchical': True}
FULL, NARROW = {'width': 32}, {'width': 2, 'attention': (16,)}
TOLERANCE = 1e-3


class Ours:
    """The step that trains, without averages."""

    def __init__(self, **options: object) -> None:
        config = get_config()
        config.latents.size, config.game = LATENTS, 'hinge'
        config.generator = ConfigDict({'net': 'biggan', 'condition': 'norm', **PARTS, **options})
        config.critic = ConfigDict({'net': 'biggan', 'condition': 'projection', **options})
        for role, rate in RATES.items():
            config.optimizer[role] = adam(rate, b1=0.0)
        spec = Spec((SIZE, SIZE, 3), tuple(map(str, range(CLASSES))))
        self.latents, self.system = make_latents(config.latents), build(config, spec, Compute())
        init = jax.jit(lambda key: init_state(self.system, key), compiler_options=unoptimized())
        self.state = init(jax.random.key(0))
        real, label = reals()
        self.batch = {'real': jnp.asarray(real)[None], 'label': jnp.asarray(label)[None]}
        step = make_train_step(self.system)
        self.jitted = jax.jit(lambda state, batch: step(state, batch, tuple(RATES))[0], donate_argnums=0)

    def gradients(self, role: str, state: TrainState) -> tuple[Array, dict, Array]:
        """Loss, the player's gradients, and the latents that were drawn."""
        update = self.system.updates[list(RATES).index(role)]
        keys = random.example_keys(jax.random.key(1), jnp.arange(BATCH))
        batch = {name: x[0] for name, x in self.batch.items()}

        def loss(own: dict) -> Array:
            return update.loss({**state.params, role: own}, state, batch, keys)[0]

        value, slope = jax.value_and_grad(loss)(state.params[role])
        scene = random.split(keys, 3)[0] if role == 'critic' else keys
        return value, slope, self.latents(random.split(random.split(scene, 4)[0], 1)[0])

    def step(self) -> None:
        self.state = self.jitted(self.state, self.batch)

    def wait(self) -> None:
        jax.block_until_ready(self.state.params)


class Theirs:
    """The peer, which begins with the same weights."""

    def __init__(self, ours: Ours, layout: torch.memory_format) -> None:
        module = {role: ours.system.nets[role].module.net for role in RATES}
        self.nets = {
            'critic': peers.Net(peers.Critic(module['critic'], CLASSES)),
            'generator': peers.Net(peers.Generator(module['generator'], LATENTS, CLASSES)),
        }
        for role, net in self.nets.items():
            for parameter, value in nets.paired(net, ours.state.params[role]):
                parameter.data.copy_(value)
            net.to(memory_format=layout)
        real, label = reals()
        self.real = torch.from_numpy(real).permute(0, 3, 1, 2).contiguous(memory_format=layout)
        self.label = one_hot(torch.from_numpy(label).long(), CLASSES).float()
        make = lambda role: torch.optim.Adam(self.nets[role].parameters(), RATES[role], (0.0, 0.999), 1e-8, fused=True)
        self.optimizers = {role: make(role) for role in RATES}

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
    """How far the peer's losses and gradients are from ours, for narrow nets all of whose kernels count."""
    ours, found = Ours(**NARROW), {}
    noise = lambda x: x + 0.1 * np.random.default_rng(x.size).normal(size=x.shape).astype(np.float32)
    ours.state = ours.state.replace(params=jax.tree.map(noise, ours.state.params))
    theirs = Theirs(ours, torch.contiguous_format)
    ours.state = ours.state.replace(stats=theirs.settled(ours.state.stats))
    for role in RATES:
        value, slope, z = jax.jit(ours.gradients, static_argnums=0, compiler_options=unoptimized())(role, ours.state)
        loss = theirs.loss(role, torch.tensor(np.asarray(z)))
        found[f'{role} loss'] = abs(float(value) - float(loss)) / max(1.0, abs(float(value)))
        pairs = [(value, parameter.grad) for parameter, value in nets.paired(theirs.nets[role], slope)]
        assert len(pairs) == len(list(theirs.nets[role].parameters()))
        mine, other = (torch.cat([x.flatten() for x in side]) for side in zip(*pairs, strict=True))
        found[f'{role} gradients'] = float((mine - other).norm() / mine.norm())
    return found


def main() -> None:
    args = turns.read_arguments(__doc__)
    if args.check:
        found = compare()
        turns.print_differences('biggan32', found)
        sys.exit(any(value > TOLERANCE for value in found.values()))
    ours = Ours(**FULL)
    turns.print_times('biggan32', ours, turns.both_layouts(lambda layout: Theirs(ours, layout)), args)


if __name__ == '__main__':
    main()
