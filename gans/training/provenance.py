"""Where results come from: command, code, host, device and versions."""

import datetime
import functools
import shlex
import socket
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import jax

PACKAGES = ('gans', 'jax', 'jaxlib', 'flax', 'optax', 'orbax-checkpoint', 'numpy')


@functools.cache
def environment() -> dict[str, Any]:
    """Device and package versions, for `summary.json` and `benchmark.json`."""
    device = jax.devices()[0]
    return {
        'device': f'{jax.device_count()} x {device.device_kind} ({device.platform})',
        'processes': jax.process_count(),
        'packages': {dist.name: dist.version for dist in metadata.distributions() if dist.name in PACKAGES},
    }


@functools.cache
def launch() -> dict[str, Any]:
    """The command, the commit of this code and whether it was changed, the host: as of the first call, which should
    come early, for files may change while a run trains.
    """
    return {'command': shlex.join(sys.argv), **_commit(), 'host': socket.gethostname()}


def moment() -> dict[str, Any]:
    """Now: the date, and the most memory that was in use so far."""
    return {'date': datetime.datetime.now(datetime.UTC).isoformat(timespec='seconds'), **_memory()}


def device_bytes() -> int | None:
    """The most bytes that this process has held on its first device so far; None where the device does not count."""
    return (jax.local_devices()[0].memory_stats() or {}).get('peak_bytes_in_use')


def process_bytes() -> int | None:
    """The most bytes of the host's memory that this process has held so far; None where nobody counts them."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == 'darwin' else 1024)


def _commit() -> dict[str, Any]:
    """Of the repository that this file lies in; nothing where it is installed by itself, or there is no git."""
    root = Path(__file__).resolve().parents[2]
    if not (root / '.git').exists():
        return {}
    git = lambda *args: subprocess.run(
        ['git', '-C', str(root), *args], capture_output=True, text=True, check=True, timeout=10
    ).stdout.strip()
    try:
        return {'commit': git('rev-parse', 'HEAD'), 'dirty': bool(git('status', '--porcelain', '--untracked-files=no'))}
    except (OSError, subprocess.SubprocessError):
        return {}


def _memory() -> dict[str, int]:
    on_device, of_process = device_bytes(), process_bytes()
    if on_device is not None:
        return {'device_memory_peak_bytes': on_device}
    return {} if of_process is None else {'process_memory_peak_bytes': of_process}
