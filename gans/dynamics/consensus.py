"""Consensus optimization (Mescheder 2017, 1705.10461): all players also minimize the norm of their joint gradient.

With v the gradients of all players' losses with respect to their own nets, each player descends its loss + gamma L,
where L = |v|^2 / 2 is differentiated with respect to all nets (section 3.2, algorithm 2, with losses for utilities).
"""

import jax
import optax

from gans.core import Array, Aux, Batch, Keys, Params, System, TrainState
from gans.dynamics import simultaneous


def transform(system: System, *, gamma: float = 10.0) -> System:
    """gamma: 10 in the paper; 0 is simultaneous descent. Errors are those of simultaneous descent.

    L is estimated per batch, as in the paper's experiments, so that its mean over micro-batches or devices is slightly
    larger than that of the whole batch.
    """
    joint = simultaneous.transform(system)
    (both,) = joint.updates

    def loss(params: Params, state: TrainState, batch: Batch, keys: Keys) -> tuple[Array, Aux]:
        value, aux = both.loss(params, state, batch, keys)
        size = 0.0
        for update, own_keys in simultaneous.with_keys(system.updates, keys):
            own_loss = lambda own: update.loss({**params, **own}, state, batch, own_keys)[0]  # noqa: B023
            own = {net: params[net] for net in system.players[update.player].nets}
            size += optax.tree.norm(jax.grad(own_loss)(own), squared=True) / 2
        return value + gamma * size, aux._replace(metrics={**aux.metrics, 'consensus': size})

    return joint._replace(updates=(both._replace(loss=loss),))
