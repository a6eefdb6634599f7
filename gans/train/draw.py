"""Samples and interpolations from a run's checkpoint."""

import math
from functools import partial
from pathlib import Path

import jax
import ml_collections
import numpy as np

from gans import kinds, memory, pictures
from gans.core import Array, Sampler, TrainState, Tree
from gans.data.base import class_number
from gans.errors import UserError
from gans.train import paths, sampling, save, workdir
from gans.train.checkpoints import Checkpoints
from gans.train.leaves import size_of
from gans.train.setup import Experiment, all_data, setup_stages
from gans.train.stages import at

STRIPS = 8  # of an interpolation, and rows or more of a system's own picture


def sample(
    config: ml_collections.ConfigDict,
    folder: Path,
    num: int,
    seed: int,
    step: str,
    out: str | None,
    label: str | None = None,
) -> str:
    """Draws `num` samples of fresh latents, and the system's other pictures; returns lines that say where they are.

    Args:
      label: the class of all samples, by name or number; by default all classes in turn.
    """
    if num < 1:
        raise UserError(f'--num={num} must be at least 1')
    experiment, state, done = restored(config, folder, step)
    _check_memory(experiment, num)
    chosen = None if label is None else _number_of(label, experiment)
    inputs, spec, columns = sampling.fixed_inputs(experiment, num, seed, chosen), experiment.source.spec, None
    if label is None and (not out or Path(out).suffix == '.png'):
        columns = sampling.columns(experiment)
    samples = _apply(experiment, state, inputs)
    labels = np.asarray(inputs['label']) if sampling.asks_for_classes(experiment.system) else None
    said = save.save_samples(out or folder / f'samples_seed{seed}.png', samples, spec, labels, columns)
    lines = [f'{num} samples of step {done:,}: {said}']
    _, *others = experiment.system.samplers.items()
    for name, sampler in others if not out else ():
        path = folder / f'{name}_seed{seed}.png'
        images = memory.fetched(jax.jit(partial(_picture, experiment, sampler))(state, jax.random.key(seed)))
        pictures.save_png(path, pictures.grid(images, sampler.columns))
        lines.append(f'{name}: {path}')
    return '\n'.join(lines)


def _picture(experiment: Experiment, sampler: Sampler, state: TrainState, key: Array) -> Array:
    """The images of a sampler, from averaged weights if there are any."""
    return sampler.make(sampling.averaged(state), sampling.inputs_of(experiment, sampler, key, STRIPS))


def _number_of(label: str, experiment: Experiment) -> int:
    """The class that is asked for."""
    if not sampling.asks_for_classes(experiment.system):
        raise UserError(f'--label={label}: this system knows no classes; leave it out')
    return class_number(label, experiment.source.spec.classes, 'label')


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
    kind = kinds.name_of(experiment.source.spec)
    if kind != 'images':
        raise UserError(f"there is nothing to see between {kind}: '{experiment.config.data.name}' has no images")
    _check_memory(experiment, STRIPS * num)
    ends = sampling.fixed_inputs(experiment, 2 * STRIPS, seed)
    between = jax.tree.map(partial(_between, num=num, path=path), ends)  # leaves [STRIPS * num, ...]
    pictures.save_png(out, pictures.grid(_apply(experiment, state, between), num))
    return f'{STRIPS} {path} interpolations of step {done:,}: {out}'


def _between(ends: np.ndarray, num: int, path: str) -> np.ndarray:
    """From the first half of latents to the second, in `num` steps each; classes stay those of the first."""
    starts, ends = ends[:STRIPS], ends[STRIPS:]
    if not np.issubdtype(starts.dtype, np.floating):
        return np.repeat(starts, num, 0)
    flat = lambda x: x.reshape(STRIPS, -1)
    return paths.interpolations(flat(starts), flat(ends), num, path).reshape(-1, *starts.shape[1:])


def restored(config: ml_collections.ConfigDict, folder: Path, which: str) -> tuple[Experiment, TrainState, int]:
    """The experiment, the state of a checkpoint, and its step; of a staged run it is the experiment of that stage.

    Raises UserError if there is no checkpoint: never random weights.
    """
    experiments = setup_stages(config, devices=1)
    if which not in ('latest', 'best') and not which.isdecimal():
        raise UserError(f"--step={which} is neither a number nor 'latest' nor 'best'")
    which = int(which) if which.isdecimal() else which
    restored = Checkpoints(folder / 'checkpoints').restore(lambda step: at(experiments, step).abstract(), which)
    if restored is None:
        raise UserError(f'{folder} has no checkpoint yet: train it first')
    workdir.warn_of_other_data(folder, all_data([each.source for each in experiments]))
    return at(experiments, restored.step), restored.state, restored.step


def _check_memory(experiment: Experiment, num: int) -> None:
    """Latents are held at once, samples twice: in pieces, and joined."""
    sampler = sampling.main_sampler(experiment.system)
    inputs = jax.eval_shape(lambda: sampling.inputs_of(experiment, sampler, jax.random.key(0), num))
    needed = size_of(inputs) + 8 * num * math.prod(experiment.source.spec.shape)
    memory.check(needed, f'to draw {num:,} samples', '--num', on_host=True)


def _apply(experiment: Experiment, state: TrainState, inputs: Tree) -> np.ndarray:
    return np.concatenate(memory.fetched(sampling.make_sampler(experiment)(state, inputs)))
