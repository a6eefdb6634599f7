"""Launches experiments as a user does, in a process of their own or in this one."""

import os
import socket
import subprocess
import sys
from pathlib import Path

from absl import flags

import launch as launcher

ROOT = Path(__file__).parent.parent
FAST = ' '.join(flag for flag in os.environ.get('XLA_FLAGS', '').split() if 'device_count' not in flag)


def launch(config: Path | str, folder: Path, *args: str, xla: str = FAST) -> subprocess.Popen:
    """`python launch.py` on one CPU device, compiled as these tests are, or as XLA's flags say ('': as users' are);
    or on what JAX_PLATFORMS names.
    """
    env = os.environ | ({'XLA_FLAGS': xla} if os.environ['JAX_PLATFORMS'] == 'cpu' else {})
    command = [sys.executable, str(ROOT / 'launch.py'), f'--config={config}', f'--workdir={folder}', *args]
    return subprocess.Popen(command, cwd=ROOT, env=env, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def finished(*processes: subprocess.Popen) -> tuple[str, str]:
    """Waits for processes that must succeed; gives standard output and error of the last."""
    for process in processes:
        out, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors
    return out, errors


def main(*args: str) -> int:
    """`python launch.py` in this process; gives the exit code."""
    flags.FLAGS.unparse_flags()
    for name in flags.FLAGS:
        flags.FLAGS[name].unparse()
    return launcher.main(['launch.py', *args])


def free_port() -> int:
    """One that nobody uses just now."""
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        return free.getsockname()[1]
