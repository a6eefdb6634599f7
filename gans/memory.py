"""Errors of one line for too little memory, where possible before it is allocated.

A failed allocation may end a process in many ways: with an exception of Python or XLA, an abort in XLA, or a kill by
the system without a message. So large allocations are estimated first and compared with the total memory, which never
rejects what would fit; memory that other processes use, and small allocations, are left to exceptions.
"""

import contextlib
import errno
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gans.errors import UserError

# What to lower, by mode, if it is unknown which allocation was too large.
LOWER = {
    'sample': '--num',
    'interpolate': '--num',
    'project': '--num',
    'directions': '--num',
    'evaluate': '--num',
    'anomaly': '--num',
    'compare': '--size, or the number of images',
}
TRAINING = 'train.batch_size (or raise train.micro), eval.samples, latents.size or the sizes of the nets'


def check(needed: int, what: str, lower: str, on_host: bool = False) -> None:
    """Raises UserError if `needed` bytes are more than the total memory of a device, or of the host.

    Args:
      what: needs them.
      lower: what reduces them: keys of the config, or flags.
    """
    available = _host_bytes() if on_host else _device_bytes()
    if needed > available:
        needed, available = _format_bytes(needed), _format_bytes(available)
        raise UserError(f'not enough memory: {what} takes {needed}, but only {available} are available; lower {lower}')


def run(function: Any, args: tuple, what: str, lower: str) -> Any:
    """Calls a jitted function, after a `check` of the memory that XLA plans for it."""
    compiled = function.lower(*args).compile()
    check(planned_bytes(compiled), what, lower)
    return compiled(*args)


def planned_bytes(compiled: Any) -> int:
    """Bytes on a device while a compiled function runs, as planned by XLA; 0 if XLA does not report them."""
    found = compiled.memory_analysis()
    if found is None:
        return 0
    kinds = ('argument', 'output', 'temp', 'generated_code')
    return sum(getattr(found, f'{kind}_size_in_bytes') for kind in kinds) - found.alias_size_in_bytes


def fetch(tree: Any) -> Any:
    """Copies a tree of arrays to the host. Waits for them first: an array that could not be allocated raises there, but
    would abort the process in the copy.
    """
    import jax

    return jax.device_get(jax.block_until_ready(tree))


def is_exhausted(error: BaseException) -> bool:
    """Whether an error means that memory ran out."""
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return True
    signs = ('RESOURCE_EXHAUSTED', 'Out of memory', 'out of memory', 'bad_alloc', "can't start new thread")
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in signs)


def explain(error: BaseException, mode: str) -> str:
    """The error message for a `mode` that ran out of memory."""
    reason = (str(error).strip() or 'allocation failed').splitlines()[0].rstrip('.')
    return f'not enough memory ({reason.removeprefix("RESOURCE_EXHAUSTED: ")}); lower {LOWER.get(mode, TRAINING)}'


@contextlib.contextmanager
def explaining(mode: str) -> Iterator[None]:
    """Where memory runs out inside, that is a UserError of one line."""
    try:
        yield
    except Exception as error:
        if isinstance(error, UserError) or not is_exhausted(error):
            raise
        raise UserError(explain(error, mode)) from error


def _device_bytes() -> float:
    """Total bytes for arrays on one device."""
    import jax

    if jax.default_backend() == 'cpu':
        return _host_bytes()
    return (jax.local_devices()[0].memory_stats() or {}).get('bytes_limit', math.inf)


def _host_bytes() -> float:
    """Total bytes for this process: those of the machine or its container, or what `ulimit -v` leaves."""
    limits = [_machine_bytes(), *(_read_limit(path) for path in _cgroup_files())]
    try:
        import resource

        limit, _ = resource.getrlimit(resource.RLIMIT_AS)
        if limit != resource.RLIM_INFINITY:
            pages = int(Path('/proc/self/statm').read_text().split()[0])
            limits.append(limit - pages * os.sysconf('SC_PAGE_SIZE'))
    except (ImportError, OSError):  # not Unix, or not Linux
        pass
    return max(0, min(limits))


def _machine_bytes() -> float:
    """Memory and swap of the machine."""
    try:
        lines = dict(line.split(':') for line in Path('/proc/meminfo').read_text().splitlines())
        return sum(int(lines[name].split()[0]) * 1024 for name in ('MemTotal', 'SwapTotal') if name in lines)
    except (OSError, ValueError):
        return math.inf


def _cgroup_files() -> list[Path]:
    """The files with the limits of this process's control groups: of version 1, and of version 2 up to the root."""
    try:
        own = Path('/proc/self/cgroup').read_text().split('0::/')[1].splitlines()[0]
    except (OSError, IndexError):
        own = ''
    root, parts = Path('/sys/fs/cgroup'), Path(own).parts
    groups = [root.joinpath(*parts[:i]) for i in range(len(parts) + 1)]
    return [root / 'memory/memory.limit_in_bytes', *(group / 'memory.max' for group in groups)]


def _read_limit(path: Path) -> float:
    try:
        return int(path.read_text())
    except (OSError, ValueError):  # missing, or 'max'
        return math.inf


def _format_bytes(count: float) -> str:
    return f'{count / 1e9:,.1f} GB'
