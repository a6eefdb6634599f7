"""CAS, the classification accuracy score (Ravuri & Vinyals 2019, 1905.10887): what a generator's samples can teach.

A classifier is trained on samples of a conditional generator, labeled as they were asked for, and tested on real
images. Beside it stands the same classifier trained on as many real images. What samples lack, other scores may not
see: diversity within a class, and classes that are mixed up, both cost accuracy here.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from gans.data import load
from gans.data.base import Source
from gans.data.images import hold, image_set
from gans.features import classifier
from gans.metrics.protocol import Protocol, Result
from gans.training import workdir


def cas(data: Mapping[str, Any], images: np.ndarray, labels: np.ndarray, common: Protocol) -> list[Result]:
    """'cas', the accuracy on real test images of a classifier trained on samples, and 'cas/real', on as many real ones.

    The classifier is that of `gans/features/classifier.py`, ResNet-50 in the paper: compare with its numbers only. The
    test images are those of the test split (`gans.data.load.split`); where training has seen them, the stamp says so.

    Args:
      data: `config.data`, of a set with labels; of a joined set, the section of the part that samples are like.
      images: samples, uint8 [N, H, W, C]; those beyond the number of real training images are not used.
      labels: the classes that they were asked for, int [N].
      common: what all stamps of the evaluation have in common.
    """
    train, test = (hold(load.split(data, which)) for which in ('train', 'test'))
    num = min(len(images), train.size)
    if num < len(images):
        workdir.say(f'cas: {num:,} of {len(images):,} samples are used: there are no more real images')
    fake = image_set(images[:num], labels[:num], train.spec.classes)
    net, real_params = classifier.load_or_train(first(train, num))
    accuracies = {
        'cas': classifier.accuracy(net, classifier.fit(net, fake), test),
        'cas/real': classifier.accuracy(net, real_params, test),
    }
    beside = {'classifier': f'training {classifier.TRAINING}', 'train': num, 'test': test.size}
    beside |= {'test split': 'seen in training'} if load.trained_on_test(data, test) else {}
    return [Result(name, value, {'metric': 'cas', **common, **beside}) for name, value in accuracies.items()]


def first(source: Source, num: int) -> Source:
    """`num` examples of a held set, in a fixed random order; the set as it is, if it has no more."""
    if num >= source.size:
        return source
    index = np.random.default_rng(0).permutation(source.size)[:num]
    return source._replace(size=num, arrays={name: array[index] for name, array in source.arrays.items()})
