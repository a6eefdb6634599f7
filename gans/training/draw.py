"""Samples and interpolations from a run's checkpoint."""

import math
import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import jax
import ml_collections
import numpy as np

from gans import kinds, memory, pictures, plots
from gans.core import TrainState, Tree
from gans.data import feed
from gans.data.base import class_number
from gans.errors import UserError
from gans.latent_tools import space
from gans.metrics.score import PREFIX
from gans.training import sampling, save, workdir
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
    direction: str | None = None,
    truncation: str | None = None,
    latents: str | None = None,
    edit: str | None = None,
) -> str:
    """Draws `num` samples of fresh latents, and the system's other pictures; returns lines that say where they are.

    Args:
      num: by default as many as the kind's pictures show.
      label: the class of all samples, by name or number; by default all classes in turn.
      direction: of a system that has several, the only one, see `sampling.directed`; by default all of them.
      truncation: PSI or PSI:LAYERS, of the styles of samples; the other pictures are left out.
      latents: a file of w to make samples of, in place of fresh ones; likewise.
      edit: NAME:STRENGTH, ... of the run's directions, by which w is moved; likewise.
    """
    if num is not None and num < 1:
        raise UserError(f'--num={num} must be at least 1')
    experiment, state, done = restored(config, folder, step, direction)
    shown = sampling.words(done, seed, {} if direction else scores_of(folder, done))
    if truncation or latents or edit:
        return _sample_styles(experiment, state, folder, num, seed, out, label, shown, truncation, latents, edit)
    lines = [_sample(experiment, state, folder, num, seed, out, label, shown)]
    _, *others = experiment.system.samplers.items()
    for name, sampler in others if not out else ():
        if name in sampling.directions(experiment.system):
            if not direction:
                turned, shown = sampling.directed(experiment, name), sampling.words(done, seed)
                lines.append(_sample(turned, state, folder, num, seed, out, label, shown))
            continue
        path = folder / f'{name}_seed{seed}.png'
        inputs = sampling.fixed_inputs(experiment, STRIPS, seed, sampler=sampler)
        make = jax.jit(lambda state, inputs, sampler=sampler: sampler.make(sampling.use_averages(state), inputs))
        caption = pictures.Caption(f'{name}, {shown}: {sampler.about}', sampler.columns, sampler.rows)
        drawn = kinds.kind_of(sampling.sampled_spec(experiment)).draw
        pictures.save(path, drawn(memory.fetch(make(state, inputs)), caption, plots.NOTHING))
        lines.append(f'{name}: {path}')
    return '\n'.join(lines)


def _sample_styles(
    experiment: Experiment,
    state: TrainState,
    folder: Path,
    num: int | None,
    seed: int,
    out: str | None,
    label: str | None,
    shown: str,
    truncation: str | None,
    latents: str | None,
    edit: str | None,
) -> str:
    """Samples of changed or given w, in a file of their own."""
    changes, name = [], next(iter(experiment.system.samplers))
    if truncation:
        by = space.read_truncation(truncation)
        changes.append(space.truncate(experiment, by))
        name, shown = f'{name}_truncation{by}', f'{shown}, truncation {by}'
    if edit:
        changes.append(space.read_edits(edit, folder / space.DIRECTIONS, experiment))
        name, shown = f'{name}_{edit}', f'{shown}, {edit}'
    if latents:
        w = space.read_w(latents, experiment)
        num = min(num or len(w), len(w))
        name, shown = f'{name}_{Path(latents).stem}', f'{shown}, w of {Path(latents).name}'
        made = space.from_w(experiment, w, space.chain(*changes))
    else:
        made = space.changed(experiment, space.chain(*changes))
    path = folder / f'{re.sub("[^-.,+0-9A-Za-z_]", "-", name)}_seed{seed}.png'
    return _sample(made, state, folder, num, seed, out or str(path), label, shown)


def _sample(
    experiment: Experiment,
    state: TrainState,
    folder: Path,
    num: int | None,
    seed: int,
    out: str | None,
    label: str | None,
    shown: str,
) -> str:
    """The samples of the main sampler. shown: what they are of, in words."""
    chosen = None if label is None else number_of(label, experiment)
    spec, (name, main) = sampling.sampled_spec(experiment), next(iter(experiment.system.samplers.items()))
    num = num or kinds.kind_of(spec).shown
    check_memory(experiment, num)
    batch = sampling.batch_of(experiment, main, num, chosen)
    samples = apply(experiment, state, sampling.fixed_inputs(experiment, num, seed, batch))
    labels = np.asarray(batch['label']) if sampling.asks_for_classes(experiment.system) else None

    def draw() -> pictures.Picture:
        of_class = chosen is not None
        title = f'{experiment.source.spec.classes[chosen]}, {shown}' if of_class else shown
        caption = pictures.Caption(title, () if of_class else sampling.class_names(experiment))
        beside = _beside(experiment, state, num, paired=bool(batch.keys() - {'label'}))
        return sampling.picture(experiment, samples, beside, caption, batch)

    said = save.save_samples(out or folder / f'{name}_seed{seed}.png', samples, spec, labels, draw)
    return f'{num} samples of step {int(state.step):,}: {said}'


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


def number_of(label: str, experiment: Experiment) -> int:
    """The class that is asked for."""
    if not sampling.asks_for_classes(experiment.system):
        raise UserError(f'--label={label}: this system knows no classes; leave it out')
    return class_number(label, experiment.source.spec.classes, 'label')


def restored(
    config: ml_collections.ConfigDict, folder: Path, which: str, direction: str | None = None
) -> tuple[Experiment, TrainState, int]:
    """The experiment, the state of a checkpoint, and its step; of a staged run it is the experiment of that stage.

    Raises UserError if there is no checkpoint: never random weights.
    """
    experiments = setup_stages(config, devices=1)
    found = restore(experiments, folder, which, direction)
    workdir.warn_of_other_data(folder, all_data([each.source for each in experiments]))
    return found


def restore(
    experiments: Sequence[Experiment], folder: Path, which: str, direction: str | None = None
) -> tuple[Experiment, TrainState, int]:
    """The same, of the experiments of a run's stages. direction: a sampler that is to be the main one."""
    if which not in ('latest', 'best') and not which.isdecimal():
        raise UserError(f"--step={which} is neither a number nor 'latest' nor 'best'")
    which = int(which) if which.isdecimal() else which
    restored = Checkpoints(folder / 'checkpoints').restore(lambda step: at(experiments, step).abstract(), which)
    if restored is None:
        raise UserError(f'{folder} has no checkpoint yet: train it first')
    experiment = at(experiments, restored.step)
    experiment = experiment if direction is None else sampling.directed(experiment, direction)
    return experiment, restored.state, restored.step


def check_memory(experiment: Experiment, num: int) -> None:
    """Latents are held at once, samples twice: in pieces, and joined."""
    sampler, batch = sampling.main_sampler(experiment.system), feed.shapes(experiment.source, num)
    inputs = jax.eval_shape(lambda batch: sampling.inputs_of(sampler, batch, jax.random.key(0), num), batch)
    needed = size_of(inputs) + 8 * num * math.prod(sampling.sampled_spec(experiment).shape)
    memory.check(needed, f'to draw {num:,} samples', '--num', on_host=True)


def apply(experiment: Experiment, state: TrainState, inputs: Tree) -> np.ndarray:
    return np.concatenate(memory.fetch(sampling.make_sampler(experiment)(state, inputs)))
