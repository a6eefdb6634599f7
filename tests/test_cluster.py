"""Sweeps by several processes, some of which are killed; and as jobs of a real SLURM, where one is installed."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import launching
import pytest

from gans.errors import UserError
from gans.sweep import cluster

SWEEP = """
'''Two programs.'''

from ml_collections import ConfigDict

from experiments import common


def get_config(variant=''):
    config = common.get_config()
    config.data.name = 'ring'
    config.latents.size = 4
    for role in ('generator', 'critic'):
        config[role] = ConfigDict({'net': 'mlp', 'widths': (8,)})
    config.train.update(steps=4_000, batch_size=8, log_every=1_000, steps_per_call=20)
    common.every(config, 1_000)
    config.train.checkpoint_every = 200
    config.eval.samples = 32
    return config


def sweep(add):
    add('once')
    add('twice', **{'train.n_critic': 2})
"""


@pytest.mark.parametrize('text, wanted', [
    ('local', ('local', None, {})),
    ('local:jobs=3', ('local', 3, {})),
    ('slurm:partition=gpu,mem_gb=16', ('slurm', None, {'partition': 'gpu', 'mem_gb': 16})),
])  # fmt: skip
def test_flags(text: str, wanted: tuple) -> None:
    assert cluster.parse(text) == wanted


@pytest.mark.parametrize('text, line', [
    ('slrum', "unknown cluster 'slrum'; did you mean 'slurm'"),
    ('local:2', "'2' is no KEY=VALUE; write local:jobs=2"),
    ('local:partition=gpu', "processes here have no option 'partition', only jobs"),
    ('slurm:jobs=0', 'jobs=0 must be a whole number of at least 1'),
])  # fmt: skip
def test_mistakes(text: str, line: str) -> None:
    with pytest.raises(UserError) as error:
        cluster.parse(text)
    assert line in str(error.value)


def start(path: Path, folder: Path, kind: str) -> subprocess.Popen:
    """Two seeds of each row."""
    cache = f'--compilation_cache={folder.parent}/cache'
    command = [sys.executable, str(launching.ROOT / 'launch.py'), f'--sweep={path}', f'--workdir={folder}', cache]
    command += [f'--cluster={kind}', '--seeds=2']
    env = os.environ | {'XLA_FLAGS': launching.FAST}
    return subprocess.Popen(command, cwd=launching.ROOT, env=env, text=True, stdout=-1, stderr=-1)


def children(process: subprocess.Popen) -> list[int]:
    return [int(pid) for pid in Path(f'/proc/{process.pid}/task/{process.pid}/children').read_text().split()]


def check_done(folder: Path) -> None:
    found = [json.loads(path.read_text()) for path in folder.glob('rows/*/*/summary.json')]
    assert [each['steps'] for each in found] == [4_000] * 4
    assert not list((folder / 'populations').iterdir()) and not list(folder.rglob('.lock'))


@pytest.mark.skipif(sys.platform != 'linux', reason='finds children in /proc')
def test_what_a_killed_process_leaves_another_trains(tmp_path: Path) -> None:
    path, folder = tmp_path / 'both.py', tmp_path / 'out'
    path.write_text(SWEEP)
    process = start(path, folder, 'local:jobs=2')
    while not list(folder.glob('populations/*/checkpoints/[0-9]*/_CHECKPOINT_METADATA')):
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.05)
    os.kill(children(process)[0], signal.SIGKILL)
    out, errors = launching.finished(process)
    check_done(folder)
    assert 'a process ended with exit code -9' in errors and 'another trained what it left' in errors
    assert f'report {folder}/report/report.html' in out
    said = (folder / 'jobs' / 'local_1.log').read_text()
    assert 'program 1 of' in said and 'program 2 of' in said


def test_a_job_whose_time_is_over_saves_and_is_queued_again(tmp_path: Path) -> None:
    """Without a cluster: what submitit calls on its signal."""
    pytest.importorskip('submitit')
    saved = tmp_path / 'saved'
    job = cluster.Job(['sh', '-c', f'trap "touch {saved}; exit" TERM; sleep 60 & wait'])

    def run() -> None:
        with pytest.raises(SystemExit):
            job()

    thread = threading.Thread(target=run)
    thread.start()
    time.sleep(1)
    again = job.checkpoint()
    thread.join(10)
    assert saved.exists() and not thread.is_alive()
    assert isinstance(again.function, cluster.Job) and again.function._command == job._command


# A real SLURM on this machine


TOOLS = ('munged', 'slurmctld', 'slurmd', 'sbatch', 'runuser')
MISSING = [tool for tool in TOOLS if shutil.which(tool, path=f'{os.environ["PATH"]}:/usr/sbin:/sbin') is None]
ROOTED = hasattr(os, 'geteuid') and os.geteuid() == 0


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A controller and a node of two cores, in the foreground, with all that they keep below a temporary folder."""
    pytest.importorskip('submitit')
    place, host = tmp_path / 'slurm', socket.gethostname()
    place.mkdir()
    settings = {
        'ClusterName': 'test', 'SlurmctldHost': f'{host}(127.0.0.1)', 'SlurmUser': 'root', 'AuthType': 'auth/munge',
        'ProctrackType': 'proctrack/linuxproc', 'TaskPlugin': 'task/none', 'SelectType': 'select/cons_tres',
        'SelectTypeParameters': 'CR_Core', 'MpiDefault': 'none', 'ReturnToService': '2',
        'StateSaveLocation': place / 'state', 'SlurmdSpoolDir': place / 'spool',
        'SlurmctldPidFile': place / 'slurmctld.pid', 'SlurmdPidFile': place / 'slurmd.pid',
        'SlurmctldPort': launching.free_port(), 'SlurmdPort': launching.free_port(),
    }  # fmt: skip
    lines = [f'{key}={value}' for key, value in settings.items()]
    lines += [f'NodeName={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=4000 State=UNKNOWN']
    lines += [f'PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP']
    (place / 'slurm.conf').write_text('\n'.join(lines) + '\n')
    monkeypatch.setenv('SLURM_CONF', str(place / 'slurm.conf'))
    monkeypatch.setenv('PATH', f'{os.environ["PATH"]}:/usr/sbin:/sbin')
    Path('/run/munge').mkdir(exist_ok=True)
    shutil.chown('/run/munge', 'munge')
    begin = lambda *command: subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    munge = begin('runuser', '-u', 'munge', '--', 'munged', '--force', '--foreground')
    time.sleep(1)
    daemons = [begin('slurmctld', '-D'), begin('slurmd', '-D')]
    try:
        for _ in range(60):
            state = subprocess.run(['sinfo', '-h', '-o', '%T'], capture_output=True, text=True).stdout
            if 'idle' in state:
                break
            time.sleep(0.5)
        else:
            pytest.skip(f'SLURM does not come up here: {state!r}')
        yield
    finally:
        subprocess.run(['scancel', '--user=root'], capture_output=True)
        for process in (*reversed(daemons), munge):
            process.terminate()
            process.wait(20)


@pytest.mark.skipif(bool(MISSING) or not ROOTED, reason=f'wants root, and {", ".join(MISSING) or "a SLURM"}')
def test_jobs_of_slurm_train_a_sweep_and_one_writes_the_report(slurm: None, tmp_path: Path) -> None:
    """One job is preempted, as SLURM does it, and queued again."""
    path, folder = tmp_path / 'both.py', tmp_path / 'out'
    path.write_text(SWEEP)
    out, _ = launching.finished(start(path, folder, 'slurm:cpus_per_task=1,timeout_min=20'))
    assert ' train, job ' in out
    while not list(folder.glob('populations/*/checkpoints/[0-9]*/_CHECKPOINT_METADATA')):
        time.sleep(0.2)
    first = out.removeprefix('jobs ').split(',')[0]
    subprocess.run(['scancel', '--signal=USR2', first], check=True)
    for _ in range(600):
        if not subprocess.run(['squeue', '-h'], capture_output=True, text=True).stdout.strip():
            break
        now = ['scontrol', 'update', f'JobId={first}', 'StartTime=now']  # which SLURM puts off for two minutes
        subprocess.run(now, capture_output=True)
        time.sleep(0.5)
    check_done(folder)
    assert (folder / 'report' / 'report.html').is_file()
    said = ''.join(log.read_text() for log in (folder / 'jobs').glob(f'{first}_*log.err'))
    assert 'Requeued' in said or 'requeue' in said.lower()
