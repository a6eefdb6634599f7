"""The project's experiments against peers in PyTorch: the same nets, losses, batches and optimizers.

    pip install torch
    python tests/benchmarks/pytorch.py [--cases=NAME,NAME] [--rounds=10] [--seconds=3] [--compile]
        [--precision=bfloat16] [--batch=N] [--check] [--out=FILE.json]

Each side trains as a user would: ours through the compiled program, data and all; PyTorch's (peers/train.py) with its
data in memory, channels-last, eager, and with --compile by torch.compile as well, of which the faster one counts. All
are timed in turns in one process. Ratio: our time over PyTorch's, in each round; the median and the extremes. On a GPU
where both sides see one, else on the CPU.

A busy machine is busy for both, but not alike: PyTorch's threads spin until the last of them is done, in every
operation, and where one has no core all stand (steps 200 times as long were seen). Trust numbers of an idle machine
only; `load` in the file is how many processes wanted a core.

--check times nothing and compares instead losses, gradients and numbers of parameters, at a batch of 4.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

os.environ['XLA_PYTHON_CLIENT_PREALLOCATE'] = 'false'  # a GPU's memory is for both sides
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import jax
import torch
from benchmarks.peers.compare import compare
from benchmarks.peers.train import Peer
from ml_collections import ConfigDict

from experiments import (
    dcgan_celeba,
    gan_mlp_mnist,
    gan_ring8,
    pacgan_grid25,
    progan_openmoji32,
    sngan_resnet_cifar10,
    wgan_gp_mnist,
)
from gans.configs import apply_defaults
from gans.devices import keep_memory
from gans.training import program
from gans.training.setup import Experiment, setup
from gans.training.stages import stages

PAUSE = 0.5  # seconds, before each measurement: the other side's threads spin for a while when they are done
TOLERANCE = 1e-3
GRADIENTS = 1e-2  # their own: where rounding turns one ReLU in a million, they move by the root of that


class Case(NamedTuple):
    """An experiment, and the goal for its ratio."""

    config: Callable[[], ConfigDict]
    goal: float


def dcgan64() -> ConfigDict:
    config = dcgan_celeba.get_config()
    config.data = ConfigDict({'name': 'openmoji', 'size': 64})
    config.train.batch_size = 64
    return config


def dcgan64_wgan_gp() -> ConfigDict:
    config = dcgan64()
    config.critic.norm, config.game, config.terms.wgan_gp = 'none', 'wasserstein', {'weight': 10.0}
    return config


def wgan_gp28() -> ConfigDict:
    return _on_digits(wgan_gp_mnist.get_config())


def sngan_resnet32() -> ConfigDict:
    config = sngan_resnet_cifar10.get_config()
    config.data = ConfigDict({'name': 'openmoji', 'size': 32})
    config.train.batch_size = 32
    return config


def progan32() -> ConfigDict:
    """Its last stage, where no layer fades in any more."""
    return stages(apply_defaults(progan_openmoji32.get_config(), 'of progan32'))[-1].config


def mlp784() -> ConfigDict:
    return _on_digits(gan_mlp_mnist.get_config())


def pacgan_grid() -> ConfigDict:
    config = pacgan_grid25.get_config()
    config.pack, config.train.batch_size = 1, 100
    return config


def toy(**terms: dict[str, float]) -> ConfigDict:
    config = gan_ring8.get_config()
    config.terms, config.train.batch_size = terms, 128
    return config


def _on_digits(config: ConfigDict) -> ConfigDict:
    """MNIST may not be there; scikit-learn's digits in its shape cost the same."""
    config.data = ConfigDict({'name': 'digits', 'size': 28})
    return config


CASES = {
    'dcgan64': Case(dcgan64, 0.9),
    'dcgan64_wgan_gp': Case(dcgan64_wgan_gp, 0.8),
    'wgan_gp28': Case(wgan_gp28, 0.7),
    'sngan_resnet32': Case(sngan_resnet32, 0.9),
    'progan32': Case(progan32, 1.0),
    'mlp784': Case(mlp784, 0.6),
    'pacgan_grid': Case(pacgan_grid, 0.4),
    'toy': Case(toy, 0.15),
    'toy_r1': Case(lambda: toy(r1={'weight': 0.02}), 0.15),
}


def config_of(case: str, precision: str = 'float32', batch: int | None = None) -> ConfigDict:
    """The case's experiment, without what peers have not: averages and instance noise."""
    config = apply_defaults(CASES[case].config(), f'of {case}')
    config.train.batch_size = batch or config.train.batch_size
    config.ema.decay = config.instance_noise.sigma = None
    config.train.precision = precision
    return config


class Side(NamedTuple):
    """One that trains."""

    call: Callable[[], Any]  # begins some steps, and returns what `wait` wants
    steps: int  # in a call
    wait: Callable[[Any], object]

    def seconds(self, calls: int) -> float:
        """A step's, of so many calls."""
        began = time.perf_counter()
        for _ in range(calls):
            out = self.call()
        self.wait(out)
        return (time.perf_counter() - began) / (calls * self.steps)


def ours(experiment: Experiment) -> Side:
    call, state = program.make_call(experiment), experiment.init()
    raw = jax.device_put(experiment.source.arrays or {})
    counts = program.counts(experiment, 0)

    def train() -> list:
        nonlocal state
        state, metrics = call(state, raw, counts)
        return metrics

    return Side(train, experiment.config.train.steps_per_call, jax.block_until_ready)


def theirs(experiment: Experiment, device: str, compiled: bool) -> Side:
    peer = Peer(experiment, experiment.init(), device, compiled)
    return Side(peer.step, 1, lambda losses: float(losses[0].detach()))


def in_turns(sides: dict[str, Side], rounds: int, seconds: float) -> dict[str, list[float]]:
    """Seconds a step of each side, [rounds]; each measurement lasts about `seconds`."""
    calls = {}
    for name, side in sides.items():
        side.seconds(2)  # compiles
        calls[name] = max(1, round(seconds / (side.seconds(1) * side.steps)))
    times = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            time.sleep(PAUSE)
            times[name].append(side.seconds(calls[name]))
    return times


def measure(case: str, args: argparse.Namespace, device: str) -> dict[str, Any]:
    """The case's row of the results, which is also printed."""
    experiment = setup(config_of(case, args.precision, args.batch), devices=1)
    sides = {'ours': ours(experiment), 'eager': theirs(experiment, device, compiled=False)}
    if args.compile:
        try:
            sides['compile'] = theirs(experiment, device, compiled=True)
            sides['compile'].seconds(1)
        except Exception as error:  # it has no second derivatives, for one
            del sides['compile']
            print(f'{case:<16} torch.compile fails: {type(error).__name__} {str(error)[:200]!r}')
    times = in_turns(sides, args.rounds, args.seconds)
    ms = {name: 1e3 * statistics.median(values) for name, values in times.items()}
    best = min(list(ms)[1:], key=ms.get)
    ratios = [a / b for a, b in zip(times['ours'], times[best], strict=True)]
    ratio, goal = statistics.median(ratios), CASES[case].goal
    others = ', '.join(f'PyTorch {name} {ms[name]:.3f} ms' for name in list(ms)[1:])
    print(f'{case:<16} {ms["ours"]:9.3f} ms, {others}; ratio {ratio:.2f} ({min(ratios):.2f}-{max(ratios):.2f}), '
          f'goal {goal}: {"met" if ratio <= goal else "not met"}', flush=True)  # fmt: skip
    load = None if not hasattr(os, 'getloadavg') else os.getloadavg()[0]
    return {'ms': ms, 'pytorch': best, 'ratio': ratio, 'ratios': ratios, 'goal': goal, 'met': ratio <= goal,
            'load': load}  # fmt: skip


def check(case: str, device: str) -> bool:
    """Whether the peer computes the same; prints how far they are apart."""
    differences = compare(config_of(case), device=device)
    print(f'{case:<16}', ', '.join(f'{name} {value:.1e}' for name, value in differences.items()), flush=True)
    limit = lambda name: GRADIENTS if name.endswith('gradients') else TOLERANCE
    return all(abs(value) < limit(name) for name, value in differences.items())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--cases', default=','.join(CASES), help='names, with commas between')
    parser.add_argument('--rounds', type=int, default=10)
    parser.add_argument('--seconds', type=float, default=3.0, help='of each measurement')
    parser.add_argument('--compile', action='store_true', help='time torch.compile too')
    parser.add_argument('--precision', default='float32', choices=['float32', 'bfloat16'])
    parser.add_argument('--batch', type=int, help="examples (default: the case's)")
    parser.add_argument('--check', action='store_true', help='compare what is computed, and time nothing')
    parser.add_argument('--out', type=Path, help='a JSON file to write')
    args = parser.parse_args()
    cases = args.cases.split(',')
    if wrong := set(cases) - set(CASES):
        parser.error(f'unknown case {", ".join(wrong)}; known: {", ".join(CASES)}')
    keep_memory()  # as launch.py does; it serves both sides
    device = 'cuda' if jax.default_backend() == 'gpu' and torch.cuda.is_available() else 'cpu'
    torch.set_float32_matmul_precision('highest' if args.check else 'high')  # TF32 on a GPU, as XLA's default
    torch.backends.cudnn.benchmark = True
    if args.check:
        same = [check(case, device) for case in cases]
        sys.exit(0 if all(same) else 1)
    about = {
        'jax': jax.__version__,
        'torch': torch.__version__,
        'python': platform.python_version(),
        'device': torch.cuda.get_device_name() if device == 'cuda' else f'{os.cpu_count()} CPU cores',
        'threads': torch.get_num_threads(),
        'precision': args.precision,
        'batch': args.batch or 'of the case',
    }
    print(', '.join(f'{name} {value}' for name, value in about.items()))
    results = {}
    for case in cases:
        results[case] = measure(case, args, device)
        if args.out:
            args.out.write_text(json.dumps({'about': about, 'cases': results}, indent=2) + '\n')


if __name__ == '__main__':
    main()
