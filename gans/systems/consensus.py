"""Consensus optimisation (Mescheder 2017, 1705.10461): both players also descend the size of their joint gradient.

With v the gradient of each player's loss in its own net, each steps down its loss + gamma L, where L = |v|^2 / 2 is of
both players and is differentiated in all nets (section 3.2, algorithm 2, written for losses in place of utilities).
"""

import jax
import ml_collections
import optax

from gans.core import Array, Aux, Compute, Keys, Spec, System, TrainState, Tree
from gans.errors import UserError
from gans.systems import gan, simultaneous


def build(config: ml_collections.ConfigDict, spec: Spec, compute: Compute) -> System:
    """The keys are those of the system 'simultaneous', and `consensus.gamma`, 10 in the paper; 0 is that system.

    L is of the batch, as in the paper's experiments, so its mean over micro-batches or devices is a little larger than
    the whole batch's.

    Raises:
      UserError: gamma missing, and what 'simultaneous' raises.
    """
    if 'consensus' not in config:
        raise UserError("system 'consensus' wants a section consensus in the config: gamma (such as 10.0)")
    system = simultaneous.build(config, spec, compute)
    apart = gan.build(config, spec, compute)
    (both,) = system.updates

    def loss(params: dict[str, Tree], state: TrainState, batch: dict[str, Array], keys: Keys) -> tuple[Array, Aux]:
        value, aux = both.loss(params, state, batch, keys)
        size = 0.0
        for update, own_keys in simultaneous.with_keys(apart.updates, keys):
            of_own = lambda own: update.loss({**params, **own}, state, batch, own_keys)[0]  # noqa: B023
            own = {net: params[net] for net in apart.players[update.player].nets}
            size += optax.tree.norm(jax.grad(of_own)(own), squared=True) / 2
        return value + config.consensus.gamma * size, aux._replace(metrics={**aux.metrics, 'consensus': size})

    return system._replace(updates=(both._replace(loss=loss),))
