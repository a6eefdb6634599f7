"""The handwritten digits of scikit-learn: small enough for tests, real enough to see whether a GAN works."""

import numpy as np

from gans.data.base import Source
from gans.data.idx import left_out
from gans.data.images import image_set, outline, pixels, resize
from gans.errors import unknown

SPLITS = ('all', 'train', 'test')


def digits(*, size: int = 8, without: str | int | None = None, split: str = 'all') -> Source:
    """1,797 grey images of 8x8 pixels, 10 classes (Alpaydin and Kaynak 1998, by sklearn.datasets.load_digits).

    Args:
        size: pixels of a side; others than 8 are resampled.
        without: a class, by name or number, that is left out.
        split: 'all', or 'test' for every eighth of what is left and 'train' for the others.
    """
    if split not in SPLITS:
        raise unknown('data.split', split, SPLITS)
    source = left_out(_read(pixels(size)), without)
    test = np.arange(source.size) % 8 == 7
    chosen = {'all': test | True, 'train': ~test, 'test': test}[split]
    arrays = {name: array[chosen] for name, array in source.arrays.items()}
    return source._replace(size=int(chosen.sum()), arrays=arrays)


def _read(size: int) -> Source:
    classes = tuple('0123456789')
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        absent = "data.name 'digits' needs scikit-learn; `pip install scikit-learn`"
        return outline(absent, (size, size, 1), 1797, classes)
    data = load_digits()
    images = np.round(data.images * (255 / 16)).astype(np.uint8)[..., None]  # 17 levels of grey
    return image_set(resize(images, size), data.target, classes)
