"""Image sets of TensorFlow Datasets, read without TensorFlow: records of array_record, decoded by Pillow.

Preparing a set (download and conversion) does take TensorFlow, once and on any machine; `PREPARE` says how.
"""

import hashlib
import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from gans import cache
from gans.core import Spec
from gans.data.base import Source, digest, finish_by_kind
from gans.data.decode import eight_bits
from gans.data.images import outline, pixels, square
from gans.errors import UserError

SAMPLED = 1024  # records, evenly spread, whose bytes go into a set's digest: a split may have hundreds of GB
OBJECTS = ('airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck')  # of CIFAR-10
PREPARE = '`pip install tensorflow tensorflow-datasets; tfds build {} --file_format=array_record` with internet'


class NotHereError(UserError):
    """The set is known, and not here."""


def tfds(
    name: str, *, size: int | None = None, split: str = 'train', crop: int | None = None, data_dir: str | None = None
) -> Source:
    """The images of a set of TFDS that has been prepared as array_record, and its labels if it has any.

    Args:
        name: as TFDS knows it, such as 'cifar10' or 'oxford_flowers102:2.1.1'.
        size: pixels of a side, after cutting out the central square; by default that of the crop, or of the images, if
            the set says that all are squares of one size.
        split: such as 'train', 'test' or 'train[:80%]'.
        crop: side in pixels of the central square that is kept; by default the largest there is.
        data_dir: where TFDS keeps its sets; by default $TFDS_DATA_DIR or ~/tensorflow_datasets.

    Raises:
        UserError: the set is unknown, not prepared, prepared in another format, or not one of images.
    """
    with _quiet():
        try:
            import tensorflow_datasets
            from tensorflow_datasets import decode, features

            builder = tensorflow_datasets.builder(name, data_dir=data_dir)
        except ImportError as error:
            advice = '`pip install tensorflow-datasets importlib_resources`'
            raise NotHereError(f"'{name}' needs a package that is not here ({_line(error)}); {advice}") from None
        except (ValueError, OSError) as error:
            raise UserError(f"TFDS has no set '{name}' ({_line(error)}); check data.name and data.data_dir") from None
        if not builder.info.splits:
            raise NotHereError(
                f"'{name}' is not in {builder.data_dir}; run {PREPARE.format(name)}, or set data.data_dir"
            )
        found = builder.info.features
        images = [key for key, feature in found.items() if isinstance(feature, features.Image)]
        if not images:
            raise UserError(f"the TFDS set '{name}' has no images, only {', '.join(found)}; take another one")
        try:
            records = builder.as_data_source(split, decoders={images[0]: decode.SkipDecoding()})
        except NotImplementedError:
            raise UserError(f"'{name}' in {builder.data_dir} is not array_record; run {PREPARE.format(name)}") from None
        except (ValueError, KeyError) as error:
            raise UserError(f"cannot read data.split '{split}' of '{name}': {_line(error)}") from None

    if not len(records):
        raise UserError(f"data.split '{split}' of '{name}' is empty; take a larger part")
    height, width, channels = found[images[0]].shape
    if crop is not None:
        pixels(crop, 'crop')
    elif size is None and (height is None or height != width):
        raise UserError(f"images of '{name}' have the shape {height} x {width}; set data.size, such as 64")
    size, channels = pixels(crop or height if size is None else size), 1 if channels == 1 else 3
    labeled = 'label' in found and isinstance(found['label'], features.ClassLabel)
    classes = tuple(found['label'].names) if labeled else ()

    def read(indices: np.ndarray) -> dict[str, np.ndarray]:
        from PIL import Image

        examples = records.__getitems__(indices.tolist())
        pictures = (Image.open(io.BytesIO(example[images[0]])) for example in examples)
        try:
            raw = {
                'real': np.stack([square(eight_bits(some, turned=False), size, channels, crop) for some in pictures])
            }
        except UserError as error:
            raise UserError(f"an image of '{name}' will not do: {error}") from None
        return {**raw, 'label': np.array([e['label'] for e in examples], np.int32)} if labeled else raw

    content = hashlib.sha256()
    for place in np.unique(np.linspace(0, len(records) - 1, SAMPLED, dtype=int)):
        example = records[int(place)]
        content.update(example[images[0]])
        content.update(str(int(example['label'])).encode() if labeled else b'')
    known = digest(builder.info.full_name, split, len(records), size, channels, crop, content.hexdigest())

    def labels() -> np.ndarray:  # all records are read for them, once
        make = lambda: {'label': np.array([records[place]['label'] for place in range(len(records))], np.int32)}
        return cache.load_or_make('labels', {'set': known}, make)['label']

    spec = Spec((size, size, channels), classes)
    source = Source(spec, finish_by_kind(spec), size=len(records), read=read, digest=known)
    return source._replace(labels=labels) if labeled else source


def cifar10(*, size: int | None = None, split: str = 'train', data_dir: str | None = None) -> Source:
    """CIFAR-10 (Krizhevsky 2009): 50,000 RGB images of 32x32 to train, 10,000 to test, 10 classes; see `tfds`."""
    try:
        return tfds('cifar10', size=size, split=split, data_dir=data_dir)
    except NotHereError as error:
        side = pixels(32 if size is None else size)
        return outline(str(error), (side, side, 3), {'train': 50_000, 'test': 10_000}.get(split, 1), OBJECTS)


def celeb_a(*, size: int = 64, split: str = 'train', crop: int = 140, data_dir: str | None = None) -> Source:
    """CelebA (Liu et al. 2015), aligned faces of 178x218: the central 140x140, resampled to 64x64; see `tfds`."""
    try:
        return tfds('celeb_a', size=size, split=split, crop=crop, data_dir=data_dir)
    except NotHereError as error:
        number = {'train': 162_770, 'validation': 19_867, 'test': 19_962}.get(split, 1)
        return outline(str(error), (pixels(size), size, 3), number)


@contextmanager
def _quiet() -> Iterator[None]:
    """TFDS warns of TensorFlow, of folders and of versions; what matters of it becomes a `UserError`."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


def _line(error: Exception) -> str:
    """The first line of what an error says."""
    return str(error).strip('\'"').partition('\n')[0]
