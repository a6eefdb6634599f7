"""The space in which the tools move: the styles of a system that has some, else its latents as they are."""

import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from gans.core import Array, Batch, Keys, Sampler, Styles, TrainState, Tree
from gans.errors import UserError, unknown
from gans.training import sampling, targets
from gans.training.setup import Experiment

DIRECTIONS = 'directions.npz'  # in a run's folder

Change = Callable[[TrainState, Array], Array]  # (state, w [N, layers, d]) -> w
Maps = Sequence[Array]  # the noise of layers, [N, h, w, 1]


def styles_of(experiment: Experiment) -> Styles:
    """How images are made by way of w; of a system without styles w [N, 1, d] is what latents the main sampler is
    given, one beside the other.

    Raises:
      UserError: it is given none.
    """
    if experiment.system.styles is not None:
        return experiment.system.styles
    sampler = sampling.main_sampler(experiment.system)
    leaves, tree = jax.tree.flatten(targets.inputs_like(sampler, experiment.source))
    places = [i for i, x in enumerate(leaves) if is_latent(x)]
    if not places:
        raise UserError('samples of this system are made from no latents (vectors of numbers), between which one moves')
    ends = np.cumsum([leaves[i].shape[1] for i in places])[:-1]

    def to_w(state: TrainState, inputs: Tree) -> Array:
        leaves = jax.tree.leaves(inputs)
        return jnp.concatenate([leaves[i] for i in places], 1)[:, None]

    def make(state: TrainState, w: Array, inputs: Tree) -> Array:
        leaves = jax.tree.leaves(inputs)
        for i, part in zip(places, jnp.split(w[:, 0], ends, 1), strict=True):
            leaves[i] = part
        return sampler.make(state, jax.tree.unflatten(tree, leaves))

    return Styles(to_w, make)


def is_latent(leaf: Array) -> bool:
    """Whether a leaf of a sampler's inputs is latents [N, d]."""
    return leaf.ndim == 2 and jnp.issubdtype(leaf.dtype, jnp.floating)


def chain(*changes: Change) -> Change:
    """One after another."""

    def change(state: TrainState, w: Array) -> Array:
        for each in changes:
            w = each(state, w)
        return w

    return change


def changed(experiment: Experiment, change: Change) -> Experiment:
    """The experiment whose main sampler changes each w."""
    styles = styles_of(experiment)
    make = lambda state, inputs: styles.make(state, change(state, styles.to_w(state, inputs)), inputs)
    return with_main(experiment, sampling.main_sampler(experiment.system)._replace(make=make, advance=None))


def from_w(experiment: Experiment, w: np.ndarray, change: Change, maps: Maps = ()) -> Experiment:
    """The experiment whose main sampler makes its samples of these w [N, layers, d], changed, in their order; its
    inputs are those that it had, and w; and, if there are some, `maps` are the noise of its layers.
    """
    styles, main = styles_of(experiment), sampling.main_sampler(experiment.system)

    def inputs(batch: Batch, keys: Keys) -> Tree:
        some = lambda x: jnp.asarray(x)[: len(keys)]
        return with_maps(main.inputs(batch, keys), [some(x) for x in maps]), some(w)

    def make(state: TrainState, inputs: Tree) -> Array:
        given, w = inputs
        return styles.make(state, change(state, w), given)

    asked = {} if experiment.system.styles else main.asked  # w says the class
    return with_main(experiment, main._replace(inputs=inputs, make=make, advance=None, asked=asked))


def with_maps(inputs: Tree, maps: Maps) -> Tree:
    """The inputs with this noise of layers; no maps leave them as they are."""
    return {**inputs, 'noise': list(maps)} if maps else inputs


def with_main(experiment: Experiment, sampler: Sampler) -> Experiment:
    """The experiment with that sampler in place of its main one."""
    system = experiment.system
    name = next(iter(system.samplers))
    return experiment._replace(system=system._replace(samplers={**system.samplers, name: sampler}))


def classes_again(experiment: Experiment, num: int, times: int) -> dict[str, np.ndarray]:
    """What the main sampler reads of `num` examples, so many times: a way in w begins and ends in one class."""
    batch = sampling.batch_of(experiment, sampling.main_sampler(experiment.system), num)
    return {name: np.concatenate([x] * times) for name, x in batch.items()}


def map_to_w(experiment: Experiment, state: TrainState, inputs: Tree) -> np.ndarray:
    """w [N, layers, d] of inputs of the main sampler, on the host."""
    to_w = styles_of(experiment).to_w
    return np.asarray(jax.jit(lambda state, inputs: to_w(sampling.use_averages(state), inputs))(state, inputs))


def sample_w(experiment: Experiment, state: TrainState, num: int, seed: int) -> np.ndarray:
    """w [num, d] of the first layer, which without mixing is that of all."""
    styles, inputs = styles_of(experiment), sampling.fixed_inputs(experiment, num, seed)
    first = jax.jit(lambda state, inputs: styles.to_w(sampling.use_averages(state), inputs)[:, 0])
    return np.asarray(first(state, inputs))


def shape_of_w(experiment: Experiment) -> tuple[int, int]:
    """Its layers and its size."""
    inputs = targets.inputs_like(sampling.main_sampler(experiment.system), experiment.source)
    return jax.eval_shape(styles_of(experiment).to_w, experiment.abstract(), inputs).shape[1:]


def read_w(file: str, experiment: Experiment) -> tuple[np.ndarray, Maps]:
    """Of a .npz file the array 'w' [N, layers, d], and the noise of layers, 'noise_0' and so on, or none.

    Raises:
      UserError: there is no such file or array, or the system has another space.
    """
    wanted, arrays = shape_of_w(experiment), read_arrays('--latents', Path(file))
    w = arrays.get('w')
    if w is None:
        raise UserError(f"--latents={file} has no array 'w': name a w.npz, as --mode=project makes it")
    if w.ndim != 3 or w.shape[1:] != wanted or not len(w):
        raise UserError(
            f"--latents={file}: its array 'w' is {list(w.shape)}, but w of this system is [N, {wanted[0]}, {wanted[1]}]"
        )
    maps = [arrays[f'noise_{i}'].astype(np.float32) for i in range(len(arrays)) if f'noise_{i}' in arrays]
    if maps and [x.shape for x in maps] != [(len(w), *x.shape[1:]) for x in shapes_of_maps(experiment)]:
        raise UserError(f'--latents={file}: its noise is {[x.shape for x in maps]}, not that of this net')
    return w.astype(np.float32), maps


def shapes_of_maps(experiment: Experiment) -> list[jax.ShapeDtypeStruct]:
    """Of the noise of its layers [N, h, w, 1], if it has some."""
    maps = experiment.system.styles and experiment.system.styles.maps
    inputs = targets.inputs_like(sampling.main_sampler(experiment.system), experiment.source)
    return jax.eval_shape(maps, inputs) if maps else []


def read_layers(text: str | None, experiment: Experiment) -> slice:
    """FIRST-LAST as layers of w, counted from 0; all, if there is no text."""
    layers, _ = shape_of_w(experiment)
    if text is None:
        return slice(0, layers)
    found = re.fullmatch(r'(\d+)-(\d+)', text)
    first, last = map(int, found.groups()) if found else (1, 0)
    if not first <= last < layers:
        raise UserError(
            f'--layers={text} is not FIRST-LAST of the layers 0 to {layers - 1} of w, such as 0-{layers - 1}'
        )
    return slice(first, last + 1)


def read_edits(text: str, path: Path, experiment: Experiment) -> Change:
    """NAME:STRENGTH[,NAME:STRENGTH ...] of the directions in a file: so many of each are added to w."""
    if not path.exists():
        raise UserError(f'--edit={text}: there is no {path}; make it by --mode=directions')
    known, total = read_arrays('--edit', path), np.zeros(shape_of_w(experiment), np.float32)
    for part in text.split(','):
        name, _, strength = part.rpartition(':')
        try:
            factor = float(strength)
        except ValueError:
            factor = math.nan
        if not (name and math.isfinite(factor)):
            raise UserError(f"--edit={text}: '{part}' is not NAME:STRENGTH, such as sefa_1:2")
        if name not in known:
            raise unknown(f'direction of {path}', name, known)
        if known[name].shape != total.shape:
            raise UserError(
                f'--edit={text}: {path} is of w {list(known[name].shape)}, but here it is {list(total.shape)}'
            )
        total += factor * known[name]
    return lambda state, w: w + total


def read_arrays(flag: str, path: Path) -> dict[str, np.ndarray]:
    """The arrays of a .npz file by name; UserError if it is none."""
    try:
        with np.load(path) as held:
            return {name: held[name] for name in held.files}
    except Exception as error:  # a damaged file may raise anything at all
        reason = 'there is no such file' if not path.exists() else 'it is no file of arrays by name (.npz)'
        raise UserError(f'{flag}={path}: {reason}') from error
