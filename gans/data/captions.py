"""A folder of images and captions: text files beside them or in a tree of their own, a table, or COCO's annotations."""

import glob
import logging
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from gans.data import caption_files
from gans.data.base import Source, digest, whole_number
from gans.data.caption_files import Line
from gans.data.decode import eight_bits, has_frames
from gans.data.decoded import load_or_decode
from gans.data.files import pictures_in, suffixes
from gans.data.images import image_set, outline, pixels, square
from gans.data.part import SPLITS, choose
from gans.data.words import PADDING, with_captions, words_of
from gans.data.words import vocabulary as words_in
from gans.errors import UserError, unknown

SPLIT = re.compile(r'(train|val|test)\d*')  # a folder of a split
OF_SPLIT = {'train': 'train', 'val': 'test', 'test': 'test'}  # a name for it -> the split
TEXTS = ('.txt', *caption_files.TABLES, '.json')
NAMED = 5  # files or words in a line
BOX = 0.75  # half a side of what is cut out around an object's box, in longer sides of the box (AttnGAN, 1711.10485)


def captions(
    path: str,
    *,
    size: int = 64,
    channels: int = 3,
    words: int = 18,
    vocabulary: int | None = None,
    images: str = '.',
    captions: str | None = None,
    split: str = 'train',
    strict: bool = False,
    cache: str | None = None,
) -> Source:
    """All images below a folder that have captions, as `folder` decodes them, with the field 'caption', int32 [words].

    Captions are lines of text files beside the images (x.jpg, x.txt), or a table directly in the folder, see
    `gans.data.caption_files.read_table`. CUB-200 is images='images', captions='text'; COCO images='train2014',
    captions='annotations/captions_train2014.json'.

    The split of an image is that of its table, or of a folder train, val or test (train2014) above it, or 'test' if its
    class is in the folder's testclasses.txt; where no image is held out so, 'test' is a random eighth (and a folder
    'train' among others is a class). The vocabulary is that of the captions of 'train', whatever `split` is. Classes
    are the folders in which the images lie (below train, val and test), if there are at least two. An image of CUB-200
    is cut around the box of its bird, where the folder has bounding_boxes.txt and images.txt.

    What is left out is said: images without captions or a split, captions without an image, and captions without a
    known word.

    Args:
        path: of the folder.
        size, channels, strict, cache: as of `folder`; an image without a caption is an error, too, if `strict`.
        words: at most so many of a caption; of a longer one so many at random, in their order, drawn anew each time.
        vocabulary: only so many words are known, the most frequent (default: all); where the folder is not here, the
            outline has so many.
        images: folder of the images, relative to the path.
        captions: folder of the text files, or file (a pattern such as 'annotations/captions_*.json' for several),
            relative to the path, if it is not absolute.
        split: 'train', 'test' or 'all'.

    Raises:
        UserError: a wrong argument; no images or captions; a file of captions that cannot be read.
    """
    if channels not in (1, 3):
        raise UserError(f'data.channels is {channels!r}; it must be 3 for RGB or 1 for grey')
    if split not in SPLITS:
        raise unknown('data.split', split, SPLITS)
    pixels(size)
    whole_number('words', words)
    if vocabulary is not None:
        whole_number('vocabulary', vocabulary)
    root = Path(path).expanduser()
    if not root.is_dir():
        blank = outline(f"there is no folder '{path}'; give data.name as captions:PATH", (size, size, channels))
        return with_captions(blank, [['1']], (PADDING, *(f'{i + 1}' for i in range(vocabulary or 1))), words)
    place = root / images
    if not place.is_dir():
        raise UserError(f"there is no folder '{place}': data.images={images} is to be one in '{root}'")
    names = _pictures(place)
    said, named = _by_picture(names, place, images, _lines(names, root, place, captions))
    _check(said, names, place, strict)
    above = _folders(list(said))
    listed = _listed(list(said), caption_files.read_held_out(root), bool(above), root)
    splits, classes = _splits(place, list(said), above | listed | named), _classes(list(said), bool(above))
    known = words_in(caption for name, some in said.items() if splits[name] == 'train' for caption in some)
    known = known if vocabulary is None else known[: vocabulary + 1]
    chosen = {name: some for name, some in said.items() if split in ('all', splits[name])}
    if not chosen or len(known) == 1:
        raise UserError(
            f"no image of '{place}' with words is in '{split if known[1:] else 'train'}': take another split"
        )
    chosen = _of_known_words(chosen, known, root)
    boxes = caption_files.read_boxes(root)

    def decode(name: Path) -> tuple[np.ndarray, bool]:
        from PIL import Image

        with Image.open(place / name) as image:
            whole, box = eight_bits(image), boxes.get(name.as_posix())
            part = whole if box is None else whole.crop(_around(box, *whole.size))
            return square(part, size, channels), has_frames(image)

    options, files = ['captions', size, channels, digest(boxes)], list(chosen)
    decoded, kept, report = load_or_decode(
        place, files, files, (size, size, channels), options, lambda: decode, strict, cache
    )
    labels = np.array([classes.index(_class_of(name, bool(above))) for name in kept]) if classes else None
    texts = [chosen[name] for name in kept]
    longest = _say_long(texts, words, root)
    made = with_captions(image_set(decoded, labels, classes), texts, known, words, longest)
    return made._replace(digest=digest(report.sha256, known, texts, [*map(str, kept)] if classes else [], words))


def _pictures(place: Path) -> list[Path]:
    names = [name for name in pictures_in(place, TEXTS).names if name.suffix.lower() in suffixes()]
    if not names:
        raise UserError(f"no image lies in '{place}': say in data.images in which folder they are")
    return names


def _lines(names: Sequence[Path], root: Path, place: Path, where: str | None) -> Iterable[Line]:
    """All captions, wherever they are."""
    if where is None:
        table = caption_files.table_in(root)
        return caption_files.read_table(table) if table else caption_files.beside(names, place)
    named = root / Path(where).expanduser()
    if named.is_dir():
        return caption_files.beside(names, named)
    files = [named] if named.is_file() else [root / name for name in sorted(glob.glob(where, root_dir=root))]
    if not files:
        raise UserError(f"data.captions={where}: '{root}' has no such file or folder")
    return (line for file in files for line in caption_files.read_table(file))


def _by_picture(
    names: Sequence[Path], place: Path, images: str, lines: Iterable[Line]
) -> tuple[dict[Path, list[str]], dict[Path, str]]:
    """(captions of each image that has some, in the images' order; splits that files tell); says what has no image.

    A file is named by its path in the folder of images, or in the folder in which that lies, or by its name alone, if
    only one image has that.
    """
    count = Counter(name.name for name in names)
    of = {name.name: name for name in names if count[name.name] == 1}
    for where in (images, '.'):
        of |= {(PurePosixPath(where) / name).as_posix(): name for name in names}
    found: dict[Path, list[str]] = {}
    splits, lost = {}, {}
    for line in lines:
        name = of.get(PurePosixPath(line.file.replace('\\', '/')).as_posix())
        if name is None:
            lost[line.file] = None
        elif line.caption.strip():
            found.setdefault(name, []).append(line.caption)
            if line.split:
                splits[name] = line.split
    if lost:
        logging.warning("captions of %s files that are no image in '%s' are left out: %s", len(lost), place, _few(lost))
    for name, split in splits.items():
        if split not in OF_SPLIT:
            raise unknown(f"split of '{name}'", split, OF_SPLIT)
    return {name: found[name] for name in names if name in found}, splits


def _check(said: Mapping[Path, list[str]], names: Sequence[Path], place: Path, strict: bool) -> None:
    """Raises UserError if no image has a caption; says which have none."""
    if not said:
        raise UserError(
            f"none of the {len(names):,} images in '{place}' has a caption: put a .txt beside each, a line for each "
            'caption, or a .csv with the columns file and caption, or set data.captions'
        )
    without = [str(name) for name in names if name not in said]
    if without and strict:
        raise UserError(f"'{place / without[0]}' has no caption; write one, remove it, or leave data.strict False")
    if without:
        logging.warning("%s images in '%s' have no caption, and are left out: %s", len(without), place, _few(without))


def _folders(names: Sequence[Path]) -> dict[Path, str]:
    """The folder train, val or test above each image; none if it is a class of images: none is held out, and others lie
    elsewhere.
    """
    above = {name: found[1] for name in names for part in name.parts[:-1] if (found := SPLIT.fullmatch(part))}
    return above if {*above.values()} - {'train'} or len(above) == len(names) else {}


def _listed(names: Sequence[Path], held_out: frozenset[str], below_splits: bool, root: Path) -> dict[Path, str]:
    """The split of each image by the classes that are held out, where some are listed; UserError if none is there."""
    if not held_out:
        return {}
    found = {name: 'test' if _class_of(name, below_splits) in held_out else 'train' for name in names}
    if 'test' not in found.values():
        raise UserError(f"no image of a class of '{root / 'testclasses.txt'}' has captions, such as"
                        f" '{min(held_out)}': its lines are folders of images")  # fmt: skip
    return found


def _splits(place: Path, names: Sequence[Path], told: Mapping[Path, str]) -> dict[Path, str]:
    """'train' or 'test' of each image; '' of one that is in neither, which is said."""
    own = {name: OF_SPLIT[split] for name, split in told.items()}
    splits = dict.fromkeys(names, '')
    if own and (neither := [str(name) for name in names if name not in own]):
        logging.warning(
            "%s images in '%s' are in neither 'train' nor 'test', and are left out of both: %s",
            f'{len(neither):,}', place, _few(neither),
        )  # fmt: skip
    if 'test' in own.values():
        return splits | own
    names = [name for name in names if name in own] or names  # a part of these is held out
    train = {*choose(len(names), max(1, len(names) - max(1, len(names) // 8))).tolist()}
    return splits | {name: 'train' if i in train else 'test' for i, name in enumerate(names)}


def _class_of(name: Path, below_splits: bool) -> str:
    """The folder of an image, where some are splits below those; '' if there is none."""
    parts = [part for part in name.parts[:-1] if not (below_splits and SPLIT.fullmatch(part))]
    return parts[0] if parts else ''


def _classes(names: Iterable[Path], below_splits: bool) -> list[str]:
    found = sorted({_class_of(name, below_splits) for name in names})
    return found if len(found) > 1 and '' not in found else []


def _of_known_words(said: Mapping[Path, list[str]], known: Sequence[str], root: Path) -> dict[Path, list[str]]:
    """Captions with a known word, of images that have one; says which words are not known."""
    there, strange, silent, kept = {*known}, Counter(), [], {}
    for name, some in said.items():
        for caption in some:
            own = words_of(caption)
            strange.update(word for word in own if word not in there)
            if there.isdisjoint(own):
                silent.append(caption)
            else:
                kept.setdefault(name, []).append(caption)
    if strange:
        some = _few([word for word, _ in strange.most_common()])
        logging.warning(
            "%s words of '%s' are not in the vocabulary, which is that of 'train', and are left out: %s",
            f'{len(strange):,}', root, some,
        )  # fmt: skip
    if silent:
        logging.warning('%s captions without a known word are left out: %s', f'{len(silent):,}', _few(silent))
    if not kept:
        raise UserError(
            f"no caption has a word of the vocabulary of {len(known) - 1:,} words; the first is '{silent[0]}'"
        )
    return kept


def _say_long(texts: Sequence[Sequence[str]], words: int, root: Path) -> int:
    """Words of the longest caption, at least `words`; says how many have more."""
    lengths = [len(words_of(caption)) for some in texts for caption in some]
    long = sum(length > words for length in lengths)
    if long:
        logging.warning(
            "%s of %s captions of '%s' have more than data.words=%s words (the longest %s): each time so many of "
            'them are taken at random, in their order',
            f'{long:,}', f'{len(lengths):,}', root, words, max(lengths),
        )  # fmt: skip
    return max(words, *lengths)


def _around(box: Sequence[float], width: int, height: int) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) of what is kept around an object's box, within an image of that size."""
    reach = int(BOX * max(box[2:]))
    x, y = (int((2 * start + length) / 2) for start, length in zip(box[:2], box[2:], strict=True))
    return max(0, x - reach), max(0, y - reach), min(width, x + reach), min(height, y + reach)


def _few(some: Iterable[str]) -> str:
    some = [*some]
    return ', '.join(f"'{each}'" for each in some[:NAMED]) + ', ...' * (len(some) > NAMED)
