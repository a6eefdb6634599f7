"""From a config to an experiment that can run: everything is checked here, before anything is compiled."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import ml_collections

from gans import memory, optimizers, ranges, schedules
from gans.core import Array, Compute, Player, Spec, System, TrainState
from gans.data import blank, feed
from gans.data.base import Source, digest
from gans.data.sources import Sources
from gans.errors import UserError, unknown
from gans.features import load as features
from gans.ops.conv import FORMS
from gans.step import init_state, make_train_step, repeats
from gans.systems.build import build
from gans.training import graft, workdir
from gans.training.stages import Stage, at, stages

PRECISIONS = {'float32': jnp.float32, 'bfloat16': jnp.bfloat16}
CLASSES = ('in_turn', 'as_data')  # of samples, see gans/training/sampling.py
AXIS = 'device'
SIZES = 'latents.size, replay.size or the sizes of the nets'  # of which a state is large


class Experiment(NamedTuple):
    """A config, what it builds, and the devices it runs on: a run, or one stage of it (gans/training/stages.py)."""

    config: ml_collections.ConfigDict
    source: Source
    compute: Compute
    system: System
    devices: int  # over all processes
    axis_name: str | None  # of the devices, if there are several
    start: Mapping[str, Any] = {}  # what its nets begin from, see `begin` and gans/training/graft.py
    stage: str = ''  # its name; the first one has none
    since: int = 0  # steps of the stages before
    seen: int = 0  # examples that they have taken
    sources: Sources | None = None  # where other splits of its data come from

    @property
    def shares(self) -> dict[str, int]:
        """How the global counter of examples is cut: arguments of `gans.data.feed.fetch`."""
        batch, each = self.config.train.batch_size, repeats(self.system)
        origin = feed.origin_of(self.since, self.seen, each, batch)
        return {'repeats': each, 'batch': batch, 'local': batch // self.devices, 'origin': origin}

    @property
    def end(self) -> int:
        """The step after which it is over."""
        return self.config.train.steps

    def system_at(self, step: Array) -> System:
        """The system of the step after `step` steps: its numbers move as `config.schedules` says."""
        if not self.config.get('schedules'):
            return self.system
        return system_of(schedules.config_at(self.config, step), self.source.spec, self.compute)

    def held_out(self) -> Source:
        """The examples that are held out from training; UserError if there are none."""
        return (self.sources or Sources()).of(self.config, 'test')

    def begin(self) -> 'Experiment':
        """To be trained from step 0: its nets begin where `config.finetune` says, and from the files of those that are
        trained already. Raises UserError if they cannot.
        """
        graft.check_words(self.config.finetune, self.source.spec)
        start, said = graft.read(self.config.finetune, self.system)
        start = {**graft.pretrained(self.system), **start}
        if said and jax.process_index() == 0:
            workdir.say(said)
        return self._replace(start=start)

    def init(self) -> TrainState:
        """The state at step 0."""
        make = lambda key, start: init_state(graft.start_from(self.system, start), key)
        args = jax.random.key(self.config.seed), self.start
        return memory.run(jax.jit(make, compiler_options=unoptimized()), args, 'the state of the nets', SIZES)

    def pass_on(self, old: TrainState) -> TrainState:
        """The state in which this stage begins, from that in which the one before it ended."""
        make = lambda old, start: graft.pass_on(self.kept(old), self.system, start)
        args = old, graft.pretrained(self.system, old)
        return memory.run(jax.jit(make, compiler_options=unoptimized()), args, 'the state of the nets', SIZES)

    def kept(self, old: TrainState) -> TrainState:
        """What this stage is to know of the state in which the one before it ended."""
        return old.replace(opt={}) if self.config.train.fresh_optimizers else old

    def abstract(self) -> TrainState:
        """Shapes and types of the state."""
        return jax.eval_shape(lambda: init_state(self.system, jax.random.key(0)))


def setup(
    config: ml_collections.ConfigDict,
    devices: int | None = None,
    source: Source | None = None,
    mapped: bool = False,
) -> Experiment:
    """Builds the experiment of a config without stages; raises UserError.

    Args:
      devices: that train it together (default: all there are).
      source: its data set, if it is already there.
      mapped: the experiment will be one of many that are mapped over (`gans/sweep/population.py`).
    """
    (stage,) = stages(config)
    return _number_examples([_build(stage, devices, Sources(), mapped, source)])[0]


def setup_stages(
    config: ml_collections.ConfigDict,
    devices: int | None = None,
    sources: Sources | None = None,
    mapped: bool = False,
    known: bool = False,
) -> tuple[Experiment, ...]:
    """The same for each stage of a run, with all of their data; their nets are traced, unless they are `known` to be
    well: those of another run of the same structure were.
    """
    ranges.check(config)
    sources, found = sources or Sources(), []
    for stage in stages(config):
        with _name_stage(stage.name):
            found.append(_build(stage, devices, sources, mapped))
            if not known:
                found[-1].abstract()
    return _number_examples(found)


def check_later(experiments: Sequence[Experiment], done: int) -> None:
    """Traces a step of each stage that begins after `done` steps, and looks for the files that it begins from: none may
    fail after days of the one before.
    """
    later = [stage for stage in experiments if stage.since > done]
    check_files(experiments, later)
    for stage in later:
        with _name_stage(stage.stage):
            _check_step(stage)


def check_files(experiments: Sequence[Experiment], stages: Sequence[Experiment]) -> None:
    """Raises UserError where nets of some stages of a run, which the stages before do not have, cannot be read."""
    for stage in stages:
        with _name_stage(stage.stage):
            graft.pretrained(stage.system, at(experiments, stage.since).abstract() if stage.since else None)


@contextlib.contextmanager
def _name_stage(stage: str) -> Iterator[None]:
    """Mistakes of a user's are said to be of that stage."""
    try:
        yield
    except UserError as error:
        raise UserError(f"stage '{stage}': {error}" if stage else str(error)) from error


def passes(experiments: Sequence[Experiment], stage: Experiment) -> str:
    """What a stage takes from the one before, in a line."""
    said = graft.describe_passing(stage.kept(at(experiments, stage.since).abstract()), stage.abstract())
    return f"stage '{stage.stage}' begins after step {stage.since:,}: {said}"


def all_data(sources: Sequence[Source]) -> Source:
    """The data of a run by which its folder knows it: those of the first stage, with the digest of all stages' data."""
    first, digests = sources[0], [source.digest for source in sources]
    return first if len(set(digests)) == 1 else first._replace(digest=digest(*digests))


def looks(experiments: Sequence[Experiment]) -> dict[str, Any]:
    """What the examples of each stage look like, as JSON values: a run is loaded by it where its data are not."""
    return {each.stage: blank.describe(each.source) for each in experiments}


def _build(
    stage: Stage, devices: int | None, sources: Sources, mapped: bool, source: Source | None = None
) -> Experiment:
    config, devices = stage.config, jax.device_count() if devices is None else devices
    _check(config, devices)
    source = source or sources.of(config)
    if config.eval.features:
        features.resolve(config.eval.features, source.spec)
    axis_name = AXIS if devices > 1 else None
    train = config.train
    loops = max(train.steps_per_call, train.n_critic, train.micro) > 1
    conv = fastest_form(jax.default_backend(), mapped, loops) if train.conv == 'auto' else train.conv
    sync = axis_name if config.train.sync_batch_norm else None
    compute = Compute(PRECISIONS[train.precision], conv, sync, train.remat, axis_name)
    system = system_of(config, source.spec, compute)
    graft.check_freeze(config.finetune, system)
    experiment = Experiment(
        config, source, compute, system, devices, axis_name, stage=stage.name, since=stage.begin, sources=sources
    )
    _check_fields(experiment)
    if experiment.shares['local'] == train.micro * config.pack:
        _check_step(experiment)
    return experiment


def _number_examples(experiments: Sequence[Experiment]) -> tuple[Experiment, ...]:
    """The stages of a run, each knowing what those before it have seen. Raises UserError if all see too many."""
    found, seen = [], 0
    for each in experiments:
        found.append(each._replace(seen=seen))
        seen += (each.end - each.since) * each.shares['repeats'] * each.shares['batch']
    if seen >= feed.EXAMPLES:
        raise UserError(f'train.steps={each.end} see {seen:,} examples; the limit is {feed.EXAMPLES:,}')
    return tuple(found)


def fastest_form(backend: str, mapped: bool, loops: bool) -> str:
    """The form of convolutions, of `gans/ops/conv.py`, that 'auto' stands for.

    Args:
      mapped: over members of a population, unless they take turns.
      loops: whether steps, critic steps or micro-batches are a loop.
    """
    if backend == 'cpu' and loops:
        return 'loop'  # where those of weight gradients were slow
    if backend == 'gpu' and mapped:
        return 'matmul'  # 'lax' would be one grouped convolution, three times slower (tests/benchmarks/RESULTS.md)
    return 'auto'


def system_of(config: ml_collections.ConfigDict, spec: Spec, compute: Compute) -> System:
    """The system that the config describes, whose players leave alone what `finetune.freeze` names."""
    system = build(config, spec, compute)
    for update in system.updates:
        for path in config.finetune.freeze:
            if any(path.partition('/')[0] in system.players[player].nets for player in update.looks_ahead):
                raise UserError(f"finetune.freeze='{path}' has no meaning in system '{config.system}', where the loss"
                                f" of '{update.name}' looks ahead as if nothing were frozen: leave it off")  # fmt: skip

    def freeze(player: Player) -> Player:
        own = [path for path in config.finetune.freeze if path.partition('/')[0] in player.nets]
        return player._replace(tx=optimizers.freeze(player.tx, own))

    return system._replace(players={name: freeze(player) for name, player in system.players.items()})


def unoptimized() -> dict[str, int] | None:
    """Options for a program that runs once: on CPU, optimising it takes seconds."""
    return {'xla_backend_optimization_level': 0} if jax.default_backend() == 'cpu' else None


def _check(config: ml_collections.ConfigDict, devices: int) -> None:
    ranges.check(config)
    schedules.check(config)
    train = config.train
    cadences = {f'train.{key}': train[key] for key in ('steps', 'log_every', 'sample_every', 'checkpoint_every')}
    cadences['eval.every'] = config.eval.every
    if train.precision not in PRECISIONS:
        raise unknown('train.precision', train.precision, PRECISIONS)
    if config.eval.classes not in CLASSES:
        raise unknown('eval.classes', config.eval.classes, CLASSES)
    if train.conv not in FORMS:
        raise unknown('train.conv', train.conv, FORMS)
    if train.batch_size % (devices * train.micro * config.pack):
        share = f'{devices} devices x train.micro={train.micro} x pack={config.pack}'
        raise UserError(f'train.batch_size={train.batch_size} cannot be divided by {share}: choose a multiple')
    for key, value in cadences.items():
        if value % train.steps_per_call:
            raise UserError(f'{key}={value} must be a multiple of train.steps_per_call={train.steps_per_call}')


def _check_fields(experiment: Experiment) -> None:
    """What is made must be like something that examples have."""
    config, fields = experiment.config, experiment.source.fields
    like = next(iter(experiment.system.samplers.values())).like
    if like not in fields:
        raise UserError(
            f"system '{config.system}' makes examples like '{like}', and '{config.data.name}' has {', '.join(fields)} "
            'alone: take another set, or another system'
        )


def _check_step(experiment: Experiment) -> None:
    """Traces a step, which is where nets and terms say that they want more than pieces of one example."""
    config, devices = experiment.config, experiment.devices
    train, source, shares = config.train, experiment.source, experiment.shares
    raw = feed.abstract(source, shares['repeats'], shares['local'])
    batch = jax.eval_shape(lambda raw: feed.fetch(source, raw, jax.random.key(0), 0, **shares), raw)
    step, axis = make_train_step(experiment.system, experiment.axis_name), experiment.axis_name
    due = tuple(update.name for update in experiment.system.updates)
    call = lambda state, batch: step(state, batch, due)
    try:
        jax.eval_shape(jax.vmap(call, None, axis_name=axis, axis_size=devices), experiment.abstract(), batch)
    except UserError as error:
        if shares['local'] > train.micro * config.pack:
            raise
        cut = f'{devices} device{"s" * (devices > 1)} x train.micro={train.micro} x pack={config.pack}'
        raise UserError(f'train.batch_size={train.batch_size} over {cut}: {error}') from error
