"""What an experiment is, before any training: `--mode=describe`."""

import io
import sys
from collections.abc import Callable

import flax.linen as nn
import jax
import ml_collections
from jax.extend.core import ClosedJaxpr, Jaxpr, jaxpr_as_fun

from gans.core import Net, Tree
from gans.data.base import Source
from gans.train import program
from gans.train.leaves import count, size_of
from gans.train.setup import Experiment, passes, setup_stages


def describe(config: ml_collections.ConfigDict) -> str:
    """Nets as tables, parameter counts, schedule, batch, FLOPs of a step and bytes of state, as text for a terminal; of
    each stage of a run in turn, and what it takes from the one before.
    """
    experiments = setup_stages(config)
    heads = ['', *(f'\n{passes(experiments, each)}\n' for each in experiments[1:])]
    return '\n'.join(head + _describe_stage(each) for head, each in zip(heads, experiments, strict=True))


def _describe_stage(experiment: Experiment) -> str:
    config, state = experiment.config, experiment.abstract()
    shares, train = experiment.shares, config.train
    lines = [
        *(f'{name}\n{_table(net)}{_field(net)}' for name, net in experiment.system.nets.items()),
        f'data         {config.data.name}: {_examples(experiment.source)}',
        f'batch        {train.batch_size}: {shares["local"]} on each of {experiment.devices} devices '
        f'({jax.default_backend()}), in {train.micro} pieces; {shares["repeats"] * train.batch_size} examples a step',
        f'steps        {experiment.end - experiment.since:,}, {train.steps_per_call} a call, in {train.precision}',
        'schedule',
        *(f'  {line}' for line in _schedule(experiment)),
        'parameters',
        *(f'  {name:<11}{count(tree):,}' for name, tree in state.params.items()),
        f'state        {size_of(state) / 1e6:,.1f} MB (parameters, statistics, optimizers, averages)',
        f'FLOPs        {flops(experiment):.3g} a step (XLA\'s count, all updates due)',
    ]
    return '\n'.join(lines)


def _examples(source: Source) -> str:
    """How many there are, where they lie, and their shapes; of a joined set those of each part."""
    if source.parts:
        return '; '.join(f'{name}: {_examples(part)}' for name, part in source.parts.items())
    kind = 'streamed from the host' if source.placement == 'streamed' else 'held on the device'
    beside = ''.join(f', {name} {spec.shape}' for name, spec in source.spec.fields.items())
    examples = f'{source.size:,} examples, {kind}' if source.size else 'drawn anew without end'
    return f'{examples}, shape {source.spec.shape}{beside}'


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
        own = [held.get(kind, {}).get(path[0]) if path else None for kind in kinds]
        table.add_row('/'.join(path), *cells, *(_leaves(each) if each else '' for each in own))
    console = Console(file=io.StringIO(), width=110, force_terminal=sys.stdout.isatty())
    console.print(table)
    return console.file.getvalue().strip()


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


def _schedule(experiment: Experiment) -> list[str]:
    lines = []
    for update in experiment.system.updates:
        nets = ', '.join(experiment.system.players[update.player].nets)
        when = 'every step' if update.every == 1 else f'every {update.every} steps'
        lines.append(f'{update.name:<11}{update.repeats} x, {when}, moves {nets}')
    return lines


def flops(experiment: Experiment, due: tuple[str, ...] | None = None) -> float:
    """XLA's count of the floating point operations of one step of the whole batch, all bodies of loops as often as they
    run. `due`: the names of the updates that run in it (default: all).
    """
    due = tuple(update.name for update in experiment.system.updates) if due is None else due
    single = experiment._replace(axis_name=None, devices=1)
    steps, raw = program.make_steps(single), program.abstract_raw(single)
    return count_flops(jax.make_jaxpr(lambda state, raw: steps(state, raw, ((due, 1),)))(single.abstract(), raw))


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
