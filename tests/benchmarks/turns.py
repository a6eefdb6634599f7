"""What benchmarks against plain PyTorch peers share: their flags, and times of sides that take turns in one process.

A side has step() and wait(). PyTorch counts in the faster of its layouts, where there are two. Ratio: our time over
PyTorch's in each round; the median and the extremes.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import torch

from gans.devices import keep_memory

LAYOUTS = {'PyTorch channels last': torch.channels_last, 'PyTorch channels first': torch.contiguous_format}


def read_arguments(about: str, steps: int = 3, **more: str | int) -> argparse.Namespace:
    """The flags of a benchmark, and these with their defaults; --cpu takes effect at once."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in {**more, 'rounds': 5, 'steps': steps}.items():
        parser.add_argument(f'--{name}', type=type(default), default=default)
    parser.add_argument('--cpu', action='store_true', help='seconds of the CPU, one thread')
    parser.add_argument('--check', action='store_true', help='compare what is computed, and time nothing')
    args = parser.parse_args()
    keep_memory()
    if args.cpu:
        torch.set_num_threads(1)
    return args


def both_layouts(peer: Callable[[torch.memory_format], Any]) -> dict[str, Any]:
    """The peer in each layout, by name."""
    return {name: peer(layout) for name, layout in LAYOUTS.items()}


def print_times(name: str, ours: Any, peers: Mapping[str, Any], args: argparse.Namespace, goal: float = 1.0) -> None:
    """peers: by what is printed of them."""
    clock = time.process_time if args.cpu else time.perf_counter
    times = in_turns({'ours': ours, **peers}, args.rounds, args.steps, clock)
    ms = {side: 1e3 * statistics.median(values) for side, values in times.items()}
    best = min(peers, key=ms.get)
    ratios = [a / b for a, b in zip(times['ours'], times[best], strict=True)]
    ratio, others = statistics.median(ratios), ', '.join(f'{side} {ms[side]:.0f}' for side in peers)
    print(f'{name:<12} {ms["ours"]:.0f} ms, {others}; ratio {ratio:.2f} ({min(ratios):.2f}-{max(ratios):.2f}), goal '
          f'{goal}: {"met" if ratio <= goal else "not met"}', flush=True)  # fmt: skip


def in_turns(sides: Mapping[str, Any], rounds: int, steps: int, clock: Callable[[], float]) -> dict[str, list[float]]:
    """Seconds a step of each side, [rounds]."""
    times = {name: [] for name in sides}
    for side in sides.values():
        side.step()  # compiles
        side.wait()
    for _ in range(rounds):
        for name, side in sides.items():
            time.sleep(0.2)
            began = clock()
            for _ in range(steps):
                side.step()
            side.wait()
            times[name].append((clock() - began) / steps)
    return times


def print_differences(name: str, found: Mapping[str, float]) -> None:
    print(f'{name:<12}', ', '.join(f'{what} {value:.1e}' for what, value in found.items()), flush=True)
