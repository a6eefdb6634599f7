"""Where there is not enough memory: one line that says what to lower."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import gan_ring8
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from launching import FAST

from gans import memory
from gans.configs import override
from gans.data import feed
from gans.errors import UserError
from gans.training import draw, program, sampling
from gans.training.setup import Experiment, setup

ROOT = Path(__file__).parent.parent
# With so much address space that the right command has enough, as `ulimit -v 8000000` leaves.
CODE = """
import resource, runpy, sys
resource.setrlimit(resource.RLIMIT_AS, (8_000_000 * 1024,) * 2)
sys.path[0] = '.'
runpy.run_path('launch.py', run_name='__main__')
"""


def made(**changes: object) -> Experiment:
    changes = {key.replace('__', '.'): value for key, value in changes.items()}
    return setup(override(gan_ring8.get_config('smoke'), changes, 'of a test'), devices=1)


@pytest.fixture
def gigabytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """There are eight of them, wherever the tests run."""
    monkeypatch.setattr(memory, '_host_bytes', lambda: 8e9)


def test_a_batch_that_is_too_large_is_told_before_it_is_computed(gigabytes: None) -> None:
    experiment = made(train__batch_size=30_000_000)
    call = program.ahead(experiment, program.make_call(experiment))
    with pytest.raises(
        UserError, match=r'a step takes 1\d\.\d GB, but only 8\.0 GB are available; lower train\.batch_size=300'
    ):
        call(experiment.init(), {}, program.counts(experiment, 0))


@pytest.mark.parametrize(
    'fails, said',
    [
        (lambda: made(latents__size=1_000_000_000).init(), 'the state of the nets takes .* lower latents.size'),
        (lambda: sampling.fixed_inputs(made(), 300_000_000), 'to draw 300,000,000 latents takes .* lower --num'),
        (lambda: draw.check_memory(made(), 300_000_000), 'to draw 300,000,000 samples takes 14.4 GB.* lower --num'),
        (
            lambda: feed.examples(made().source, 2_000_000_000, jax.random.key(0)),
            'to hold .* real examples takes 16.0 .* lower eval.samples',
        ),
        (
            lambda: made(replay__size=2_000_000_000),
            'replay.size=2000000000 takes 16.0 GB, but only 8.0 GB are available',
        ),
    ],
)
def test_what_is_too_large_is_told(gigabytes: None, fails: object, said: str) -> None:
    with pytest.raises(UserError, match=f'not enough memory: {said}'):
        fails()


def test_what_fits_is_computed(gigabytes: None) -> None:
    args = jax.random.key(0), jnp.ones(3)
    found = memory.run(jax.jit(lambda key, x: {'x': x + 1, 'key': key}), args, 'it', 'nothing')
    np.testing.assert_array_equal(found['x'], [2, 2, 2])


@pytest.mark.parametrize(
    'error, exhausted',
    [
        (MemoryError(), True),
        (np._core._exceptions._ArrayMemoryError((10**9,), np.dtype(float)), True),
        (jax.errors.JaxRuntimeError('RESOURCE_EXHAUSTED: Out of memory allocating 5 bytes.'), True),
        (
            jax.errors.JaxRuntimeError('INTERNAL: Error dispatching: Out of memory allocating 5 bytes.'),
            True,
        ),
        (RuntimeError('std::bad_alloc'), True),
        (OSError(errno.ENOMEM, 'Cannot allocate memory'), True),
        (OSError(errno.ENOSPC, 'No space left on device'), False),
        (jax.errors.JaxRuntimeError('INTERNAL: a fault'), False),
        (ValueError('Out of memory'), False),
    ],
)
def test_errors_that_say_so(error: Exception, exhausted: bool) -> None:
    assert memory.is_exhausted(error) is exhausted
    line = memory.explain(error, 'sample')
    assert '\n' not in line and line.startswith('not enough memory (') and line.endswith('lower --num')


def test_limits_of_control_groups_and_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / 'memory.max').write_text('max\n')
    (tmp_path / 'limit').write_text('4096\n')
    numbers = [memory._read_limit(tmp_path / name) for name in ('memory.max', 'limit', 'nowhere')]
    assert numbers == [float('inf'), 4096, float('inf')]
    monkeypatch.setattr(memory, '_cgroup_files', lambda: [tmp_path / 'limit'])
    assert memory._host_bytes() == 4096


@pytest.mark.skipif(sys.platform != 'linux', reason='address space is limited by Linux')
def test_the_command_line(tmp_path: Path) -> None:
    """Memory that nobody has counted before, since there are several devices: one line and exit code 2 all the same."""
    command = [sys.executable, '-c', CODE, '--config=experiments/gan_ring8.py:smoke', f'--workdir={tmp_path}']
    env = os.environ | {'XLA_FLAGS': f'{FAST} --xla_force_host_platform_device_count=2'}
    args = {'cwd': ROOT, 'env': env, 'capture_output': True, 'text': True, 'timeout': 300}
    done = subprocess.run([*command, '--config.train.batch_size=60000000'], **args)
    errors = [line for line in done.stderr.splitlines() if line.startswith('error: ')]
    assert done.returncode == 2 and len(errors) == 1 and 'Traceback' not in done.stderr, done.stderr
    assert 'not enough memory' in errors[0] and 'lower train.batch_size (or raise train.micro)' in errors[0]
