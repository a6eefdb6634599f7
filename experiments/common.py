"""Shared parts of experiments: the defaults of gans/defaults.py, and variants."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from gans.defaults import adam, get_config, rmsprop, sgd
from gans.errors import unknown

__all__ = ['DOMAINS', 'FOLDER', 'GROWTH', 'adam', 'every', 'finish', 'get_config', 'grow', 'match_words']
__all__ += ['rmsprop', 'sgd']

# A folder of images that always exists, for the smoke variants of experiments on folders.
FOLDER = f'folder:{Path(__file__).resolve().parent.parent / "gans" / "data" / "openmoji_atlas"}'
# Two domains of two images each, for those on unpaired folders.
DOMAINS = f'unpaired:{Path(__file__).resolve().parent / "two_domains"}'

GROWTH = {4: 8, 8: 8}, 16, 16  # of smoke variants, for `grow`


def every(config: ConfigDict, steps: int) -> None:
    """Sets the period of pictures, scores and checkpoints, in steps."""
    config.train.sample_every = config.train.checkpoint_every = config.eval.every = steps


def match_words(config: ConfigDict) -> None:
    """Has words and emoji of 32 pixels learn to agree, in a run by itself or in the first stretch of a GAN's."""
    config.system = 'damsm'
    config.encoders.features = config.encoders.embedding = 64
    config.encoders.width = 16
    config.data.name = 'openmoji'
    config.data.size = 32
    config.data.style = 'color'
    config.data.split = 'train'
    config.data.words = 8
    config.optimizer.generator = adam(1e-3, b1=0.5)
    config.train.steps = 2_000
    config.train.batch_size = 32
    config.eval.samples = 200


def grow(
    config: ConfigDict,
    batches: Mapping[int, int],
    train: int,
    fade: int,
    total: int = 0,
    rates: Mapping[int, float] = {},
    half_life: float | None = None,
) -> None:
    """Has images grow as in ProGAN: at each size a stage in which it fades in, but for the first, and one in which it
    is trained. Optimizers begin anew with each of them. Sets data.size, batch sizes, rates, and train.steps.

    Args:
      config: of system 'progan' or 'stylegan'; its train.steps_per_call will divide every stage.
      batches: by size in pixels, each twice the one before, the examples of a batch.
      train, fade: real images that the critic sees in a stage.
      total: real images of the whole run; what the stages leave of it is trained at the last size.
      rates: learning rates of both players at some sizes, in place of the config's.
      half_life: of averages, in images; None: that of the config, in steps.
    """
    unit = config.train.steps_per_call
    phases = [(size, phase) for size in batches for phase in ('fade', 'train')][1:]
    images = [fade if phase == 'fade' else train for _, phase in phases]
    images[-1] += max(0, total - sum(images))
    begin = 0
    for (size, phase), seen in zip(phases, images, strict=True):
        steps = math.ceil(seen / (batches[size] * unit)) * unit
        if begin == 0:
            config.data.size, config.train.batch_size = size, batches[size]
            if half_life is not None:
                config.ema.half_life = half_life / batches[size]
        else:
            stage: dict[str, Any] = {'begin': begin, 'data': {'size': size}}
            stage['train'] = {'batch_size': batches[size], 'fresh_optimizers': True}
            if size in rates:
                stage['optimizer'] = {role: {'learning_rate': rates[size]} for role in ('generator', 'critic')}
            if half_life is not None:
                stage['ema'] = {'half_life': half_life / batches[size]}
            if phase == 'fade':
                stage[config.system] = {'fade_begin': begin, 'fade_steps': steps}
            config.stages[f'{phase}_{size}'] = stage
        begin += steps
    config.train.steps = begin


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
