"""Compiled programs that are kept between launches: jax's persistent cache, bounded, and safe to share.

Programs are the same bits whether they are compiled or read. A processor reads those alone that were compiled for its
own instructions. jax writes each into its file in place, while others may read, and a killed process may leave a part
of one; what cannot be read is compiled. (jax's own bound, `jax_compilation_cache_max_size`, wants locks, and is no
longer written to at all once a process was killed between the two files of an entry.)
"""

import hashlib
import os
import platform
import time
import warnings
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

LIMIT = 10**9  # bytes, at the beginning of a launch
CHECKED = '.checked'  # its date says when `tidy` has read what was there
SLACK = 60.0  # seconds by which the clocks of hosts that share a folder may differ


def use(folder: Path) -> None:
    """From now on compiled programs are read from this folder and kept there, for all processors of this kind.

    Raises:
      OSError: there is no such folder, and it cannot be made.
    """
    import jax

    place = folder / processor()
    place.mkdir(parents=True, exist_ok=True)
    tidy(folder, LIMIT)
    warnings.filterwarnings('ignore', 'Error (reading|writing) persistent compilation cache entry')
    for name, value in settings(place).items():
        jax.config.update(name, value)


def settings(folder: Path) -> dict[str, Any]:
    """jax's options by which all programs are kept in a folder, however small and quickly compiled."""
    return {
        'jax_enable_compilation_cache': True,
        'jax_compilation_cache_dir': str(folder.absolute()),
        'jax_persistent_cache_min_compile_time_secs': 0,
        'jax_persistent_cache_min_entry_size_bytes': -1,
    }


def processor() -> str:
    """What programs for this host's CPU depend on, 8 hex digits: its model, its instructions and how many cores of it
    there are for this process, into as many parts as that XLA cuts loops.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()
    said = {platform.machine(), platform.processor(), f'{cores} cores'}
    with suppress(OSError):
        lines = Path('/proc/cpuinfo').read_text().splitlines()
        said |= {line for line in lines if line.startswith(('model name', 'flags', 'Features', 'CPU part'))}
    return hashlib.sha256('\n'.join(sorted(said)).encode()).hexdigest()[:8]


def tidy(folder: Path, limit: int) -> None:
    """Deletes the programs in a folder that are only in part there, and those unused for longest beyond `limit` bytes.

    Only what was written since the last time is read for that.
    """
    began, marker = time.time(), folder / CHECKED
    with suppress(OSError):  # others may be at it too, and the folder may be one that is only read
        since = marker.stat().st_mtime - SLACK if marker.exists() else 0.0
        found = {path: path.stat() for path in folder.glob('*/*-cache')}
        _delete(path for path, stat in found.items() if stat.st_mtime >= since and not _is_whole(path))
        held = 0
        for path, stat in sorted(found.items(), key=lambda each: -max(each[1].st_atime, each[1].st_mtime)):
            held += stat.st_size
            if held > limit:
                _delete([path])
        marker.touch()
        os.utime(marker, (began, began))


def _is_whole(path: Path) -> bool:
    try:
        from jax._src.compilation_cache import decompress_executable  # by zlib, or zstd where Python has it

        decompress_executable(path.read_bytes())
    except ImportError:  # a jax that keeps it elsewhere
        return True
    except Exception:  # that of whichever it is
        return False
    return True


def _delete(paths: Iterable[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)
