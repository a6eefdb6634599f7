"""What is measured first when there is a GPU for half an hour: one step a call, each within nine minutes.

    python tests/benchmarks/gpu.py STEP OUT [--minutes=9] [--data=FOLDER]

exact        the tests of what a device computes; whether a run that was killed on the GPU ends in the same bits
experiments  quickstart, gan_ring8 and the Fashion-MNIST experiments (IDX files in FOLDER) in full, evaluated
pytorch      `pytorch.py` in float32, in bfloat16, and at larger batches; the forms of convolutions
populations  members a second of the ring toy and of a DCGAN-32; `losses_ring8` in full
systems      `--mode=benchmark --profile` of experiments at the papers' sizes

Jobs of one group run side by side, groups one after the other; what is timed is a group of its own. Logs, JSON and
pictures come into OUT, packed as STEP.tgz beside STEP.json, which says how each job ended and how long it took.
"""

import argparse
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
KEEP = {'.json', '.csv', '.log', '.md', '.png'}  # what is worth carrying home
TESTS = (
    'step conv penalties layers losses optimizers random augment nets techniques conditional pacgan acgan '
    'infogan_system lapgan unrolled began ebgan simultaneous consensus dirac sngan virtual population resume graft '
    'sweep'
)
FASHION = {'dcgan_fashion_mnist': 20_000, 'projection_fashion_mnist': 6_000, 'acgan_fashion_mnist': None}
EXACT = {  # what must be said to XLA for the same bits
    'default': '',
    'deterministic': '--xla_gpu_deterministic_ops=true',
    'deterministic_no_autotune': '--xla_gpu_deterministic_ops=true --xla_gpu_autotune_level=0',
}


class Job(NamedTuple):
    name: str
    command: list[str]
    env: Mapping[str, str] = {}


def launch(*args: str) -> list[str]:
    return [sys.executable, 'launch.py', *args]


def own(*args: str) -> list[str]:
    """A part of `gpu_parts.py`."""
    return [sys.executable, 'tests/benchmarks/gpu_parts.py', *args]


def groups(step: str, out: Path, data: str | None) -> list[list[Job]]:
    """The jobs of a step."""
    share = {'XLA_PYTHON_CLIENT_PREALLOCATE': 'false'}
    pytorch = lambda name, *args: [
        Job(name, [sys.executable, 'tests/benchmarks/pytorch.py', f'--out={out}/{name}.json', *args])
    ]
    if step == 'exact':
        files = [f'tests/test_{name}.py' for name in TESTS.split()]
        tests = [sys.executable, '-m', 'pytest', '-v', '-n', '8', '-p', 'no:cacheprovider', *files]
        highest = share | {'JAX_DEFAULT_MATMUL_PRECISION': 'highest'}
        exact = [Job(f'killed_{name}', own('killed', f'{out}/killed_{name}'), share | {'XLA_FLAGS': flags})
                 for name, flags in EXACT.items()]  # fmt: skip
        return [[Job('tests', tests, highest), *exact]]
    if step == 'experiments':
        jobs, measured = [], []
        for name in ('gan_ring8', 'quickstart'):
            jobs.append(Job(name, launch(f'--config=experiments/{name}.py', f'--workdir={out}/{name}'), share))
        for name, steps in FASHION.items():
            args = [f'--config=experiments/{name}.py', f'--workdir={out}/{name}', f'--config.data.folder={data}']
            args += [f'--config.train.steps={steps}'] if steps else []
            jobs.append(Job(name, launch(*args), share))
        for job in jobs[1:]:
            measured.append(Job(f'{job.name}_evaluate', [*job.command, '--mode=evaluate'], share))
        return [jobs, measured]
    if step == 'pytorch':
        quick = ('--rounds=5', '--seconds=0.5')
        large = '--cases=dcgan64,sngan_resnet32,wgan_gp28'
        return [
            pytorch('float32', *quick),
            [Job('forms', own('forms', f'{out}/forms.json'), share)],
            pytorch('bfloat16', *quick, '--precision=bfloat16', '--cases=dcgan64,dcgan64_wgan_gp,sngan_resnet32'),
            pytorch('batch128', *quick, large, '--batch=128'),
            pytorch('batch1024', *quick, large, '--batch=1024'),
        ]
    if step == 'populations':
        return [
            [Job('populations', own('populations', f'{out}/populations.json'), share)],
            [Job('losses_ring8', launch('--sweep=experiments/sweeps/losses_ring8.py', f'--workdir={out}/losses'))],
        ]
    if step == 'systems':
        names = ('dcgan_celeba', 'sngan_resnet_cifar10', 'lapgan_openmoji64', 'began_digits', 'infogan_digits')
        beside = {'dcgan_celeba': ['openmoji', 64], 'sngan_resnet_cifar10': ['openmoji', 32]}
        jobs = []
        for name in names:
            args = [f'--config=experiments/{name}.py', f'--workdir={out}/{name}', '--mode=benchmark', '--profile']
            if name in beside:
                args += [f'--config.data.name={beside[name][0]}', f'--config.data.size={beside[name][1]}']
            jobs.append([Job(name, launch(*args))])
        return jobs
    raise SystemExit(f'unknown step {step}: exact, experiments, pytorch, populations or systems')


def run(jobs: list[Job], out: Path, until: float) -> dict[str, dict]:
    """Runs jobs side by side, and ends those that are not done in time as a user would."""
    began, running = time.monotonic(), {}
    for job in jobs:
        log = (out / f'{job.name}.log').open('w')
        env = {'PYTHONUNBUFFERED': '1', 'JAX_PLATFORMS': 'cuda', **os.environ, **job.env}
        running[job.name] = subprocess.Popen(job.command, cwd=ROOT, env=env, stdout=log, stderr=subprocess.STDOUT)
    ended = {}
    while len(ended) < len(running):
        for name, process in running.items():
            if name not in ended and process.poll() is not None:
                ended[name] = {'exit': process.returncode, 'seconds': round(time.monotonic() - began, 1)}
                print(name, ended[name], flush=True)
            elif name not in ended and time.monotonic() > until:
                process.send_signal(signal.SIGINT if 'pytest' in str(process.args) else signal.SIGTERM)
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    process.kill()
        time.sleep(0.2)
    return ended


def about() -> dict[str, str]:
    card = shutil.which('nvidia-smi') and subprocess.run(
        ['nvidia-smi', '--query-gpu=name,driver_version', '--format=csv,noheader'], capture_output=True, text=True
    )
    from importlib import metadata

    versions = {name: metadata.version(name) for name in ('jax', 'jaxlib', 'flax', 'optax', 'orbax-checkpoint')}
    return {'card': card.stdout.strip() if card else '', 'python': platform.python_version(), **versions}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('step')
    parser.add_argument('out', type=Path)
    parser.add_argument('--minutes', type=float, default=9.0)
    parser.add_argument('--data', help='folder of the IDX files of Fashion-MNIST')
    args = parser.parse_args()
    until, out = time.monotonic() + 60 * args.minutes, (args.out / args.step).resolve()
    out.mkdir(parents=True, exist_ok=True)
    found = {'about': about(), 'date': time.strftime('%Y-%m-%d'), 'jobs': {}}
    print(found['about'], flush=True)
    for jobs in groups(args.step, out, args.data):
        if time.monotonic() < until:
            found['jobs'] |= run(jobs, out, until)
    (args.out / f'{args.step}.json').write_text(json.dumps(found, indent=2) + '\n')
    with tarfile.open(args.out / f'{args.step}.tgz', 'w:gz') as tar:
        for path in sorted(out.rglob('*')):
            if path.is_file() and path.suffix in KEEP and not {'profile', 'rows', 'cache'} & {*path.parts}:
                tar.add(path, path.relative_to(args.out))
    shutil.rmtree(out)


if __name__ == '__main__':
    main()
