"""Scores of a run during training."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from gans import kinds
from gans.core import Params
from gans.data.base import Source
from gans.errors import UserError
from gans.features.base import Extractor
from gans.metrics import moving, protocol, volumes
from gans.metrics.extract import Extracted, extract, extract_cached
from gans.metrics.frechet import frechet, is_singular, moments
from gans.metrics.measure import CONFIDENCE, count_classes
from gans.metrics.paired import Targets
from gans.metrics.protocol import Protocol
from gans.metrics.r_precision import Retrieval
from gans.metrics.sliced import sliced_wasserstein
from gans.metrics.toys import mode_counts
from gans.metrics.toys import moments as mean_and_std

PREFIX = 'eval/'  # of scores among a run's metrics
EVALUATED = 'evaluation/'  # of results of --mode=evaluate, next to them
SLICED = f'{PREFIX}sliced_wasserstein'  # every run has it
RETRIEVED = f'{PREFIX}r_precision'
# Which values are better; other scores have no such order (the mean, for example, has a target instead).
LOWER = ('fid', 'kid', 'reverse_kl', 'sliced_wasserstein', 'spectrum_distance', 'code_error', 'l1', 'iou_mmd')
LOWER += ('path_error', 'speed_error')
HIGHER = ('is', 'precision', 'recall', 'density', 'coverage', 'accuracy', 'cas', 'modes', 'high_quality')
HIGHER += (
    'psnr',
    'ssim',
    'iou',
    'average_precision',
    'iou_coverage',
    'identity_kept',
    'identity_frames',
    'path_kept',
    'bounces_right',
    'r_precision',
)
COUNTED = ('modes', 'high_quality', 'reverse_kl')  # of points in mixtures, and of images through a classifier
MOVING = ('identity_kept', 'path_kept')  # of clips in which a sprite moves, see `gans.metrics.moving`


def better(metric: str) -> str | None:
    """Which values of a score are better, 'lower' or 'higher'; None if neither."""
    # Of an evaluation, a direction may be named as well.
    name = metric.rpartition('/')[2] if metric.startswith(EVALUATED) else metric.removeprefix(PREFIX)
    name = name.removeprefix('intra_')
    if name in LOWER or name.startswith(('fd_', 'ppl_')):
        return 'lower'
    return 'higher' if name in HIGHER or (name.startswith('is_') and not name.endswith('_std')) else None


def selection_metric(names: Mapping[str, Any]) -> str:
    """The score that selects the best checkpoint: the Fréchet distance if there is one."""
    return next((name for name in names if name == f'{PREFIX}fid' or name.startswith(f'{PREFIX}fd_')), SLICED)


class Scorer:
    """Cheap scores of samples against a data set.

    floor: by metric, the score between two halves of the real images. warnings: by metric, what a reader of its values
    must know, a line.
    """

    def __init__(
        self,
        source: Source,
        real: np.ndarray,
        num: int,
        extractor: Extractor | None,
        targets: Targets | volumes.Targets | None = None,
        retrieval: Retrieval | None = None,
        labels: np.ndarray | None = None,
    ) -> None:
        """
        Args:
          real: examples [M, ...] of the set in the order of `examples`, M at least 2 num.
          num: number of samples per call.
          extractor: for a Fréchet distance of images; a classifier counts their classes, too.
          targets: what each of the samples should equal.
          retrieval: the captions that samples are made of.
          labels: the classes that samples are asked for in, int32 [num].

        Raises:
          UserError: too few images for that.
        """
        self._source, self._real, self._num, self._extractor = source, real[:num], num, extractor
        self._targets, self._retrieval, self._labels = targets, retrieval, labels
        self._store = kinds.kind_of(source.spec).store
        distinct = real[: len(real) if source.size is None else source.size]
        one, other = halves(len(distinct), num)
        self.floor = {SLICED: sliced_wasserstein(real[one], real[other])} if len(distinct) > 1 else {}
        self.floor |= self._moving(self._store(self._real)) if source.sprites is not None else {}
        self.warnings: dict[str, str] = {}
        if extractor:
            if len(distinct) < 4:  # two in each half
                count = f'{len(distinct)} image{"s" * (len(distinct) > 1)}'
                raise UserError(
                    f'a Fréchet distance needs at least 4 images, this data set has {count}: set eval.features=None'
                )
            seen = extract_cached(extractor, self._store(distinct[: 2 * num]))
            features = seen.features
            first, second = halves(len(features), num)
            self._moments = moments(features[:num])
            self._name = PREFIX + protocol.frechet(extractor)
            self.floor |= {self._name: frechet(moments(features[first]), moments(features[second]))}
            self.floor |= self._classes(seen.part(second))
            if is_singular(self._moments) or num <= features.shape[1]:
                self.warnings[self._name] = (
                    f'{self._moments.count:,} real and {num:,} generated images are too few for '
                    f'{features.shape[1]:,} features (singular covariances): compare with equal numbers only'
                )

    def __call__(self, samples: np.ndarray, encoders: Params | None = None) -> dict[str, float]:
        """The scores of samples [num, ...], by metric name; NaN samples score NaN. encoders: parameters of the nets
        that see whether samples are of their captions.
        """
        bad = not np.isfinite(samples).all()
        found = {SLICED: float('nan') if bad else sliced_wasserstein(samples, self._real)}
        sprites = self._source.sprites is not None
        asked = self._extractor or self._targets or self._retrieval or sprites
        pixels = self._store(samples) if asked and not bad else None
        if self._extractor:
            seen = None if bad else extract(self._extractor, pixels, {'labels': self._labels})
            found[self._name] = float('nan') if bad else frechet(self._moments, seen.moments)
            found |= {} if bad else self._classes(seen)
        if self._targets:
            quick = self._targets.quick
            values = dict.fromkeys(quick, float('nan')) if bad else self._targets.score(pixels, quick)
            found |= {PREFIX + name: value for name, value in values.items()}
        if self._retrieval:
            found[RETRIEVED] = float('nan') if bad else self._retrieval.find(encoders, pixels).value
        if not bad and sprites:
            found |= self._moving(pixels)
        if not bad and self._source.spec.shape == (1,):
            found |= {PREFIX + name: value for name, value in mean_and_std(samples).items()}
        if not bad and self._source.modes is not None and len(self._source.modes.centers) > 1:
            found |= {PREFIX + name: value for name, value in mode_counts(samples, self._source.modes).items()}
        return found

    def stamps(self, common: Protocol) -> dict[str, Protocol]:
        """The stamp of each score, by metric name.

        Args:
          common: the common part: data set, latents, weights of the generator.
        """
        source, num, extractor = self._source, self._num, self._extractor
        numbers = common | {'fake': num}
        found = {SLICED: {**numbers, 'real': num, 'directions': 256, 'resizing': 'none'}}
        if extractor:
            seen = numbers | protocol.features(extractor)
            found[self._name] = seen | {'real': num if source.size is None else min(num, source.size)}
            if extractor.is_classifier:
                found |= {PREFIX + name: seen | {'confidence': CONFIDENCE} for name in COUNTED}
                found |= {} if self._labels is None else {f'{PREFIX}accuracy': seen}
        if self._targets:
            stamps = self._targets.stamps()
            found |= {PREFIX + name: {**numbers, **stamps[name]} for name in self._targets.quick}
        if self._retrieval:
            found[RETRIEVED] = {**numbers, 'encoder': 'own', **self._retrieval.stamp()}
        if source.sprites is not None:
            found |= {PREFIX + name: numbers for name in MOVING}
        others = ('mean', 'std', *COUNTED)
        return found | {PREFIX + name: numbers for name in others if source.modes is not None}

    def _classes(self, seen: Extracted) -> dict[str, float]:
        return {PREFIX + name: found.value for name, found in count_classes(seen, self._extractor).items()}

    def _moving(self, clips: np.ndarray) -> dict[str, float]:
        found = moving.statistics(clips, self._source.sprites)
        return {PREFIX + name: found[name] for name in MOVING}


def halves(size: int, num: int) -> tuple[slice, slice]:
    """Two disjoint parts of `size` real examples in random order, of `num` each, or half of the examples if there are
    fewer.
    """
    half = min(num, size // 2)
    return slice(0, half), slice(half, 2 * half)
