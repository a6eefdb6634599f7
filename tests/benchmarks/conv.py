"""Times gans.ops.conv against plain lax.conv, alternately in one run: per op, and in a full WGAN-GP step.

    python tests/benchmarks/conv.py [--ops] [--step] [--repeats=5] [--out=FILE]

Reports medians in milliseconds, and the ratio of 'lax' to each form: above 1 is faster than lax.
"""

import argparse
import functools
import json
import platform
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from experiments import dcgan_celeba
from gans.ops.conv import conv, conv_transpose
from gans.training import program
from gans.training.setup import setup

BATCH = 64
FORMS = ('lax', 'direct', 'matmul', 'winograd')
ONE = [(1, 1), (1, 1)]
SHAPES = {  # name: (op, input pixels, input channels, output channels, kernel, stride, padding)
    'dcgan critic 3->64': (conv, 64, 3, 64, 4, 2, ONE),
    'dcgan critic 64->128': (conv, 32, 64, 128, 4, 2, ONE),
    'dcgan critic 128->256': (conv, 16, 128, 256, 4, 2, ONE),
    'dcgan critic 256->512': (conv, 8, 256, 512, 4, 2, ONE),
    'dcgan critic 512->1': (conv, 4, 512, 1, 4, 1, 'VALID'),
    'dcgan generator 100->512': (conv_transpose, 1, 100, 512, 4, 1, 'VALID'),
    'dcgan generator 512->256': (conv_transpose, 4, 512, 256, 4, 2, 'SAME'),
    'dcgan generator 256->128': (conv_transpose, 8, 256, 128, 4, 2, 'SAME'),
    'dcgan generator 128->64': (conv_transpose, 16, 128, 64, 4, 2, 'SAME'),
    'dcgan generator 64->3': (conv_transpose, 32, 64, 3, 4, 2, 'SAME'),
    'resnet 3->128': (conv, 32, 3, 128, 3, 1, 'SAME'),
    'resnet 128->128': (conv, 16, 128, 128, 3, 1, 'SAME'),
    'resnet 128->128 1x1': (conv, 16, 128, 128, 1, 1, 'SAME'),
    'resnet 128->3': (conv, 32, 128, 3, 3, 1, 'SAME'),
    'mnist critic 1->64': (conv, 28, 1, 64, 3, 2, 'SAME'),
    'mnist critic 64->128': (conv, 14, 64, 128, 3, 2, 'SAME'),
    'mnist generator 128->64': (conv_transpose, 7, 128, 64, 4, 2, 'SAME'),
    'mnist generator 64->1': (conv_transpose, 14, 64, 1, 4, 2, 'SAME'),
}


def medians(functions, args, repeats):
    """{name: median seconds} of functions called in turns, so that a busy machine is busy for all of them."""
    times = {name: [] for name in functions}
    for function in functions.values():
        jax.block_until_ready(function(*args))  # compile
    for _ in range(repeats):
        for name, function in functions.items():
            start = time.perf_counter()
            jax.block_until_ready(function(*args))
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in times.items()}


def sum_squares(f):
    return lambda x, w: jnp.sum(f(x, w) ** 2)


def time_ops(repeats):
    rows = {}
    for name, (op, n, c, f, k, stride, padding) in SHAPES.items():
        x = jax.random.normal(jax.random.key(0), (BATCH, n, n, c))
        w = jax.random.normal(jax.random.key(1), (k, k, c, f)) * (k * k * c) ** -0.5

        forward = {form: functools.partial(op, stride=stride, padding=padding, form=form) for form in FORMS}
        calls = {
            'forward': {form: jax.jit(f) for form, f in forward.items()},
            'forward+backward': {form: jax.jit(jax.grad(sum_squares(f), (0, 1))) for form, f in forward.items()},
        }
        for what, functions in calls.items():
            rows[f'{name}, {what}'] = report(f'{name}, {what}', medians(functions, (x, w), repeats))
    return rows


def report(name, seconds):
    row = {form: {'ms': round(1e3 * s, 2), 'lax/this': round(seconds['lax'] / s, 2)} for form, s in seconds.items()}
    print(f'{name:45s}', '  '.join(f'{form} {r["ms"]:8.1f} ms ({r["lax/this"]:5.2f}x)' for form, r in row.items()))
    return row


def matmul_speed(repeats):
    """GFLOP/s of one large float32 matrix product: the bound of everything here, so ratios depend on it."""
    a, b = jnp.ones((4096, 2048)), jnp.ones((2048, 512))
    seconds = medians({'matmul': jax.jit(jnp.dot)}, (a, b), repeats)['matmul']
    return 2e-9 * a.size * b.shape[1] / seconds


def time_step(repeats):
    """The project's own step, data and all: DCGAN-64 by WGAN-GP, one critic update and one generator update."""
    config = dcgan_celeba.get_config()
    config.data = ConfigDict({'name': 'openmoji', 'size': 64})
    config.critic.norm, config.game, config.terms.wgan_gp = 'none', 'wasserstein', {'weight': 10.0}
    config.train.batch_size = BATCH

    def make(form):
        config.train.conv = form
        experiment = setup(config.copy_and_resolve_references(), devices=1)
        call, state = program.make_call(experiment), experiment.init()
        raw, counts = jax.device_put(experiment.source.arrays), program.counts(experiment, 0)

        def step():
            nonlocal state
            state, metrics = call(state, raw, counts)
            return metrics

        return step

    name = f'WGAN-GP DCGAN-64 step, width {config.critic.width}, batch {BATCH}'
    return {
        name: report(name, medians({form: make(form) for form in ('lax', 'direct', 'matmul', 'auto')}, (), repeats))
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--ops', action='store_true', help='only single operations')
    parser.add_argument('--step', action='store_true', help='only the training step')
    parser.add_argument('--repeats', type=int, default=5)
    parser.add_argument('--out', help='a JSON file to write')
    args = parser.parse_args()
    speed = round(matmul_speed(20))
    print(f'jax {jax.__version__}, {jax.default_backend()}; a matrix product runs at {speed} GFLOP/s')
    rows = {}
    if args.ops or not args.step:
        rows |= time_ops(args.repeats)
    if args.step or not args.ops:
        rows |= time_step(args.repeats)
    if args.out:
        about = {
            'jax': jax.__version__,
            'backend': jax.default_backend(),
            'python': platform.python_version(),
            'matmul_gflops': speed,
        }
        Path(args.out).write_text(json.dumps(about | {'repeats': args.repeats, 'times': rows}, indent=2))


if __name__ == '__main__':
    main()
