"""Encoders of images and words that judge what is made of captions: a run's own, or another run's."""

from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

from gans import config_file
from gans.core import Net, Params, System, TrainState
from gans.errors import UserError
from gans.metrics.protocol import Protocol
from gans.metrics.r_precision import Retrieval, draw_pools, make_embed
from gans.training import draw, remembered, sampling
from gans.training.leaves import by_path, checksum
from gans.training.setup import Experiment, setup_stages

NETS = 'text', 'image'


class Encoders(NamedTuple):
    """Nets, their parameters, and what stamps say of them."""

    text: Net
    image: Net
    params: Params
    stamp: Protocol


def retrieval(experiment: Experiment, num: int) -> Retrieval | None:
    """Of the captions of the run's first `num` samples, with its own nets; None if its main sampler is given no
    captions, there are no encoders, or all captions are equal.
    """
    sampler, nets = sampling.main_sampler(experiment.system), experiment.system.nets
    if not has_encoders(experiment.system) or 'caption' not in sampling.fields_read(sampler, experiment.source):
        return None
    captions = sampling.batch_of(experiment, sampler, num)['caption']
    pools = draw_pools(captions)
    if not pools.size:
        return None
    return Retrieval(captions, pools, make_embed(*(nets[name] for name in NETS), sampling.sampled_spec(experiment)))


def has_encoders(system: System) -> bool:
    return system.nets.keys() >= set(NETS)


def own(experiment: Experiment, state: TrainState) -> Encoders:
    """The run's own, with which its generator may have been trained."""
    return _encoders(experiment, state, {'encoder': 'own'})


def of_run(folder: Path, experiment: Experiment) -> Encoders:
    """Those of another run, as they are at its end.

    Args:
      experiment: whose images and captions they are to judge.

    Raises:
      UserError: there is no such run; it has no encoders, or others for other words or images.
    """
    if not (folder / 'config.json').is_file():
        raise UserError(f'--encoder={folder} contains no run: give it the folder of one that has encoders')
    config = config_file.read(str(folder / 'config.json'))
    stages = setup_stages(config, devices=1, sources=remembered.sources(folder, config))
    other, state, step = draw.restore(stages, folder, 'latest')
    if not has_encoders(other.system):
        raise UserError(f"--encoder={folder}: system '{other.config.system}' has no encoders of words: take 'damsm'")
    theirs, ours = (each.source.spec for each in (other, experiment))
    if theirs.fields['caption'].classes != ours.fields['caption'].classes:
        words = [len(spec.fields['caption'].classes) for spec in (theirs, ours)]
        raise UserError(f'--encoder={folder} knows other words ({words[0]:,}, here {words[1]:,}): it must be trained on'
                        ' the same captions')  # fmt: skip
    if theirs.shape != ours.shape:
        raise UserError(f'--encoder={folder} sees images {theirs.shape}, not {ours.shape}: train it on those')
    found = _encoders(other, state, {})
    weights = f'{checksum(by_path(found.params)):08x}'
    stamp = {'encoder': folder.resolve().name, 'encoder step': step, 'encoder seed': other.config.seed}
    return found._replace(stamp=stamp | {'encoder weights': weights})


def _encoders(experiment: Experiment, state: TrainState, stamp: Protocol) -> Encoders:
    averaged, nets = sampling.use_averages(state).params, experiment.system.nets
    params = {name: jax.tree.map(np.asarray, averaged[name]) for name in NETS}
    return Encoders(nets['text'], nets['image'], params, stamp)
