"""Samples and interpolations from a run's checkpoint."""

from pathlib import Path

import jax
import ml_collections
import numpy as np

from gans.cli import Options
from gans.errors import UserError
from gans.train import pictures, program
from gans.train.checkpoints import Checkpoints
from gans.train.report import CHUNK
from gans.train.setup import Experiment, setup


def sample(config: ml_collections.ConfigDict, folder: Path, options: Options) -> str:
    """Draws `num` samples of fresh latents; returns a line that says where they are."""
    if options.num < 1:
        raise UserError(f'--num={options.num} must be at least 1')
    experiment, state, step = _load(config, folder, options.step)
    samples = _apply(experiment, state, program.fixed_latents(experiment, options.num, options.seed))
    out = options.out or folder / f'samples_seed{options.seed}.png'
    return f'{options.num} samples of step {step:,}: {pictures.save_samples(out, samples, experiment.source.spec)}'


def interpolate(config: ml_collections.ConfigDict, folder: Path, options: Options) -> str:
    """Draws 8 strips of `num` steps between two latents each; returns a line that says where they are."""
    if options.num < 2:
        raise UserError(f'--num={options.num} must be at least 2')
    experiment, state, step = _load(config, folder, options.step)
    if not experiment.source.spec.is_image:
        raise UserError(f"there is nothing to see between points: '{config.data.name}' has no images")
    rows, columns = 8, min(options.num, 32)
    ends = np.asarray(program.fixed_latents(experiment, 2 * rows, options.seed))
    between = pictures.interpolations(ends[:rows], ends[rows:], columns, options.path)  # [rows * columns, d]
    samples = _apply(experiment, state, between)
    out = Path(options.out or folder / f'interpolation_{options.path}_seed{options.seed}.png')
    if out.suffix != '.png':
        raise UserError(f'--out={out}: an interpolation is a picture, name a FILE.png')
    pictures.save_png(out, pictures.grid(samples, columns))
    return f'{rows} {options.path} interpolations of step {step:,}: {out}'


def _load(config: ml_collections.ConfigDict, folder: Path, which: str) -> tuple:
    """The experiment, and the state of a checkpoint; raises UserError if there is none: never random weights."""
    experiment = setup(config, devices=1)
    if which not in ('latest', 'best') and not which.isdecimal():
        raise UserError(f"--step={which} is neither a number nor 'latest' nor 'best'")
    which = int(which) if which.isdecimal() else which
    restored = Checkpoints(folder / 'checkpoints').restore(experiment.abstract(), which)
    if restored is None:
        raise UserError(f'{folder} has no checkpoint yet: train it first')
    return experiment, restored.state, restored.step


def _apply(experiment: Experiment, state: object, latents: object) -> np.ndarray:
    call, num = program.make_sampler(experiment), len(jax.tree.leaves(latents)[0])
    cut = lambda start: jax.tree.map(lambda x: x[start : start + CHUNK], latents)
    return np.concatenate([np.asarray(call(state, cut(start))) for start in range(0, num, CHUNK)])
