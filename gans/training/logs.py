"""What a run says about itself: `metrics.csv` and TensorBoard event files.

`metrics.csv` is a function of the run alone (no clock in it), so a run that was killed and resumed leaves the same
bytes as one that was not. What depends on the machine, such as steps per second, goes to TensorBoard only.
"""

import csv
import io
import logging
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from gans import files
from gans.errors import UserError


class Logs:
    """Writes `folder/metrics.csv` (one row a step, columns by name) and `folder/tensorboard/`.

    Rows reach the operating system as they are written, so a killed process loses none. Metrics may appear at any
    time: the new column is added to the whole file, blank where there was no value.
    """

    def __init__(self, folder: Path, resume_step: int = 0) -> None:
        """Opens the logs; rows of steps after `resume_step`, left by a run that got further, are dropped.

        Raises:
            UserError: the folder cannot be written, or its metrics.csv is none of ours.
        """
        self._path = Path(folder) / 'metrics.csv'
        self._columns: list[str] = []
        self._last = -1  # step of the last row
        self._file = None
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._open(resume_step)
            folder = self._path.parent / 'tensorboard'
            self._events = _open_events(folder, resume_step) if has_tensorboard() else None
        except OSError as error:
            raise UserError(f'cannot write logs in {folder}: {error}; use a folder that can be written') from error

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Adds a row; steps must increase. Values are rounded to float32, which the CSV holds exactly.

        Raises:
            UserError: the row could not be written (full disk).
        """
        if step <= self._last:
            raise ValueError(f'rows must come in the order of their steps: {step} after {self._last}')
        self._last = step
        values = {name: np.float32(value) for name, value in values.items()}
        try:
            fresh = [name for name in values if name not in self._columns]
            if fresh:
                self._add_columns(fresh)
            row = [step, *(_print(values[name]) if name in values else '' for name in self._columns)]
            self._file.write(_csv_line(row))
            self._file.flush()  # to the operating system: it outlives this process
        except OSError as error:
            raise UserError(f'cannot write {self._path}: {error}; is the disk full?') from error
        self.timing(step, values)

    def timing(self, step: int, values: Mapping[str, float]) -> None:
        """Adds scalars to TensorBoard alone: what depends on the machine and the clock."""
        if self._events is None:
            return
        from tensorboard.compat.proto.summary_pb2 import Summary

        self._add(step, [Summary.Value(tag=name, simple_value=float(value)) for name, value in values.items()])

    def image(self, step: int, name: str, path: Path) -> None:
        """Adds a picture, the PNG file at `path`, to TensorBoard."""
        if self._events is None:
            return
        from PIL import Image
        from tensorboard.compat.proto.summary_pb2 import Summary

        png = path.read_bytes()
        width, height = Image.open(io.BytesIO(png)).size
        picture = Summary.Image(height=height, width=width, colorspace=3, encoded_image_string=png)
        self._add(step, [Summary.Value(tag=name, image=picture)])

    def flush(self) -> None:
        """Writes out what TensorBoard's writer holds back (metrics.csv holds nothing back)."""
        if self._events is not None:
            self._events.flush()

    def close(self) -> None:
        self._file.close()
        if self._events is not None:
            self._events.close()

    def _open(self, resume_step: int) -> None:
        header, rows = _read_rows(self._path)
        header, kept = _used(header, [row for row in rows if int(row[0]) <= resume_step])
        self._columns = header[1:]
        self._last = int(kept[-1][0]) if kept else -1
        self._rewrite(kept)

    def _add_columns(self, fresh: list[str]) -> None:
        _, rows = _read_rows(self._path)
        self._columns += fresh
        self._rewrite([[*row, *([''] * len(fresh))] for row in rows])

    def _rewrite(self, rows: list[list[str]]) -> None:
        """Puts a new file in the place of the old one, in one instant, and opens it for appending."""
        if self._file:
            self._file.close()
        _write_rows(self._path, ['step', *self._columns], rows)
        self._file = self._path.open('ab')

    def _add(self, step: int, values: list[Any]) -> None:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary

        self._events.add_event(Event(wall_time=time.time(), step=step, summary=Summary(value=values)))


def add_scalars(folder: Path, step: int, values: Mapping[str, float]) -> None:
    """Adds scalars to a TensorBoard folder of their own, beside what it has."""
    if not has_tensorboard():
        return
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    try:
        folder.mkdir(parents=True, exist_ok=True)
        events = EventFileWriter(str(folder))
        summary = Summary(value=[Summary.Value(tag=name, simple_value=value) for name, value in values.items()])
        events.add_event(Event(wall_time=time.time(), step=step, summary=summary))
        events.close()
    except OSError as error:
        raise UserError(f'cannot write logs in {folder}: {error}; use a folder that can be written') from error


def forget(path: Path, step: int, logged: bool, scored: bool) -> None:
    """Takes out of a metrics.csv what its row of a step would not have had: metrics unless `logged`, scores unless
    `scored`.
    """
    header, rows = _read_rows(path)
    kept = lambda row, i: int(row[0]) != step or (scored if header[i].startswith('eval/') else logged)
    blanked = [[row[0], *(row[i] if kept(row, i) else '' for i in range(1, len(header)))] for row in rows]
    _write_rows(path, *_used(header, [row for row in blanked if any(row[1:])]))


def read_metrics(path: Path) -> dict[str, np.ndarray]:
    """Columns of a metrics.csv: 'step' int64 [N], the others float64 [N], NaN where there is no value.

    Raises:
        UserError: there is no such file, or it is not a metrics.csv.
    """
    if not Path(path).is_file():
        raise UserError(f'no metrics at {path}: give the metrics.csv of a run')
    header, rows = _read_rows(Path(path))
    try:
        columns = {name: np.array([float(row[i] or 'nan') for row in rows]) for i, name in enumerate(header)}
    except ValueError as error:
        raise _not_ours(path) from error
    return columns | {'step': columns['step'].astype(np.int64)}


def _print(value: np.float32) -> str:
    return f'{value:.9g}'  # nine digits are enough to give back each float32


def _csv_line(row: list[Any]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator='\n').writerow(row)
    return text.getvalue().encode()


def _read_rows(path: Path) -> tuple[list[str], list[list[str]]]:
    """Header and complete rows; a last line without its end, torn by a kill, is left out."""
    text = path.read_bytes().decode(errors='replace') if path.exists() else ''
    lines = list(csv.reader(io.StringIO(text[: text.rfind('\n') + 1])))
    if not lines:
        return ['step'], []
    header, *rows = lines
    if header[:1] != ['step'] or any(len(row) != len(header) or not row[0].isdecimal() for row in rows):
        raise _not_ours(path)
    return header, rows


def _used(header: list[str], rows: list[list[str]]) -> tuple[list[str], list[list[str]]]:
    """Header and rows without the columns that have no value: they come back when, and where, they did before."""
    used = [0, *(i for i in range(1, len(header)) if any(row[i] for row in rows))]
    return [header[i] for i in used], [[row[i] for i in used] for row in rows]


def _write_rows(path: Path, header: list[str], rows: list[list[str]]) -> None:
    lines = [_csv_line(header), *map(_csv_line, rows)]
    files.write(path, lambda file: file.writelines(lines))


def _not_ours(path: Path) -> UserError:
    return UserError(f'{path} is not a metrics.csv of ours: move it away, or use another folder')


@cache  # a line is said once
def has_tensorboard() -> bool:
    """Whether the package is there; if not, a line says how to get it, and nothing is written for it."""
    try:
        import tensorboard  # noqa: F401
    except ImportError:
        logging.warning("nothing is written for TensorBoard, which is not here: `pip install -e '.[tensorboard]'`")
        return False
    return True


def _open_events(folder: Path, resume_step: int) -> Any:
    from tensorboard.compat.proto.event_pb2 import Event, SessionLog
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    folder.mkdir(parents=True, exist_ok=True)
    events = EventFileWriter(str(folder))
    # TensorBoard forgets what an earlier run wrote from the step of this event on.
    start = SessionLog(status=SessionLog.START)
    events.add_event(Event(wall_time=time.time(), step=resume_step + 1, session_log=start))
    return events
