"""Before any device is looked for: what must be said to jax, and to the C library."""

import os
import sys

from gans.errors import UserError

TRIM_THRESHOLD, MMAP_MAX, ARENA_MAX = -1, -4, -8  # of glibc's malloc.h


def start(cache: str | None, distributed: str | None, cores: bool = False) -> None:
    """What must be said to jax before it looks for devices. `cores`: each core of the CPU is one, for a population."""
    import jax

    if cores and distributed:
        raise UserError('a sweep runs in one process: leave --distributed out, or start one launch a --row')
    keep_memory()
    if cores and 'xla_force_host_platform_device_count' not in os.environ.get('XLA_FLAGS', ''):
        available = getattr(os, 'sched_getaffinity', lambda _: range(os.cpu_count() or 1))(0)
        jax.config.update('jax_num_cpu_devices', len(available))
    if cache:
        jax.config.update('jax_compilation_cache_dir', os.path.abspath(os.path.expanduser(cache)))
        jax.config.update('jax_persistent_cache_min_compile_time_secs', 0)
        jax.config.update('jax_persistent_cache_min_entry_size_bytes', -1)
    if distributed == 'auto':
        jax.distributed.initialize()
    elif distributed:
        try:
            address, processes, process = distributed.split(',')
            processes, process = int(processes), int(process)
        except ValueError:
            message = (
                f"--distributed={distributed} is neither 'auto' nor HOST:PORT,PROCESSES,PROCESS (like host:1234,2,0)"
            )
            raise UserError(message) from None
        jax.distributed.initialize(address, processes, process)


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
