"""Nets that begin where those of another run stand: transfer learning, and training in stages."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax

from gans.core import Net, System, Tree, Weights
from gans.errors import UserError, unknown
from gans.train.checkpoints import Checkpoints
from gans.train.leaves import by_path, describe

# What nets begin from, by path: 'generator/params/block_8/kernel', 'critic/stats/batch_stats/norm_8/mean'.
Start = Mapping[str, Any]


class Grafted(NamedTuple):
    """A tree that is partly another's."""

    tree: Tree
    carried: tuple[str, ...]  # paths of the leaves that are the other's
    fresh: tuple[str, ...]  # paths of those that are its own


def graft(old: Tree, new: Tree) -> Grafted:
    """The new tree, with every leaf of the old one that stands at the same path; what only the old one has is left out.

    Leaves are arrays, tracers or shapes; a dict of leaves by path will do for the old tree.

    Raises:
      UserError: a leaf at the same path has another shape or type.
    """
    theirs, ours = by_path(old), by_path(new)
    carried, fresh = ([path for path in ours if (path in theirs) == there] for there in (True, False))
    for path in carried:
        there, here = describe(theirs[path]), describe(ours[path])
        if there != here:
            raise UserError(
                f'{path} cannot be carried over: it is {there} there and {here} here; give both nets the same sizes '
                '(width, data.size, latents.size, ...), or leave this net out of finetune.nets'
            )
    tree = jax.tree.unflatten(jax.tree.structure(new), [theirs.get(path, leaf) for path, leaf in ours.items()])
    return Grafted(tree, tuple(carried), tuple(fresh))


def begun(system: System, start: Start) -> System:
    """The system with nets that begin from `start`, as far as it goes; so do its optimisers and averages."""

    def begin(name: str, net: Net) -> Net:
        return net._replace(init=lambda rng: tuple(graft(start, {name: Weights(*net.init(rng))}).tree[name]))

    return system._replace(nets={name: begin(name, net) for name, net in system.nets.items()})


def read(options: Mapping[str, Any], system: System) -> tuple[Start, str]:
    """What nets begin from by `config.finetune`, and a line that says how much is carried over, and what is fresh.

    It is parameters and statistics of another run, averaged ones where it has averages (of its generator); nothing
    where `options.run` is None.

    Raises:
      UserError: there is no such run, checkpoint or net; a leaf has another shape; of a net nothing is carried over, or
        not all that is to be frozen.
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
    found = graft(theirs, ours)
    untrained = [name for name in nets if not any(path.startswith(f'{name}/') for path in found.carried)]
    if untrained or not nets:
        raise UserError(
            f"{folder} has nothing for the net '{', '.join(untrained)}', which would begin untrained: take that run's "
            'settings of nets, or name in finetune.nets the nets that both runs have'
        )
    frozen = tuple(f'critic/params/{layer}/' for layer in options['freeze'])
    for path in found.fresh:
        if path.startswith(frozen):
            raise UserError(f'finetune.freeze would freeze {path}, which {folder} does not have: leave it out')
    fresh = [*found.fresh[:8], *([f'{len(found.fresh) - 8} more'] if len(found.fresh) > 8 else [])]
    return {path: theirs[path] for path in found.carried}, (
        f'begins from {folder}, step {restored.step:,}: {len(found.carried)} leaves of {" and ".join(nets)} carried '
        f'over; fresh: {", ".join(fresh) or "none"}'
    )


def _leaves(state: Mapping[str, Any], net: str) -> dict[str, Any]:
    """Those of one net in a checkpoint; its averages, which come last, take the place of what they are averages of."""
    places = {f'params/{net}/': 'params/', f'stats/{net}/': 'stats/', f'ema/{net}/': ''}
    return {
        place + path.removeprefix(prefix): leaf
        for prefix, place in places.items()
        for path, leaf in state.items()
        if path.startswith(prefix)
    }
