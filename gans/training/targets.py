"""What samples of held-out examples should equal, where the main sampler says that, and what they are made from."""

from collections.abc import Iterator

import jax
import numpy as np

from gans import kinds
from gans.core import Sampler, Tree
from gans.data import feed
from gans.data.base import Source
from gans.metrics import paired, volumes
from gans.metrics.paired import Targets
from gans.training import sampling
from gans.training.setup import Experiment

MEAN = 10_000  # examples of the training set, at most, of whose targets the mean is taken


def targets(experiment: Experiment, num: int) -> Targets | volumes.Targets | None:
    """Those of the first `num` held-out examples; None where no such pairs of images or volumes are known."""
    sampler = sampling.main_sampler(experiment.system)
    spec, found = sampling.sampled_spec(experiment), experiment.source.fields.get(sampler.target or '')
    if found is None or found.shape != spec.shape or kinds.name_of(found) not in ('images', 'volumes'):
        return None
    if kinds.name_of(found) == 'volumes':
        return volumes.Targets(
            np.concatenate(list(_stored(experiment.held_out(), num, sampler.target))), sampler.target
        )
    given = image_of(inputs_like(sampler, experiment.source))
    scale = 1 if given is None else max(1, spec.shape[0] // given.shape[1])
    return Targets(np.concatenate(list(_stored(experiment.held_out(), num, sampler.target))), scale, sampler.target)


def mean_target(experiment: Experiment, field: str) -> np.ndarray:
    """The mean of a field in the training set, uint8 [...]; of a large set, of a part of it."""
    return paired.mean_example(_stored(experiment.source, _of_training(experiment), field))


def nearest_targets(experiment: Experiment, given: np.ndarray, field: str) -> np.ndarray:
    """For each of the images given, float [N, h, w, c], a field of that example of the training set whose 'source' is
    the nearest in pixels, uint8 [N, ...]; of a large set, of a part of it.
    """
    best, found = np.full(len(given), np.inf), [None] * len(given)
    keep = kinds.kind_of(experiment.source.fields[field]).store
    for some in feed.chunks(experiment.source, _of_training(experiment), feed.fixed_key()):
        for i, image in enumerate(given):
            off = np.square(some['source'] - image).sum((1, 2, 3))
            if off.min() < best[i]:
                best[i], found[i] = off.min(), keep(some[field][off.argmin()])
    return np.stack(found)


def _of_training(experiment: Experiment) -> int:
    """How many examples of the training set are looked at."""
    return MEAN if experiment.source.size is None else min(MEAN, experiment.source.size)


def inputs_like(sampler: Sampler, source: Source) -> Tree:
    """Shapes and types of a sampler's inputs for two examples."""
    return jax.eval_shape(
        lambda batch: sampling.inputs_of(sampler, batch, jax.random.key(0), 2), feed.shapes(source, 2)
    )


def image_of(inputs: Tree) -> np.ndarray | jax.ShapeDtypeStruct | None:
    """The images [N, h, w, c] among a sampler's inputs; None if there are none, or several."""
    images = [leaf for leaf in jax.tree.leaves(inputs) if leaf.ndim == 4]
    return images[0] if len(images) == 1 else None


def _stored(source: Source, num: int, field: str) -> Iterator[np.ndarray]:
    """A field of the first `num` examples in the order in which samples are made of them, uint8 in pieces."""
    for some in feed.chunks(source, num, feed.fixed_key()):
        yield kinds.kind_of(source.fields[field]).store(some[field])
