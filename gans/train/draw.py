"""Samples and interpolations from a run's checkpoint."""

from pathlib import Path

import jax
import ml_collections
import numpy as np

from gans.core import TrainState, Tree
from gans.errors import UserError
from gans.train import pictures, program
from gans.train.checkpoints import Checkpoints
from gans.train.setup import Experiment, setup

STRIPS = 8  # of an interpolation


def sample(config: ml_collections.ConfigDict, folder: Path, num: int, seed: int, step: str, out: str | None) -> str:
    """Draws `num` samples of fresh latents; returns a line that says where they are."""
    if num < 1:
        raise UserError(f'--num={num} must be at least 1')
    experiment, state, done = restored(config, folder, step)
    samples = _apply(experiment, state, program.fixed_latents(experiment, num, seed))
    said = pictures.save_samples(out or folder / f'samples_seed{seed}.png', samples, experiment.source.spec)
    return f'{num} samples of step {done:,}: {said}'


def interpolate(
    config: ml_collections.ConfigDict, folder: Path, num: int, seed: int, step: str, path: str, out: str | None
) -> str:
    """Draws 8 strips of `num` steps between two latents each; returns a line that says where they are."""
    if num < 2:
        raise UserError(f'--num={num} must be at least 2')
    out = Path(out or folder / f'interpolation_{path}_seed{seed}.png')
    if out.suffix != '.png':
        raise UserError(f'--out={out}: an interpolation is a picture, name a FILE.png')
    experiment, state, done = restored(config, folder, step)
    if not experiment.source.spec.is_image:
        raise UserError(f"there is nothing to see between points: '{config.data.name}' has no images")
    ends = np.asarray(program.fixed_latents(experiment, 2 * STRIPS, seed))
    between = pictures.interpolations(ends[:STRIPS], ends[STRIPS:], num, path)  # [STRIPS * num, d]
    pictures.save_png(out, pictures.grid(_apply(experiment, state, between), num))
    return f'{STRIPS} {path} interpolations of step {done:,}: {out}'


def restored(config: ml_collections.ConfigDict, folder: Path, which: str) -> tuple[Experiment, TrainState, int]:
    """The experiment, and the state of a checkpoint; raises UserError if there is none: never random weights."""
    experiment = setup(config, devices=1)
    if which not in ('latest', 'best') and not which.isdecimal():
        raise UserError(f"--step={which} is neither a number nor 'latest' nor 'best'")
    which = int(which) if which.isdecimal() else which
    restored = Checkpoints(folder / 'checkpoints').restore(experiment.abstract(), which)
    if restored is None:
        raise UserError(f'{folder} has no checkpoint yet: train it first')
    return experiment, restored.state, restored.step


def _apply(experiment: Experiment, state: TrainState, latents: Tree) -> np.ndarray:
    return np.concatenate(jax.device_get(program.make_sampler(experiment)(state, latents)))
