"""What experiments share: the defaults, which are gans/defaults.py's, and how a variant is made."""

from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from gans.defaults import adam, get_config, rmsprop, sgd
from gans.errors import unknown

__all__ = ['FOLDER', 'adam', 'every', 'finish', 'get_config', 'rmsprop', 'sgd']

# A folder of images that is always there, for the smoke variants of experiments on a folder.
FOLDER = f'folder:{Path(__file__).resolve().parent.parent / "gans" / "data" / "openmoji_atlas"}'


def every(config: ConfigDict, steps: int) -> None:
    """Pictures, scores and checkpoints every so many steps."""
    config.train.sample_every = config.train.checkpoint_every = config.eval.every = steps


def finish(config: ConfigDict, variant: str, file: str, smoke: dict[str, Any] | None = None) -> ConfigDict:
    """The variant of an experiment's config: '' is the config as it is, 'smoke' the same system made tiny.

    Args:
      config: of the full size.
      variant: what stands behind the colon on the command line.
      file: the experiment's `__file__`.
      smoke: what else is tiny in it, by dotted key: a stand-in of the same shape for data that may be absent.
    """
    if variant not in ('', 'smoke'):
        raise unknown(f'variant of {Path(file).stem}', variant, ['smoke'])
    if not variant:
        return config
    for net in (config.generator, config.critic):
        if 'width' in net:
            net.width = 4
        if 'widths' in net:
            net.widths = (8,) * len(net.widths)
    train, per_call = config.train, min(config.train.steps_per_call, 2)
    train.steps, train.batch_size, train.steps_per_call = 4, 8, per_call
    train.n_critic = min(train.n_critic, 2)
    config.penalty.every = min(config.penalty.every, 2)
    train.log_every = 2
    every(config, 4)
    config.eval.samples = 16
    config.eval.features = None
    config.update_from_flattened_dict(smoke or {})
    return config
