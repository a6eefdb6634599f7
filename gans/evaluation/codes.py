"""How well a system's unsupervised categories agree with the data's classes, whatever the features are."""

from collections.abc import Mapping
from typing import Any

from gans import kinds
from gans.data.base import Source
from gans.features import load
from gans.metrics import protocol
from gans.metrics.extract import Extracted, extract
from gans.metrics.measure import code_error
from gans.metrics.protocol import Protocol, Result


def matched(data: Mapping[str, Any], source: Source, fake: Extracted, common: Protocol) -> list[Result]:
    """'code_error' of samples, by the classifier of the data's own labels (`gans/features/classifier.py`); nothing
    where there are no labels to learn from.

    Args:
      data, source: `config.data`, and the set that it describes.
      fake: samples with the categories that they were drawn with.
      common: what all stamps of the evaluation have in common, and the numbers of examples.
    """
    classes, features = len(source.spec.classes), kinds.kind_of(source.spec).features
    if classes < 2 or source.size is None or 'classifier' not in features:
        return []
    classifier = load.load('classifier', source.spec, data)
    value = code_error(extract(classifier, fake.examples, {'codes': fake.codes}))
    stamp = {'metric': 'code_error', **common, **protocol.features(classifier), **value.details}
    return [Result('code_error', value.value, stamp)]
