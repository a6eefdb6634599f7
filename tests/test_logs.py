import subprocess
import sys

import numpy as np
import pytest

from gans import files
from gans.errors import UserError
from gans.pictures import save_png
from gans.training.logs import Logs, read_metrics


def values_at(step) -> dict[str, float]:
    rng = np.random.default_rng(step)
    values = {'critic/loss': rng.normal(), 'generator/loss': rng.normal()}
    if step % 3 == 0:
        values['eval/fid'] = rng.normal() * 1e-20
    if step >= 7:
        values['path/length'] = rng.normal()
    return values


def write(folder, steps, resume_step=0) -> bytes:
    logs = Logs(folder, resume_step)
    for step in steps:
        logs.scalars(step, values_at(step))
    logs.close()
    return (folder / 'metrics.csv').read_bytes()


def events(folder, tag, kind='Scalars') -> list:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    accumulator = EventAccumulator(str(folder / 'tensorboard'), {'scalars': 0, 'images': 0})
    accumulator.Reload()
    return getattr(accumulator, kind)(tag)


def test_values_come_back_exactly_as_float32(tmp_path) -> None:
    rng = np.random.default_rng(0)
    numbers = np.exp(rng.uniform(-80, 80, 200)).astype(np.float32)
    numbers[:5] = [-0.0, 1e-45, np.inf, -np.inf, np.float32(0.1)]
    logs = Logs(tmp_path)
    for step, number in enumerate(numbers):
        logs.scalars(step, {'x': number})
    logs.close()
    metrics = read_metrics(tmp_path / 'metrics.csv')
    assert metrics['x'].astype(np.float32).tobytes() == numbers.tobytes()
    assert metrics['step'].dtype == np.int64 and (metrics['step'] == np.arange(200)).all()


def test_columns_grow_and_blanks_are_nan(tmp_path) -> None:
    text = write(tmp_path, range(1, 8)).decode()
    assert text.splitlines()[0] == 'step,critic/loss,generator/loss,eval/fid,path/length'
    assert {line.count(',') for line in text.splitlines()} == {4}
    metrics = read_metrics(tmp_path / 'metrics.csv')
    assert np.isfinite(metrics['eval/fid']).tolist() == [step % 3 == 0 for step in range(1, 8)]
    assert np.isfinite(metrics['path/length']).tolist() == [False] * 6 + [True]
    assert 'nan' not in text


@pytest.mark.parametrize('resume_step', [0, 1, 2, 3, 6, 7, 8])
@pytest.mark.parametrize('torn', [b'', b'9,', b'9,0.25,1', b'\xff'])
def test_resuming_leaves_the_same_bytes(tmp_path, resume_step, torn) -> None:
    whole = write(tmp_path / 'whole', range(1, 12))
    part = tmp_path / 'part'
    write(part, range(1, 9))
    with (part / 'metrics.csv').open('ab') as file:
        file.write(torn)
    assert write(part, range(resume_step + 1, 12), resume_step) == whole


def test_torn_header_or_nothing_logged(tmp_path) -> None:
    (tmp_path / 'metrics.csv').write_bytes(b'step,crit')
    assert write(tmp_path, []) == b'step\n'
    assert len(write(tmp_path, [1]).splitlines()) == 2


def test_rows_outlive_a_kill(tmp_path) -> None:
    code = """
import os, sys
from pathlib import Path
from gans.training.logs import Logs
logs = Logs(Path(sys.argv[1]))
for step in range(3):
    logs.scalars(step, {'x': step, 'y' * step + 'z': 1.0})
os.kill(os.getpid(), 9)
"""
    subprocess.run([sys.executable, '-c', code, str(tmp_path)])
    assert read_metrics(tmp_path / 'metrics.csv')['x'].tolist() == [0, 1, 2]
    assert not list(tmp_path.glob('*.tmp'))


def test_tensorboard_reads_back(tmp_path) -> None:
    logs = Logs(tmp_path)
    picture = np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3)
    logs.scalars(1, {'critic/loss': 0.5})
    logs.timing(1, {'steps_per_second': 3.25})
    save_png(tmp_path / 'x.png', picture)
    logs.image(1, 'samples', tmp_path / 'x.png')
    logs.flush()
    assert [(event.step, event.value) for event in events(tmp_path, 'critic/loss')] == [(1, 0.5)]
    assert [(event.step, event.value) for event in events(tmp_path, 'steps_per_second')] == [(1, 3.25)]
    (image,) = events(tmp_path, 'samples', 'Images')
    assert (image.height, image.width) == (5, 7)
    import io

    from PIL import Image

    assert (np.asarray(Image.open(io.BytesIO(image.encoded_image_string))) == picture).all()
    assert 'steps_per_second' not in (tmp_path / 'metrics.csv').read_text()
    logs.close()


def test_tensorboard_forgets_overlapping_steps_on_resume(tmp_path) -> None:
    write(tmp_path, range(1, 9))
    write(tmp_path, range(6, 11), resume_step=5)
    assert [event.step for event in events(tmp_path, 'critic/loss')] == list(range(1, 11))
    assert [event.step for event in events(tmp_path, 'eval/fid')] == [3, 6, 9]


def test_no_tensorflow_and_nothing_heavy_at_import() -> None:
    code = """
import sys
import gans.training.logs, gans.pictures, gans.training.checkpoints
heavy = {'matplotlib', 'tensorboard', 'orbax', 'PIL', 'tensorflow'} & set(sys.modules)
assert not heavy, heavy
import jax
assert not jax._src.xla_bridge.backends_are_initialized()
from pathlib import Path
gans.training.logs.Logs(Path(sys.argv[1])).close()
assert not {'tensorflow', 'matplotlib.pyplot'} & set(sys.modules)
"""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, '-c', code, folder], check=True)


def test_errors(tmp_path) -> None:
    (tmp_path / 'file').write_text('')
    with pytest.raises(UserError, match=r'cannot write logs in .*file/run'):
        Logs(tmp_path / 'file' / 'run')
    with pytest.raises(UserError, match=r'no metrics at .*metrics.csv'):
        read_metrics(tmp_path / 'metrics.csv')
    for text in ('a,b\n1,2\n', 'step,b\n1\n', 'step,b\nx,2\n', 'step,b\n1,x\n'):
        (tmp_path / 'metrics.csv').write_text(text)
        with pytest.raises(UserError, match=r'is not a metrics.csv'):
            read_metrics(tmp_path / 'metrics.csv')
    logs = Logs(tmp_path / 'run')
    logs.scalars(3, {'x': 1.0})
    with pytest.raises(ValueError, match='3 after 3'):
        logs.scalars(3, {'y': 1.0})
    logs.close()
    logs = Logs(tmp_path / 'run', resume_step=5)
    with pytest.raises(ValueError, match='2 after 3'):
        logs.scalars(2, {'x': 1.0})
    logs.close()


def test_two_that_write_one_file_at_a_time_do_not_spoil_it(tmp_path, monkeypatch) -> None:
    path = tmp_path / 'x'

    def fill(file) -> None:
        file.write(b'one')
        with monkeypatch.context() as other:
            other.setattr('os.getpid', lambda: -1)  # another process writes it meanwhile
            files.write(path, lambda file: file.write(b'the other'))
        assert path.read_bytes() == b'the other'

    files.write(path, fill)
    assert path.read_bytes() == b'one' and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize('text', ['\n\n', '\nstep,x\n', 'step,x\n\n', 'step,x\n1\n', 'step,x\n1.5,2\n'])
def test_lines_that_are_no_rows(text, tmp_path) -> None:
    (tmp_path / 'metrics.csv').write_text(text)
    with pytest.raises(UserError, match=r'is not a metrics\.csv of ours'):
        read_metrics(tmp_path / 'metrics.csv')
