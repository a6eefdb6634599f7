"""Samples from a run's checkpoint."""

import math
import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import ml_collections
import numpy as np

from gans import kinds, memory, pictures, plots
from gans.core import TrainState, Tree
from gans.data import feed
from gans.data.base import class_number
from gans.errors import UserError
from gans.latent_tools import noise, space, truncation
from gans.metrics.score import PREFIX
from gans.training import remembered, sampling, save, standing, workdir
from gans.training.checkpoints import Checkpoints
from gans.training.leaves import size_of
from gans.training.logs import read_metrics
from gans.training.setup import Experiment, all_data, setup_stages
from gans.training.stages import at

STRIPS = 8  # of an interpolation, and rows or more of a system's own picture


class Options(NamedTuple):
    """Which samples of a run are drawn."""

    num: int | None = None  # by default as many as the kind's pictures show, or all images that are given
    seed: int = 0  # of the latents
    step: str = 'latest'
    out: str | None = None
    label: str | None = None  # the class of all samples, by name or number; by default all classes in turn
    direction: str | None = None  # of a system that has several, the only one, see `sampling.directed`; None: all
    truncation: str | None = None  # [WAY:]AMOUNT[:LAYERS], of styles or latents, see `gans.latent_tools.truncation`
    latents: str | None = None  # a file of w to make samples of, in place of fresh ones
    standing: int | None = None  # batches that statistics are taken of, see `gans.training.standing`
    edit: str | None = None  # NAME:STRENGTH, ... of the run's directions, by which w is moved

    def check(self) -> None:
        """Raises UserError for a number that is none."""
        if self.num is not None and self.num < 1:
            raise UserError(f'--num={self.num} must be at least 1')


def sample(config: ml_collections.ConfigDict, folder: Path, options: Options) -> str:
    """Draws samples of fresh latents, and the system's other pictures; or, with `truncation`, `standing`,
    `latents` or `edit`, samples of changed or given w alone. Returns lines that say where they are.
    """
    options.check()
    seed = options.seed
    experiment, state, done = restored(config, folder, options.step, options.direction)
    styled = bool(options.truncation or options.latents or options.edit or options.standing is not None)
    shown = sampling.words(done, seed, {} if options.direction or styled else scores_of(folder, done))
    if styled:
        return _sample_styles(experiment, state, folder, options, shown)
    lines = [_sample(experiment, state, folder, options, shown)]
    _, *others = experiment.system.samplers.items()
    for name, sampler in others if not options.out else ():
        if name in sampling.directions(experiment.system):
            if not options.direction:
                turned, shown = sampling.directed(experiment, name), sampling.words(done, seed)
                lines.append(_sample(turned, state, folder, options, shown))
            continue
        path = folder / f'{name}_seed{seed}.png'
        inputs = sampling.fixed_inputs(experiment, STRIPS, seed, sampler=sampler)
        make = jax.jit(lambda state, inputs, sampler=sampler: sampler.make(sampling.use_averages(state), inputs))
        caption = pictures.Caption(f'{name}, {shown}: {sampler.about}', sampler.columns, sampler.rows)
        drawn = kinds.kind_of(sampling.sampled_spec(experiment)).draw
        pictures.save(path, drawn(memory.fetch(make(state, inputs)), caption, plots.NOTHING))
        lines.append(f'{name}: {path}')
    if not options.out and experiment.system.styles and experiment.system.styles.maps:
        cells = noise.make_cells(experiment, state, seed)
        noise.draw_sheet(cells, shown, folder / f'noise_seed{seed}.png')
        lines.append(f'noise: {folder / f"noise_seed{seed}.png"}')
    return '\n'.join(lines)


def _sample_styles(experiment: Experiment, state: TrainState, folder: Path, options: Options, shown: str) -> str:
    """Samples of changed or given w, in a file of their own."""
    changes, name = [], next(iter(experiment.system.samplers))
    if options.truncation:
        by = truncation.read(options.truncation)
        if options.latents and truncation.resolve(experiment, by).way != 'psi':
            raise UserError(f'--truncation={by} is of latents that are drawn, not of those of --latents: leave it off')
        experiment, change = truncation.truncate(experiment, by)
        changes.append(change)
        name, shown = f'{name}_truncation{by}', f'{shown}, truncation {by}'
    if options.standing is not None:
        state = standing.renew(experiment, state, options.standing, options.seed)
        name, shown = f'{name}_standing{options.standing}', f'{shown}, statistics of {options.standing} batches'
    if options.edit:
        changes.append(space.read_edits(options.edit, folder / space.DIRECTIONS, experiment))
        name, shown = f'{name}_{options.edit}', f'{shown}, {options.edit}'
    if options.latents:
        latents, label = Path(options.latents), options.label
        if label is not None and experiment.system.styles:
            raise UserError(f'--label={label}: the w of --latents={latents} say the class; leave it out')
        w, maps = space.read_w(options.latents, experiment)
        options = options._replace(num=min(options.num or len(w), len(w)))
        name, shown = f'{name}_{latents.stem}', f'{shown}, w of {latents.name}'
        made = space.from_w(experiment, w, space.chain(*changes), maps)
    else:
        made = space.changed(experiment, space.chain(*changes))
    path = folder / f'{re.sub("[^-.,+0-9A-Za-z_]", "-", name)}_seed{options.seed}.png'
    return _sample(made, state, folder, options._replace(out=options.out or str(path)), shown)


def _sample(experiment: Experiment, state: TrainState, folder: Path, options: Options, shown: str) -> str:
    """The samples of the main sampler. shown: what they are of, in words."""
    chosen = None if options.label is None else number_of(options.label, experiment)
    spec, (name, main) = sampling.sampled_spec(experiment), next(iter(experiment.system.samplers.items()))
    num = options.num or kinds.kind_of(spec).shown
    check_memory(experiment, num)
    batch = sampling.batch_of(experiment, main, num, chosen)
    samples = apply(experiment, state, sampling.fixed_inputs(experiment, num, options.seed, batch))
    labels = np.asarray(batch['label']) if sampling.asks_for_classes(experiment.system) else None

    def draw() -> pictures.Picture:
        of_class = chosen is not None
        title = f'{experiment.source.spec.classes[chosen]}, {shown}' if of_class else shown
        caption = pictures.Caption(title, () if of_class else sampling.class_names(experiment))
        beside = _beside(experiment, state, num, paired=bool(batch.keys() - {'label'}))
        return sampling.picture(experiment, samples, beside, caption, batch)

    said = save.save_samples(options.out or folder / f'{name}_seed{options.seed}.png', samples, spec, labels, draw)
    return f'{num} samples of step {int(state.step):,}: {said}'


def _beside(experiment: Experiment, state: TrainState, num: int, paired: bool) -> plots.Beside:
    """What is drawn with `num` samples: of points the truth and the critic's scores; of pairs the real examples."""
    truth = sampling.truth(experiment)
    if kinds.kind_of(truth.source.spec).look:
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
    remembered.check_words(folder, experiments)
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
