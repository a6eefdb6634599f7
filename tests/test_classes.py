"""Scores of each class, against closed forms."""

from math import isnan

import numpy as np

from gans.evaluation import classes, write
from gans.features.base import Extractor
from gans.metrics.extract import Extracted

NAMES = ('hat', 'shoe', 'sock')
LABELS = np.repeat([0, 1, 2], 40)
EXTRACTOR = Extractor('classifier', 'FD', lambda params, x: x)


def examples(shift=(0, 0, 0), named=LABELS):
    """Features of two dimensions, the classes' own apart from each other; logits name the classes `named`."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(len(LABELS), 2)) + 10 * LABELS[:, None] + np.take(shift, LABELS)[:, None]
    return Extracted(features, features, np.eye(3)[named], LABELS)


def test_distances_within_classes_see_what_the_whole_does_not():
    """Equal but for their means, classes have the squared distance of these; the mean over classes is the score."""
    found = classes.by_class(examples(), LABELS, examples((0, 1, 3)), NAMES, True)
    np.testing.assert_allclose([each.distance for each in found], [0, 2, 18], atol=1e-5)
    assert [(each.name, each.real, each.fake, each.accuracy) for each in found] == [(name, 40, 40, 1) for name in NAMES]
    mean, floor = classes.intra_class(found, EXTRACTOR, {'data': 'clothes'})
    assert (mean.metric, floor.metric) == ('intra_fd_classifier', 'intra_fd_classifier/real')
    np.testing.assert_allclose(mean.value, 20 / 3, rtol=1e-4)
    assert mean.protocol['classes'] == 3 and mean.protocol['real'] == 40 and 0 < floor.value < 1
    swapped = examples()._replace(labels=LABELS[::-1])  # the same samples, asked for in other classes
    assert classes.by_class(examples(), LABELS, swapped, NAMES, True)[0].distance > 100


def test_classes_of_which_there_are_too_few_have_no_distance():
    real = examples().part(np.r_[:2, 40:120])  # two of the first class, with two features
    found = classes.by_class(real, LABELS[np.r_[:2, 40:120]], examples(), NAMES, False)
    assert [isnan(each.distance) for each in found] == [True, False, False] and isnan(found[0].accuracy)
    assert classes.intra_class(found, EXTRACTOR, {}) == []


def test_best_and_worst_classes_are_named(tmp_path):
    fake = examples((0, 1, 3), named=np.where(np.arange(120) < 10, 2, LABELS))  # a quarter of the hats are socks
    found = classes.by_class(examples(), LABELS, fake, NAMES, True)
    assert classes.extremes(found) == [
        f'distance of classes: best hat {found[0].distance:.3g}; worst sock 18',
        'accuracy of classes: best shoe 1; worst hat 0.75',
    ]
    write.save_classes(tmp_path / 'new' / 'classes.csv', found)
    head, first, *_ = (tmp_path / 'new' / 'classes.csv').read_text().splitlines()
    assert head == 'name,real,fake,distance,halves,accuracy' and first.startswith('hat,40,40,')
