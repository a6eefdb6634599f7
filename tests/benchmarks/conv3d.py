"""Times gans.ops.conv3d against XLA's own 3-D convolutions and PyTorch's, in turns in one run, at 3D-GAN's layers.

    python tests/benchmarks/conv3d.py [--batch=4] [--repeats=3] [--no-lax]

Value and both gradients of the sum of squares. Prints the smallest seconds of the CPU, with PyTorch in one thread: on a
busy machine wall clocks say nothing.
"""

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import jax
import numpy as np
import torch

from gans.ops.conv3d import conv3d, conv3d_transpose

LAYERS = {  # name: (op, voxels of a side, channels, channels of the result)
    'critic 1->64': (conv3d, 32, 1, 64),
    'critic 64->128': (conv3d, 16, 64, 128),
    'critic 128->256': (conv3d, 8, 128, 256),
    'generator 256->128': (conv3d_transpose, 4, 256, 128),
    'generator 128->64': (conv3d_transpose, 8, 128, 64),
    'generator 64->1': (conv3d_transpose, 16, 64, 1),
}


def ours(op, form, x, w):
    loss = lambda x, w: (op(x, w, 2, 'SAME', form) ** 2).sum()
    step = jax.jit(jax.value_and_grad(loss, (0, 1)))
    return lambda: jax.block_until_ready(step(x, w))


def theirs(op, x, w):
    function = torch.nn.functional.conv3d if op is conv3d else torch.nn.functional.conv_transpose3d
    order = (4, 3, 0, 1, 2) if op is conv3d else (3, 4, 0, 1, 2)
    x, w = (
        torch.tensor(np.ascontiguousarray(a)).requires_grad_() for a in (x.transpose(0, 4, 1, 2, 3), w.transpose(order))
    )

    def step():
        (function(x, w, stride=2, padding=1) ** 2).sum().backward()

    return step


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--batch', type=int, default=4)
    parser.add_argument('--repeats', type=int, default=3)
    parser.add_argument('--lax', action=argparse.BooleanOptionalAction, default=True)
    args = parser.parse_args()
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    for name, (op, side, c, f) in LAYERS.items():
        x = rng.normal(size=(args.batch, side, side, side, c)).astype(np.float32)
        w = (rng.normal(size=(4, 4, 4, c, f)) * (64 * c) ** -0.5).astype(np.float32)
        steps = {'ours': ours(op, 'auto', x, w), 'pytorch': theirs(op, x, w)}
        steps |= {'lax': ours(op, 'lax', x, w)} if args.lax else {}
        times = {each: [] for each in steps}
        for repeat in range(args.repeats + 1):  # the first compiles
            for each, step in steps.items():
                if each == 'lax' and repeat > 1:  # which takes seconds
                    continue
                start = time.process_time()
                step()
                times[each] += [time.process_time() - start] * bool(repeat)
        said = '  '.join(f'{each} {1e3 * min(some):7.0f} ms' for each, some in times.items())
        print(f'{name:20s} {said}  ours/pytorch {min(times["ours"]) / min(times["pytorch"]):.2f}', flush=True)


if __name__ == '__main__':
    main()
