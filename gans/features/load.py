"""From the name of features to an extractor."""

from collections.abc import Mapping
from typing import Any

from gans import kinds
from gans.core import Spec
from gans.errors import UserError, unknown
from gans.features.base import Extractor

FEATURES = ('auto', 'inception_v3', 'efficientnet_lite0', 'classifier', 'pixels', 'identity')


def resolve(features: str, spec: Spec) -> str:
    """The name that stands for `features` with such examples; 'auto' is the best that is here and costs little.

    Raises:
      UserError: there are no such features, or they are not for such examples, or a package is missing.
    """
    from gans.features import efficientnet

    name = features.partition(':')[0]
    if name not in FEATURES:
        raise unknown('features', features, FEATURES)
    fit = kinds.kind_of(spec).features
    if name == 'auto':
        return 'efficientnet_lite0' if 'efficientnet_lite0' in fit and efficientnet.is_installed() else fit[0]
    if name not in fit:
        raise UserError(f"features '{name}' are not for {kinds.name_of(spec)}: take {' or '.join(fit)}")
    if name == 'efficientnet_lite0':
        efficientnet.weights_file()
    return features


def load(features: str, spec: Spec, data: Mapping[str, Any] | None = None, weights: str | None = None) -> Extractor:
    """The extractor of that name.

    Args:
      features: NAME or NAME:VARIANT; inception_v3[:pytorch_fid], efficientnet_lite0[:SIDE], classifier[:DATA SET].
      spec: of the examples.
      data: `config.data`, for the classifier of that set.
      weights: a file of Inception's weights.

    Raises:
      UserError: see `resolve`; weights that are not there or are others; a classifier without labels.
    """
    name, _, variant = resolve(features, spec).partition(':')
    if weights and name != 'inception_v3':
        raise UserError(f"--weights={weights} is for inception_v3; features '{name}' have their own")
    if name == 'inception_v3':
        from gans.features.inception import inception_v3

        return inception_v3(variant, weights)
    if name == 'efficientnet_lite0':
        from gans.features.efficientnet import efficientnet_lite0

        return efficientnet_lite0(variant)
    if name == 'classifier':
        from gans.features.classifier import classifier

        data = {'name': variant} if variant else data
        if data is None:
            raise UserError("of which set's labels? give features 'classifier:NAME', such as classifier:fashion_mnist")
        return classifier(data, spec)
    if variant:
        raise UserError(f"features '{name}' have no variants: leave out ':{variant}'")
    from gans.features import pixels

    return pixels.pixels() if name == 'pixels' else pixels.identity()
