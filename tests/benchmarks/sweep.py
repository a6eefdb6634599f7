"""A sweep of the ring toy against eager PyTorch, run by run, and a population against solo launches, on CPU.

    pip install torch
    python tests/benchmarks/sweep.py [--case=pytorch] [--case=solo] [--steps=1000] [--rows=8] [--seeds=5] [--solo=16]
        [--out=FILE.json]

pytorch: 8 rows x 5 seeds (learning rates and R1's weight) of nets of 2x128 at batch 128. Ours is one
    `python launch.py --sweep=...` with all that a user gets: start, compilation, logs, scores, checkpoints, run
    folders, report. Theirs is the bare training loop of the same nets, losses and optimizers, in memory and already
    imported, the 40 runs one after the other, with as many steps.
solo: 16 seeds of experiments/gan_ring8.py at batch 128, as 16 launches one after the other, and as one population.

Both sides of a case are timed whole, at the same number of steps; nothing is extrapolated. No compilation cache.
"""

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

BATCH = 128
ROWS = list(itertools.product((5e-4, 1e-3), (0.02, 0.1, 0.5, 1.0)))  # learning rate, weight of R1

TOY = '''
from experiments import common, gan_ring8


def get_config(variant=''):
    config = gan_ring8.get_config(variant)
    config.ema.decay = None  # the peer has neither average nor noise
    config.instance_noise.sigma = None
    config.train.batch_size = {batch}
    config.train.steps = {steps}
    config.train.log_every = config.train.steps_per_call = 100
    common.every(config, {steps})
    return config


def sweep(add):
    for learning_rate, weight in {rows}:
        both = {{f'optimizer.{{role}}.learning_rate': learning_rate for role in ('generator', 'critic')}}
        add(f'rate{{learning_rate:g}}+r1_{{weight:g}}', **both, **{{'terms.r1.weight': weight}})
'''


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--case', action='append', choices=['pytorch', 'solo'], help='which (default: both)')
    parser.add_argument('--steps', type=int, default=1_000, help='of each run, a multiple of 100')
    parser.add_argument('--rows', type=int, default=8, choices=range(1, 9), metavar='1..8')
    parser.add_argument('--seeds', type=int, default=5)
    parser.add_argument('--solo', type=int, default=16, help='seeds of the case solo')
    parser.add_argument('--out', type=Path)
    args = parser.parse_args()
    if args.steps < 100 or args.steps % 100:
        parser.error('--steps must be a multiple of 100')
    cases = {
        'pytorch': lambda folder: against_pytorch(folder, ROWS[: args.rows], args.seeds, args.steps),
        'solo': lambda folder: against_solo(folder, args.solo, args.steps),
    }
    results = {'steps': args.steps}
    for case in args.case or cases:
        with tempfile.TemporaryDirectory() as folder:
            ours, theirs, runs = cases[case](Path(folder))
        results[case] = {'runs': runs, 'ours': ours, 'theirs': theirs, 'times faster': theirs / ours}
        print(f'{case:<8} {runs} runs of {args.steps:,} steps: {ours:.1f} s together, {theirs:.1f} s one by one, '
              f'{theirs / ours:.2f} times faster')  # fmt: skip
    if args.out:
        args.out.write_text(json.dumps(results, indent=2) + '\n')


def seconds(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def launch(*args: str) -> None:
    """`python launch.py`, which must succeed."""
    env = os.environ | {'JAX_PLATFORMS': 'cpu'}
    done = subprocess.run([sys.executable, 'launch.py', *args], cwd=ROOT, env=env, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f'launch.py {" ".join(args)} failed:\n{done.stderr[-2000:]}')


def toy(folder: Path, rows: list[tuple[float, float]], steps: int) -> Path:
    """A sweep file of the toy."""
    path = folder / 'toy.py'
    path.write_text(TOY.format(batch=BATCH, steps=steps, rows=rows))
    return path


def against_pytorch(folder: Path, rows: list[tuple[float, float]], seeds: int, steps: int) -> tuple[float, float, int]:
    """(our seconds, PyTorch's, runs)."""
    ours = seconds(lambda: launch(f'--sweep={toy(folder, rows, steps)}', f'--seeds={seeds}', f'--workdir={folder}/all'))
    import torch  # after our part, so that its threads are not there yet

    train_in_torch(1e-3, 0.1, 0, 10)  # what is set up once
    runs = [(rate, weight, seed) for rate, weight in rows for seed in range(seeds)]
    theirs = seconds(lambda: [train_in_torch(*run, steps) for run in runs])
    print(f'torch {torch.__version__}, {torch.get_num_threads()} threads')
    return ours, theirs, len(runs)


def against_solo(folder: Path, seeds: int, steps: int) -> tuple[float, float, int]:
    """(the population's seconds, those of the launches one by one, runs)."""
    path = toy(folder, [(1e-3, 0.02)], steps)  # gan_ring8's own numbers, in one row
    together = seconds(lambda: launch(f'--sweep={path}', f'--seeds={seeds}', f'--workdir={folder}/all'))
    run = lambda i: launch(f'--config={path}', f'--config.seed={i}', f'--workdir={folder}/{i}')
    return together, seconds(lambda: [run(i) for i in range(seeds)]), seeds


def train_in_torch(learning_rate: float, weight: float, seed: int, steps: int) -> None:
    """The toy's run as one would write it in eager PyTorch: non-saturating GAN with R1 on the ring of 8 Gaussians."""
    import torch
    from torch import nn
    from torch.nn.functional import softplus

    torch.manual_seed(seed)
    angle = 2 * torch.pi * torch.arange(8) / 8
    centers = 2 * torch.stack([angle.cos(), angle.sin()], 1)
    leaky = lambda: nn.LeakyReLU(0.2)
    generator = nn.Sequential(nn.Linear(8, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 2))
    critic = nn.Sequential(nn.Linear(2, 128), leaky(), nn.Linear(128, 128), leaky(), nn.Linear(128, 1))
    adam = lambda net: torch.optim.Adam(net.parameters(), learning_rate, (0.0, 0.999))
    optimizers = {'critic': adam(critic), 'generator': adam(generator)}

    def descend(player: str, loss: torch.Tensor) -> None:
        optimizers[player].zero_grad()
        loss.backward()
        optimizers[player].step()

    for _ in range(steps):
        real = centers[torch.randint(8, (BATCH,))] + 0.02 * torch.randn(BATCH, 2)
        real.requires_grad_()
        with torch.no_grad():
            fake = generator(torch.randn(BATCH, 8))
        scores = critic(real)
        gradient = torch.autograd.grad(scores.sum(), real, create_graph=True)[0]
        penalty = 0.5 * weight * gradient.square().sum(1).mean()
        descend('critic', softplus(-scores).mean() + softplus(critic(fake)).mean() + penalty)
        descend('generator', softplus(-critic(generator(torch.randn(BATCH, 8)))).mean())


if __name__ == '__main__':
    main()
