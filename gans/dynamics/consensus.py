"""Consensus optimisation (Mescheder 2017, 1705.10461): all players also descend the size of their joint gradient.

With v the gradient of each player's loss in its own nets, each steps down its loss + gamma L, where L = |v|^2 / 2 is of
all players and is differentiated in all nets (section 3.2, algorithm 2, written for losses in place of utilities).
"""

import jax
import optax

from gans.core import Array, Aux, Batch, Keys, Params, System, TrainState
from gans.dynamics import simultaneous


def transform(system: System, *, gamma: float = 10.0) -> System:
    """gamma: 10 in the paper; 0 is simultaneous descent, whose errors these are.

    L is of the batch, as in the paper's experiments, so its mean over micro-batches or devices is a little larger than
    the whole batch's.
    """
    joint = simultaneous.transform(system)
    (both,) = joint.updates

    def loss(params: Params, state: TrainState, batch: Batch, keys: Keys) -> tuple[Array, Aux]:
        value, aux = both.loss(params, state, batch, keys)
        size = 0.0
        for update, own_keys in simultaneous.with_keys(system.updates, keys):
            of_own = lambda own: update.loss({**params, **own}, state, batch, own_keys)[0]  # noqa: B023
            own = {net: params[net] for net in system.players[update.player].nets}
            size += optax.tree.norm(jax.grad(of_own)(own), squared=True) / 2
        return value + gamma * size, aux._replace(metrics={**aux.metrics, 'consensus': size})

    return joint._replace(updates=(both._replace(loss=loss),))
