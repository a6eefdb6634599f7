"""What a run makes: samples and pictures of fixed inputs, the same for the same seed.

A sampler makes its inputs from a batch of examples, as in training. Of a system that reads no more than labels (or
nothing at all) the batch is made up: classes in turn, or as the data have them. One that reads other fields, such as
the image that it translates, is given held-out examples, and compared with them.
"""

from collections import UserDict
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gans import kinds, memory, pictures, plots
from gans.core import SAMPLES, Array, Batch, Sampler, Spec, System, TrainState, Tree
from gans.data import feed, load
from gans.data.base import Source
from gans.data.joined import field_name
from gans.errors import UserError, unknown
from gans.metrics import protocol
from gans.metrics.protocol import Protocol
from gans.metrics.score import PREFIX, selection_metric
from gans.ops.random import example_keys
from gans.training.setup import Experiment

CHUNK = 250  # samples at a time
COLUMNS = 16  # the most classes that are shown side by side


class _Watched(UserDict):
    """A batch that remembers which of its fields were read."""

    def __init__(self, batch: Batch) -> None:
        super().__init__(batch)
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> Array:
        self.read.add(name)
        return super().__getitem__(name)


def main_sampler(system: System) -> Sampler:
    """The sampler that is scored, ranked and kept as best: the first."""
    return next(iter(system.samplers.values()))


def directions(system: System) -> list[str]:
    """The names of samplers whose samples stand for themselves; what the others make is seen side by side alone."""
    return [name for name, sampler in system.samplers.items() if not (sampler.columns or sampler.rows)]


def direction(system: System) -> str:
    """The name of the main sampler, if it is one of several directions; else ''."""
    return next(iter(system.samplers)) if len(directions(system)) > 1 else ''


def directed(experiment: Experiment, name: str) -> Experiment:
    """The experiment with the sampler of that name as its main one; UserError if it is no direction."""
    system = experiment.system
    if name not in directions(system):
        raise unknown('--direction', name, directions(system))
    samplers = {name: system.samplers[name], **system.samplers}
    return experiment._replace(system=system._replace(samplers=samplers))


def fields_read(sampler: Sampler, source: Source) -> frozenset[str]:
    """The fields of examples that a sampler's inputs are made from."""
    seen: set[str] = set()

    def watch() -> Tree:
        batch = _Watched({name: jnp.zeros(x.shape, x.dtype) for name, x in feed.shapes(source, 2).items()})
        inputs = sampler.inputs(batch, example_keys(jax.random.key(0), jnp.arange(2)))
        seen.update(batch.read)
        return inputs

    jax.eval_shape(watch)
    return frozenset(seen)


def is_given_examples(experiment: Experiment) -> bool:
    """Whether the main sampler reads more of an example than its label."""
    return bool(fields_read(main_sampler(experiment.system), experiment.source) - {'label'})


def sampled_spec(experiment: Experiment) -> Spec:
    """What the main sampler's output looks like."""
    spec, like = experiment.source.spec, main_sampler(experiment.system).like
    return spec if like == 'real' else spec.fields[like]


class Truth(NamedTuple):
    """The real examples that samples are compared with."""

    source: Source
    like: str  # the field of them
    split: str | None  # of the data, where it is not the one that is trained on
    data: Mapping[str, Any]  # what `config.data` says of them: of a joined set that of their part
    labeled: bool  # whether samples are asked for in their classes, not in those of another part

    def most(self, num: int) -> int:
        """`num` samples, or as many as there are held-out examples to make them from."""
        return num if self.split is None or self.source.size is None else min(num, self.source.size)

    def examples(self, num: int) -> np.ndarray:
        """The first `num` of them in a fixed order, the same for all seeds."""
        return self.batch(num)[self.like]

    def batch(self, num: int) -> dict[str, np.ndarray]:
        """The same with all fields, and labels where there are some."""
        return feed.examples(self.source, num, feed.fixed_key())


def truth(experiment: Experiment) -> Truth:
    """What the main sampler is compared with: held-out examples if it is given some of their fields."""
    like, split = main_sampler(experiment.system).like, 'test' if is_given_examples(experiment) else None
    source = experiment.held_out() if split else experiment.source
    data, read = experiment.config.data, fields_read(main_sampler(experiment.system), source)
    if like in source.parts:
        return Truth(source.parts[like], 'real', split, load.sections(data)[like], field_name(like, 'label') in read)
    spec = sampled_spec(experiment)
    return Truth(source._replace(spec=spec), like, split, data, bool(spec.classes) and 'label' in read)


def protocol_of(experiment: Experiment, truth: Truth) -> Protocol:
    """The stamp of a run's scores."""
    system = experiment.system
    data = load.of_split(experiment.config.data, truth.split) if truth.split else experiment.config.data
    common = protocol.run(data, truth.source, system)
    if direction(system):
        common['direction'] = direction(system)
    for net in system.nets.values():
        if getattr(net.module, 'noisy', False):
            common['dropout'] = 'in sampling, too' if net.module.test_dropout else 'in training alone'
    given = asks_for_classes(system) and experiment.config.eval.classes != 'in_turn'
    return common | ({'classes': experiment.config.eval.classes} if given else {})


def make_sampler(experiment: Experiment) -> Callable[[TrainState, Tree], list[Array]]:
    """Makes sample(state, inputs [N, ...]) -> samples float32 in chunks [n, *shape], from averaged weights if any.

    The chunks are about to be computed: the caller decides when to wait for them.
    """
    compiled = jax.jit(partial(sample, experiment))

    def chunks(state: TrainState, inputs: Tree) -> list[Array]:
        num = len(jax.tree.leaves(inputs)[0])
        cut = lambda start: jax.tree.map(lambda x: x[start : start + CHUNK], inputs)
        return [compiled(state, cut(start)) for start in range(0, num, CHUNK)]

    return chunks


def sample(experiment: Experiment, state: TrainState, inputs: Tree) -> Array:
    """Samples [n, *shape] of the main sampler, from averaged weights if there are any; pure."""
    return main_sampler(experiment.system).make(use_averages(state), inputs)


def use_averages(state: TrainState) -> TrainState:
    """The state with averaged weights and statistics where there are averages."""
    params = state.params | {name: weights.params for name, weights in state.ema.items()}
    stats = state.stats | {name: weights.stats for name, weights in state.ema.items()}
    return state.replace(params=params, stats=stats)


def batch_of(
    experiment: Experiment,
    sampler: Sampler,
    num: int,
    label: int | None = None,
    images: Mapping[str, np.ndarray] | None = None,
) -> dict[str, np.ndarray]:
    """The `num` examples that a sampler is given, as far as it reads them, on the host: the same for all seeds.

    Classes come in turn, 0, 1, ..., so that scores see all of them alike, and the columns of a grid are classes; or as
    `config.eval.classes` says; or all are of the class `label`.

    Args:
      images: in place of held-out examples, leaves [num or more, ...].
    """
    read, wanted = fields_read(sampler, experiment.source), experiment.config.eval.classes
    if images is not None:
        batch = {name: array[:num] for name, array in images.items()}
    elif read - {'label'}:
        found = feed.examples(experiment.held_out(), num, feed.fixed_key())
        batch = {name: found[name] for name in read}
    elif read and wanted == 'as_data':
        batch = {'label': feed.examples(experiment.source, num, feed.fixed_key())['label']}
    else:
        batch = {}
    if 'label' in read and (label is not None or 'label' not in batch):
        classes = len(experiment.source.spec.classes)
        batch['label'] = (np.arange(num) % classes if label is None else np.full(num, label)).astype(np.int32)
    return batch


def inputs_of(sampler: Sampler, batch: Mapping[str, Array], key: Array, num: int) -> Tree:
    """The inputs of a sampler for `num` examples, for the run with this base key; pure."""
    return sampler.inputs(batch, example_keys(jax.random.fold_in(key, SAMPLES), jnp.arange(num)))


def fixed_inputs(
    experiment: Experiment,
    num: int,
    seed: int | None = None,
    batch: Mapping[str, np.ndarray] | None = None,
    sampler: Sampler | None = None,
) -> Tree:
    """The inputs of a run's pictures and scores, on the host: the same for the same seed (default: the run's).

    Args:
      batch: examples that they are made from (default: see `batch_of`).
      sampler: whose (default: the main sampler's).
    """
    sampler = sampler or main_sampler(experiment.system)
    batch = batch_of(experiment, sampler, num) if batch is None else batch
    key = jax.random.key(experiment.config.seed if seed is None else seed)
    draw = jax.jit(lambda batch: inputs_of(sampler, batch, key, num))
    what, lower = f'to draw {num:,} latents', '--num, eval.samples or latents.size'
    return memory.fetch(memory.run(draw, (batch,), what, lower))


def class_names(experiment: Experiment) -> tuple[str, ...]:
    """What the columns of a grid of samples are: classes, if the system is given them in turn and they are few."""
    names = experiment.source.spec.classes if kinds.is_image(sampled_spec(experiment)) else ()
    in_turn = asks_for_classes(experiment.system) and experiment.config.eval.classes == 'in_turn'
    return names if in_turn and not is_given_examples(experiment) and len(names) <= COLUMNS else ()


def asks_for_classes(system: System) -> bool:
    return 'label' in main_sampler(system).asked


def words(step: int, seed: int, scores: Mapping[str, float] = {}) -> str:
    """'step 4,000, seed 0, fd_pixels 2.13': what samples are of, with the score that decides."""
    name = selection_metric(scores)
    told = f', {name.removeprefix(PREFIX)} {scores[name]:.3g}' if name in scores else ''
    return f'step {step:,}, seed {seed}{told}'


def judge(experiment: Experiment, state: TrainState, examples: Array) -> Array:
    """The scores [N] of examples by the critic, where there is one of single examples; pure."""
    return experiment.system.critic(use_averages(state), examples)


def places_to_judge(experiment: Experiment, real: np.ndarray) -> np.ndarray | None:
    """Where the critic's scores are drawn, [G, d], in pictures of points whose axes `real` fixes; None: nowhere."""
    is_plot = kinds.name_of(sampled_spec(experiment)) == 'points' and experiment.system.critic is not None
    places = plots.lattice(real) if is_plot else None
    if places is not None:
        try:
            jax.eval_shape(partial(judge, experiment), experiment.abstract(), places)
        except UserError:  # it is told labels: there is a surface for each class
            return None
    return places


def picture(
    experiment: Experiment,
    samples: np.ndarray,
    beside: plots.Beside,
    caption: pictures.Caption,
    batch: Mapping[str, np.ndarray] | None = None,
) -> pictures.Picture:
    """A picture of the main sampler's samples: between the images that they were made from and, where examples are
    pairs, the real ones that they should look like; otherwise by themselves, points over the truth.

    Args:
      samples: [N, *shape].
      beside: the real examples, [M, *shape] or None; and of points what is known beside them.
      batch: the examples that the sampler was given, leaves [N, ...].
    """
    spec, kind, given = experiment.source.spec, kinds.kind_of(sampled_spec(experiment)), batch or {}
    images = {name: x for name, x in given.items() if name in spec.fields and kinds.is_image(spec.fields[name])}
    if not images:
        return kind.draw(samples, caption, beside)
    images['sample'] = kind.look(samples)
    if beside.real is not None and not experiment.source.parts:
        images['real'] = kind.look(beside.real[: len(samples)])
    return pictures.side_by_side(images, caption.title)
