"""The GAN of `gans/systems/gan.py` with both players moved at once, from the same point, as theory has it (the
simultaneous gradient descent of Mescheder 2017, 1705.10461, and 2018, 1801.04406).
"""

from collections.abc import Iterator

import ml_collections
import optax
from jax import lax

from gans.core import Array, Aux, Compute, Keys, Player, Spec, System, TrainState, Tree, Update
from gans.errors import UserError
from gans.ops import random
from gans.systems import gan


def build(config: ml_collections.ConfigDict, spec: Spec, compute: Compute) -> System:
    """The keys are those of the system 'gan'. One player owns both nets and takes one step down the sum of the two
    losses, each of which sees the other's net as a constant.

    Raises:
      UserError: n_critic > 1 or a lazy penalty, which need updates one after the other.
    """
    system = gan.build(config, spec, compute)
    if config.train.n_critic > 1:
        raise UserError(f'train.n_critic={config.train.n_critic}, but system {config.system!r} moves both players at'
                        ' once: set it to 1, or system=gan')  # fmt: skip
    if len(system.updates) > 2:
        raise UserError(f'penalty.every={config.penalty.every} has no meaning in system {config.system!r}: set it to 1,'
                        ' or system=gan')  # fmt: skip

    def both_losses(
        params: dict[str, Tree], state: TrainState, batch: dict[str, Array], keys: Keys
    ) -> tuple[Array, Aux]:
        still = lax.stop_gradient(params)
        total, aux = 0.0, Aux()
        for update, own_keys in with_keys(system.updates, keys):
            own = {net: params[net] for net in system.players[update.player].nets}
            loss, more = update.loss({**still, **own}, state, batch, own_keys)
            total += loss
            logged = {**aux.metrics, f'{update.player}_loss': loss, **more.metrics}
            aux = Aux(logged, {**aux.stats, **more.stats}, {**aux.memory, **more.memory})
        return total, aux

    # Each net has the optimiser of its own player.
    optimizers = {name: player.tx for name, player in system.players.items()}
    owners = {net: name for name, player in system.players.items() for net in player.nets}
    return system._replace(
        players={'both': Player(tuple(owners), optax.partition(optimizers, owners))},
        updates=(Update('both', 'both', both_losses, micro=config.train.micro),),
    )


def with_keys(updates: tuple[Update, ...], keys: Keys) -> Iterator[tuple[Update, Keys]]:
    """Each update and the keys of its loss, whoever asks for it."""
    return zip(updates, random.split(keys, len(updates)), strict=True)
