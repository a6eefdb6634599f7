"""The project's MLP experiments against the same nets, losses and optimisers in eager PyTorch, on CPU.

    pip install torch
    python tests/benchmarks/mlp.py [--seconds=3] [--rounds=7] [--out=FILE.json]

Each side trains as a user would: ours through the compiled program, data and all; PyTorch's with its data in memory.
The two are timed in turns in one process, so that a busy machine is busy for both. Ratio: our time over PyTorch's.
"""

import argparse
import itertools
import json
import math
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import jax
import torch
from ml_collections import ConfigDict
from torch import nn
from torch.nn.functional import softplus

sys.path.insert(0, str(Path(__file__).parents[2]))

from experiments import gan_mlp_mnist, gan_ring8, wgan_gp_grid25
from gans.train import program
from gans.train.setup import setup

ACTIVATIONS = {'relu': nn.ReLU, 'leaky_relu': lambda: nn.LeakyReLU(0.2), 'tanh': nn.Tanh}


def ours(config: ConfigDict) -> Callable[[], int]:
    """A call that trains for a while and returns how many steps."""
    experiment = setup(config, devices=1)
    call, state = program.make_call(experiment), experiment.init()
    raw = jax.device_put(experiment.source.arrays or {})
    schedule = program.schedule(experiment, 0)

    def run() -> int:
        nonlocal state
        state, metrics = call(state, raw, schedule)
        jax.block_until_ready(metrics)
        return config.train.steps_per_call

    return run


def theirs(config: ConfigDict) -> Callable[[], int]:
    """The same in PyTorch."""
    source = setup(config, devices=1).source
    data = None if source.arrays is None else torch.tensor(source.arrays['real'].reshape(source.size, -1))
    centres = None if source.modes is None else torch.tensor(source.modes.centres, dtype=torch.float32)
    features, latents, batch = math.prod(source.spec.shape), config.latents.size, config.train.batch_size

    def mlp(widths: list[int], activation: str, last: list[nn.Module]) -> nn.Sequential:
        layers = []
        for a, b in itertools.pairwise(widths):
            layers += [nn.Linear(a, b), ACTIVATIONS[activation]()]
        return nn.Sequential(*layers[:-1], *last)

    squash = [nn.Tanh()] if source.spec.is_image else []
    generator = mlp([latents, *config.generator.widths, features], config.generator.activation, squash)
    critic = mlp([features, *config.critic.widths, 1], config.critic.activation, [])

    def adam(net: nn.Module, o: ConfigDict) -> torch.optim.Optimizer:
        return torch.optim.Adam(net.parameters(), o.learning_rate, (o.b1, o.b2), o.eps)

    adams = [adam(generator, config.optimizer.generator), adam(critic, config.optimizer.critic)]

    def real() -> torch.Tensor:
        if data is not None:
            return data[torch.randint(len(data), (batch,))].float() / 127.5 - 1
        return centres[torch.randint(len(centres), (batch,))] + source.modes.sigma * torch.randn(batch, features)

    def squared_norm(x: torch.Tensor) -> torch.Tensor:
        x = x.detach().requires_grad_()
        return torch.autograd.grad(critic(x).sum(), x, create_graph=True)[0].square().sum(1)

    def critic_step() -> None:
        x = real()
        with torch.no_grad():
            y = generator(torch.randn(batch, latents))
        if config.game == 'wasserstein':
            loss = critic(y).mean() - critic(x).mean()
        else:
            loss = softplus(-critic(x)).mean() + softplus(critic(y)).mean()
        if config.penalty.name == 'wgan_gp':
            norm = (squared_norm(x + torch.rand(batch, 1) * (y - x)) + 1e-12).sqrt()
            loss = loss + config.penalty.weight * ((norm - 1) ** 2).mean()
        if config.penalty.name == 'r1':
            loss = loss + config.penalty.weight * 0.5 * squared_norm(x).mean()
        adams[1].zero_grad()
        loss.backward()
        adams[1].step()

    def generator_step() -> None:
        scores = critic(generator(torch.randn(batch, latents)))
        loss = -scores.mean() if config.game == 'wasserstein' else softplus(-scores).mean()
        adams[0].zero_grad()
        loss.backward()
        adams[0].step()

    def run() -> int:
        for _ in range(10):
            for _ in range(config.train.n_critic):
                critic_step()
            generator_step()
        return 10

    return run


def seconds_a_step(run: Callable[[], int], seconds: float) -> float:
    steps, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        steps += run()
    return (time.perf_counter() - began) / steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--seconds', type=float, default=3.0, help='of each measurement')
    parser.add_argument('--rounds', type=int, default=7)
    parser.add_argument('--out', type=Path)
    args = parser.parse_args()
    cases = {'gan_ring8': gan_ring8, 'wgan_gp_grid25': wgan_gp_grid25, 'gan_mlp_mnist': gan_mlp_mnist}
    results = {}
    for name, experiment in cases.items():
        config = experiment.get_config()
        if name == 'gan_mlp_mnist':  # MNIST may not be there; grey emoji padded to its shape cost the same
            config.data = ConfigDict({'name': 'digits', 'size': 28})
        config.ema.decay = None  # the peer has neither average nor noise
        config.instance_noise.sigma = None
        us, them = ours(config), theirs(config)
        us(), them()
        pairs = [(seconds_a_step(us, args.seconds), seconds_a_step(them, args.seconds)) for _ in range(args.rounds)]
        ratios = [a / b for a, b in pairs]
        mine, peer = (statistics.median(side) for side in zip(*pairs, strict=True))
        results[name] = {
            'ms': mine * 1e3, 'pytorch_ms': peer * 1e3, 'ratio': statistics.median(ratios), 'ratios': ratios,
        }  # fmt: skip
        print(f'{name:<16} {mine * 1e3:8.3f} ms, PyTorch {peer * 1e3:8.3f} ms, ratio {results[name]["ratio"]:.2f} '
              f'({min(ratios):.2f}-{max(ratios):.2f})')  # fmt: skip
    versions = {'jax': jax.__version__, 'torch': torch.__version__, 'threads': torch.get_num_threads()}
    if args.out:
        args.out.write_text(json.dumps({'versions': versions, 'cases': results}, indent=2) + '\n')


if __name__ == '__main__':
    main()
