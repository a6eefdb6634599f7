"""From the name of features to an extractor."""

from collections.abc import Mapping
from typing import Any

from gans import kinds
from gans.core import Spec
from gans.errors import UserError, unknown
from gans.features.base import Extractor

FEATURES = ('auto', 'inception_v3', 'efficientnet_lite0', 'classifier', 'pixels', 'voxels', 'identity')
FEATURES += ('frames_pixels', 'frames_efficientnet_lite0')
OF_FRAMES = 'frames_'  # before the name of features of images: those of clips, pooled over frames


def resolve(features: str, spec: Spec) -> str:
    """Resolves 'auto' to the best of the cheap features that are installed; other names are checked and returned.

    Raises:
      UserError: unknown features, features for other kinds of examples, or a missing package.
    """
    from gans.features import efficientnet

    name, fit = features.partition(':')[0], kinds.kind_of(spec).features
    if name not in FEATURES:
        raise unknown('features', features, FEATURES)
    if name == 'auto':
        wanted = next((some for some in fit if some.endswith('efficientnet_lite0')), None)
        return wanted if wanted and efficientnet.is_installed() else fit[0]
    if name not in fit:
        raise UserError(f"features '{name}' do not support {kinds.name_of(spec)}: use {' or '.join(fit)}")
    if name.endswith('efficientnet_lite0'):
        efficientnet.weights_file()
    return features


def load(features: str, spec: Spec, data: Mapping[str, Any] | None = None, weights: str | None = None) -> Extractor:
    """The extractor of that name.

    Args:
      features: NAME or NAME:VARIANT; inception_v3[:pytorch_fid], efficientnet_lite0[:SIDE], classifier[:DATA SET]; of
        clips frames_pixels or frames_efficientnet_lite0[:SIDE].
      spec: of the examples.
      data: `config.data`, for the classifier of that data set.
      weights: a file with Inception's weights.

    Raises:
      UserError: see `resolve`; missing or wrong weights; a classifier without labels.
    """
    resolved = resolve(features, spec)
    if resolved.startswith(OF_FRAMES):
        from gans.features.frames import over_frames

        return over_frames(load(resolved.removeprefix(OF_FRAMES), Spec(spec.shape[1:]), data, weights))
    name, _, variant = resolved.partition(':')
    if weights and name != 'inception_v3':
        raise UserError(f"--weights={weights} is for inception_v3 only; features '{name}' have their own")
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
            raise UserError(
                "a classifier of which data set? set features to 'classifier:NAME', such as classifier:fashion_mnist"
            )
        return classifier(data, spec)
    if variant:
        raise UserError(f"features '{name}' have no variants: leave out ':{variant}'")
    from gans.features import pixels

    return {'pixels': pixels.pixels, 'voxels': pixels.voxels, 'identity': pixels.identity}[name]()
