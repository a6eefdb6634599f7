"""The GAN of `gans/systems/gan.py` with both players moved at once, from the same point, as theory has it (the
simultaneous gradient descent of Mescheder 2017, 1705.10461, and 2018, 1801.04406).
"""

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
    if config.train.n_critic > 1:
        raise UserError(f"train.n_critic={config.train.n_critic}, but system 'simultaneous' moves both players at once:"
                        " set it to 1, or system=gan")  # fmt: skip
    system = gan.build(config, spec, compute)
    if len(system.updates) > 2:
        raise UserError(f"penalty.every={config.penalty.every} has no meaning in system 'simultaneous': set it to 1, or"
                        ' system=gan')  # fmt: skip
    updates = {update.player: update for update in system.updates}

    def both_losses(
        params: dict[str, Tree], state: TrainState, batch: dict[str, Array], keys: Keys
    ) -> tuple[Array, Aux]:
        still = lax.stop_gradient(params)
        total, metrics, stats = 0.0, {}, {}
        for (name, update), own_keys in zip(updates.items(), random.split(keys, len(updates)), strict=True):
            loss, aux = update.loss({**still, name: params[name]}, state, batch, own_keys)
            total += loss
            metrics |= {f'{name}_loss': loss, **aux.metrics}
            stats |= aux.stats
        return total, Aux(metrics, stats)

    # Each net has the optimiser of its own player.
    optimizers = {name: player.tx for name, player in system.players.items()}
    owners = {net: name for name, player in system.players.items() for net in player.nets}
    return system._replace(
        players={'both': Player(tuple(owners), optax.partition(optimizers, owners))},
        updates=(Update('both', 'both', both_losses, micro=config.train.micro),),
    )
