"""Before anything is computed: what must be said to jax before it looks for devices, and whether there are any."""

import os
import socket
import sys
import threading

from gans import rendezvous
from gans.errors import UserError

TRIM_THRESHOLD, MMAP_MAX, ARENA_MAX = -1, -4, -8  # of glibc's malloc.h


def start(cache: str | None, distributed: str | None, cores: bool = False) -> None:
    """Makes ready to compute: afterwards the devices are there.

    Args:
      cache: folder of compiled programs, if they are to be kept.
      distributed: 'auto' or HOST:PORT,PROCESSES,PROCESS where several processes compute together.
      cores: each core of the CPU is a device, for a population.

    Raises:
      UserError: there are no devices of the kind that is asked for, or the processes do not come together.
    """
    if cores and distributed:
        raise UserError('a sweep runs in one process: leave --distributed out, or start one launch a --row')
    told = _parse_address(distributed) if distributed and distributed != 'auto' else None
    keep_memory()

    import jax

    if cores and 'xla_force_host_platform_device_count' not in os.environ.get('XLA_FLAGS', ''):
        available = getattr(os, 'sched_getaffinity', lambda _: range(os.cpu_count() or 1))(0)
        jax.config.update('jax_num_cpu_devices', len(available))
    if cache:
        jax.config.update('jax_compilation_cache_dir', os.path.abspath(os.path.expanduser(cache)))
        jax.config.update('jax_persistent_cache_min_compile_time_secs', 0)
        jax.config.update('jax_persistent_cache_min_entry_size_bytes', -1)
    if told:
        rendezvous.meet(*told)
    if distributed:
        said = "waiting for the cluster's other processes, giving up after 300 s"  # jax does, and ends the process
        patience = threading.Timer(rendezvous.PATIENCE, lambda: print(said, file=sys.stderr, flush=True))
        patience.daemon = True
        patience.start()
        try:
            jax.distributed.initialize(*((f'{told[0]}:{told[1]}', *told[2:]) if told else ()))
        except Exception as error:  # jax's, the cluster's, or of XLA
            fix = 'try another port' if told else 'where no cluster says who is who, take HOST:PORT,PROCESSES,PROCESS'
            raise UserError(f'--distributed={distributed}: {_first_line(error)}; {fix}') from error
        finally:
            patience.cancel()
    try:
        jax.devices()
    except Exception as error:  # RuntimeError mostly, and AssertionError if no kind of device is left
        raise UserError(_explain_no_devices(error, bool(distributed))) from error


def _parse_address(distributed: str) -> tuple[str, int, int, int]:
    """Host and port of process 0, how many processes there are, and which of them this one is."""
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
        raise UserError(f'--distributed={distributed}: {port} is no port, take one from 1024 to 65535')
    if not 0 <= process < processes:
        raise UserError(f'--distributed={distributed}: PROCESS {process} must be one of 0 to PROCESSES - 1')
    return host, port, processes, process


def _explain_no_devices(error: Exception, distributed: bool) -> str:
    """What is wrong where jax finds no devices, and what helps."""
    name = socket.gethostname()
    if distributed and not _resolves(name):
        return (
            f"this host's own name '{name}' does not resolve, by which its processes are found: add it to the hosts "
            f"file (/etc/hosts), as '127.0.0.1 {name}' if all processes are on this host, else with its address"
        )
    asked = os.environ.get('JAX_PLATFORMS')
    if asked:
        return f'no devices ({_first_line(error)}): JAX_PLATFORMS={asked} asks for some that are not here; unset it'
    return f'no devices ({_first_line(error)}): JAX_PLATFORMS=cpu computes without an accelerator'


def _resolves(name: str) -> bool:
    try:
        return bool(socket.getaddrinfo(name, None))
    except OSError:
        return False


def _first_line(error: Exception) -> str:
    """The first line of an error, without jax's own advice."""
    text = str(error).strip() or 'jax does not say why'
    return text.splitlines()[0].partition(' (set JAX_PLATFORMS')[0].rstrip('.')


def keep_memory() -> None:
    """Has the C library keep the memory that it is given back, for the next step.

    By default glibc returns large blocks to the system, and a step on CPU, which asks for hundreds of megabytes anew,
    waits for each page of them. Threads with blocks of their own would return theirs all the same, so they have none.
    """
    import ctypes

    mallopt = getattr(ctypes.CDLL(None), 'mallopt', None) if sys.platform == 'linux' else None
    if mallopt:  # not in every C library
        mallopt(ARENA_MAX, 1)
        mallopt(MMAP_MAX, 0)
        mallopt(TRIM_THRESHOLD, 2**31 - 1)
