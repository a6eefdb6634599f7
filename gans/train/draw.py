"""Samples and interpolations from a run's checkpoint."""

import math
from functools import partial
from pathlib import Path

import jax
import ml_collections
import numpy as np

from gans import memory
from gans.core import SAMPLES, Array, TrainState, Tree, View
from gans.data.base import class_number
from gans.errors import UserError
from gans.ops.random import example_keys
from gans.train import pictures, program, workdir
from gans.train.checkpoints import Checkpoints
from gans.train.describe import size_of
from gans.train.setup import Experiment, setup

STRIPS = 8  # of an interpolation, and of a view


def sample(
    config: ml_collections.ConfigDict,
    folder: Path,
    num: int,
    seed: int,
    step: str,
    out: str | None,
    label: str | None = None,
) -> str:
    """Draws `num` samples of fresh latents, and the system's views; returns lines that say where they are.

    Args:
      label: the class of all samples, by name or number; by default all classes in turn.
    """
    if num < 1:
        raise UserError(f'--num={num} must be at least 1')
    experiment, state, done = restored(config, folder, step)
    _check_memory(experiment, num)
    latents, spec, columns = program.fixed_latents(experiment, num, seed), experiment.source.spec, None
    if label is not None:
        latents = program.by_class(latents, _chosen(label, num, experiment, latents))
    elif not out or Path(out).suffix == '.png':
        columns = program.columns(experiment)
    samples = _apply(experiment, state, latents)
    labels = np.asarray(latents['label']) if program.is_conditional(latents) else None
    said = pictures.save_samples(out or folder / f'samples_seed{seed}.png', samples, spec, labels, columns)
    lines = [f'{num} samples of step {done:,}: {said}']
    for name, view in experiment.system.views.items() if not out else ():
        path = folder / f'{name}_seed{seed}.png'
        images = memory.fetched(jax.jit(partial(_view, experiment, view))(state, jax.random.key(seed)))
        pictures.save_png(path, pictures.grid(images, view.columns))
        lines.append(f'{name}: {path}')
    return '\n'.join(lines)


def _view(experiment: Experiment, view: View, state: TrainState, key: Array) -> Array:
    """The images of a view, from averaged weights if there are any."""
    keys = example_keys(jax.random.fold_in(key, SAMPLES), np.arange(STRIPS))
    return view.draw(*program.weights_of(state), view.latents(keys))


def _chosen(label: str, num: int, experiment: Experiment, latents: Tree) -> np.ndarray:
    """The one class that is asked for, int32 [num]."""
    if not program.is_conditional(latents):
        raise UserError(f'--label={label}: this system knows no classes; leave it out')
    return np.full(num, class_number(label, experiment.source.spec.classes, 'label'), np.int32)


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
    _check_memory(experiment, STRIPS * num)
    ends = program.fixed_latents(experiment, 2 * STRIPS, seed)
    between = jax.tree.map(partial(_between, num=num, path=path), ends)  # leaves [STRIPS * num, ...]
    pictures.save_png(out, pictures.grid(_apply(experiment, state, between), num))
    return f'{STRIPS} {path} interpolations of step {done:,}: {out}'


def _between(ends: np.ndarray, num: int, path: str) -> np.ndarray:
    """From the first half of latents to the second, in `num` steps each; classes stay those of the first."""
    starts, ends = ends[:STRIPS], ends[STRIPS:]
    if not np.issubdtype(starts.dtype, np.floating):
        return np.repeat(starts, num, 0)
    flat = lambda x: x.reshape(STRIPS, -1)
    return pictures.interpolations(flat(starts), flat(ends), num, path).reshape(-1, *starts.shape[1:])


def restored(config: ml_collections.ConfigDict, folder: Path, which: str) -> tuple[Experiment, TrainState, int]:
    """The experiment, and the state of a checkpoint; raises UserError if there is none: never random weights."""
    experiment = setup(config, devices=1)
    if which not in ('latest', 'best') and not which.isdecimal():
        raise UserError(f"--step={which} is neither a number nor 'latest' nor 'best'")
    which = int(which) if which.isdecimal() else which
    restored = Checkpoints(folder / 'checkpoints').restore(experiment.abstract(), which)
    if restored is None:
        raise UserError(f'{folder} has no checkpoint yet: train it first')
    workdir.warn_of_other_data(folder, experiment.source)
    return experiment, restored.state, restored.step


def _check_memory(experiment: Experiment, num: int) -> None:
    """Latents are held at once, samples twice: in pieces, and joined."""
    latents = jax.eval_shape(lambda: program.latents_of(experiment, jax.random.key(0), num))
    needed = size_of(latents) + 8 * num * math.prod(experiment.source.spec.shape)
    memory.check(needed, f'to draw {num:,} samples', '--num', on_host=True)


def _apply(experiment: Experiment, state: TrainState, latents: Tree) -> np.ndarray:
    return np.concatenate(memory.fetched(program.make_sampler(experiment)(state, latents)))
