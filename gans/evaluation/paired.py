"""Paired scores of `--mode=evaluate`: each sample against its own target.

Beside 'NAME' stand 'NAME/untrained', and of the same examples answers that take no learning: 'NAME/mean', the mean of
the training set's targets for all; of images 'NAME/source', those that samples are made from as they are; of volumes
'NAME/nearest', that of the training set whose picture is nearest to the one that is given.
"""

import numpy as np

from gans.core import Tree
from gans.evaluation.judge import UNTRAINED
from gans.metrics import paired
from gans.metrics.protocol import Protocol, Result
from gans.ops.pixels import to_uint8
from gans.training import targets
from gans.training.setup import Experiment

SOURCE, MEAN, NEAREST = '/source', '/mean', '/nearest'  # what follows a metric's name


def paired_scores(
    experiment: Experiment, inputs: Tree, samples: np.ndarray, untrained: np.ndarray, common: Protocol
) -> list[Result]:
    """The scores, where targets are known.

    Args:
      inputs: of the sampler, leaves [N, ...].
      samples, untrained: what the trained and the untrained generator made of them, uint8 [N, H, W, C].
      common: what all stamps have in common.
    """
    known = targets.targets(experiment, len(samples))
    if known is None:
        return []
    shape, given = known.examples.shape, targets.image_of(inputs)
    answers = {'': samples, UNTRAINED: untrained}
    if given is not None and len(shape) == 5:
        answers[NEAREST] = targets.nearest_targets(experiment, given, known.field)
    elif given is not None:
        answers[SOURCE] = paired.copied(to_uint8(given), shape[1:])
    answers[MEAN] = np.broadcast_to(targets.mean_target(experiment, known.field), shape)
    stamps = known.stamps()
    return [
        Result(name + suffix, value, {'metric': name, **common, 'pairs': len(samples), **stamps[name]})
        for suffix, images in answers.items()
        for name, value in known.score(images).items()
    ]
