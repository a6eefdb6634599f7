"""Look-ahead minimax (Chavdarova 2021, 2006.14567, algorithm 1): all players are pulled back to slow weights.

Every k steps, the nets theta of all players and their slow weights phi become phi + alpha (theta - phi). All are pulled
back simultaneously, after the last update, regardless of n_critic.
"""

import jax.numpy as jnp

from gans import optimizers
from gans.core import Aux, Player, System, Update


def transform(system: System, *, every: int = 5, alpha: float = 0.5) -> System:
    """Optimizer states, and statistics such as those of batch norm, are not pulled back.

    Args:
      every: the paper's k, in generator steps.
      alpha: 0.5 in the paper.
    """
    nets = tuple(net for player in system.players.values() for net in player.nets)
    back = Update('lookahead', 'lookahead', lambda *_: (jnp.zeros(()), Aux()), every=every)
    return system._replace(
        players={**system.players, 'lookahead': Player(nets, optimizers.backtrack(alpha))},
        updates=(*system.updates, back),
    )
