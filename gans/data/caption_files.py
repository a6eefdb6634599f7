"""Files of captions: a text file for each image, a table, or the annotations of COCO."""

import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from gans.errors import UserError

TABLES = ('.csv', '.jsonl')
COLUMNS = ('file', 'caption')
SPLIT = re.compile(r'(?<![a-z])(train|val|test)(?![a-z])')  # in the name of a file


class Line(NamedTuple):
    """A caption."""

    file: str  # of its image, as it is written there
    caption: str
    split: str = ''  # of its image, if the file tells: 'train', 'val' or 'test'


def read_text(path: Path) -> str:
    """The text of a file, with or without a byte-order mark.

    Raises:
        UserError: it cannot be read, or is not UTF-8.
    """
    try:
        return path.read_text(encoding='utf-8-sig')
    except UnicodeDecodeError as error:
        raise UserError(f"'{path}' is not UTF-8 (byte {error.start:,}): save it as UTF-8") from None
    except OSError as error:
        raise UserError(f"cannot read '{path}': {error.strerror}") from None


def read_lines(path: Path) -> list[str]:
    """The lines of a file. U+2028 and its like end none: they may stand within a caption, and within a line of JSON.

    Raises:
        UserError: as of `read_text`.
    """
    return read_text(path).split('\n')


def beside(pictures: Sequence[Path], texts: Path) -> Iterator[Line]:
    """The captions of text files that are called like the images: each line is one.

    Args:
        pictures: relative to their folder.
        texts: the folder in which the text files lie, in the same sub-folders.
    """
    for name in pictures:
        path = texts / name.with_suffix('.txt')
        if path.is_file():
            yield from (Line(str(name), line.strip()) for line in read_lines(path) if line.strip())


def table_in(root: Path) -> Path | None:
    """The only table of captions directly in a folder; None if there is none. UserError if there are several."""
    found = sorted(path for path in root.iterdir() if path.suffix.lower() in TABLES and path.is_file())
    if len(found) > 1:
        some = ', '.join(path.name for path in found[:3])
        raise UserError(f"'{root}' has {len(found)} tables ({some}): say in data.captions which one has the captions")
    return found[0] if found else None


def read_table(path: Path) -> Iterator[Line]:
    """The captions of a file: .csv with columns file, caption and maybe split; .jsonl with such objects, whose caption
    may be a list; or .json as COCO has it, which is of the split that its name tells ('captions_train2014.json').

    Raises:
        UserError: another suffix, or another content.
    """
    readers = {'.csv': _csv, '.jsonl': _json_lines, '.json': _coco}
    if path.suffix.lower() not in readers:
        raise UserError(f"data.captions: '{path}' is no file of captions; wanted is a folder, or {', '.join(readers)}")
    return readers[path.suffix.lower()](path)


def _csv(path: Path) -> Iterator[Line]:
    rows = csv.DictReader(io.StringIO(read_text(path), newline=''), skipinitialspace=True, strict=True)
    begin = 1  # line of the row that is read
    try:
        if not set(COLUMNS) <= set(rows.fieldnames or ()):
            there = ', '.join(rows.fieldnames or ()) or 'none'
            raise UserError(f"'{path}' must have the columns file and caption in its first line; it has {there}")
        begin = rows.line_num + 1
        for row in rows:
            if None in row:  # a caption that a comma has cut
                raise UserError(f"line {begin} of '{path}' has more than its {len(rows.fieldnames)} columns: put"
                                ' captions that have commas in double quotes')  # fmt: skip
            yield Line(row['file'] or '', row['caption'] or '', row.get('split') or '')
            begin = rows.line_num + 1
    except csv.Error as error:
        raise UserError(f"'{path}' is no CSV from line {begin} on, where a quote may be left open: {error}") from None


def _json_lines(path: Path) -> Iterator[Line]:
    for number, line in enumerate(read_lines(path), 1):
        if line.strip():
            row = _parse(path, line, f' (line {number})')
            some = row.get('caption') if isinstance(row, dict) else None
            some = [some] if isinstance(some, str) else some
            if not isinstance(some, list) or not all(isinstance(x, str) for x in [*some, row.get('file')]):
                raise UserError(f"line {number} of '{path}' must be {{\"file\": NAME, \"caption\": TEXT or a list}}")
            yield from (Line(row['file'], caption, str(row.get('split') or '')) for caption in some)


def _coco(path: Path) -> Iterator[Line]:
    held, split = _parse(path, read_text(path)), SPLIT.search(path.stem)
    try:
        names = {image['id']: image['file_name'] for image in held['images']}
        lines = [
            Line(names[each['image_id']], str(each['caption']), split[0] if split else '')
            for each in held['annotations']
        ]
    except (KeyError, TypeError) as error:
        raise UserError(f"'{path}' is not as COCO's captions are: images and annotations; {error} is amiss") from None
    yield from lines


def _parse(path: Path, text: str, where: str = '') -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise UserError(f"'{path}' is no JSON{where}: {error}") from None


def read_held_out(root: Path) -> frozenset[str]:
    """The classes that are held out, as testclasses.txt of a folder lists them, where the captions of CUB-200 and of
    Oxford-102 come with it; none if it is not there.
    """
    path = root / 'testclasses.txt'
    return frozenset(line.strip() for line in read_lines(path) if line.strip()) if path.is_file() else frozenset()


def read_boxes(root: Path) -> dict[str, list[float]]:
    """Boxes [left, top, width, height] in pixels, by image, as CUB-200 has them in images.txt and bounding_boxes.txt of
    its folder; none if they are not there.
    """
    names, boxes = root / 'images.txt', root / 'bounding_boxes.txt'
    if not (names.is_file() and boxes.is_file()):
        return {}
    try:
        of = dict(line.split(maxsplit=1) for line in read_text(names).splitlines() if line.strip())
        rows = [line.split() for line in read_text(boxes).splitlines() if line.strip()]
        return {of[number].strip(): [float(x) for x in (left, top, width, height)]
                for number, left, top, width, height in rows}  # fmt: skip
    except (KeyError, ValueError) as error:
        raise UserError(
            f"'{boxes}' must have lines 'ID LEFT TOP WIDTH HEIGHT', with IDs of images.txt: {error}"
        ) from None
