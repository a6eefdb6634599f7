"""Samples and interpolations from a run's checkpoint."""

import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import ml_collections
import numpy as np

from gans import kinds, memory, pictures, plots
from gans.core import TrainState, Tree
from gans.data import feed, load
from gans.data.base import class_number
from gans.data.files import pictures_in
from gans.errors import UserError
from gans.metrics.score import PREFIX
from gans.training import paths, sampling, save, workdir
from gans.training.checkpoints import Checkpoints
from gans.training.leaves import size_of
from gans.training.logs import read_metrics
from gans.training.setup import Experiment, all_data, setup_stages
from gans.training.stages import at

STRIPS = 8  # of an interpolation, and rows or more of a system's own picture


def sample(
    config: ml_collections.ConfigDict,
    folder: Path,
    num: int | None,
    seed: int,
    step: str,
    out: str | None,
    label: str | None = None,
    given: str | None = None,
) -> str:
    """Draws `num` samples of fresh latents, and the system's other pictures; returns lines that say where they are.

    Args:
      num: by default as many as the kind's pictures show, or all images of the folder `given`.
      label: the class of all samples, by name or number; by default all classes in turn.
      given: a folder of images that samples are made from, in place of held-out examples.
    """
    if num is not None and num < 1:
        raise UserError(f'--num={num} must be at least 1')
    experiment, state, done = restored(config, folder, step)
    chosen = None if label is None else _number_of(label, experiment)
    images = _read_input(experiment, given) if given else None
    kind = kinds.kind_of(sampling.sampled_spec(experiment))
    num = min(num or len(images.names), len(images.names)) if images else num or kind.shown
    _check_memory(experiment, num)
    main = sampling.main_sampler(experiment.system)
    batch = sampling.batch_of(experiment, main, num, chosen, images.batch if images else None)
    samples = _apply(experiment, state, sampling.fixed_inputs(experiment, num, seed, batch))
    labels = np.asarray(batch['label']) if sampling.asks_for_classes(experiment.system) else None

    shown = sampling.words(done, seed, scores_of(folder, done))

    def draw() -> pictures.Picture:
        of_class = chosen is not None
        title = f'{experiment.source.spec.classes[chosen]}, {shown}' if of_class else shown
        caption = pictures.Caption(title, () if of_class else sampling.class_names(experiment))
        beside = _beside(experiment, state, num, paired=bool(batch.keys() - {'label'}) and images is None)
        return sampling.picture(experiment, samples, beside, caption, batch)

    place, names = out or folder / f'samples_seed{seed}.png', images.names if images else None
    said = save.save_samples(place, samples, sampling.sampled_spec(experiment), labels, names, draw)
    lines = [f'{num} samples of step {done:,}: {said}']
    _, *others = experiment.system.samplers.items()
    for name, sampler in others if not (out or images) else ():
        path = folder / f'{name}_seed{seed}.png'
        inputs = sampling.fixed_inputs(experiment, STRIPS, seed, sampler=sampler)
        make = jax.jit(lambda state, inputs, sampler=sampler: sampler.make(sampling.use_averages(state), inputs))
        caption = pictures.Caption(f'{name}, {shown}: {sampler.about}', sampler.columns, sampler.rows)
        pictures.save(path, kind.draw(memory.fetch(make(state, inputs)), caption, plots.NOTHING))
        lines.append(f'{name}: {path}')
    return '\n'.join(lines)


def _beside(experiment: Experiment, state: TrainState, num: int, paired: bool) -> plots.Beside:
    """What is drawn with `num` samples: of points the truth and the critic's scores; of pairs the real examples."""
    truth = sampling.truth(experiment)
    if kinds.is_image(truth.source.spec):
        return plots.Beside(truth.examples(num) if paired else None)
    real = truth.examples(kinds.kind_of(truth.source.spec).shown)
    places = sampling.places_to_judge(experiment, real)
    scores = None if places is None else memory.fetch(jax.jit(partial(sampling.judge, experiment))(state, places))
    return plots.Beside(real, truth.source.modes, scores)


def scores_of(folder: Path, step: int) -> dict[str, float]:
    """The scores that a run had at a step, by metric; none if it was not scored there."""
    path = folder / 'metrics.csv'
    metrics = read_metrics(path) if path.exists() else {}
    row = {name: float(values[-1]) for name, x in metrics.items() if len(values := x[metrics['step'] == step])}
    return {name: value for name, value in row.items() if name.startswith(PREFIX) and np.isfinite(value)}


class Input(NamedTuple):
    """Images of the user's, which samples are made from."""

    names: list[str]  # of the files, without their suffixes, as they lie below the folder
    batch: dict[str, np.ndarray]  # the field that they are


def _read_input(experiment: Experiment, place: str) -> Input:
    """The images in a folder, as the field that the main sampler is made from."""
    spec = experiment.source.spec
    read = sampling.fields_read(sampling.main_sampler(experiment.system), experiment.source)
    fields = [name for name in sorted(read) if name in spec.fields and kinds.is_image(spec.fields[name])]
    if len(fields) != 1 or read - {*fields, 'label'}:
        of = ' and '.join(sorted(read)) or 'latents alone'
        raise UserError(f'--input={place}: samples of this system are made from {of}, not from an image: leave it off')
    height, width, channels = spec.fields[fields[0]].shape
    if height != width:
        raise UserError(f'--input={place}: this system takes images of {height} x {width} pixels, folders give squares')
    files = pictures_in(Path(place).expanduser()).names
    names = [str(name.with_suffix('')) for name in files]
    if len(set(names)) < len(names):  # a.png and a.jpg must not become one file
        names = list(map(str, files))
    source = load.load({'name': f'folder:{place}', 'size': height, 'channels': channels, 'strict': True})
    raw = source.read(np.arange(source.size)) if source.arrays is None else source.arrays
    return Input(names, {fields[0]: kinds.kind_of(spec.fields[fields[0]]).finish(np.asarray(raw['real']))})


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
    spec = sampling.sampled_spec(experiment)
    if not kinds.is_image(spec):
        raise UserError(
            f"there is nothing to see between {kinds.name_of(spec)}: '{experiment.config.data.name}' has no images"
        )
    _check_memory(experiment, STRIPS * num)
    ends = sampling.fixed_inputs(experiment, 2 * STRIPS, seed)
    between = jax.tree.map(partial(_between, num=num, path=path), ends)  # leaves [STRIPS * num, ...]
    shown = sampling.words(done, seed, scores_of(folder, done))
    title = f'{path} interpolations, {shown}: along each row from one latent to another'
    picture = pictures.annotate(pictures.grid(_apply(experiment, state, between), num), pictures.Caption(title))
    pictures.save(out, picture)
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
    found = restore(experiments, folder, which)
    workdir.warn_of_other_data(folder, all_data([each.source for each in experiments]))
    return found


def restore(experiments: Sequence[Experiment], folder: Path, which: str) -> tuple[Experiment, TrainState, int]:
    """The same, of the experiments of a run's stages."""
    if which not in ('latest', 'best') and not which.isdecimal():
        raise UserError(f"--step={which} is neither a number nor 'latest' nor 'best'")
    which = int(which) if which.isdecimal() else which
    restored = Checkpoints(folder / 'checkpoints').restore(lambda step: at(experiments, step).abstract(), which)
    if restored is None:
        raise UserError(f'{folder} has no checkpoint yet: train it first')
    return at(experiments, restored.step), restored.state, restored.step


def _check_memory(experiment: Experiment, num: int) -> None:
    """Latents are held at once, samples twice: in pieces, and joined."""
    sampler, batch = sampling.main_sampler(experiment.system), feed.shapes(experiment.source, num)
    inputs = jax.eval_shape(lambda batch: sampling.inputs_of(sampler, batch, jax.random.key(0), num), batch)
    needed = size_of(inputs) + 8 * num * math.prod(sampling.sampled_spec(experiment).shape)
    memory.check(needed, f'to draw {num:,} samples', '--num', on_host=True)


def _apply(experiment: Experiment, state: TrainState, inputs: Tree) -> np.ndarray:
    return np.concatenate(memory.fetch(sampling.make_sampler(experiment)(state, inputs)))
