"""Shared parts of experiments: the defaults of gans/defaults.py, and variants."""

from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from gans.defaults import adam, get_config, rmsprop, sgd
from gans.errors import unknown

__all__ = ['DOMAINS', 'FOLDER', 'adam', 'every', 'finish', 'get_config', 'rmsprop', 'sgd']

# A folder of images that always exists, for the smoke variants of experiments on folders.
FOLDER = f'folder:{Path(__file__).resolve().parent.parent / "gans" / "data" / "openmoji_atlas"}'
# Two domains of two images each, for those on unpaired folders.
DOMAINS = f'unpaired:{Path(__file__).resolve().parent / "two_domains"}'


def every(config: ConfigDict, steps: int) -> None:
    """Sets the period of pictures, scores and checkpoints, in steps."""
    config.train.sample_every = config.train.checkpoint_every = config.eval.every = steps


def finish(config: ConfigDict, variant: str, file: str, smoke: dict[str, Any] | None = None) -> ConfigDict:
    """The variant of an experiment's config: '' is the config itself, 'smoke' a tiny version of the same system.

    Args:
      config: at full size.
      variant: the part after the colon on the command line.
      file: the experiment's `__file__`.
      smoke: further overrides of the smoke variant by dotted key, such as other data of the same shape.
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
    for term in config.terms.values():
        if 'every' in term:
            term.every = min(term.every, 2)
    train.log_every = 2
    every(config, 4)
    config.eval.samples = 16
    config.eval.features = None
    config.update_from_flattened_dict(smoke or {})
    return config
