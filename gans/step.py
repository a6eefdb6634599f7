"""The train step, the same for every system. It needs the vocabulary and the keys of examples only.

The whole trick: differentiate with respect to the nets that the player owns; everything else is a constant.
"""

from collections.abc import Callable, Mapping
from functools import partial

import jax
import jax.numpy as jnp
import optax
from jax import lax

from gans.core import WEIGHTS, Array, Player, System, TrainState, Tree, Update, Weights
from gans.ops.random import example_keys

Metrics = dict[str, Array]  # 'update/metric' -> scalar


def init_state(system: System, rng: Array) -> TrainState:
    """The state at step 0. rng: typed key [], also the base key of all later randomness."""
    params, stats = {}, {}
    for i, (name, net) in enumerate(system.nets.items()):
        params[name], stats[name] = net.init(jax.random.fold_in(jax.random.fold_in(rng, WEIGHTS), i))
    opt = {name: player.tx.init({net: params[net] for net in player.nets}) for name, player in system.players.items()}
    # Copies, since donated buffers must not be aliased.
    ema = (
        {} if system.ema is None else {n: jax.tree.map(jnp.copy, Weights(params[n], stats[n])) for n in system.ema.nets}
    )
    memory = jax.tree.map(jnp.asarray, dict(system.memory))
    return TrainState(jnp.zeros((), jnp.int32), params, stats, opt, ema, memory, rng)


def due_updates(system: System, step: int) -> tuple[str, ...]:
    """The updates to run in the step after `step` finished ones; static, chosen on the host."""
    return tuple(update.name for update in system.updates if (step + 1) % update.every == 0)


def repeats(system: System) -> int:
    """Batches that one step consumes; an update with fewer repeats gets the last ones."""
    return max(update.repeats for update in system.updates)


def descend(player: Player, grads: Tree, opt: Tree, owned: Tree, step: Array) -> tuple[Tree, Tree]:
    """One step of a player's optimizer, at the rates after `step` train steps: (its nets, its optimizer state)."""
    change, opt = player.tx.update(grads, opt, owned)
    for net, rate in player.rates.items():
        factor = rate(step)
        change = {**change, net: jax.tree.map(lambda u, factor=factor: factor * u, change[net])}
    return optax.apply_updates(owned, change), opt


def _only_if(condition: Array, run: Callable[..., tuple[TrainState, Metrics]]) -> Callable:
    """`run` where the condition holds; where it does not, the state stays as it is, and metrics are zeros."""
    run = jax.jit(run)  # traced once, for shapes and for the program

    def run_or_skip(state: TrainState, *rest: Tree) -> tuple[TrainState, Metrics]:
        shapes = jax.eval_shape(run, state, *rest)[1]
        skip = lambda state, *rest: (state, jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes))
        return lax.cond(condition, run, skip, state, *rest)

    return run_or_skip


def make_train_step(system: System, axis_name: str | None = None) -> Callable[..., tuple[TrainState, Metrics]]:
    """Makes step(state, batch, due, when={}) -> (state, metrics).

    Args:
      system: what to run.
      axis_name: of the device axis, if any: the batch is then this device's share, and gradients, statistics, memories
        and metrics are averaged over the devices, here and nowhere else.

    The step's `batch` has leaves [repeats(system), B, ...]; `due` is a static tuple of names of updates. `when` maps
    those of them that depend on it to a bool []: where that is False, they do not run, and their metrics are zeros.
    """

    def average(tree: Tree) -> Tree:
        """Over devices; integers and flags in a memory must already agree."""
        if axis_name is None:
            return tree
        return jax.tree.map(lambda x: lax.pmean(x, axis_name) if jnp.issubdtype(x.dtype, jnp.inexact) else x, tree)

    def gradients(update: Update, state: TrainState, batch: dict[str, Array], keys: Array) -> tuple:
        """Of one micro-batch: (gradients of the player's nets, (metrics, stats, memory))."""

        def objective(owned: Tree) -> tuple:
            loss, aux = update.loss({**state.params, **owned}, state, batch, keys)
            stats, memory = {**state.stats, **aux.stats}, {**state.memory, **aux.memory}
            return loss, ({'loss': loss, **aux.metrics}, stats, memory)

        owned = {net: state.params[net] for net in system.players[update.player].nets}
        return jax.grad(objective, has_aux=True)(owned)

    def accumulate(update: Update, state: TrainState, batch: dict[str, Array], keys: Array) -> tuple:
        """Averages over micro-batches; statistics and memories advance from one to the next."""
        if update.micro == 1:
            return gradients(update, state, batch, keys)
        pieces = jax.tree.map(lambda x: x.reshape(update.micro, -1, *x.shape[1:]), (batch, keys))

        def body(carry: tuple, piece: tuple) -> tuple:
            stats, memory = carry
            grads, (metrics, stats, memory) = gradients(update, state.replace(stats=stats, memory=memory), *piece)
            return (stats, memory), (grads, metrics)

        carry, stacked = lax.scan(body, (state.stats, state.memory), pieces)
        grads, metrics = jax.tree.map(lambda x: x.mean(0), stacked)
        return grads, (metrics, *carry)

    def run(update: Update, state: TrainState, batches: dict[str, Array], rng: Array) -> tuple[TrainState, Metrics]:
        """Runs all repeats of one update, each on its own batch."""
        player = system.players[update.player]

        def body(state: TrainState, xs: tuple) -> tuple[TrainState, Metrics]:
            repeat, batch = xs
            size = jax.tree.leaves(batch)[0].shape[0]
            first = 0 if axis_name is None else lax.axis_index(axis_name) * size
            keys = example_keys(jax.random.fold_in(rng, repeat), first + jnp.arange(size))
            grads, (metrics, stats, memory) = accumulate(update, state, batch, keys)
            grads, metrics, stats, memory = average((grads, metrics, stats, memory))
            metrics['grad_norm'] = optax.tree.norm(grads)
            owned = {net: state.params[net] for net in player.nets}
            new = descend(player, grads, state.opt[update.player], owned, state.step)
            if update.gate is not None:
                old, is_open = (owned, state.opt[update.player]), update.gate(state.replace(memory=memory))
                new = jax.tree.map(lambda new, old: jnp.where(is_open, new, old), new, old)
                metrics['gate'] = is_open.astype(jnp.float32)
            params, opt = {**state.params, **new[0]}, {**state.opt, update.player: new[1]}
            return state.replace(params=params, stats=stats, opt=opt, memory=memory), metrics

        batches = jax.tree.map(lambda x: x[x.shape[0] - update.repeats :], batches)
        if update.repeats == 1:
            return body(state, (0, jax.tree.map(lambda x: x[0], batches)))
        state, metrics = lax.scan(body, state, (jnp.arange(update.repeats), batches))
        return state, {name: value.mean(0) for name, value in metrics.items()}

    def step(
        state: TrainState, batch: dict[str, Array], due: tuple[str, ...], when: Mapping[str, Array] = {}
    ) -> tuple[TrainState, Metrics]:
        rng, logged = jax.random.fold_in(state.rng, state.step), {}
        for i, update in enumerate(system.updates):
            if update.name in due:
                with jax.named_scope(update.name):  # shows up in profiles
                    run_it = partial(run, update)
                    if update.name in when:
                        run_it = _only_if(when[update.name], run_it)
                    state, metrics = run_it(state, batch, jax.random.fold_in(rng, i))
                logged |= {f'{update.name}/{name}': value for name, value in metrics.items()}
        state = state.replace(step=state.step + 1)
        if system.ema is not None:
            decay = system.ema.decay(state.step)
            blend = lambda old, new: new + decay * (old - new)
            now = {net: Weights(state.params[net], state.stats[net]) for net in system.ema.nets}
            state = state.replace(ema=jax.tree.map(blend, state.ema, now))
        return state, logged

    return step
