"""The parts of `gpu.py` that are Python: python tests/benchmarks/gpu_parts.py killed|forms|populations OUT"""

import json
import os
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / 'tests')]
SECONDS = 1.0  # of a measurement


def killed(out: str) -> None:
    """Two runs of `quickstart` that are let alone and one that is killed twice: are the bits of all three the same?"""
    steps = '--config.train.steps=300'
    cadence = [f'--config.{key}=50' for key in ('train.log_every', 'train.checkpoint_every', 'eval.every')]

    def start(name: str) -> subprocess.Popen:
        args = [f'--workdir={out}/{name}', f'--compilation_cache={out}/cache', steps, *cadence]
        return subprocess.Popen([sys.executable, 'launch.py', '--config=experiments/quickstart.py', *args], cwd=ROOT)

    for name in ('alone', 'again'):
        start(name).wait()
    for step in (100, 200):
        process, last = start('killed'), Path(out, 'killed', 'checkpoints', str(step))
        while process.poll() is None and not last.exists():
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
    start('killed').wait()
    csv = {name: Path(out, name, 'metrics.csv').read_bytes() for name in ('alone', 'again', 'killed')}
    print({name: data == csv['alone'] for name, data in csv.items()}, os.environ.get('XLA_FLAGS'))
    for name in ('again', 'killed'):
        rows = zip(csv['alone'].splitlines(), csv[name].splitlines(), strict=False)
        print(name, next((f'differs first at {b[:60]}' for a, b in rows if a != b), 'the same'))


def forms(out: str) -> None:
    """Milliseconds a step of DCGAN-64 and SNGAN ResNet-32 by the form of convolutions, timed in turns."""
    from benchmarks.pytorch import config_of, in_turns, ours

    from gans.training.setup import setup

    found = {}
    for case, batches in {'dcgan64': (64, 1024), 'dcgan64_wgan_gp': (64,), 'sngan_resnet32': (32, 256)}.items():
        for batch in batches:
            sides = {}
            for form in ('lax', 'direct', 'matmul', 'winograd'):
                config = config_of(case)
                config.train.conv, config.train.batch_size = form, batch
                sides[form] = ours(setup(config, devices=1))
            times = in_turns(sides, 3, 0.5)
            found[f'{case}, batch {batch}'] = {k: round(1e3 * statistics.median(v), 3) for k, v in times.items()}
            print(case, batch, found[f'{case}, batch {batch}'], flush=True)
            Path(out).write_text(json.dumps(found, indent=2))


def populations(out: str) -> None:
    """Milliseconds a step of all members of a population, by their number, and seconds to compile."""
    import jax
    from ml_collections import ConfigDict

    from experiments import dcgan_cifar10, gan_ring8
    from gans.sweep.population import population
    from gans.training import program
    from gans.training.setup import setup

    def toy() -> ConfigDict:
        config = gan_ring8.get_config()
        config.train.batch_size = 128
        return config

    def dcgan(form: str) -> ConfigDict:
        config = dcgan_cifar10.get_config()
        config.data = ConfigDict({'name': 'openmoji', 'size': 32})
        config.train.conv = form
        return config

    cases = {'toy': (toy, (1, 4, 16, 64, 256))}
    cases |= {f'dcgan32 {form}': (lambda form=form: dcgan(form), (1, 4, 16)) for form in ('lax', 'matmul', 'direct')}
    found = {}
    for name, (make, sizes) in cases.items():
        source = None
        for size in sizes:
            members = []
            for seed in range(size):
                config = make()
                config.seed = seed
                members.append(setup(config, devices=1, source=source, mapped=True))
                source = members[0].source
            made = population(members, {})
            state, raws, counts = made.init(), made.raws(0), program.counts(members[0], 0)
            began = time.perf_counter()
            state, metrics = made.call(state, next(raws), counts)
            jax.block_until_ready(metrics)
            compiled, calls, began = time.perf_counter() - began, 0, time.perf_counter()
            while time.perf_counter() - began < SECONDS:
                state, metrics = made.call(state, next(raws), counts)
                calls += 1
                if calls % 8 == 0:
                    jax.block_until_ready(metrics)
            jax.block_until_ready(metrics)
            step = (time.perf_counter() - began) / calls / members[0].config.train.steps_per_call
            found[f'{name} x {size}'] = {'ms': round(1e3 * step, 4), 'first call s': round(compiled, 1)}
            print(name, size, found[f'{name} x {size}'], flush=True)
            Path(out).write_text(json.dumps(found, indent=2))
            del state, made


if __name__ == '__main__':
    {'killed': killed, 'forms': forms, 'populations': populations}[sys.argv[1]](sys.argv[2])
