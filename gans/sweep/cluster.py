"""Sweeps by several processes: here, or as jobs of SLURM through the library submitit.

Each is a launch of the sweep's own command, which takes the next program that nobody trains (`gans.sweep.take`). So
jobs need not know of each other, one that dies leaves its program to the next, and one more may be added at any time.
"""

import ast
import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from gans.errors import Stopped, UserError, unknown
from gans.training import workdir
from gans.training.signals import Signals

KINDS = ('local', 'slurm')
POLL = 0.5  # seconds
# Options of jobs that submitit has for all clusters; others are SLURM's own.
COMMON = ('timeout_min', 'mem_gb', 'nodes', 'cpus_per_task', 'gpus_per_node', 'tasks_per_node', 'name')


class Cluster(NamedTuple):
    """What `--cluster` says."""

    kind: str  # of KINDS
    jobs: int | None  # None: as many as there are programs; locally 2
    options: dict[str, Any]  # of each job


def parse(text: str) -> Cluster:
    """KIND[:KEY=VALUE,...], such as 'local:jobs=2' or 'slurm:partition=gpu,gpus_per_node=1,timeout_min=240'.

    Raises:
        UserError: another kind, or what is no KEY=VALUE.
    """
    kind, _, rest = text.partition(':')
    if kind not in KINDS:
        raise unknown('cluster', kind, KINDS)
    options = {}
    for word in filter(None, rest.split(',')):
        key, given, value = word.partition('=')
        if not given:
            raise UserError(f"--cluster={text}: '{word}' is no KEY=VALUE; write {kind}:jobs=2")
        with contextlib.suppress(ValueError, SyntaxError):  # words need no quotes
            value = ast.literal_eval(value)
        options[key] = value
    jobs = options.pop('jobs', None)
    if jobs is not None and (not isinstance(jobs, int) or jobs < 1):
        raise UserError(f'--cluster={text}: jobs={jobs} must be a whole number of at least 1')
    if kind == 'local' and options:
        raise UserError(f"--cluster={text}: processes here have no option '{next(iter(options))}', only jobs")
    return Cluster(kind, jobs, options)


def train_here(command: Sequence[str], folder: Path, jobs: int) -> list[str]:
    """Runs a command so many times at once, and waits until all have ended; what they say goes to FOLDER/jobs.

    Returns:
        A line for each that failed.

    Raises:
        Stopped: by a signal, which they were sent: what was trained is saved.
    """
    place = workdir.make_folder(folder / 'jobs')
    logs, told = [place / f'local_{i}.log' for i in range(jobs)], None
    with contextlib.ExitStack() as stack:
        signals = stack.enter_context(Signals())
        files = [stack.enter_context(log.open('w', encoding='utf-8')) for log in logs]
        # In sessions of their own, so that Ctrl-C reaches them once, through us.
        run = lambda file: subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, start_new_session=True)
        processes = [run(file) for file in files]
        workdir.say(f'{folder}: {jobs} processes train; what they say is in {place}')
        while any(process.poll() is None for process in processes):
            time.sleep(POLL)
            if (stop := signals.received()) and told is None:
                told = stop
                for process in processes:
                    process.send_signal(signal.SIGTERM)
    if told:
        raise Stopped(f'{told.name}: what was trained in {folder} is saved; the same command goes on', 128 + told)
    found = zip(processes, logs, strict=True)
    return [
        f'a process ended with exit code {process.returncode}, see {log}'
        for process, log in found
        if _failed(process, log)
    ]


def _failed(process: subprocess.Popen, log: Path) -> bool:
    """Whether a launch failed, and not because others already trained all that was left."""
    return bool(process.returncode) and 'has trained there since' not in log.read_text(encoding='utf-8')


class Job:
    """A command as a job of submitit, which pickles this: it is sent a signal before its time is over, or when others
    want its place; then the command saves, and the job is queued again.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._command = list(command)
        self._process: subprocess.Popen | None = None

    def __call__(self) -> None:
        from submitit.core.job_environment import JobEnvironment

        ignored = JobEnvironment._usr_sig()  # is for us, but SLURM sends it to all
        self._process = subprocess.Popen(self._command, preexec_fn=lambda: signal.signal(ignored, signal.SIG_IGN))
        while self._process.poll() is None:  # `wait` would hold a lock of its own when the signal comes
            time.sleep(POLL)
        if self._process.returncode:
            sys.exit(self._process.returncode)

    def checkpoint(self) -> Any:
        from submitit.helpers import DelayedSubmission

        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            while self._process.poll() is None:
                time.sleep(POLL)
        return DelayedSubmission(Job(self._command))


def submit(command: Sequence[str], report: Sequence[str], folder: Path, jobs: int, options: dict[str, Any]) -> str:
    """Submits so many jobs to SLURM, and one that writes the report when they have ended; returns a line about them.

    Raises:
        UserError: submitit or SLURM is not here, or an option is none of theirs.
    """
    try:
        import submitit
    except ImportError:
        raise UserError("--cluster=slurm needs submitit: `pip install -e '.[cluster]'`") from None
    named = {key if key in COMMON else f'slurm_{key}': value for key, value in options.items()}
    with _explained():
        executor = submitit.AutoExecutor(workdir.make_folder(folder / 'jobs'), cluster='slurm')
        executor.update_parameters(**({'name': folder.name} | named))
        submitted = [executor.submit(Job(command)) for _ in range(jobs)]
        ids = [job.job_id for job in submitted]
        after = {'dependency': f'afterany:{":".join(ids)}'}
        executor.update_parameters(slurm_additional_parameters=after | named.get('slurm_additional_parameters', {}))
        last = executor.submit(Job(report))
    return (
        f'jobs {", ".join(ids)} train, job {last.job_id} then writes the report; what they say is in {folder / "jobs"}'
    )


@contextlib.contextmanager
def _explained() -> Any:
    try:
        yield
    except (RuntimeError, NameError, AssertionError, OSError, subprocess.CalledProcessError) as error:
        said = str(error).strip().splitlines()
        raise UserError(f'--cluster=slurm: {said[0] if said else type(error).__name__}') from error
