"""All metrics that compare two sets of examples, by name."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from gans.core import Modes
from gans.data.moving import Sprites
from gans.features.base import Extractor
from gans.metrics import (
    clips,
    kid,
    manifold,
    matching,
    moving,
    neighbors,
    probabilities,
    protocol,
    spectrum,
    ssim,
    toys,
    volumes,
)
from gans.metrics.extract import Extracted
from gans.metrics.frechet import frechet
from gans.metrics.sliced import sliced_wasserstein

NEIGHBORS = {'precision_recall': 3, 'density_coverage': 5}  # k, as in their papers
SUBSETS = 100  # of KID
SPLITS, PART = 10, 100  # splits of the Inception Score, and the minimum of samples in each; else there is one split
PAIRS = 1000  # of images, for MS-SSIM
CONFIDENCE = 0.5  # from which on a classifier recognizes an image


class Value(NamedTuple):
    """A number, and what its stamp has in addition to the common one."""

    value: float
    details: Mapping[str, Any] = {}


def measure(
    real: Extracted, fake: Extracted, extractor: Extractor, known: Modes | Sprites | None = None, only: bool = False
) -> dict[str, Value]:
    """Computes every metric that applies; those that need more examples, or more pixels, are left out.

    Args:
      real, fake: features of `extractor`, at least two examples each.
      known: the ground truth of a mixture of Gaussians, or what moves in clips.
      only: only the Fréchet distance.
    """
    found = {protocol.frechet(extractor): Value(frechet(real.moments, fake.moments))}
    if only:
        return found
    smaller = min(len(real.features), len(fake.features))
    size = kid.subset_size(len(real.features), len(fake.features))
    if extractor.kind == 'images' and size > 1:
        mean, std = kid.kid(real.features, fake.features, SUBSETS, size)
        details = {'kernel': '(x.y / d + 1)^3', 'subsets': SUBSETS, 'subset size': size}
        found |= {'kid': Value(mean, details), 'kid_std': Value(std, details)}
    for function, (name, k) in zip(
        (manifold.precision_recall, manifold.density_coverage), NEIGHBORS.items(), strict=True
    ):
        if smaller > k:
            values = function(real.features, fake.features, k)
            found |= {part: Value(v, {'k': k}) for part, v in zip(name.split('_'), values, strict=True)}
    if fake.logits is not None:
        found |= _measure_classes(fake, extractor)
    if extractor.kind == 'points':
        return found | _measure_points(real.features, fake.features, known)
    if extractor.kind == 'clips':
        return found | _measure_clips(fake, known)
    return found | {'images': _measure_images, 'volumes': _measure_volumes}[extractor.kind](real, fake)


def _measure_classes(fake: Extracted, extractor: Extractor) -> dict[str, Value]:
    """Metrics of the samples' class probabilities."""
    name = protocol.inception_score(extractor)
    splits = SPLITS if len(fake.logits) >= SPLITS * PART else 1
    mean, std = probabilities.inception_score(fake.logits, splits)
    found = {name: Value(mean, {'splits': splits})}
    if splits > 1:
        found[f'{name}_std'] = Value(std, {'splits': splits})
    return found | count_classes(fake, extractor)


def count_classes(fake: Extracted, extractor: Extractor) -> dict[str, Value]:
    """What a classifier of the data's own classes sees in samples; through another net nothing."""
    if not extractor.is_classifier:
        return {}
    confidence = probabilities.softmax(fake.logits).max(1)
    counts = probabilities.class_modes(fake.logits.argmax(1), confidence, fake.logits.shape[1], CONFIDENCE)
    found = {key: Value(value, {'confidence': CONFIDENCE}) for key, value in counts.items()}
    if fake.codes is not None:
        found['code_error'] = code_error(fake)
    if fake.labels is not None:
        found['accuracy'] = Value(probabilities.accuracy(fake.logits, fake.labels))
    return found


def code_error(fake: Extracted) -> Value:
    """The error of samples' categories after matching them with the classes that a classifier sees in them."""
    num = int(fake.codes.max()) + 1
    error = matching.match(fake.codes, fake.logits.argmax(1), num, fake.logits.shape[1]).error
    return Value(error, {'codes': num})


def _measure_images(real: Extracted, fake: Extracted) -> dict[str, Value]:
    (height, width), found = fake.examples.shape[1:3], {}
    if min(height, width) >= ssim.SMALLEST:
        pairs = {'scales': ssim.scales(height, width), 'pairs': PAIRS}
        found['ms_ssim'] = Value(ssim.diversity(fake.examples, PAIRS), pairs)
    if spectrum.has_spectrum(height, width):
        found['spectrum_distance'] = Value(spectrum.spectrum_distance(real.examples, fake.examples))
    found['memorized'] = Value(neighbors.memorization(fake.features, real.features))
    return found


def _measure_volumes(real: Extracted, fake: Extracted) -> dict[str, Value]:
    found = volumes.statistics(fake.examples) | volumes.matching(real.examples, fake.examples)
    return {name: Value(value, {'occupied': f'from {volumes.OCCUPIED} of 255 on'}) for name, value in found.items()}


def _measure_clips(fake: Extracted, sprites: Sprites | None) -> dict[str, Value]:
    found = {name: Value(value) for name, value in clips.content_distances(fake).items()}
    if sprites is not None:
        near = {'near': f'{moving.NEAR:g} sides'}
        found |= {name: Value(value, near) for name, value in moving.statistics(fake.examples, sprites).items()}
    return found


def _measure_points(real: np.ndarray, fake: np.ndarray, modes: Modes | None) -> dict[str, Value]:
    found = {'sliced_wasserstein': Value(sliced_wasserstein(fake, real))}
    if real.shape[1] == 1:
        found |= {name: Value(value) for name, value in toys.moments(fake).items()}
    if modes is not None and len(modes.centers) > 1:
        found |= {name: Value(value) for name, value in toys.mode_counts(fake, modes).items()}
    return found
