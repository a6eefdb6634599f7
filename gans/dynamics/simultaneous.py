"""Simultaneous gradient descent: all players step at once from the same point, as theory assumes (Mescheder 2017,
1705.10461, and 2018, 1801.04406).
"""

from collections.abc import Iterator

import optax
from jax import lax

from gans.core import Array, Aux, Batch, Keys, Params, Player, System, TrainState, Update
from gans.errors import UserError
from gans.ops import random


def transform(system: System) -> System:
    """Merges all players into one that descends the sum of their losses, in each of which the other players' nets are
    constants. Each net keeps the optimizer of its own player.

    Raises:
      UserError: several critic steps, a lazy term or a gate, which need separate updates; a loss that looks ahead with
        an optimizer, which is here a part of the only one; nets of two players.
    """
    for update in system.updates:
        if update.repeats > 1:
            raise UserError(
                f'train.n_critic={update.repeats}, but these dynamics update all players simultaneously: set it to 1'
            )
        if update.every > 1:
            raise UserError(f"'{update.name}' is due every {update.every} steps, but these dynamics update all players"
                            ' simultaneously: set its `every` to 1')  # fmt: skip
        if update.gate is not None:
            raise UserError(f"'{update.name}' has a gate, but these dynamics update all players simultaneously: leave"
                            ' them off')  # fmt: skip
        if update.looks_ahead:
            raise UserError(f"the loss of '{update.name}' looks ahead with the optimizer of '{update.looks_ahead[0]}',"
                            ' which these dynamics merge with the others: leave them off')  # fmt: skip

    def losses(params: Params, state: TrainState, batch: Batch, keys: Keys) -> tuple[Array, Aux]:
        constant = lax.stop_gradient(params)
        total, found = 0.0, Aux()
        for update, own_keys in with_keys(system.updates, keys):
            own = {net: params[net] for net in system.players[update.player].nets}
            loss, aux = update.loss({**constant, **own}, state, batch, own_keys)
            total += loss
            metrics = {f'{update.name}_{name}': value for name, value in {'loss': loss, **aux.metrics}.items()}
            found = Aux({**found.metrics, **metrics}, {**found.stats, **aux.stats}, {**found.memory, **aux.memory})
        return total, found

    owned = [net for player in system.players.values() for net in player.nets]
    if len(owned) > len(set(owned)):
        raise UserError(f'the players {", ".join(system.players)} share nets, and cannot be updated'
                        ' simultaneously: list simultaneous, extragradient or consensus before lookahead')  # fmt: skip
    optimizers = {name: player.tx for name, player in system.players.items()}
    rates = {net: rate for player in system.players.values() for net, rate in player.rates.items()}
    owners = {net: name for name, player in system.players.items() for net in player.nets}
    return system._replace(
        players={'both': Player(tuple(owners), optax.partition(optimizers, owners), rates)},
        updates=(Update('both', 'both', losses, micro=system.updates[0].micro),),
    )


def with_keys(updates: tuple[Update, ...], keys: Keys) -> Iterator[tuple[Update, Keys]]:
    """Pairs each update with the keys of its loss, the same for all callers."""
    return zip(updates, random.split(keys, len(updates)), strict=True)
