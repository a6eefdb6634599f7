"""Memory: one line where there is not enough of it, before it is asked for if that can be told.

Asked for in vain, memory ends a process in all ways: by an exception of Python or of XLA, by an abort in XLA, or by the
system without a word. So what is large is counted first, and compared with what there is in all, which is never too
strict; what comes of other processes, and of what nobody counts, is left to exceptions.
"""

import errno
import math
import os
from pathlib import Path
from typing import Any

from gans.errors import UserError

# What to lower where nobody knows what it was that was too large.
LOWER = {
    'sample': '--num',
    'interpolate': '--num',
    'evaluate': '--num',
    'anomaly': '--num',
    'compare': '--size, or the number of images',
}
TRAINING = 'train.batch_size (or raise train.micro), eval.samples, latents.size or the sizes of the nets'


def check(needed: int, what: str, lower: str, on_host: bool = False) -> None:
    """Raises UserError if arrays of `needed` bytes are more than a device, or the host, can ever hold.

    Args:
      what: needs them.
      lower: by what they become fewer: keys of the config, or flags.
    """
    there = _host_bytes() if on_host else _device_bytes()
    if needed > there:
        needed, there = _format_bytes(needed), _format_bytes(there)
        raise UserError(f'not enough memory: {what} takes {needed}, and there are {there}; lower {lower}')


def run(function: Any, args: tuple, what: str, lower: str) -> Any:
    """Calls a jitted function if what XLA plans for it is there; see `check`."""
    compiled = function.lower(*args).compile()
    check(planned_bytes(compiled), what, lower)
    return compiled(*args)


def planned_bytes(compiled: Any) -> int:
    """Bytes on a device while a compiled function runs, as XLA plans it; 0 where XLA does not say."""
    found = compiled.memory_analysis()
    if found is None:
        return 0
    kinds = ('argument', 'output', 'temp', 'generated_code')
    return sum(getattr(found, f'{kind}_size_in_bytes') for kind in kinds) - found.alias_size_in_bytes


def fetch(tree: Any) -> Any:
    """A tree of arrays, on the host. An array for which there was no memory ends the process if it is fetched; if it
    is waited for, it raises.
    """
    import jax

    return jax.device_get(jax.block_until_ready(tree))


def is_exhausted(error: BaseException) -> bool:
    """Whether an error says that there was not enough memory."""
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return True
    signs = ('RESOURCE_EXHAUSTED', 'Out of memory', 'out of memory', 'bad_alloc', "can't start new thread")
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in signs)


def explain(error: BaseException, mode: str) -> str:
    """The line for a person whose `mode` ended in such an error."""
    said = (str(error).strip() or 'no more is to be had').splitlines()[0].rstrip('.')
    return f'not enough memory ({said.removeprefix("RESOURCE_EXHAUSTED: ")}); lower {LOWER.get(mode, TRAINING)}'


def _device_bytes() -> float:
    """Bytes that arrays on one device can take at most."""
    import jax

    if jax.default_backend() == 'cpu':
        return _host_bytes()
    return (jax.local_devices()[0].memory_stats() or {}).get('bytes_limit', math.inf)


def _host_bytes() -> float:
    """Bytes that this process can have at most: what the machine or its container has, or what `ulimit -v` leaves."""
    limits = [_machine_bytes(), *(_read_limit(path) for path in _cgroup_files())]
    try:
        import resource

        most, _ = resource.getrlimit(resource.RLIMIT_AS)
        if most != resource.RLIM_INFINITY:
            pages = int(Path('/proc/self/statm').read_text().split()[0])
            limits.append(most - pages * os.sysconf('SC_PAGE_SIZE'))
    except (ImportError, OSError):  # no Unix, or not Linux
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
    """The files in which Linux may limit this process, as container: of version 1, and of 2 from our group upwards."""
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
    except (OSError, ValueError):  # it is not there, or says 'max'
        return math.inf


def _format_bytes(count: float) -> str:
    return f'{count / 1e9:,.1f} GB'
