"""Nets that begin where others stand: those of another run (transfer learning), or of the stage before."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax

from gans.core import Net, Spec, System, TrainState, Tree, Weights
from gans.errors import UserError, unknown
from gans.step import init_state
from gans.training import workdir
from gans.training.checkpoints import Checkpoints
from gans.training.leaves import by_path, describe

# What nets begin from, by path: 'generator/params/block_8/kernel', 'critic/stats/batch_stats/norm_8/mean'.
Start = Mapping[str, Any]


class Grafted(NamedTuple):
    """A tree that is partly another's."""

    tree: Tree
    carried: tuple[str, ...]  # paths of the leaves that are the other's
    fresh: tuple[str, ...]  # paths of those that are its own


def graft(old: Tree, new: Tree) -> Grafted:
    """The new tree, with every leaf of the old one that has the same path, shape and type; what else is there is left.

    Leaves are arrays, tracers or shapes; a dict of leaves by path will do for the old tree.
    """
    theirs, ours = by_path(old), by_path(new)
    alike = {path for path in theirs.keys() & ours.keys() if describe(theirs[path]) == describe(ours[path])}
    carried, fresh = (tuple(path for path in ours if (path in alike) == there) for there in (True, False))
    tree = jax.tree.unflatten(
        jax.tree.structure(new), [theirs[path] if path in alike else leaf for path, leaf in ours.items()]
    )
    return Grafted(tree, carried, fresh)


def start_from(system: System, start: Start) -> System:
    """The system with nets that begin from `start`, as far as it goes; so do its optimizers and averages."""

    def begin(name: str, net: Net) -> Net:
        return net._replace(init=lambda rng: tuple(graft(start, {name: Weights(*net.init(rng))}).tree[name]))

    return system._replace(nets={name: begin(name, net) for name, net in system.nets.items()})


def read(options: Mapping[str, Any], system: System) -> tuple[Start, str]:
    """What nets begin from by `config.finetune`, and a line that says how much is carried over, and what is fresh: nets
    that `options.nets` leaves out, and leaves of others.

    It is parameters and statistics of another run, averaged ones where it has averages (of its generator); nothing
    where `options.run` is None.

    Raises:
      UserError: there is no such run, checkpoint or net; a leaf has another shape or type; of a net nothing is carried
        over, or not all that is to be frozen.
    """
    if options['run'] is None:
        return {}, ''
    folder, step = Path(options['run']).expanduser(), options['step']
    if not folder.is_dir():
        raise UserError(f'there is no run in {folder} to begin from: give --from (finetune.run) the folder of one')
    restored = Checkpoints(folder / 'checkpoints').restore(None, int(step) if step.isdecimal() else step)
    if restored is None:
        raise UserError(f'{folder} has no checkpoint to begin from: train that run first')
    for name in options['nets']:
        if name not in system.nets:
            raise unknown('net of finetune.nets', name, system.nets)
    nets = {name: system.nets[name] for name in options['nets']}
    ours = jax.eval_shape(lambda: {name: Weights(*net.init(jax.random.key(0))) for name, net in nets.items()})
    theirs = by_path({name: _leaves(restored.state, name) for name in nets})
    found, here = graft(theirs, ours), by_path(ours)
    for path in found.fresh:
        if path in theirs:
            raise UserError(
                f'{path} cannot be carried over: it is {describe(theirs[path])} there and {describe(here[path])} here; '
                'give both nets the same sizes (width, data.size, latents.size, ...), or leave this net out of '
                'finetune.nets'
            )
    untrained = [name for name in nets if not any(path.startswith(f'{name}/') for path in found.carried)]
    if untrained or not nets:
        raise UserError(
            f"{folder} has nothing for the net '{', '.join(untrained)}', which would begin untrained: take that run's "
            'settings of nets, or name in finetune.nets the nets that both runs have'
        )
    frozen = tuple('/params/'.join(path.split('/', 1)) + '/' for path in options['freeze'])
    for path in found.fresh:
        if path.startswith(frozen):
            raise UserError(f'finetune.freeze would freeze {path}, which {folder} does not have: leave it out')
    left_out = [name for name in system.nets if name not in nets]
    return {path: theirs[path] for path in found.carried}, (
        f'begins from {folder}, step {restored.step:,}: {len(found.carried)} leaves of {" and ".join(nets)} carried '
        f'over; fresh: {_some([*left_out, *found.fresh])}'
    )


def check_words(options: Mapping[str, Any], spec: Spec) -> None:
    """Raises UserError if a text encoder would begin from a run whose captions have other words than these examples: it
    knows words by their numbers alone, and in another order it would take each for another, all shapes being the same.
    """
    if options['run'] is None or 'text' not in options['nets']:
        return
    folder = Path(options['run']).expanduser()
    looks = workdir.read_json(folder / 'data.json', {}).get('stages', {}).values()
    there = [tuple(each['spec']['fields'].get('caption', {}).get('classes', ())) for each in looks]
    known, ours = next(filter(None, there), ()), spec.fields['caption'].classes if 'caption' in spec.fields else ()
    if known and ours and known != ours:
        raise UserError(f'{folder} knows other words, or in another order ({len(known) - 1:,} there, {len(ours) - 1:,}'
                        " here): begin from a run on these captions, or leave 'text' out of finetune.nets")  # fmt: skip


def check_freeze(finetune: Any, system: System) -> None:
    """What is frozen must be there, and must not be frozen as it was drawn."""
    for path in finetune.freeze:
        net, _, layer = path.partition('/')
        if not layer or net not in system.nets:
            known = ', '.join(system.nets)
            raise UserError(f"finetune.freeze='{path}' names no layer: give NET/LAYER, NET one of {known}")
        if finetune.run is None or net not in finetune.nets:
            raise UserError(
                f"finetune.freeze='{path}' would freeze an untrained layer: it wants finetune.run (--from), and "
                f"'{net}' in finetune.nets"
            )
        params, _ = jax.eval_shape(lambda net=net: system.nets[net].init(jax.random.key(0)))
        if layer not in params:
            raise unknown(f'layer of {net} in finetune.freeze', layer, params)


def pretrained(system: System, old: TrainState | None = None) -> Start:
    """What nets begin from that are trained already, but for those that are in a state, or its shapes, as a whole."""
    there = {} if old is None else by_path(_nets(old))
    shapes = {name: Weights(*jax.eval_shape(system.nets[name].init, jax.random.key(0))) for name in system.pretrained}
    missing = [name for name, net in shapes.items() if not by_path({name: net}).keys() <= there.keys()]
    return by_path({name: Weights(system.pretrained[name](), {}) for name in missing})


def pass_on(old: TrainState, system: System, start: Mapping[str, Any] = {}) -> TrainState:
    """The state in which a system begins a stage, from the state in which another has ended the stage before; pure.

    start: of nets that the stage before did not have.

    Step and key go on. Parameters, statistics and averages are carried over leaf by leaf; what is fresh is drawn as at
    step 0, and averages of it begin there. An optimizer's moments and their count belong together, as do a memory and
    what is in it: they are carried over whole, or are fresh.
    """
    new = init_state(start_from(system, {**start, **by_path(_nets(old))}), old.rng)
    ema, opt, memory = graft(old.ema, new.ema).tree, _whole(old.opt, new.opt), _whole(old.memory, new.memory)
    return new.replace(step=old.step, ema=ema, opt=opt, memory=memory)


def describe_passing(old: TrainState, new: TrainState) -> str:
    """What `pass_on` carries over and what is fresh, in a line; from states or their shapes."""
    found = graft(_nets(old), _nets(new))
    fresh = [
        f'{kind} of {name}'
        for kind, theirs, ours in (('optimizer', old.opt, new.opt), ('memory', old.memory, new.memory))
        for name, tree in ours.items()
        if _carry(theirs.get(name), tree) is None
    ]
    nets = list(dict.fromkeys(path.partition('/')[0] for path in found.carried))
    fresh = _some([*fresh, *found.fresh])
    return f'{len(found.carried)} leaves of {" and ".join(nets) or "no net"} carried over; fresh: {fresh}'


def _nets(state: TrainState) -> dict[str, Weights]:
    return {name: Weights(params, state.stats[name]) for name, params in state.params.items()}


def _whole(old: Mapping[str, Tree], new: Mapping[str, Tree]) -> dict[str, Tree]:
    """The new trees, but for those all of whose leaves the old one of the same name has."""
    found = {name: _carry(old.get(name), tree) for name, tree in new.items()}
    return {name: new[name] if tree is None else tree for name, tree in found.items()}


def _carry(old: Tree, new: Tree) -> Tree | None:
    """The old tree in the place of the new one; None where their leaves differ."""
    found = graft(old, new)
    return None if found.fresh or len(found.carried) < len(jax.tree.leaves(old)) else found.tree


def _some(paths: Sequence[str]) -> str:
    """The first of them."""
    more = [f'{len(paths) - 8} more'] if len(paths) > 8 else []
    return ', '.join([*paths[:8], *more]) or 'none'


def _leaves(state: Mapping[str, Any], net: str) -> dict[str, Any]:
    """Those of one net in a checkpoint; its averages, which come last, take the place of what they are averages of."""
    places = {f'params/{net}/': 'params/', f'stats/{net}/': 'stats/', f'ema/{net}/': ''}
    return {
        place + path.removeprefix(prefix): leaf
        for prefix, place in places.items()
        for path, leaf in state.items()
        if path.startswith(prefix)
    }
