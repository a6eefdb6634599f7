"""Seconds from the command to the first step that is done, and of imports.

    python tests/benchmarks/start.py [--config=experiments/quickstart.py] [--repeats=3] [--out=FILE.json]

cold: nothing is kept from before: no compiled programs, no features of real images.
warm: both are there, as a launch of the same command with `--compilation_cache` left them.

The command is a user's; all that is added to it is a clock, which ends the process when the first step is done. A cold
and a warm launch take turns; the median, the least and the most are printed.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
IMPORTS = ('gans', 'launch', 'jax', 'gans.training.loop')

# `Progress.restart` is called when the first step is done. The module is patched as it is imported, not before: what
# the command imports, and when, is part of the time. A launch that fills the caches goes on to the end.
CLOCK = """
import importlib.abc, importlib.machinery, os, runpy, sys, time

class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name != 'gans.training.progress':
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        execute = spec.loader.exec_module

        def patched(module):
            execute(module)
            module.Progress.restart = first_step_done

        spec.loader.exec_module = patched
        return spec

def first_step_done(progress, step):
    print('FIRST', time.time(), flush=True)
    if 'fill' not in os.environ:
        os._exit(0)

sys.meta_path.insert(0, Finder())
sys.path.insert(0, os.getcwd())
runpy.run_path('launch.py', run_name='__main__')
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--config', default='experiments/quickstart.py')
    parser.add_argument('--repeats', type=int, default=3)
    parser.add_argument('--out', help='FILE.json')
    args = parser.parse_args()
    found = {f'import {name}': [] for name in IMPORTS} | {'first step, cold': [], 'first step, warm': []}
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder, 'kept')
        launch(args.config, kept, fill=True)
        for _ in range(args.repeats):
            for name in IMPORTS:
                found[f'import {name}'].append(importing(name))
            with tempfile.TemporaryDirectory() as fresh:
                found['first step, cold'].append(launch(args.config, Path(fresh)))
            found['first step, warm'].append(launch(args.config, kept))
    for name, seconds in found.items():
        print(f'{name:24}{statistics.median(seconds):8.2f} s  ({min(seconds):.2f} to {max(seconds):.2f})')
    if args.out:
        Path(args.out).write_text(json.dumps({'config': args.config, 'cores': os.cpu_count(), 'seconds': found}))


def launch(config: str, kept: Path, fill: bool = False) -> float:
    """Seconds until the first step of a new run is done. `kept`: the folder of what is kept between launches."""
    env = os.environ | {'XDG_CACHE_HOME': str(kept)} | ({'fill': ''} if fill else {})
    with tempfile.TemporaryDirectory() as folder:
        flags = [f'--config={config}', f'--workdir={folder}/run', f'--compilation_cache={kept}/compiled']
        flags += ['--config.train.steps=8', *(f'--config.{key}=8' for key in CADENCES)] if fill else []
        began = time.time()
        done = subprocess.run([sys.executable, '-c', CLOCK, *flags], cwd=ROOT, env=env, capture_output=True, text=True)
    stamps = [line.split()[1] for line in done.stdout.splitlines() if line.startswith('FIRST ')]
    if not stamps:
        sys.exit(f'{config} did not come to its first step:\n{done.stderr}')
    return float(stamps[0]) - began


CADENCES = ('train.log_every', 'train.sample_every', 'train.checkpoint_every', 'eval.every')


def importing(name: str) -> float:
    """Seconds to import a module in a new interpreter, less those that the interpreter takes."""

    def run(code: str) -> float:
        began = time.perf_counter()
        subprocess.run([sys.executable, '-c', code], cwd=ROOT, check=True)
        return time.perf_counter() - began

    return run(f'import {name}') - run('')


if __name__ == '__main__':
    main()
