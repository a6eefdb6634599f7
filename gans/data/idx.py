"""MNIST and sets that share its format, IDX: Fashion-MNIST from Debian's package, from a folder, or from TFDS."""

import gzip
from pathlib import Path

import numpy as np

from gans.data import tfds
from gans.data.base import Source, class_number
from gans.data.images import image_set, outline, pixels, resize, whole
from gans.errors import UserError, unknown

FILES = {'train': 'train', 'test': 't10k'}
SIZES = {'train': 60_000, 'test': 10_000}
CLOTHES = ('T-shirt', 'trousers', 'pullover', 'dress', 'coat', 'sandal', 'shirt', 'sneaker', 'bag', 'ankle boot')
DEBIAN = tuple(f'{prefix}/share/datasets/fashion-mnist' for prefix in ('/usr', '/usr/local'))


def fashion_mnist(
    *, size: int | None = None, split: str = 'train', folder: str | None = None, without: str | int | None = None
) -> Source:
    """Fashion-MNIST (Xiao et al. 2017): grey images of clothes, 60,000 to train and 10,000 to test, 10 classes.

    Read from the folder's IDX files, or those of Debian's package dataset-fashion-mnist, or by TFDS.

    Args:
        size: pixels of a side: 28 as they are (default), 32 with a black frame of 2 pixels, others resampled.
        split: 'train' or 'test'.
        folder: with train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-..., as they are or with .gz.
        without: a class, by name or number, that is left out: 'sandal', or 5.

    Raises:
        UserError: the set is nowhere, an IDX file is broken, or a wrong argument.
    """
    advice = '`apt-get install dataset-fashion-mnist`, or '
    return left_out(_load('fashion_mnist', CLOTHES, size, split, folder, DEBIAN, advice), without)


def mnist(
    *, size: int | None = None, split: str = 'train', folder: str | None = None, without: str | int | None = None
) -> Source:
    """MNIST (LeCun et al. 1998): grey handwritten digits, 60,000 to train and 10,000 to test, 10 classes.

    Arguments and errors as of `fashion_mnist`; without a folder it is read by TFDS.
    """
    return left_out(_load('mnist', tuple('0123456789'), size, split, folder, (), ''), without)


def left_out(source: Source, without: str | int | None) -> Source:
    """A held set without one of its classes, given by name or number; the others keep their labels."""
    if without is None:
        return source
    labels, number = source.arrays['label'], class_number(without, source.spec.classes, 'data.without')
    arrays = {name: array[labels != number] for name, array in source.arrays.items()}
    return source._replace(size=len(arrays['label']), arrays=arrays)


def _load(
    name: str,
    classes: tuple[str, ...],
    size: int | None,
    split: str,
    folder: str | None,
    places: tuple[str, ...],
    advice: str,
) -> Source:
    if split not in FILES:
        raise unknown('data.split', split, FILES)
    size = pixels(28 if size is None else size)
    for place in (folder,) if folder else places:
        images = _find(place, f'{FILES[split]}-images-idx3-ubyte')
        labels = _find(place, f'{FILES[split]}-labels-idx1-ubyte')
        if images and labels:
            images, labels = read_idx(images, 3)[..., None], read_idx(labels, 1)
            if len(images) != len(labels):
                raise UserError(f"'{place}' holds {len(images)} images and {len(labels)} labels; get its files anew")
            return image_set(_resize(images, size), labels, classes)
    wanted = f'{FILES[split]}-images-idx3-ubyte(.gz) and {FILES[split]}-labels-idx1-ubyte(.gz)'
    if folder:
        raise UserError(f"data.folder '{folder}' lacks {wanted}; point it to the set's IDX files")
    try:
        raw = whole(tfds.tfds(name, split=split))
    except UserError as error:
        absent = f'no {name} here: {advice}set data.folder to a folder with {wanted}, or: {error}'
        return outline(absent, (size, size, 1), SIZES[split], classes)
    return image_set(_resize(raw['real'], size), raw['label'], classes)


def read_idx(path: Path, dims: int) -> np.ndarray:
    """The uint8 array of `dims` dimensions in an IDX file, plain or gzipped.

    Layout: bytes 0, 0, 8 (uint8), dims; the shape as big-endian uint32; the values.
    """
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == '.gz' else path.read_bytes()
        if data[:4] != bytes([0, 0, 8, dims]):
            raise ValueError('its first bytes are of another kind')
        return np.frombuffer(data, np.uint8, offset=4 + 4 * dims).reshape(np.frombuffer(data, '>u4', dims, 4))
    except (OSError, EOFError, ValueError) as error:
        raise UserError(f"'{path}' is no readable IDX file of {dims} dimensions ({error}); get it anew") from None


def _find(folder: str, stem: str) -> Path | None:
    return next((path for path in (Path(folder, stem), Path(folder, f'{stem}.gz')) if path.is_file()), None)


def _resize(images: np.ndarray, size: int) -> np.ndarray:
    if (images.shape[1], size) == (28, 32):
        return np.pad(images, ((0, 0), (2, 2), (2, 2), (0, 0)))
    return resize(images, size)
