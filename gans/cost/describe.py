"""What an experiment is, before any training: `--mode=describe`."""

import io
import math
import sys
from collections.abc import Callable, Mapping

import flax.linen as nn
import jax
import jax.numpy as jnp
import ml_collections
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal, jaxpr_as_fun

from gans.core import Net, TrainState, Tree, Update
from gans.cost.text import format_quantity
from gans.data import feed
from gans.errors import UserError
from gans.ops.random import example_keys
from gans.step import due_updates
from gans.training import opening, program
from gans.training.leaves import count, size_of
from gans.training.setup import Experiment, Sources, passes, setup_stages, system_of


def describe(config: ml_collections.ConfigDict) -> str:
    """Nets as tables, parameter counts, schedule, batch, FLOPs of a step and bytes of state, as text for a terminal; of
    each stage of a run in turn, and what it takes from the one before. A set whose shape is known need not be here.
    """
    sources = Sources(outlined=True)
    try:
        experiments = setup_stages(config, sources=sources)
    except UserError as error:
        raise UserError(f'{error} ({sources.absent})' if sources.absent else str(error)) from error
    heads = ['', *(f'\n{passes(experiments, each)}\n' for each in experiments[1:])]
    return '\n'.join(head + _describe_stage(each) for head, each in zip(heads, experiments, strict=True))


def _describe_stage(experiment: Experiment) -> str:
    config, state = experiment.config, experiment.abstract()
    shares, train, parameters = experiment.shares, config.train, opening.parameters(experiment)
    each = flops_of_period(experiment)
    counted = f'{format_quantity(sum(each) / len(each), "FLOP")} per step'
    if len(each) > train.steps_per_call:
        counted += f' on the average, {format_quantity(each[-1], "FLOP")} where all updates are due'
    lines = [
        *(f'{name}\n{_table(net)}{_field(net)}' for name, net in experiment.system.nets.items()),
        f'data         {config.data.name}: {opening.examples(experiment.source)}',
        f'batch        {train.batch_size}: {shares["local"]} on each of {_count(experiment.devices, "device")} '
        f'({jax.default_backend()}), in {_count(train.micro, "piece")}; {shares["repeats"] * train.batch_size} '
        'examples a step',
        f'steps        {experiment.end - experiment.since:,}, {train.steps_per_call} a call, in {train.precision}',
        'schedule',
        *(f'  {line}' for line in opening.schedule(experiment)),
        f'parameters   {sum(parameters.values()):,}',
        *(f'  {name:<10} {number:,}' for name, number in parameters.items()),
        f'state        {format_quantity(size_of(state), "B")} (parameters, statistics, optimizers, averages)',
        f'activations  {_activations(experiment)}',
        f'FLOPs        {counted} (XLA\'s count)',
    ]
    return '\n'.join(lines)


def _activations(experiment: Experiment) -> str:
    sizes = [f'{format_quantity(size, "B")} by {name}' for name, size in kept(experiment).items()]
    of = _count(piece(experiment), 'example')
    return f'{", ".join(sizes)}: kept for the gradients of {of}, before XLA saves any of it'


def _count(number: int, what: str) -> str:
    return f'{number:,} {what}' + 's' * (number != 1)


def _table(net: Net) -> str:
    """A row a layer, in the order in which they are called; flax's own table has its columns in any order."""
    from rich.console import Console
    from rich.table import Table

    layers = {}

    def watch(call: Callable, args: tuple, kwargs: dict, context: nn.module.InterceptorContext) -> object:
        out, path = call(*args, **kwargs), context.module.path
        if context.method_name == '__call__' and len(path) < 2:
            layers[path] = type(context.module).__name__, _shapes(args), _shapes(out)
        return out

    with nn.intercept_methods(watch):
        held = jax.eval_shape(lambda *inputs: net.module.init(jax.random.key(0), *inputs, train=True), *net.inputs)
    kinds = ['params', *sorted(held.keys() - {'params', 'features'})]
    table = Table(show_lines=True, show_footer=True)
    for head in ('path', 'module', 'inputs', 'outputs'):
        table.add_column(head, footer='total' if head == 'outputs' else '')
    for kind in kinds:
        table.add_column(kind, footer=_sizes(held.get(kind, {})))
    for path, cells in sorted(layers.items(), key=lambda layer: layer[0] != ()):  # the whole net was done last
        own = [_of_layer(held.get(kind, {}), path, layers) for kind in kinds]
        table.add_row('/'.join(path), *cells, *(_leaves(each) if each else '' for each in own))
    console = Console(file=io.StringIO(), width=110, force_terminal=sys.stdout.isatty())
    console.print(table)
    return console.file.getvalue().strip()


def _of_layer(held: Tree, path: tuple[str, ...], layers: Mapping) -> Tree:
    """What of a net's variables is in the row of a layer; in the whole net's row, what is in no other."""
    return held.get(path[0]) if path else {name: leaf for name, leaf in held.items() if (name,) not in layers}


def _field(net: Net) -> str:
    """What one score of a critic of patches depends on, as a line."""
    side = getattr(net.module, 'receptive_field', None)
    return f'\nreceptive field of a score: {side} x {side} pixels' if side else ''


def _shapes(tree: Tree) -> str:
    return '\n'.join(f'{x.dtype}{list(x.shape)}' for x in jax.tree.leaves(tree) if hasattr(x, 'shape'))


def _leaves(tree: Tree) -> str:
    """'kernel [4, 4, 8, 3]' and so on, a line each, and what they come to."""
    found = jax.tree_util.tree_leaves_with_path(tree)
    lines = [f'{jax.tree_util.keystr(path, simple=True, separator=".")} {list(leaf.shape)}' for path, leaf in found]
    return '\n'.join([*lines, _sizes(tree)])


def _sizes(tree: Tree) -> str:
    return f'{count(tree):,} ({size_of(tree):,} B)'


def piece(experiment: Experiment) -> int:
    """Examples that go through the nets at once on one device: its share of a batch, or a micro-batch of that."""
    return experiment.shares['local'] // experiment.config.train.micro


def kept(experiment: Experiment) -> dict[str, int]:
    """Bytes that each update keeps from its forward pass for its backward pass, of one `piece`: what automatic
    differentiation asks for, of which XLA may recompute or share some; with `train.remat` what that leaves.
    """
    single, examples = _alone(experiment), piece(experiment)
    state, batch = single.abstract(), feed.shapes(single.source, examples)
    keys = jax.eval_shape(lambda key: example_keys(key, jnp.arange(examples)), state.rng)

    def of(update: Update) -> int:
        def backward(state: TrainState, *args: Tree) -> Callable:
            owned = {net: state.params[net] for net in single.system.players[update.player].nets}
            objective = lambda owned: update.loss({**state.params, **owned}, state, *args)
            return jax.vjp(objective, owned, has_aux=True)[1]

        return residual_bytes(backward, state, batch, keys)

    return {update.name: of(update) for update in single.system.updates}


def residual_bytes(backward: Callable[..., Tree], *args: Tree) -> int:
    """Bytes of the arrays in what `backward(*args)` returns, a function of `jax.vjp`, but for those of `args`."""
    jaxpr = jax.make_jaxpr(backward)(*args).jaxpr
    given = {*jaxpr.invars, *jaxpr.constvars}
    made = {out for out in jaxpr.outvars if not isinstance(out, Literal)} - given
    return sum(size_of(out.aval) for out in made)


def flops(experiment: Experiment, due: tuple[str, ...] | None = None) -> float:
    """XLA's count of the floating point operations of one step of the whole batch, all bodies of loops as often as they
    run. `due`: the names of the updates that run in it (default: all).
    """
    due = tuple(update.name for update in experiment.system.updates) if due is None else due
    single = _alone(experiment)
    one_step = single.abstract(), program.abstract_raw(single), jax.ShapeDtypeStruct((1,), jnp.int32)
    return count_flops(jax.make_jaxpr(program.make_steps(single, due))(*one_step))


def _alone(experiment: Experiment) -> Experiment:
    """The same on one device, where nothing is gathered from others."""
    if experiment.axis_name is None:
        return experiment
    compute = experiment.compute._replace(axis_name=None, device_axis=None)
    system = system_of(experiment.config, experiment.source.spec, compute)
    return experiment._replace(compute=compute, system=system, devices=1, axis_name=None)


def mean_flops(experiment: Experiment) -> float:
    """The same of a step on the average over a period of the schedule."""
    each = flops_of_period(experiment)
    return sum(each) / len(each)


def flops_of_period(experiment: Experiment) -> list[float]:
    """The same of each step of a period of the schedule; in the last one all updates are due."""
    dues = [due_updates(experiment.system, step) for step in range(period(experiment))]
    found = {due: flops(experiment, due) for due in set(dues)}
    return [found[due] for due in dues]


def period(experiment: Experiment) -> int:
    """Steps until calls that do the same come again."""
    per_call = experiment.config.train.steps_per_call
    return math.lcm(per_call, *(update.every for update in experiment.system.updates))


def count_flops(jaxpr: ClosedJaxpr) -> float:
    """XLA's count of a program's operations, but for loops of known length, whose bodies XLA counts once."""
    cost = jax.jit(jaxpr_as_fun(jaxpr)).lower(*jaxpr.in_avals).cost_analysis() or {}
    return float(cost.get('flops', float('nan'))) + _count_loops(jaxpr.jaxpr)


def _count_loops(jaxpr: Jaxpr) -> float:
    """What XLA's count of a program leaves out."""
    total = 0.0
    for equation in jaxpr.eqns:
        inner = [leaf for leaf in jax.tree.leaves(list(equation.params.values())) if hasattr(leaf, 'eqns')]
        if equation.primitive.name != 'scan':
            total += sum(_count_loops(each) for each in inner)
            continue
        body, length, unroll = (equation.params[name] for name in ('jaxpr', 'length', 'unroll'))
        seen = length if unroll >= length else unroll + length % unroll  # bodies written out, and those left over
        total += seen * _count_loops(body.jaxpr) + (count_flops(body) * (length - seen) if length > seen else 0.0)
    return total
