"""Stacked digits: three grey images in the three channels of one, which makes modes that can be counted."""

from itertools import product

import numpy as np

from gans.data import digits, idx
from gans.data.base import Source
from gans.data.images import image_set, outline
from gans.errors import unknown

SETS = {'mnist': idx.mnist, 'fashion_mnist': idx.fashion_mnist, 'digits': digits.digits}


def stacked(*, of: str = 'mnist', size: int | None = None, split: str | None = None, num: int = 128_000) -> Source:
    """RGB images whose channels are images drawn at random from a grey set: 10 x 10 x 10 classes, '000' to '999'.

    Stacked MNIST (Metz et al. 2017, Unrolled GAN; Srivastava et al. 2017, VEEGAN), or the same of another set; the draw
    is always the same.

    Args:
        of: 'mnist', 'fashion_mnist' or 'digits'.
        size: pixels of a side; by default those of the set.
        split: of the set; by default its own default, which is 'train', of digits 'all'.
        num: stacks.
    """
    if of not in SETS:
        raise unknown('data.of', of, SETS)
    options = {'size': size, 'split': split}
    source = SETS[of](**{key: value for key, value in options.items() if value})
    count = len(source.spec.classes)
    classes = [''.join(map(str, places)) for places in product(range(count), repeat=3)]
    if source.absent:
        return outline(source.absent, (*source.spec.shape[:2], 3), num, classes)
    images, labels = source.arrays['real'], source.arrays['label']
    chosen = np.random.default_rng(0).integers(len(images), size=(num, 3))
    stacks = np.stack([images[chosen[:, channel], ..., 0] for channel in range(3)], -1)
    return image_set(stacks, labels[chosen] @ [count**2, count, 1], classes)
