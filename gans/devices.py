"""Setting up JAX's devices: options that must precede backend initialization, and a check that there are devices."""

import contextlib
import importlib.util
import os
import shutil
import socket
import sys
import threading
from pathlib import Path

from gans import compiled, rendezvous
from gans.cache import home
from gans.errors import UserError

GPUS = ('/dev/nvidia0', '/dev/nvidiactl', '/dev/dxg', '/proc/driver/nvidia')  # /dev/dxg under Windows
TRIM_THRESHOLD, MMAP_MAX, ARENA_MAX = -1, -4, -8  # of glibc's malloc.h


def start(cache: str | None, distributed: str | None, cores: bool = False) -> None:
    """Sets the JAX options that must precede backend initialization, and initializes the devices.

    Args:
      cache: folder in which compiled programs are kept; 'off' or '' for none; None for the one of every launch, in
        $XDG_CACHE_HOME/gans or ~/.cache/gans, unless jax's own options say otherwise.
      distributed: 'auto' or HOST:PORT,PROCESSES,PROCESS for a run of several processes.
      cores: exposes each CPU core as a device, for populations.

    Raises:
      UserError: there are no devices of the requested platform, the processes cannot connect, or the folder that is
        given cannot be made.
    """
    if cores and distributed:
        raise UserError('a sweep runs in one process: leave out --distributed, or start one launch per --row')
    address = _parse_address(distributed) if distributed and distributed != 'auto' else None
    keep_memory()

    import jax

    if cores and 'xla_force_host_platform_device_count' not in os.environ.get('XLA_FLAGS', ''):
        available = getattr(os, 'sched_getaffinity', lambda _: range(os.cpu_count() or 1))(0)
        jax.config.update('jax_num_cpu_devices', len(available))
    keep_programs(cache)
    if address:
        rendezvous.meet(*address)
    if distributed:
        notice = "waiting for the cluster's other processes, giving up after 300 s"  # when jax ends the process
        timer = threading.Timer(rendezvous.PATIENCE, lambda: print(notice, file=sys.stderr, flush=True))
        timer.daemon = True
        timer.start()
        try:
            jax.distributed.initialize(*((f'{address[0]}:{address[1]}', *address[2:]) if address else ()))
        except Exception as error:  # raised by jax, the cluster or XLA
            fix = 'try another port' if address else 'without a cluster that jax knows, set HOST:PORT,PROCESSES,PROCESS'
            raise UserError(f'--distributed={distributed}: {_first_line(error)}; {fix}') from error
        finally:
            timer.cancel()
    try:
        jax.devices()
    except Exception as error:  # RuntimeError mostly, and AssertionError if no platform is left
        raise UserError(_explain_no_devices(error, bool(distributed))) from error


def keep_programs(cache: str | None) -> None:
    """Where compiled programs are kept from now on, as of `start`."""
    import jax

    if cache is None:
        if jax.config.jax_enable_compilation_cache and not jax.config.jax_compilation_cache_dir:
            with contextlib.suppress(OSError):  # a home folder that cannot be written
                compiled.use(home() / 'compiled')
    elif cache in ('', 'off'):
        jax.config.update('jax_enable_compilation_cache', False)
    else:
        try:
            compiled.use(Path(cache))
        except OSError as error:
            why = error.strerror or error
            raise UserError(f'--compilation_cache={cache} cannot be made: {why}; choose another, or off') from error


def _parse_address(distributed: str) -> tuple[str, int, int, int]:
    """Host and port of process 0, the number of processes, and the number of this one."""
    try:
        address, processes, process = distributed.split(',')
        host, _, port = address.rpartition(':')
        port, processes, process = int(port), int(processes), int(process)
    except ValueError:
        host = ''
    if not host:
        raise UserError(
            f"--distributed={distributed} is neither 'auto' nor HOST:PORT,PROCESSES,PROCESS (like host:1234,2,0)"
        )
    if not 0 < port < 2**16:
        raise UserError(f'--distributed={distributed}: {port} is not a valid port, choose one from 1024 to 65535')
    if not 0 <= process < processes:
        raise UserError(f'--distributed={distributed}: PROCESS {process} must be one of 0 to PROCESSES - 1')
    return host, port, processes, process


def _explain_no_devices(error: Exception, distributed: bool) -> str:
    """Why jax finds no devices, and how to fix it."""
    name = socket.gethostname()
    if distributed and not _resolves(name):
        return (
            f"this host's own name '{name}' does not resolve, but processes connect to it: add it to the hosts file "
            f"(/etc/hosts), as '127.0.0.1 {name}' if all processes are on this host, else with its address"
        )
    asked = os.environ.get('JAX_PLATFORMS')
    if asked:
        return f'no devices ({_first_line(error)}): JAX_PLATFORMS={asked} asks for devices that are not here; unset it'
    return f'no devices ({_first_line(error)}): set JAX_PLATFORMS=cpu to compute without an accelerator'


def _resolves(name: str) -> bool:
    try:
        return bool(socket.getaddrinfo(name, None))
    except OSError:
        return False


def _first_line(error: Exception) -> str:
    """The first line of an error, without jax's own advice."""
    text = str(error).strip() or 'jax gives no reason'
    return text.splitlines()[0].partition(' (set JAX_PLATFORMS')[0].rstrip('.')


def explain_idle_gpu() -> str:
    """Why the CPU computes although this machine has a GPU, and how to fix it; '' where all is as it should be."""
    import jax

    if jax.default_backend() != 'cpu' or os.environ.get('JAX_PLATFORMS') or not has_gpu():
        return ''
    if any(importlib.util.find_spec(f'jax_cuda{version}_plugin') for version in (12, 13)):
        fix = "jax's plugin does not find it; see `nvidia-smi`, and `pip install -e '.[cuda12]'` for old drivers"
    else:
        fix = "`pip install -e '.[cuda]'` lets jax use it"
    return f'the CPU computes, but this machine seems to have a GPU: {fix} (JAX_PLATFORMS=cpu: it is meant)'


def has_gpu() -> bool:
    """Whether there seems to be one of NVIDIA's."""
    return any(Path(path).exists() for path in GPUS) or shutil.which('nvidia-smi') is not None


def keep_memory() -> None:
    """Stops glibc's malloc from returning freed memory to the OS between steps.

    By default it returns large blocks, so that a step on CPU, which allocates hundreds of megabytes, page-faults
    through all of them. Thread arenas would return theirs regardless, so there is only one arena.
    """
    import ctypes

    mallopt = getattr(ctypes.CDLL(None), 'mallopt', None) if sys.platform == 'linux' else None
    if mallopt:  # missing in some C libraries
        mallopt(ARENA_MAX, 1)
        mallopt(MMAP_MAX, 0)
        mallopt(TRIM_THRESHOLD, 2**31 - 1)
